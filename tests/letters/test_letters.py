"""Official letters as PDF: what is read out of them is what was written, in whatever way it is read."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any, cast

import pytest
from pypdf import PdfReader
from pypdf.generic import ArrayObject, ContentStream

from letters import Letter, in_thai_digits, letter_date, to_pdf
from thaikit.text import normalise, segment

LETTER = Letter(
    number="นร 0105.04/12345",
    office="สำนักงานปลัดสำนักนายกรัฐมนตรี",
    sender="ศูนย์รับเรื่องราวร้องทุกข์ 1111\nทำเนียบรัฐบาล ถนนพิษณุโลก\nเขตดุสิต กรุงเทพฯ 10300",
    on=date(2026, 11, 22),
    subject="แจ้งผลการพิจารณาเรื่องร้องทุกข์ เลขที่ 1111-2569-000123-K",
    to="นางสมศรี ใจดี",
    reference="หนังสือของท่าน ลงวันที่ 5 ตุลาคม 2569",
    enclosures="สำเนาระเบียบ จำนวน 1 ฉบับ",
    body="ตามที่ท่านได้มีหนังสือขอทราบระเบียบการโอนเงินซึ่งชุมชนได้รับอนุมัติแล้ว นั้น\n\nจึงเรียนมาเพื่อโปรดทราบ",
    signer="นายวิชัย รักชาติ",
    position="ผู้อำนวยการศูนย์รับเรื่องราวร้องทุกข์",
    contact="ศูนย์รับเรื่องราวร้องทุกข์\nโทร. 1111",
)
LONG = (
    "สำนักงานเศรษฐกิจพอเพียงเพื่อยกระดับชุมชนได้ตรวจสอบแล้วพบว่าโครงการซื้อเครื่องสีข้าวของชุมชนบ้านกลางได้รับอนุมัติเมื่อวันที่"
    "หนึ่งของเดือนนี้และอยู่ระหว่างการโอนเงินเข้าบัญชีธนาคารของชุมชนซึ่งต้องใช้เวลาไม่เกินสามสิบวันทำการนับถัดจากวันที่ได้รับเอกสารครบถ้วน"
)
CONSONANTS = "กขคฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮ"
VOWELS = ["", *"ิีึืุูั"]
TONES = ["", *"่้๊๋"]


def pages(pdf: bytes) -> list[str]:
    """What a program reads that asks each glyph for its characters; ำ comes as its two parts, hence normalised."""
    return [normalise(page.extract_text()) for page in PdfReader(io.BytesIO(pdf)).pages]


def said(pdf: bytes) -> str:
    """What a program reads that knows ActualText, without the breaks between lines."""
    reader = PdfReader(io.BytesIO(pdf))
    return "".join("".join(_said(reader, page)) for page in reader.pages)


def _said(reader: PdfReader, page: Any) -> Iterator[str]:  # noqa: ANN401  # a page of pypdf
    span: str | None = None
    characters: dict[int, str] = {}
    for operands, operator in ContentStream(page.get_contents(), reader).operations:
        if operator == b"Tf":
            characters = _characters(page["/Resources"]["/Font"][operands[0]])
        elif operator == b"BDC" and "/ActualText" in operands[1]:
            span = str(operands[1]["/ActualText"])
            yield span
        elif operator == b"EMC":
            span = None
        elif operator in {b"Tj", b"TJ"} and span is None:
            shown = operands[0] if isinstance(operands[0], ArrayObject) else [operands[0]]
            codes = b"".join(one.original_bytes for one in shown if hasattr(one, "original_bytes"))
            for code in zip(codes[::2], codes[1::2], strict=True):
                yield characters[int.from_bytes(bytes(code), "big")]


def _characters(font: Any) -> dict[int, str]:  # noqa: ANN401  # as above
    lines = (line.split() for line in font["/ToUnicode"].get_data().decode().splitlines() if line.startswith("<"))
    return {
        int(line[0][1:-1], 16): bytes.fromhex(line[1][1:-1]).decode("utf-16-be")
        for line in lines
        if len(line[0]) == 6 and line != ["<0000>", "<FFFF>"]
    }


def test_a_letter_says_all_that_it_is_given() -> None:
    """Each part in its place and order, on one page; its date has the year of the Buddhist era."""
    (page,) = pages(to_pdf(LETTER))
    parts = [
        "ที่ นร 0105.04/12345",
        "เขตดุสิต กรุงเทพฯ 10300",
        "22 พฤศจิกายน 2569",
        f"เรื่อง {LETTER.subject}",
        "เรียน นางสมศรี ใจดี",
        f"อ้างถึง {LETTER.reference}",
        f"สิ่งที่ส่งมาด้วย {LETTER.enclosures}",
        "จึงเรียนมาเพื่อโปรดทราบ",
        "ขอแสดงความนับถือ",
        "(นายวิชัย รักชาติ)",
        LETTER.position,
        "โทร. 1111",
    ]
    found = [page.replace(" ", "").find(normalise(part).replace(" ", "")) for part in parts]
    assert -1 not in found
    assert sorted(found) == found


@pytest.mark.parametrize("vowel", VOWELS)
def test_every_letter_with_every_mark_is_read_as_it_was_written(vowel: str) -> None:
    """44 consonants with this vowel and each tone mark; with ActualText exactly, without it after normalising."""
    words = [consonant + vowel + tone for tone in TONES for consonant in CONSONANTS]
    pdf = to_pdf(replace(LETTER, body="\n".join(" ".join(words[at : at + 11]) for at in range(0, len(words), 11))))
    assert "".join(words) in said(pdf).replace(" ", "")
    assert not set(map(normalise, words)) - set(" ".join(pages(pdf)).split())


def test_sara_am_is_read_with_its_tone() -> None:
    """It is shown as a ring and another letter, with the tone between them."""
    words = [consonant + tone + "ำ" for tone in TONES for consonant in CONSONANTS]
    pdf = to_pdf(replace(LETTER, body=" ".join(words)))
    assert "".join(words) in said(pdf).replace(" ", "").replace("\n", "")
    assert not set(map(normalise, words)) - set(" ".join(pages(pdf)).split())


def test_lines_break_between_words() -> None:
    """Thai has no spaces to break at: each line ends where a word ends."""
    pdf = to_pdf(replace(LETTER, body=LONG))
    lines = [normalise(line).strip() for line in PdfReader(io.BytesIO(pdf)).pages[0].extract_text().splitlines()]
    first = next(at for at, line in enumerate(lines) if line.startswith("สำนักงานเศรษฐกิจ"))
    last = next(at for at, line in enumerate(lines) if line.endswith("ครบถ้วน"))
    body = lines[first : last + 1]
    assert normalise(LONG) == "".join(body)
    assert 3 < len(body)
    words = segment(normalise(LONG))
    ends = {sum(map(len, words[:count])) for count in range(1, len(words) + 1)}
    assert {sum(map(len, body[:count])) for count in range(1, len(body) + 1)} <= ends


def test_what_is_written_is_never_read_as_markup() -> None:
    """Whatever it looks like: every text is shown as it stands."""
    nasty = '#panic("x") *a* _b_ $x^2$ <label> @ref // /* `raw` \\ "q" #import "x.typ" = heading - item ~ -- 100%'
    letter = LETTER
    for name in ("number", "sender", "subject", "to", "reference", "body", "signer", "position", "contact"):
        letter = replace(letter, **{name: nasty})  # type: ignore[arg-type]  # these are texts
    assert 9 == said(to_pdf(letter)).replace(" ", "").count(nasty.replace(" ", ""))


def test_thai_digits_everywhere() -> None:
    """Where the office's style is ๐-๙; pages after the first are numbered."""
    first, *more = pages_as_written(to_pdf(replace(LETTER, thai_digits=True, body="\n\n".join([LONG] * 12))))
    assert "๒๒ พฤศจิกายน ๒๕๖๙" in first
    assert "นร ๐๑๐๕.๐๔/๑๒๓๔๕" in first
    assert more
    assert "– ๒ –" in more[0]
    assert not set("0123456789") & set("".join([first, *more]))


