"""Scans of Thai letters, read by the real tesseract with its Thai data."""

import difflib
import io
import shutil
import subprocess
from datetime import date, timedelta

import pypdfium2 as pdfium
import pytest
from PIL import Image

from chumchon.channels.scans import read_scan
from letters import Letter, to_pdf
from thaikit.text import without_marks

WORDS = "ชุมชนบ้านกลางทำสัญญาโครงการแล้วแต่ยังไม่ได้รับเงินงวดที่สอง ขอทราบกำหนดการโอนเงินเข้าบัญชีโครงการ"

RIGHT = 0.9
"""The share of letters that must be right; 0.98 are with tesseract 5.3 and its Thai data of 4.1."""


@pytest.fixture(scope="module")
def tesseract() -> str:
    """The program; the tests are skipped where it or its Thai data is missing."""
    program = shutil.which("tesseract")
    if program is None:
        pytest.skip("no tesseract: install tesseract-ocr and tesseract-ocr-tha, and scans are read for real")
    known = subprocess.run([program, "--list-langs"], check=True, capture_output=True, text=True)
    if not {"tha", "eng"} <= set(known.stdout.split()):
        pytest.skip("tesseract has no Thai data: install tesseract-ocr-tha")
    return program


@pytest.fixture(scope="module")
def page() -> Image.Image:
    """A letter as a scanner sees it: grey dots, no text."""
    letter = Letter(
        number="บก 0001/2569",
        office="ชุมชนบ้านกลาง",
        sender="ชุมชนบ้านกลาง\nอำเภอเมือง จังหวัดขอนแก่น",
        on=date(2026, 10, 5),
        subject="ขอทราบกำหนดการโอนเงิน",
        to="ผู้อำนวยการสำนักงาน",
        body=WORDS,
        signer="นายบุญมี ใจดี",
        position="ประธานกรรมการชุมชน",
        contact="โทร. 081-234-5678",
    )
    with pdfium.PdfDocument(to_pdf(letter)) as pdf:
        seen: Image.Image = pdf[0].render(scale=200 / 72, grayscale=True).to_pil()
        return seen


@pytest.mark.parametrize("kind", ["PDF", "TIFF", "PNG"])
def test_a_scanned_letter_is_read(tesseract: str, page: Image.Image, kind: str) -> None:
    """All but a few marks are right, whichever file the scanner makes: enough to search and to route by."""
    file = io.BytesIO()
    page.save(file, kind)
    scan = read_scan(file.getvalue(), ocr_command=tesseract, ocr_timeout=timedelta(minutes=2))
    said = without_marks("".join(scan.text.split()))
    expected = without_marks("".join(WORDS.split()))
    blocks = difflib.SequenceMatcher(None, expected, said, autojunk=False).get_matching_blocks()
    right = sum(block.size for block in blocks) / len(expected)
    assert (1, True) == (scan.pages, right > RIGHT), (right, scan.text)
    assert "กำหนดการโอนเงินเข้าบัญชีโครงการ" in scan.text, "its am is one letter, as people type it"
    assert " ขอทราบ" in scan.text, "the space between two phrases is one"
