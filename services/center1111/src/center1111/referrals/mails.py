"""The mail that tells a complainant of an agency's question, as long as the question is open."""

from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from center1111 import steps
from center1111.journey import Move, ReferralMove, ReferralState
from center1111.letterhead import Letterhead, full_name, mail_asking
from center1111.records import Complainant, Complaint, HistoryEntry, Referral
from servicekit.mail import Mail
from servicekit.mail_queue import MailState, owe_mail

BY_MAIL: Final = "mail"
"""Who passed the question on, when a mail server took the mail."""


def owe_question(session: Session, complaint: Complaint, referral: Referral, *, now: datetime) -> None:
    """Owe the complainant, in the caller's transaction, a mail with the question, if they left an e-mail address."""
    complainant = session.get(Complainant, complaint.id)
    if complainant is not None and complainant.email is not None:
        owe_mail(session, about=referral.id, now=now)


def write_question(session: Session, referral_id: UUID, head: Letterhead) -> Mail | None:
    """The mail with the last question; None when it was answered, or the address was erased since."""
    complaint, referral, complainant = session.execute(
        sa.select(Complaint, Referral, Complainant)
        .join(Referral, Referral.complaint_id == Complaint.id)
        .outerjoin(Complainant, Complainant.complaint_id == Complaint.id)
        .where(Referral.id == referral_id)
    ).one()
    email: str | None = getattr(complainant, "email", None)
    if referral.state is not ReferralState.AWAITING_COMPLAINANT or email is None:
        return None
    question = session.scalar(
        sa.select(HistoryEntry.note)
        .where(HistoryEntry.referral_id == referral_id, HistoryEntry.move == ReferralMove.ASK)
        .order_by(HistoryEntry.at.desc(), HistoryEntry.id.desc())
        .limit(1)
    )
    name = full_name(complainant.title, complainant.first_name, complainant.last_name)
    return mail_asking(head, complaint.tracking_number, name, question or "", to=email)


def settle_question(session: Session, referral_id: UUID, state: MailState, problem: str | None, now: datetime) -> None:
    """Write down whether the complainant was told of the question: if not, somebody should call them."""
    if state is MailState.DROPPED:
        return
    complaint, referral = steps.referral_to_change(session, referral_id)
    said = "ส่งคำถามของหน่วยงานทางอีเมลแล้ว" if state is MailState.SENT else "ส่งคำถามของหน่วยงานทางอีเมลไม่สำเร็จ"
    note = f"{referral.number}: {said}" + (f" ({problem})" if problem else "")
    steps.advance(session, complaint, Move.NOTE, by=BY_MAIL, now=now, note=note)
