"""Files: kinds told by content, images without metadata, clamd asked over a socket, and a store in a folder."""

import io
import socket
import socketserver
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from servicekit.files.kinds import EXTENSIONS, MediaType, holds, named_as
from servicekit.files.receiving import digest_of
from servicekit.files.scanning import ClamAV, ScannerUnavailable
from servicekit.files.stripping import MalformedImage, strip_metadata

SECRET = b"13.7563N-100.5018E"


def photograph(kind: str, **options: Any) -> bytes:  # noqa: ANN401  # Pillow's own options
    image = Image.effect_noise((64, 48), 60).convert("RGB")
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation: int) -> Image.Exif:
    data = Image.Exif()
    data[0x0112] = orientation
    data[0x010E] = SECRET.decode()
    data[0x010F] = "Maker"
    return data


def told_png() -> bytes:
    told = PngImagePlugin.PngInfo()
    told.add_text("Comment", SECRET.decode())
    return photograph("PNG", pnginfo=told, exif=exif(1))


def office(part: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(part, "<x/>")
    return out.getvalue()


CONTENT = {
    MediaType.PDF: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n%%EOF\n",
    MediaType.JPEG: photograph("JPEG"),
    MediaType.PNG: photograph("PNG"),
    MediaType.WEBP: photograph("WEBP"),
    MediaType.DOCX: office("word/document.xml"),
    MediaType.XLSX: office("xl/workbook.xml"),
    MediaType.MP3: b"ID3\x04\0\0\0\0\0\0" + b"\xff\xfb\x90\0" * 40,
    MediaType.MP4: b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(64),
    MediaType.TEXT: "ขอส่งหลักฐานเพิ่มเติม\r\n".encode(),
}


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[Callable[[bytes], BinaryIO]]:
    """Makes an open file of some bytes."""
    opened: list[BinaryIO] = []

    def make(content: bytes) -> BinaryIO:
        path = tmp_path / f"{len(opened)}"
        path.write_bytes(content)
        opened.append(path.open("r+b"))
        return opened[-1]

    yield make
    for file in opened:
        file.close()


@pytest.mark.parametrize("media_type", list(MediaType))
def test_a_file_is_of_one_kind(on_disk: Callable[[bytes], BinaryIO], media_type: MediaType) -> None:
    """Whatever it is called: of all kinds only its own is found in it."""
    file = on_disk(CONTENT[media_type])
    assert [media_type] == [kind for kind in MediaType if holds(kind, file)]


@pytest.mark.parametrize(
    "content",
    [
        b"MZ\x90\0" + bytes(200),
        b"",
        b"PK\x03\x04 not an archive",
        "ขอ\0".encode(),
        b"\x1b[31mred",
        bytes(range(256)),
    ],
)
def test_a_file_of_no_kind_is_of_none(on_disk: Callable[[bytes], BinaryIO], content: bytes) -> None:
    """A program, a damaged archive, and text with control characters; an empty file is an empty text at most."""
    file = on_disk(content)
    assert [] == [kind for kind in MediaType if holds(kind, file) and content]


def test_thai_text_is_text_in_both_encodings(on_disk: Callable[[bytes], BinaryIO]) -> None:
    """Also as old programs on Windows write it."""
    assert holds(MediaType.TEXT, on_disk("สวัสดี".encode("cp874")))


def test_a_name_ends_as_its_kind_does() -> None:
    """In small letters or capitals."""
    assert all(named_as(kind, f"หลักฐาน.{ending.upper()}") for kind, endings in EXTENSIONS.items() for ending in endings)
    assert not named_as(MediaType.PDF, "ใบเสนอราคา.pdf.exe")


def stripped(media_type: MediaType, content: bytes, on_disk: Callable[[bytes], BinaryIO]) -> bytes:
    target = on_disk(b"")
    assert strip_metadata(media_type, on_disk(content), target)
    target.seek(0)
    return target.read()


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        (MediaType.JPEG, photograph("JPEG", exif=exif(1), comment=SECRET)),
        (MediaType.JPEG, photograph("JPEG", exif=exif(6), progressive=True, xmp=SECRET) + SECRET),
        (MediaType.PNG, told_png() + SECRET),
        (MediaType.WEBP, photograph("WEBP", exif=exif(1), xmp=SECRET)),
    ],
)
def test_an_image_loses_what_it_tells_and_keeps_every_pixel(
    on_disk: Callable[[bytes], BinaryIO], media_type: MediaType, content: bytes
) -> None:
    """Place, camera, comments, XMP, and whatever was hung behind the picture."""
    assert SECRET in content
    clean = stripped(media_type, content, on_disk)
    assert (False, False) == (SECRET in clean, b"Maker" in clean)
    before, after = (Image.open(io.BytesIO(data)) for data in (content, clean))
    assert (before.size, before.tobytes()) == (after.size, after.tobytes())
    assert holds(media_type, on_disk(clean))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_stays_upright(on_disk: Callable[[bytes], BinaryIO], orientation: int) -> None:
    """Its orientation is all that is kept of EXIF data."""
    clean = stripped(MediaType.JPEG, photograph("JPEG", exif=exif(orientation)), on_disk)
    kept = dict(Image.open(io.BytesIO(clean)).getexif())
    assert ({} if orientation == 1 else {0x0112: orientation}) == kept


