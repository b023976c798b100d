"""Official Thai letters as PDF, ready to print.

Typst sets them: it breaks lines between Thai words, and what is read out of its PDF is what was written. The engine
and its fonts take a moment and some memory, so they are loaded by the first letter and not by the import.
"""

import json
import threading
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from thaikit.calendar import MONTHS, buddhist_year

if TYPE_CHECKING:
    import typst

_THAI_DIGITS: Final = str.maketrans("0123456789", "๐๑๒๓๔๕๖๗๘๙")
_ARCHIVAL: Final = "a-2u"
"""PDF/A-2u: readable in decades without our fonts, and every glyph says which characters it stands for."""

_one_at_a_time: Final = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What an official letter says.

    Every text is shown as it is written, as far as the font can; a line feed begins a new line.

    Attributes:
        number: the letter's own number, after ที่.
        office: the office in whose name it is sent, as the PDF's author.
        sender: the office and its address, a line each, at the top right.
        on: the day of the letter; shown with the year of the Buddhist era.
        subject: after เรื่อง.
        to: whom it addresses, after เรียน.
        body: paragraphs, an empty line between them.
        signer: the name under the signature, shown in brackets.
        position: the signer's position.
        contact: who deals with it and how to reach them, a line each, at the bottom left.
        reference: after อ้างถึง, if anything.
        enclosures: after สิ่งที่ส่งมาด้วย, if anything.
        closing: the phrase before the signature.
        thai_digits: whether number and date, which this module writes, and whatever else has digits are in ๐-๙.
    """

    number: str
    office: str
    sender: str
    on: date
    subject: str
    to: str
    body: str
    signer: str
    position: str
    contact: str
    reference: str | None = None
    enclosures: str | None = None
    closing: str = "ขอแสดงความนับถือ"
    thai_digits: bool = False


def in_thai_digits(text: str) -> str:
    """The text with ๐-๙ for 0-9."""
    return text.translate(_THAI_DIGITS)


def letter_date(on: date) -> str:
    """A date as letters write it, its year of the Buddhist era without พ.ศ. before it: 22 พฤศจิกายน 2569."""
    return f"{on.day} {MONTHS[on.month - 1]} {buddhist_year(on)}"


def to_pdf(letter: Letter) -> bytes:
    """The letter as PDF/A-2u, on as many A4 pages as it needs. Like letters give like bytes.

    It blocks for some 10 ms, the first time for longer. Safe to call from any thread.
    """
    from letters.characters import shown  # noqa: PLC0415  # loaded with the first letter, as typst is
    from letters.readable import made_readable  # noqa: PLC0415  # the same

    inputs = {"letter": shown(json.dumps(_said(letter), ensure_ascii=False))}
    with _one_at_a_time:
        pdf = _compiler().compile(_template(), format="pdf", sys_inputs=inputs, pdf_standards=_ARCHIVAL)
    assert isinstance(pdf, bytes)  # noqa: S101  # one output was asked for, and in memory
    return made_readable(pdf)


def _said(letter: Letter) -> dict[str, object]:
    """The values that the template shows."""
    written = in_thai_digits if letter.thai_digits else str

    def maybe(text: str | None) -> str | None:
        return None if text is None else written(text)

    return {
        "number": written(letter.number),
        "office": letter.office,
        "sender": written(letter.sender),
        "on": {"year": letter.on.year, "month": letter.on.month, "day": letter.on.day},
        "date": written(letter_date(letter.on)),
        "subject": written(letter.subject),
        "to": written(letter.to),
        "reference": maybe(letter.reference),
        "enclosures": maybe(letter.enclosures),
        "paragraphs": [written(paragraph.strip("\n")) for paragraph in letter.body.split("\n\n") if paragraph.strip()],
        "closing": letter.closing,
        "signer": letter.signer,
        "position": written(letter.position),
        "contact": written(letter.contact),
        "digits": [*written("0123456789")],
    }


@cache
def _compiler() -> "typst.Compiler":
    import typst  # noqa: PLC0415  # 80 MB that most processes never need

    from letters.characters import FONTS  # noqa: PLC0415  # loaded with it

    fonts = typst.Fonts(
        include_system_fonts=False,
        font_paths=[str(resources.files(FONTS).joinpath("files"))],
    )
    return typst.Compiler(font_paths=fonts)


@cache
def _template() -> bytes:
    return resources.files(__package__).joinpath("letter.typ").read_bytes()
