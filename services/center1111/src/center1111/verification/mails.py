"""The mail that tells a complainant that their complaint was refused, and on what ground."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from center1111 import steps
from center1111.codes import CODE_LISTS
from center1111.journey import Move
from center1111.letterhead import Letterhead, full_name, mail_refusing
from center1111.records import Complainant, Complaint
from servicekit.mail import Mail
from servicekit.mail_queue import MailState, owe_mail

BY_MAIL: Final = "mail"
"""Who told, when a mail server took the mail."""


def owe_refusal(session: Session, complaint: Complaint, *, now: datetime) -> None:
    """Owe the complainant, in the caller's transaction, a mail with the ground, if they left an e-mail address."""
    complainant = session.get(Complainant, complaint.id)
    if complainant is not None and complainant.email is not None:
        owe_mail(session, about=complaint.id, now=now)


def write_refusal(session: Session, complaint_id: UUID, head: Letterhead) -> Mail | None:
    """The mail with the ground and the rule that it is taken from; None when the address was erased since."""
    complaint = session.get(Complaint, complaint_id)
    complainant = session.get(Complainant, complaint_id)
    if complaint is None or complaint.refusal_ground is None or complainant is None or complainant.email is None:
        return None
    ground = CODE_LISTS["refusal_grounds"][complaint.refusal_ground]
    why = ground.label.th if ground.source is None else f"{ground.label.th}\n({ground.source.th})"
    name = full_name(complainant.title, complainant.first_name, complainant.last_name)
    return mail_refusing(head, complaint.tracking_number, name, why, to=complainant.email)


def settle_refusal(session: Session, complaint_id: UUID, state: MailState, problem: str | None, now: datetime) -> None:
    """Write down whether the complainant was told: if not, somebody should call them."""
    if state is MailState.DROPPED:
        return
    complaint = steps.complaint_to_change(session, complaint_id)
    said = "แจ้งการไม่รับเรื่องทางอีเมลแล้ว" if state is MailState.SENT else "แจ้งการไม่รับเรื่องทางอีเมลไม่สำเร็จ"
    note = said + (f" ({problem})" if problem else "")
    steps.advance(session, complaint, Move.NOTE, by=BY_MAIL, now=now, note=note)
