"""What the Centre writes to complainants: the letter that tells of an answer, and the mail that it goes with."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from letters import Letter, letter_date
from servicekit.mail import Mail
from thaikit.calendar import bangkok_date, long_date

NOBODY: Final = "ท่านผู้ร้อง"
"""How somebody is addressed who gave no name."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes, as the operator has set it; see `letters.Letter`."""

    office: str
    sender: str
    signer: str
    position: str
    contact: str
    number_prefix: str
    thai_digits: bool


@dataclass(frozen=True, slots=True)
class Telling:
    """What a complainant is told: which complaint, which answer, and whether it takes the place of an earlier one."""

    tracking_number: str
    subject: str
    received_at: datetime
    complainant: str
    answer: str
    corrects: bool


def full_name(title: str | None, first_name: str | None, last_name: str | None) -> str:
    """How a complainant is addressed: นางสมศรี ใจดี."""
    if not (first_name or last_name):
        return NOBODY
    return f"{title or 'คุณ'}{' '.join(name for name in (first_name, last_name) if name)}"


def letter_number(head: Letterhead, serial: int) -> str:
    """The number of a letter, as it stands after ที่."""
    return f"{head.number_prefix}{serial}"


def letter_telling(head: Letterhead, telling: Telling, *, serial: int, on: date) -> Letter:
    """The official letter, dated `on`."""
    return Letter(
        number=letter_number(head, serial),
        office=head.office,
        sender=head.sender,
        on=on,
        subject=f"แจ้งผลการพิจารณาเรื่องร้องทุกข์ เลขที่ {telling.tracking_number}",
        to=telling.complainant,
        reference=f"เรื่องร้องทุกข์ของท่าน ซึ่งรับไว้เมื่อวันที่ {letter_date(bangkok_date(telling.received_at))}",
        body=_said(telling),
        signer=head.signer,
        position=head.position,
        contact=head.contact,
        thai_digits=head.thai_digits,
    )


def mail_telling(head: Letterhead, telling: Telling, *, to: str) -> Mail:
    """The mail, without its attachment. Its subject tells strangers nothing of what it is about."""
    text = f"เรียน {telling.complainant}\n\n{_said(telling)}\n\n{head.contact}\n"
    return Mail(to=to, subject=f"แจ้งผลการพิจารณาเรื่องร้องทุกข์ เลขที่ {telling.tracking_number}", text=text)


def mail_asking(head: Letterhead, tracking_number: str, complainant: str, question: str, *, to: str) -> Mail:
    """The mail with an agency's question. Its subject tells strangers nothing of what it is about."""
    text = (
        f"เรียน {complainant}\n\nหน่วยงานที่พิจารณาเรื่องของท่าน เลขที่ {tracking_number} ขอทราบข้อมูลเพิ่มเติมดังนี้\n\n{question}\n\n"
        "โปรดตอบโดยติดตามเรื่องทางเว็บไซต์ด้วยเลขที่นี้และรหัสลับที่ได้รับเมื่อยื่นเรื่อง หรือโทรสายด่วน 1111"
        f" ระหว่างรอคำตอบของท่าน จะหยุดนับเวลาดำเนินการไว้\n\n{head.contact}\n"
    )
    return Mail(to=to, subject=f"ขอข้อมูลเพิ่มเติมเรื่องร้องทุกข์ เลขที่ {tracking_number}", text=text)


def mail_refusing(head: Letterhead, tracking_number: str, complainant: str, why: str, *, to: str) -> Mail:
    """The mail that tells of a refusal. Its subject tells strangers nothing of what it is about."""
    text = (
        f"เรียน {complainant}\n\nศูนย์รับเรื่องราวร้องทุกข์ 1111 ตรวจสอบเรื่องของท่าน เลขที่ {tracking_number} แล้ว"
        f" ไม่อาจรับไว้พิจารณาได้ เนื่องจาก\n\n{why}\n\n"
        "หากท่านมีข้อเท็จจริงเพิ่มเติม โปรดยื่นเรื่องใหม่พร้อมข้อเท็จจริงนั้น หรือสอบถามที่สายด่วน 1111"
        f"\n\n{head.contact}\n"
    )
    return Mail(to=to, subject=f"แจ้งผลการตรวจสอบเรื่องร้องทุกข์ เลขที่ {tracking_number}", text=text)


def _said(telling: Telling) -> str:
    opening = (
        f"ตามที่ท่านได้ยื่นเรื่อง “{telling.subject}” ต่อศูนย์รับเรื่องราวร้องทุกข์ 1111"
        f" เมื่อวันที่ {long_date(bangkok_date(telling.received_at))} เลขที่ {telling.tracking_number} นั้น"
    )
    leading = (
        "ศูนย์รับเรื่องราวร้องทุกข์ 1111 ขอแก้ไขคำตอบที่ได้แจ้งท่านไว้ก่อนหน้านี้ โดยให้ใช้คำตอบต่อไปนี้แทน"
        if telling.corrects
        else "ศูนย์รับเรื่องราวร้องทุกข์ 1111 ขอแจ้งผลการพิจารณา ดังนี้"
    )
    return f"{opening}\n\n{leading}\n\n{telling.answer}\n\nจึงเรียนมาเพื่อโปรดทราบ"
