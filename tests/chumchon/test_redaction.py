"""Who asked is taken out of what is stored for many readers."""

import pytest

from chumchon.redaction import REMOVED, without_contacts, without_person

PERSON = {
    "first_name": "สมใจ",
    "last_name": "ตัวอย่างดี",
    "national_id": "1101700230708",
    "phone": "+66812345678",
    "email": "somjai@example.com",
    "address": "99/1 หมู่ 4 ตำบลท่าทราย",
}


@pytest.mark.parametrize(
    "text",
    [
        "ดิฉันนางสาวสมใจ ตัวอย่างดี ขอทราบ",
        "สมใจขอทราบเรื่องเงิน",
        "ลงชื่อ ตัวอย่างดี",
        "โทร 081-234-5678 ได้ทุกวัน",
        "โทร ๐๘๑ ๒๓๔ ๕๖๗๘",
        "โทร +66 81 234 5678",
        "เลขบัตร 1-1017-00230-70-8",
        "ส่งมาที่ Somjai@Example.com",
        "อยู่บ้านเลขที่ 99/1 หมู่ 4 ตำบลท่าทราย",
    ],
)
def test_what_is_known_of_a_person_is_taken_out(text: str) -> None:
    """Names with their titles, numbers however they are written, mail and address."""
    told = without_person(text, PERSON)
    assert REMOVED in told
    assert not [secret for secret in ("สมใจ", "ตัวอย่างดี", "5678", "๕๖๗๘", "70-8", "xample", "99/1") if secret in told]


@pytest.mark.parametrize(
    ("first_name", "last_name"),
    [
        ("นางสมใจ", "ตัวอย่างดี"),
        ("น.ส. สมใจ", "ตัวอย่างดี"),
        ("พ.ต.อ.หญิง สมใจ", "ตัวอย่างดี"),
        ("นาง", "สมใจ ตัวอย่างดี"),
    ],
)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ดิฉัน สมใจ ตัวอย่างดี ขอทราบ", f"ดิฉัน {REMOVED} ขอทราบ"),
        ("ดิฉัน สมใจตัวอย่างดี", f"ดิฉัน {REMOVED}"),
        ("ดิฉันนางสมใจ ขอทราบ", f"ดิฉัน{REMOVED} ขอทราบ"),
        ("เรียนคุณสมใจ", f"เรียน{REMOVED}"),
        ("เรียน ผศ.ดร. สมใจ", f"เรียน {REMOVED}"),
        ("เพศ สมใจ", f"เพศ {REMOVED}"),
    ],
)
def test_a_title_in_the_name_hides_nothing(first_name: str, last_name: str, text: str, told: str) -> None:
    """Whoever recorded the title as part of the name has its name taken out without the title, too."""
    assert told == without_person(text, {"first_name": first_name, "last_name": last_name})


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("นาย ก้องขอทราบเรื่องของนาย", {"first_name": "นาย", "last_name": None}),
        ("กองทุนของนางฟ้ามีฟ้าใส", {"first_name": "นาย ฟ", "last_name": None}),
        ("ฟ้าใส", {"first_name": "นางฟ้า"}),
        ("ประชาชนขอทราบ", {"first_name": "นายประชา"}),
        ("ประชาชนขอทราบ", {"first_name": "ประชา"}),
        ("โทร 02-629-9226", PERSON),
        ("เงิน 50000 บาท ปี 2569", {"phone": "1111", "first_name": "ก"}),
        ("ขอทราบ", {"first_name": None, "last_name": " "}),
        ("ขอทราบ", None),
    ],
)
def test_other_words_stay(text: str, person: dict[str, str | None] | None) -> None:
    """A name inside a longer word is not the name; short numbers stand everywhere."""
    assert text == without_person(text, person)


def test_contacts_are_taken_out_of_questions() -> None:
    """Mobile numbers, mail addresses and national ids, of whomever; an office's telephone and other numbers stay."""
    text = "ช่างชื่อดำ โทร 089 765 4321 หรือ dam@example.org บัตร 1101700230708 สำนักงาน 02-629-9226 รหัส 1234567890123"
    assert (
        f"ช่างชื่อดำ โทร {REMOVED} หรือ {REMOVED} บัตร {REMOVED} สำนักงาน 02-629-9226 รหัส 1234567890123"
        == without_contacts(text)
    )
