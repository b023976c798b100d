"""A complaint that is with an agency: what the agency is told of it, and the clock that stands while it asks.

Below the stages, as both officers and complainants tell an agency more, and take the complaint back from it.
"""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

import schemas
from center1111 import clock_stops, steps
from center1111.codes import StopReason
from center1111.deadlines import Deadlines
from center1111.journey import REFERRAL_UNDER_WAY, AttachmentState, Move, ReferralMove, ReferralState
from center1111.records import Attachment, Complainant, Complaint, Referral
from center1111.standing import is_in
from exchange import owe

SENT_AS_IT_IS: Final = ("kind", "subject", "details")
"""What agencies are sent of a complaint, column by column; place and complainant travel as a whole."""


def advance(
    session: Session,
    complaint: Complaint,
    referral: Referral,
    move: ReferralMove,
    *,
    deadlines: Deadlines,
    by: str,
    now: datetime,
    note: str | None = None,
) -> None:
    """Move the referral and write it down; while it awaits the complainant, the complaint's clock stands still.

    A clock that stands for another reason stays as it is, and so does one that an officer restarted meanwhile.

    Raises:
        MoveNotAllowed: the journey knows no such move from its state.
    """
    steps.advance_referral(session, referral, move, by=by, now=now, note=note)
    waits = referral.state is ReferralState.AWAITING_COMPLAINANT
    if waits and complaint.clock_stopped_at is None:
        clock_stops.stop(
            session,
            complaint,
            reason=StopReason.AWAITING_COMPLAINANT,
            note=referral.number,
            by=by,
            now=now,
            asked_in=referral.id,
        )
    elif not waits and clock_stops.asked_in(session, complaint) == referral.id:
        stood = deadlines.stood(complaint.clock_stopped_at or now, now)
        if referral.agency_due_at is not None:  # the agency's own clock stood as long
            referral.agency_due_at = deadlines.later(referral.agency_due_at, stood)
        clock_stops.restart(session, complaint, note=referral.number, deadlines=deadlines, by=by, now=now)


def amend(
    session: Session,
    complaint: Complaint,
    referral: Referral,
    *,
    information: str,
    deadlines: Deadlines,
    by: str,
    now: datetime,
) -> None:
    """Tell the agency what has become known since, with the files that are here; it answers an open question.

    Raises:
        MoveNotAllowed: the referral is at its end.
    """
    advance(session, complaint, referral, ReferralMove.AMEND, deadlines=deadlines, by=by, now=now, note=information)
    body = schemas.ReferralAmended(
        **numbers(complaint, referral), information=information, attachments=attachments(session, complaint.id)
    )
    owe_to_agency(session, referral, body, now=now)


def pass_on_corrections(
    session: Session, complaint: Complaint, corrected: AbstractSet[str], *, by: str, now: datetime
) -> None:
    """Tell the agency that works on the complaint what is now otherwise in the record that it was sent.

    Args:
        corrected: The complaint's columns, and `complainant`. What an agency is never sent stays here: evidence, dates.
            Who has become confidential is taken back from it.
    """
    corrections: dict[str, object] = {name: getattr(complaint, name) for name in SENT_AS_IT_IS if name in corrected}
    if not corrected.isdisjoint(schemas.Place.model_fields):
        corrections["place"] = place_of(complaint)
    if "confidential" in corrected or ("complainant" in corrected and not complaint.confidential):
        corrections["complainant"] = complainant_of(session, complaint) or schemas.Complainant()
    referral = referral_in(session, complaint, *REFERRAL_UNDER_WAY) if corrections else None
    if referral is None:
        return
    steps.advance_referral(session, referral, ReferralMove.CORRECT, by=by, now=now, note=", ".join(corrections))
    body = schemas.ReferralAmended(
        **numbers(complaint, referral), corrections=schemas.Corrections.model_validate(corrections)
    )
    owe_to_agency(session, referral, body, now=now)


def withdraw(
    session: Session,
    complaint: Complaint,
    referral: Referral,
    *,
    reason: str,
    deadlines: Deadlines,
    by: str,
    now: datetime,
) -> None:
    """Take the complaint back from the agency before it has answered.

    Raises:
        MoveNotAllowed: the referral is at its end.
    """
    advance(session, complaint, referral, ReferralMove.WITHDRAW, deadlines=deadlines, by=by, now=now, note=reason)
    referral.withdrawn_at = now
    referral.withdrawal_reason = reason
    steps.advance(session, complaint, Move.TAKE_BACK, by=by, now=now, note=reason)
    owe_to_agency(session, referral, schemas.ReferralWithdrawn(**numbers(complaint, referral), reason=reason), now=now)


def referral_in(session: Session, complaint: Complaint, *states: ReferralState) -> Referral | None:
    """The complaint's referral that stands in one of the states, locked; the complaint is locked already."""
    return session.scalar(
        sa.select(Referral)
        .where(Referral.complaint_id == complaint.id, is_in(Referral.state, states))
        .order_by(Referral.ordinal.desc())
        .limit(1)
        .with_for_update()
    )


def owe_to_agency(session: Session, referral: Referral, body: schemas.Wire, *, now: datetime) -> None:
    """Owe the agency a message, in the caller's transaction."""
    session.flush()  # the message is owed last: its subject's counter stays locked until the commit
    owe(session, body, to=referral.to, subject=referral.id, now=now)


def numbers(complaint: Complaint, referral: Referral) -> dict[str, str | None]:
    """Both sides' numbers, as every message carries them."""
    return {
        "referral_number": referral.number,
        "tracking_number": complaint.tracking_number,
        "case_number": referral.case_number,
    }


def place_of(complaint: Complaint) -> schemas.Place:
    """Where it happened, as agencies are told."""
    return schemas.Place(**{name: getattr(complaint, name) for name in schemas.Place.model_fields})


def complainant_of(session: Session, complaint: Complaint) -> schemas.Complainant | None:
    """Who complains, as agencies are told: nobody where it is confidential, or no name was given."""
    known = None if complaint.confidential else session.get(Complainant, complaint.id)
    if known is None:
        return None
    return schemas.Complainant(**{name: getattr(known, name) for name in schemas.Complainant.model_fields})


def attachments(session: Session, complaint_id: UUID) -> tuple[schemas.Attachment, ...]:
    """The files that may be handed out; the agency fetches those that it does not have yet."""
    found = session.scalars(
        sa.select(Attachment)
        .where(Attachment.complaint_id == complaint_id, Attachment.state == AttachmentState.AVAILABLE)
        .order_by(Attachment.announced_at, Attachment.id)
    )
    return tuple(
        schemas.Attachment(**{name: getattr(one, name) for name in schemas.Attachment.model_fields}) for one in found
    )
