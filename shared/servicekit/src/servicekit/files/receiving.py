"""A request's body as a file on disk: streamed, measured and digested on the way, never whole in memory."""

import hashlib
import io
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO, Final, cast

import anyio.to_thread
from fastapi import Request

from servicekit.problems import DomainError, Problem
from servicekit.words import Words

_WRITTEN_AT_ONCE: Final = 1 << 20


class FileTooLarge(DomainError):
    """More bytes come than may."""

    def __init__(self, limit: int) -> None:
        super().__init__(str(limit), limit=f"{limit:,}")
        self.headers = {"Connection": "close"}


PROBLEMS: Final[Mapping[type[DomainError], Problem]] = {
    FileTooLarge: Problem(
        "file-too-large",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        Words("แฟ้มใหญ่เกินกำหนด", "The file is too large"),
        Words(
            "แฟ้มนี้ต้องไม่เกิน {limit} ไบต์ และต้องไม่เกินขนาดที่แจ้งไว้",
            "It may have at most {limit} bytes, and no more than announced.",
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Received:
    """A file that has come in: an unnamed file on disk, gone when it is closed."""

    file: BinaryIO
    bytes: int
    sha256: str


@asynccontextmanager
async def received(request: Request, *, limit: int) -> AsyncIterator[Received]:
    """The request's body, at most `limit` bytes.

    Raises:
        FileTooLarge: it has more; nothing of it is kept.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise FileTooLarge(limit)
    digest = hashlib.sha256()
    size = 0
    with tempfile.TemporaryFile() as file:
        waiting = bytearray()
        async for block in request.stream():
            size += len(block)
            if size > limit:
                raise FileTooLarge(limit)
            waiting += block
            if len(waiting) >= _WRITTEN_AT_ONCE:
                await anyio.to_thread.run_sync(_write, file, digest, bytes(waiting))
                waiting.clear()
        await anyio.to_thread.run_sync(_write, file, digest, bytes(waiting))
        yield Received(cast("BinaryIO", file), size, digest.hexdigest())


def _write(file: BinaryIO, digest: "hashlib._Hash", block: bytes) -> None:
    digest.update(block)
    file.write(block)
    file.flush()


def size_of(file: BinaryIO) -> int:
    """How many bytes a file has."""
    return file.seek(0, io.SEEK_END)


def digest_of(file: BinaryIO) -> tuple[int, str]:
    """The size of a file and its SHA-256, in hexadecimal."""
    file.seek(0)
    digest = hashlib.file_digest(cast("io.FileIO", file), "sha256")
    return file.tell(), digest.hexdigest()
