"""The scan for malicious content, by a ClamAV daemon (`clamd`), which the file is streamed to."""

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO, Final
from urllib.parse import urlsplit

from servicekit.problems import DomainError, Problem
from servicekit.words import Words

_SENT_AT_ONCE: Final = 65536
_LONGEST_ANSWER: Final = 4096


class ScannerUnavailable(DomainError):
    """The scanner cannot be reached, or did not say whether the file is clean."""


PROBLEMS: Final[Mapping[type[DomainError], Problem]] = {
    ScannerUnavailable: Problem(
        "scanner-unavailable",
        HTTPStatus.SERVICE_UNAVAILABLE,
        Words("ระบบตรวจไวรัสไม่ตอบ", "The scanner does not answer"),
        Words(
            "แฟ้มยังเปิดไม่ได้จนกว่าจะตรวจเสร็จ โปรดลองใหม่ภายหลัง",
            "The file stays closed until it was scanned: try again later.",
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class ClamAV:
    """A daemon at `tcp://host:3310` or `unix:/run/clamav/clamd.ctl`, asked with its INSTREAM command."""

    url: str
    timeout_seconds: float = 30.0

    def threat_in(self, file: BinaryIO) -> str | None:
        """The name of what was found in the file; None when it is clean.

        Raises:
            ScannerUnavailable: try again later, and do not hand the file out before.
        """
        file.seek(0)
        try:
            with self._connected() as connection:
                connection.sendall(b"zINSTREAM\0")
                while block := file.read(_SENT_AT_ONCE):
                    connection.sendall(struct.pack(">I", len(block)) + block)
                connection.sendall(struct.pack(">I", 0))
                answer = _answer(connection)
        except OSError as error:
            raise ScannerUnavailable(type(error).__name__) from error
        said = answer.removeprefix("stream: ")
        if said == "OK":
            return None
        if said.endswith(" FOUND"):
            return said.removesuffix(" FOUND")
        raise ScannerUnavailable("no verdict")

    def _connected(self) -> socket.socket:
        parts = urlsplit(self.url)
        if parts.scheme == "unix":
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(self.timeout_seconds)
            try:
                connection.connect(parts.path)
            except OSError:
                connection.close()
                raise
            return connection
        return socket.create_connection((parts.hostname, parts.port), timeout=self.timeout_seconds)


def _answer(connection: socket.socket) -> str:
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < _LONGEST_ANSWER:
        part = connection.recv(_LONGEST_ANSWER)
        if not part:
            break
        answer += part
    return answer.rstrip(b"\0\n").decode("utf-8", "replace")
