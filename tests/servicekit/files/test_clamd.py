"""The scanner against a real clamd with one signature of our own; skipped where clamd is not installed."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from servicekit.files.scanning import ClamAV, ScannerUnavailable
from servicekit.testing import eventually

CLAMD = shutil.which("clamd", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin:/usr/bin")
MARKER = b"the-marker-that-our-own-signature-finds"
STREAM_LIMIT = 4 * 1024 * 1024

pytestmark = pytest.mark.skipif(CLAMD is None, reason="clamd is not installed: apt install clamav-daemon")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URLs, by TCP and by its socket, of a clamd that knows one signature and takes 4 MiB."""
    folder = tmp_path_factory.mktemp("clamd")
    port = free_port()
    (folder / "own.ndb").write_text(f"Our.Test.Marker:0:*:{MARKER.hex()}\n")
    settings = {
        "DatabaseDirectory": folder,
        "TCPSocket": port,
        "TCPAddr": "127.0.0.1",
        "LocalSocket": folder / "socket",
        "StreamMaxLength": STREAM_LIMIT,
        "Foreground": "yes",
        "LogFile": folder / "log",
    }
    (folder / "clamd.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    assert CLAMD is not None
    process = subprocess.Popen(
        [CLAMD, "--config-file", str(folder / "clamd.conf")], stdout=subprocess.DEVNULL
    )  # what was found above
    try:
        eventually(lambda: answers(port) or process.poll() is not None, within_seconds=60)
        assert process.poll() is None, (folder / "log").read_text()
        yield f"tcp://127.0.0.1:{port}", f"unix:{folder}/socket"
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def on_disk(folder: Path, content: bytes) -> BinaryIO:
    path = folder / "file"
    path.write_bytes(content)
    return cast("BinaryIO", path.open("rb"))


def test_a_real_clamd_tells_clean_from_harmful(clamd: tuple[str, str], tmp_path: Path) -> None:
    """In the first block, across two blocks, and at the end of what it takes; by TCP and by its socket."""
    for scanner in (ClamAV(url, timeout_seconds=30) for url in clamd):
        with on_disk(tmp_path, b"x" * 300_000) as clean:
            assert scanner.threat_in(clean) is None
        for before in (0, 65536 - 7, STREAM_LIMIT - len(MARKER)):
            with on_disk(tmp_path, b"x" * before + MARKER) as harmful:
                assert "Our.Test.Marker.UNOFFICIAL" == scanner.threat_in(harmful)


def test_a_file_that_clamd_does_not_take_is_not_clean(clamd: tuple[str, str], tmp_path: Path) -> None:
    """More than its StreamMaxLength: it says so or hangs up, and either is no verdict."""
    with on_disk(tmp_path, b"x" * (STREAM_LIMIT + 1)) as large, pytest.raises(ScannerUnavailable):
        ClamAV(clamd[0], timeout_seconds=30).threat_in(large)