def test_colours_stay_as_they_were(on_disk: Callable[[bytes], BinaryIO]) -> None:
    """The colour profile belongs to the picture."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for media_type, kind in ((MediaType.JPEG, "JPEG"), (MediaType.PNG, "PNG"), (MediaType.WEBP, "WEBP")):
        clean = stripped(media_type, photograph(kind, icc_profile=profile), on_disk)
        assert profile == Image.open(io.BytesIO(clean)).info["icc_profile"]


@pytest.mark.parametrize("media_type", [MediaType.JPEG, MediaType.PNG, MediaType.WEBP])
def test_a_damaged_image_is_refused(on_disk: Callable[[bytes], BinaryIO], media_type: MediaType) -> None:
    """Cut off anywhere, it is refused or its picture is copied as far as it went; nothing else happens."""
    content = CONTENT[media_type]
    for cut in range(1, len(content) - 2, max(1, len(content) // 60)):
        with pytest.raises(MalformedImage):
            strip_metadata(media_type, on_disk(content[:cut]), on_disk(b""))


def test_other_files_are_left_as_they_are(on_disk: Callable[[bytes], BinaryIO]) -> None:
    """Only images are cleaned."""
    assert not strip_metadata(MediaType.PDF, on_disk(CONTENT[MediaType.PDF]), on_disk(b""))


class FakeClamd(socketserver.ThreadingTCPServer):
    """Speaks INSTREAM as clamd does; finds `EICAR` in whatever holds those letters."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Scan)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"tcp://127.0.0.1:{self.server_address[1]}"


class _Scan(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert b"zINSTREAM\0" == self.rfile.read(10)
        content = b""
        while size := struct.unpack(">I", self.rfile.read(4))[0]:
            content += self.rfile.read(size)
        if b"BUSY" in content:
            self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
        elif b"EICAR" in content:
            self.wfile.write(b"stream: Eicar-Test-Signature FOUND\0")
        else:
            self.wfile.write(b"stream: OK\0")


@pytest.fixture
def clamd() -> Iterator[FakeClamd]:
    """A scanner, running."""
    with FakeClamd() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_scanner_tells_clean_from_harmful(clamd: FakeClamd, on_disk: Callable[[bytes], BinaryIO]) -> None:
    """However long the file is, and by name what it found."""
    scanner = ClamAV(clamd.url)
    assert scanner.threat_in(on_disk(b"x" * 300_000)) is None
    assert "Eicar-Test-Signature" == scanner.threat_in(on_disk(b"x" * 300_000 + b"EICAR"))


def test_a_scanner_that_never_answers_is_waited_for_only_so_long(on_disk: Callable[[bytes], BinaryIO]) -> None:
    """A connection that the system has taken and nobody reads."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ScannerUnavailable, match="TimeoutError"):
            ClamAV(url, timeout_seconds=0.2).threat_in(on_disk(b"x"))


def test_no_verdict_is_no_clean_bill(clamd: FakeClamd, on_disk: Callable[[bytes], BinaryIO], tmp_path: Path) -> None:
    """A scanner that gives up or is not there has not said that the file is clean."""
    for url in (clamd.url, "tcp://127.0.0.1:1", f"unix:{tmp_path}/nobody"):
        with pytest.raises(ScannerUnavailable):
            ClamAV(url, timeout_seconds=5).threat_in(on_disk(b"BUSY"))


def test_a_digest_is_that_of_the_whole_file(on_disk: Callable[[bytes], BinaryIO]) -> None:
    """Wherever it was read to."""
    file = on_disk(b"abc")
    cast("Any", file).read()
    assert (3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == digest_of(file)
