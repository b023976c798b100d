"""What is to be told by letter or fax, as an official letter: ready to print, sign and send."""

from dataclasses import dataclass
from typing import Any, Final

from chumchon.cases import CaseView
from chumchon.codes import DeliveryKind
from chumchon.journey import Channel
from letters import Letter
from thaikit.calendar import bangkok_date
from thaikit.numbers import written_phone

TO_NOBODY_KNOWN: Final = "ท่านผู้ร้อง"

_SUBJECTS: Final = {
    DeliveryKind.ANSWER: "แจ้งคำตอบ",
    DeliveryKind.QUESTION: "ขอข้อมูลเพิ่มเติม",
    DeliveryKind.PROGRESS: "รายงานความคืบหน้า",
    DeliveryKind.ACKNOWLEDGEMENT: "แจ้งรับเรื่อง",
}


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What every letter of the Office says of itself; several lines where there are."""

    number_prefix: str
    sender: str
    signer: str
    position: str
    contact: str


def letter_of(delivery: Any, case: CaseView, head: Letterhead) -> Letter:  # noqa: ANN401  # a row of a delivery's query
    """The letter of a delivery, dated on the day on which it arose: printed twice, it is the same."""
    return Letter(
        number=f"{head.number_prefix}{case.case_number}",
        office="สำนักงานเศรษฐกิจพอเพียงเพื่อยกระดับชุมชน",
        sender=head.sender,
        on=bangkok_date(delivery.created_at),
        subject=f"{_SUBJECTS[DeliveryKind(delivery.kind)]} เรื่อง {case.subject}",
        to=_addressee(case),
        body=delivery.text,
        enclosures=_enclosures(delivery),
        signer=head.signer,
        position=head.position,
        contact=head.contact,
        reference=f"เรื่องของท่าน เลขที่ {case.case_number}",
    )


def _enclosures(delivery: Any) -> str | None:  # noqa: ANN401  # a row of a delivery's query
    """The files that go with it, numbered, a line each."""
    names = [file["filename"] for file in delivery.files or ()]
    return "\n".join(f"{number}. {name}" for number, name in enumerate(names, 1)) or None


def _addressee(case: CaseView) -> str:
    """Name and address, or the number of the fax, a line each."""
    who = case.complainant
    name = " ".join(filter(None, (who.title, who.first_name, who.last_name))) if who else ""
    lines = [name or TO_NOBODY_KNOWN]
    if case.channel is Channel.FAX and case.evidence and case.evidence.get("sender_number"):
        lines.append(f"โทรสาร {written_phone(case.evidence['sender_number'])}")
    elif who is not None and who.address:
        lines.append(who.address)
    return "\n".join(lines)
