"""The clock of a complaint stands still for a reason, and runs again with its deadlines moved by the days it stood.

Below the stages, as officers stop it, and so does an agency that asks the complainant.
"""

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


class ClockStandsStill(DomainError):
    """The clock is stopped already."""


class ClockRuns(DomainError):
    """The clock is not stopped."""


def stop(
    session: Session,
    complaint: Complaint,
    *,
    reason: StopReason,
    note: str | None,
    by: str,
    now: datetime,
    asked_in: UUID | None = None,
) -> ClockStop:
    """From now on no deadline of the complaint runs: it is neither near due nor overdue, and nobody is reminded.

    `asked_in` is the referral whose agency asked the complainant: the clock runs again when that is answered.

    Raises:
        ClockStandsStill: it is stopped already.
        MoveNotAllowed: no answer is owed.
    """
    steps.advance(
        session,
        complaint,
        Move.STOP_CLOCK,
        by=by,
        now=now,
        note=reason if note is None else f"{reason}: {note}",
    )
    if complaint.clock_stopped_at is not None:
        raise ClockStandsStill
    complaint.clock_stopped_at = now
    stopped = ClockStop(
        id=uuid7(),
        complaint_id=complaint.id,
        reason=reason,
        note=note,
        stopped_at=now,
        stopped_by=by,
        asked_in=asked_in,
    )
    session.add(stopped)
    return stopped


def restart(
    session: Session, complaint: Complaint, *, note: str | None, deadlines: Deadlines, by: str, now: datetime
) -> None:
    """The open deadlines run again, later by as many working days as the clock stood.

    Raises:
        ClockRuns: it is not stopped.
        MoveNotAllowed: no answer is owed.
    """
    steps.advance(session, complaint, Move.RESTART_CLOCK, by=by, now=now, note=note)
    if complaint.clock_stopped_at is None:
        raise ClockRuns
    stood = deadlines.stood(complaint.clock_stopped_at, now)
    complaint.due_at = deadlines.later(complaint.due_at, stood)
    if complaint.state is State.RECEIVED:
        complaint.verify_due_at = deadlines.later(complaint.verify_due_at, stood)
    under_way = sa.select(Referral).where(
        Referral.complaint_id == complaint.id, is_in(Referral.state, REFERRAL_UNDER_WAY)
    )
    with session.no_autoflush:  # a referral in the middle of a move would not pass the table's checks
        for referral in session.scalars(under_way.with_for_update()):
            waited = deadlines.stood(max(complaint.clock_stopped_at, referral.referred_at), now)
            referral.due_at = deadlines.later(referral.due_at, waited)
            referral.changed_at = now
    steps.end_clock_stop(session, complaint, by=by, now=now, working_days=stood)


def asked_in(session: Session, complaint: Complaint) -> UUID | None:
    """The referral whose agency's question the clock waits for; None when it runs, or stands for another reason."""
    if complaint.clock_stopped_at is None:
        return None
    with session.no_autoflush:  # as above
        return session.scalar(
            sa.select(ClockStop.asked_in).where(
                ClockStop.complaint_id == complaint.id, ClockStop.restarted_at.is_(None)
            )
        )
