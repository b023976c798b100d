"""The end of a complaint, and what may follow: closing, reopening, withdrawing, notes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from center1111 import agencies, complainants, steps, tellings
from center1111.complainants import BY_COMPLAINANT
from center1111.deadlines import Deadlines
from center1111.journey import REFERRAL_UNDER_WAY, Move, ReopeningState
from center1111.records import Complaint
from servicekit.problems import DomainError
from servicekit.versions import Versions


class NoReopeningRequest(DomainError):
    """The complainant has not asked for it, or it was decided already."""


def close(session: Session, complaint_id: UUID, *, note: str | None, wanted: Versions, by: str, now: datetime) -> None:
    """Close an answered complaint. What is still to be told of its answer stays owed."""
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.CLOSE, by=by, now=now, note=note)
    complaint.closed_at = now


def reopen(
    session: Session,
    complaint_id: UUID,
    *,
    reason: str,
    wanted: Versions,
    deadlines: Deadlines,
    by: str,
    now: datetime,
) -> None:
    """Make an answered or closed complaint the Centre's to answer again, within a new limit.

    The answers so far stay on record. Those that were not told yet are told no more, and a
    complainant's request for it is granted.
    """
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.REOPEN, by=by, now=now, note=reason)
    complaint.closed_at = None
    complaint.due_at = deadlines.answer_due(now)
    tellings.call_off(session, complaint_id, now=now)
    complainants.decide_on_request(session, complaint_id, ReopeningState.GRANTED, decision=reason, by=by, now=now)


def withdraw(session: Session, complaint_id: UUID, *, reason: str, wanted: Versions, by: str, now: datetime) -> None:
    """End the complaint because the complainant no longer pursues it; what was still to be told is called off."""
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.WITHDRAW, by=by, now=now, note=reason)
    tellings.call_off(session, complaint_id, now=now)
    complainants.decide_on_request(session, complaint_id, ReopeningState.DECLINED, decision=reason, by=by, now=now)


def withdraw_own(session: Session, complaint: Complaint, *, reason: str, deadlines: Deadlines, now: datetime) -> None:
    """End the complaint because its complainant asks so; an agency that works on it is told.

    Raises:
        NotPossibleNow: it is at its end.
    """
    with_agency = agencies.referral_in(session, complaint, *REFERRAL_UNDER_WAY)
    if with_agency is not None:
        agencies.withdraw(
            session, complaint, with_agency, reason=reason, deadlines=deadlines, by=BY_COMPLAINANT, now=now
        )
    complainants.advance(session, complaint, Move.WITHDRAW, now=now, note=reason)
    tellings.call_off(session, complaint.id, now=now)
    complainants.decide_on_request(
        session, complaint.id, ReopeningState.DECLINED, decision=reason, by=BY_COMPLAINANT, now=now
    )


def decline_reopening(
    session: Session, complaint_id: UUID, *, reason: str, wanted: Versions, by: str, now: datetime
) -> None:
    """Leave the complaint as it was answered, and tell the complainant why.

    Raises:
        NoReopeningRequest: none is open.
    """
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.DECLINE_REOPENING, by=by, now=now, note=reason)
    if not complainants.decide_on_request(
        session, complaint_id, ReopeningState.DECLINED, decision=reason, by=by, now=now
    ):
        raise NoReopeningRequest


def add_note(session: Session, complaint_id: UUID, *, text: str, wanted: Versions, by: str, now: datetime) -> int:
    """Keep a note in the complaint's history; the complaint's version."""
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.NOTE, by=by, now=now, note=text)
    session.flush()
    return complaint.version
