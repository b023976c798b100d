"""Faxes and scans: how many pages they have, what is written on them, and who sent them.

Reading them is a help and never a condition: what cannot be read is taken in all the same.
"""

import io
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import pypdfium2 as pdfium
import structlog
from PIL import Image

from chumchon.channels.charsets import readable
from chumchon.intake.evidence import FAX_LINES, MAX_PAGES
from servicekit.problems import describe
from thaikit.numbers import InvalidNumber, parse_phone

LANGUAGES: Final = "tha+eng"
MAX_PAGES_READ: Final = 20
"""The first pages say what a letter is about; a whole file of them would keep the reader for an hour."""

DOTS_PER_INCH: Final = 300
POINTS_PER_INCH: Final = 72
MAX_PIXELS: Final = 5000
"""On the longer side: an A4 page has 3,500, and a page of a thousand metres is a trick."""

_MIN_LETTERS: Final = 20
_one_at_a_time: Final = threading.Lock()
"""PDFium may be used by one thread at a time."""
_NUMBER: Final = re.compile(r"(?<![\d+])\+?\d(?:\)?[ .-]?\d){6,13}(?!\d)")
LETTERS_A_PHRASE: Final = 8
"""Where the pieces between two spaces are shorter than this on average, they are words and not phrases."""

_THAI: Final = re.compile(r"[\u0e00-\u0e7f]")
_THAI_APART: Final = re.compile(r"(?<=[\u0e00-\u0e7f]) (?=[\u0e00-\u0e7f])")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Scan:
    """What can be told of a scan; None and "" where it cannot."""

    pages: int | None
    text: str


def read_scan(content: bytes, *, ocr_command: str | None, ocr_timeout: timedelta) -> Scan:
    """Count the pages of a PDF, TIFF or image, and read what is written there. Slow: never inside a transaction."""
    try:
        if content.startswith(b"%PDF"):
            return _read_pdf(content, ocr_command, ocr_timeout)
        with Image.open(io.BytesIO(content)) as image:
            pages = getattr(image, "n_frames", 1)
    except Exception as error:  # noqa: BLE001  # a broken file may fail in any way, and is taken in all the same
        log.warning("scan not readable", error=describe(error)["error"])
        return Scan(None, "")
    return Scan(_counted(pages), _recognised([content], ocr_command, ocr_timeout))


def fax_numbers(*texts: str) -> tuple[str | None, str | None]:
    """The sender's number, and the line of ours that it was sent to, as a gateway names them somewhere in its words."""
    line = sender = None
    for text in texts:
        for found in _NUMBER.findall(text):
            try:
                number = parse_phone(found)
            except InvalidNumber:
                continue
            if number in FAX_LINES:
                line = line or number
            else:
                sender = sender or number
    return sender, line


def _read_pdf(content: bytes, ocr_command: str | None, ocr_timeout: timedelta) -> Scan:
    with _one_at_a_time, closing(pdfium.PdfDocument(content)) as pdf:
        pages = [pdf[at] for at in range(min(len(pdf), MAX_PAGES_READ))]
        count = _counted(len(pdf))
        written = readable("\n".join(page.get_textpage().get_text_bounded() for page in pages))
        if ocr_command is None or sum(map(str.isalpha, written)) >= _MIN_LETTERS:
            return Scan(count, written)
        images = [_rendered(page) for page in pages]
    return Scan(count, _recognised(images, ocr_command, ocr_timeout))


def _rendered(page: pdfium.PdfPage) -> bytes:
    """The page as an image, at a resolution that the recognition likes."""
    scale = min(DOTS_PER_INCH / POINTS_PER_INCH, MAX_PIXELS / max(*page.get_size(), 1))
    image = io.BytesIO()
    page.render(scale=scale, grayscale=True).to_pil().save(image, "PNG")
    return image.getvalue()


def _counted(pages: int) -> int | None:
    return pages if 1 <= pages <= MAX_PAGES else None


def _recognised(images: Sequence[bytes], command: str | None, timeout: timedelta) -> str:
    """What tesseract reads; as much as it could in the time that it has."""
    if command is None:
        return ""
    give_up_at = time.monotonic() + timeout.total_seconds()
    pages: list[str] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page"
            for image in images:
                page.write_bytes(image)
                done = subprocess.run(  # noqa: S603  # the operator's own program, and a name that we made
                    [command, page, "stdout", "-l", LANGUAGES],
                    check=True,
                    capture_output=True,
                    stdin=subprocess.DEVNULL,
                    timeout=max(give_up_at - time.monotonic(), 0.1),
                )
                pages.append(done.stdout.decode("utf-8", "replace").replace("\f", "\n"))
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("scan not recognised", error=type(error).__name__)
    return readable(_spelt("\n".join(pages)))


def _spelt(text: str) -> str:
    """Thai as people type it: its am as one character, and no spaces within phrases.

    Some models put a space between all words; Thai itself has one only where a phrase ends.
    """
    spaces = len(_THAI_APART.findall(text))
    torn_apart = len(_THAI.findall(text)) < LETTERS_A_PHRASE * (spaces + 1)
    return (_THAI_APART.sub("", text) if torn_apart else text).replace("\u0e4d\u0e32", "\u0e33")
