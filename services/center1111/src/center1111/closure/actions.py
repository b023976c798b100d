"""The end of a complaint, and what may follow: closing, reopening, withdrawing, notes."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from center1111 import steps, tellings
from center1111.deadlines import Deadlines
from center1111.journey import Move, ReopeningState
from center1111.records import ReopeningRequest
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
    decide(session, complaint_id, ReopeningState.GRANTED, decision=reason, by=by, now=now)


def withdraw(session: Session, complaint_id: UUID, *, reason: str, wanted: Versions, by: str, now: datetime) -> None:
    """End the complaint because the complainant no longer pursues it; what was still to be told is called off."""
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.WITHDRAW, by=by, now=now, note=reason)
    tellings.call_off(session, complaint_id, now=now)
    decide(session, complaint_id, ReopeningState.DECLINED, decision=reason, by=by, now=now)


def decline_reopening(
    session: Session, complaint_id: UUID, *, reason: str, wanted: Versions, by: str, now: datetime
) -> None:
    """Leave the complaint as it was answered, and tell the complainant why.

    Raises:
        NoReopeningRequest: none is open.
    """
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.DECLINE_REOPENING, by=by, now=now, note=reason)
    if not decide(session, complaint_id, ReopeningState.DECLINED, decision=reason, by=by, now=now):
        raise NoReopeningRequest


def decide(
    session: Session, complaint_id: UUID, state: ReopeningState, *, decision: str, by: str, now: datetime
) -> bool:
    """Decide on the open request to reopen a complaint, which is locked; False where there is none."""
    open_request = sa.select(ReopeningRequest).where(
        ReopeningRequest.complaint_id == complaint_id, ReopeningRequest.state == ReopeningState.OPEN
    )
    request = session.scalar(open_request)
    if request is None:
        return False
    request.state, request.decision, request.decided_by, request.decided_at = state, decision, by, now
    return True


def add_note(session: Session, complaint_id: UUID, *, text: str, wanted: Versions, by: str, now: datetime) -> int:
    """Keep a note in the complaint's history; the complaint's version."""
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.NOTE, by=by, now=now, note=text)
    session.flush()
    return complaint.version
