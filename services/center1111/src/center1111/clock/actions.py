"""The clock of a complaint: stopped for a reason, and restarted with its deadlines moved by the days it stood."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from center1111 import steps
from center1111.codes import StopReason
from center1111.deadlines import Deadlines
from center1111.journey import REFERRAL_UNDER_WAY, Move, State
from center1111.records import ClockStop, Complaint, Referral
from center1111.standing import is_in
from servicekit.ids import uuid7
from servicekit.problems import DomainError
from servicekit.versions import Versions


class ClockStandsStill(DomainError):
    """The clock is stopped already."""


class ClockRuns(DomainError):
    """The clock is not stopped."""


def stop_clock(
    session: Session,
    complaint_id: UUID,
    *,
    reason: StopReason,
    note: str | None,
    wanted: Versions,
    by: str,
    now: datetime,
) -> tuple[Complaint, ClockStop]:
    """From now on no deadline of the complaint runs: it is neither near due nor overdue, and nobody is reminded.

    Raises:
        ClockStandsStill: it is stopped already.
        ComplaintNotFound, VersionMismatch, MoveNotAllowed: as `steps` tells.
    """
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    why = reason if note is None else f"{reason}: {note}"
    steps.advance(session, complaint, Move.STOP_CLOCK, by=by, now=now, note=why)
    if complaint.clock_stopped_at is not None:
        raise ClockStandsStill
    complaint.clock_stopped_at = now
    stop = ClockStop(id=uuid7(), complaint_id=complaint_id, reason=reason, note=note, stopped_at=now, stopped_by=by)
    session.add(stop)
    session.flush()
    return complaint, stop


def restart_clock(
    session: Session,
    complaint_id: UUID,
    *,
    note: str | None,
    wanted: Versions,
    deadlines: Deadlines,
    by: str,
    now: datetime,
) -> Complaint:
    """The open deadlines run again, later by as many working days as the clock stood.

    Raises:
        ClockRuns: it is not stopped.
        ComplaintNotFound, VersionMismatch, MoveNotAllowed: as `steps` tells.
    """
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.RESTART_CLOCK, by=by, now=now, note=note)
    if complaint.clock_stopped_at is None:
        raise ClockRuns
    stood = deadlines.stood(complaint.clock_stopped_at, now)
    complaint.due_at = deadlines.later(complaint.due_at, stood)
    if complaint.state is State.RECEIVED:
        complaint.verify_due_at = deadlines.later(complaint.verify_due_at, stood)
    under_way = sa.select(Referral).where(
        Referral.complaint_id == complaint_id, is_in(Referral.state, REFERRAL_UNDER_WAY)
    )
    for referral in session.scalars(under_way.with_for_update()):
        referral.due_at = deadlines.later(referral.due_at, stood)
        referral.changed_at = now
    steps.end_clock_stop(session, complaint, by=by, now=now, working_days=stood)
    session.flush()
    return complaint
