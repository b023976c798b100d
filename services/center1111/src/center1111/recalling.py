"""What the Centre's own messages mean for its records, when it was restored and learnt them again from its peer."""

import functools
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

import schemas
from center1111 import agencies, steps
from center1111.deadlines import Deadlines
from center1111.erasure.actions import erase_again
from center1111.intake.rules import search_text, text_sketch
from center1111.journey import Move, ReferralMove, ReferralState, State
from center1111.records import Complainant, Complaint, HistoryEntry, Referral
from center1111.steps import RECOVERY
from exchange import Handler
from schemas import ERASED, Corrections, Message, ReferralAmended, ReferralContested, ReferralSent, ReferralWithdrawn
from servicekit.database import Query
from servicekit.ids import uuid7

_DIGEST_BYTES: Final = 32
_COUNT_ON: Final = Query(
    sa.text("SELECT setval(CAST(:name AS regclass), greatest(:serial, nextval(CAST(:name AS regclass))))")
)


def _sent(session: Session, message: Message, body: ReferralSent, now: datetime) -> None:
    """The referral is on record again, and the complaint as far as it had been sent: without its evidence."""
    complaint = session.scalar(
        sa.select(Complaint).where(Complaint.tracking_number == body.tracking_number).with_for_update()
    )
    if complaint is None:
        complaint = _complaint(session, message, body, now)
    steps.advance(session, complaint, Move.REFER, by=RECOVERY, now=now, note=body.question)
    session.add(
        Referral(
            id=message.subject,
            complaint_id=complaint.id,
            ordinal=int(body.referral_number.rpartition("/")[2]),
            number=body.referral_number,
            to=_peer_of(session, message.id),
            question=body.question,
            state=ReferralState.QUEUED,
            referred_at=message.time,
            referred_by=RECOVERY,
            due_at=body.due_at,
            changed_at=now,
        )
    )
    session.flush()
    _enter(session, complaint.id, ReferralMove.SEND, ReferralState.QUEUED, now, referral_id=message.subject)


def _complaint(session: Session, message: Message, body: ReferralSent, now: datetime) -> Complaint:
    """The complaint anew. Its tracking secret is lost: nobody but officers can follow it until it gets another."""
    _, year, serial, *_ = body.tracking_number.split("-")
    _COUNT_ON.run(session, name=f"tracking_numbers_{year}", serial=int(serial))
    searched = search_text(body.subject, body.details)
    complaint = Complaint(
        id=uuid7(),
        tracking_number=body.tracking_number,
        tracking_secret_digest=secrets.token_bytes(_DIGEST_BYTES),
        state=State.VERIFIED,
        channel=body.channel,
        kind=body.kind,
        subject=body.subject,
        details=body.details,
        search_text=searched,
        text_sketch=text_sketch(searched),
        repeat_writer=False,
        verify_due_at=message.time,
        confidential=body.confidential,
        **(body.place.model_dump() if body.place else {}),
        evidence={},
        received_at=body.received_at,
        recorded_at=max(message.time, body.received_at),
        recorded_by=RECOVERY,
        due_at=body.due_at,
        changed_at=now,
        verified_at=message.time,
        verified_by=RECOVERY,
    )
    session.add(complaint)
    session.flush()
    if body.complainant is not None:
        session.add(Complainant(complaint_id=complaint.id, **body.complainant.model_dump()))
    _enter(session, complaint.id, Move.REGISTER, State.RECEIVED, now)
    return complaint


def _withdrawn(
    session: Session, message: Message, body: ReferralWithdrawn, now: datetime, *, deadlines: Deadlines
) -> None:
    complaint, referral = steps.referral_to_change(session, message.subject)
    agencies.advance(
        session,
        complaint,
        referral,
        ReferralMove.WITHDRAW,
        deadlines=deadlines,
        by=RECOVERY,
        now=now,
        note=body.reason,
    )
    referral.withdrawn_at, referral.withdrawal_reason = message.time, body.reason
    steps.advance(session, complaint, Move.TAKE_BACK, by=RECOVERY, now=now, note=body.reason)


def _amended(session: Session, message: Message, body: ReferralAmended, now: datetime, *, deadlines: Deadlines) -> None:
    complaint, referral = steps.referral_to_change(session, message.subject)
    if body.corrections is not None:
        corrected = _correct(session, complaint, body.corrections)
        steps.advance(session, complaint, Move.CORRECT, by=RECOVERY, now=now, note=", ".join(corrected))
        steps.advance_referral(session, referral, ReferralMove.CORRECT, by=RECOVERY, now=now, note=", ".join(corrected))
    if body.information is not None or body.attachments:
        agencies.advance(
            session,
            complaint,
            referral,
            ReferralMove.AMEND,
            deadlines=deadlines,
            by=RECOVERY,
            now=now,
            note=body.information,
        )


def _correct(session: Session, complaint: Complaint, corrections: Corrections) -> list[str]:
    """Correct the record again; what was corrected. Who was taken back from the agency stays known here."""
    values = corrections.model_dump(include={*agencies.SENT_AS_IT_IS}, exclude_none=True)
    place, complainant = corrections.place, corrections.complainant
    for name, value in {**values, **(place.model_dump() if place else {})}.items():
        setattr(complaint, name, value)
    complaint.search_text = search_text(complaint.subject, complaint.details)
    complaint.text_sketch = text_sketch(complaint.search_text)
    if complainant is not None and complainant != schemas.Complainant():
        session.merge(Complainant(complaint_id=complaint.id, **complainant.model_dump()))
    return [name for name, value in corrections if value is not None]


def _contested(session: Session, message: Message, body: ReferralContested, now: datetime) -> None:
    complaint, referral = steps.referral_to_change(session, message.subject)
    steps.advance_referral(session, referral, ReferralMove.CONTEST, by=RECOVERY, now=now, note=body.reason)
    if complaint.state is not State.VERIFIED:
        steps.advance(session, complaint, Move.REOPEN, by=RECOVERY, now=now, note=body.reason)
        complaint.closed_at = None
    steps.advance(session, complaint, Move.REFER, by=RECOVERY, now=now, note=body.reason)


def _peer_of(session: Session, message_id: UUID) -> str:
    peer: str = session.execute(
        sa.text("SELECT peer FROM exchange_outbox WHERE id = :id"), {"id": message_id}
    ).scalar_one()
    return peer


def _enter(
    session: Session, complaint_id: UUID, move: str, to_state: str, now: datetime, *, referral_id: UUID | None = None
) -> None:
    session.add(
        HistoryEntry(
            id=uuid7(),
            complaint_id=complaint_id,
            referral_id=referral_id,
            at=now,
            by=RECOVERY,
            move=move,
            to_state=to_state,
        )
    )


def recalled(deadlines: Deadlines) -> Mapping[str, Handler]:
    """Message type -> what it does, with the limits that the Centre's settings give."""
    return {
        "referral.sent.v1": _sent,
        "referral.withdrawn.v1": functools.partial(_withdrawn, deadlines=deadlines),
        "referral.amended.v1": functools.partial(_amended, deadlines=deadlines),
        "referral.contested.v1": _contested,
        ERASED: erase_again,
    }