def pages_as_written(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


def test_like_letters_give_like_bytes_and_are_for_the_archive() -> None:
    """PDF/A-2u, with title, author and the letter's day; nothing of when it was made."""
    pdf = to_pdf(LETTER)
    assert pdf == to_pdf(LETTER)
    reader = PdfReader(io.BytesIO(pdf))
    found = reader.metadata
    assert found is not None
    assert (LETTER.subject, LETTER.office) == (found.title, found.author)
    xmp = cast("Any", reader.trailer["/Root"])["/Metadata"].get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part><pdfaid:conformance>U</pdfaid:conformance>" in xmp
    assert all("/FontFile2" in font["/DescendantFonts"][0]["/FontDescriptor"] for font in _fonts(reader)), (
        "every font is embedded"
    )


def _fonts(reader: PdfReader) -> list[Any]:
    return [font.get_object() for page in reader.pages for font in cast("Any", page)["/Resources"]["/Font"].values()]


def test_pages_follow_each_other() -> None:
    """A long letter takes as many pages as it needs, and loses nothing between them."""
    body = "\n\n".join(f"ข้อ {number} {LONG}" for number in range(1, 31))
    pdf = to_pdf(replace(LETTER, body=body))
    text = said(pdf).replace(" ", "")
    starts = [text.find(f"ข้อ{number}{LONG[:30]}") for number in range(1, 31)]
    assert all(before < after for before, after in pairwise(starts))
    assert 3 < len(PdfReader(io.BytesIO(pdf)).pages)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("ขอบคุณค่ะ 😊 ขอทราบระเบียบ", "ขอบคุณค่ะ ◊ ขอทราบระเบียบ"),
        ("เลขที่ １２３ ข้อ ①", "เลขที่ 123 ข้อ 1"),
        ("ร้านจีน 中 ❤️", "ร้านจีน ◊ ◊"),
        ("ที\uf70aดิน ญ\uf70f ก\uf710น ป\uf702 ก\uf718", "ที่ดิน ญญ กัน ปี กุ"),
        ("ชุม\u200bชน", "ชุมชน"),
    ],
)
def test_what_the_font_lacks_keeps_no_letter_from_its_reader(written: str, read: str) -> None:
    """Plain forms where there are some, marks of old Thai fonts as marks, ◊ for the rest."""
    assert read in said(to_pdf(replace(LETTER, subject=written, to=written)))


def test_dates_and_digits() -> None:
    """As the regulation on records has them."""
    assert "5 มกราคม 2570" == letter_date(date(2027, 1, 5))
    assert "๕ มกราคม ๒๕๗๐" == in_thai_digits("5 มกราคม 2570")
