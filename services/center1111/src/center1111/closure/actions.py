"""The end of a complaint, and what may follow: closing, reopening, withdrawing, notes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from center1111 import steps
from center1111.deadlines import Deadlines
from center1111.journey import Move
from servicekit.versions import Versions


def close(session: Session, complaint_id: UUID, *, note: str | None, wanted: Versions, by: str, now: datetime) -> None:
    """Close an answered complaint."""
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

    The answers so far stay on record.
    """
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.REOPEN, by=by, now=now, note=reason)
    complaint.closed_at = None
    complaint.due_at = deadlines.answer_due(now)


def withdraw(session: Session, complaint_id: UUID, *, reason: str, wanted: Versions, by: str, now: datetime) -> None:
    """End the complaint because the complainant no longer pursues it."""
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.WITHDRAW, by=by, now=now, note=reason)


def add_note(session: Session, complaint_id: UUID, *, text: str, wanted: Versions, by: str, now: datetime) -> int:
    """Keep a note in the complaint's history; the complaint's version."""
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.NOTE, by=by, now=now, note=text)
    session.flush()
    return complaint.version
