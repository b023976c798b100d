"""An officer stops the clock of a complaint, restarts it, and reports progress, from which the limit begins anew."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from center1111 import clock_stops, steps
from center1111.codes import StopReason
from center1111.deadlines import Deadlines
from center1111.journey import Move
from center1111.records import ClockStop, Complaint
from servicekit.versions import Versions


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
    """Stop it.

    Raises:
        ClockStandsStill, MoveNotAllowed: as `clock_stops` tells.
        ComplaintNotFound, VersionMismatch: as `steps` tells.
    """
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    stopped = clock_stops.stop(session, complaint, reason=reason, note=note, by=by, now=now)
    session.flush()
    return complaint, stopped


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
    """Let it run again.

    Raises:
        ClockRuns, MoveNotAllowed: as `clock_stops` tells.
        ComplaintNotFound, VersionMismatch: as `steps` tells.
    """
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    clock_stops.restart(session, complaint, note=note, deadlines=deadlines, by=by, now=now)
    session.flush()
    return complaint


def report_progress(
    session: Session,
    complaint_id: UUID,
    *,
    text: str,
    wanted: Versions,
    deadlines: Deadlines,
    by: str,
    now: datetime,
) -> None:
    """Tell the complainant what has been done so far: the legal interim report, so the limit to answer begins anew.

    Source: the deadline settings. Where the clock stands, it begins from the moment at which it was stopped. What an
    agency owes is left as it is: that limit begins anew by its own report.

    Raises:
        ComplaintNotFound, VersionMismatch, MoveNotAllowed: as `steps` tells.
    """
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.REPORT_PROGRESS, by=by, now=now, note=text)
    complaint.due_at = max(complaint.due_at, deadlines.answer_due(complaint.clock_stopped_at or now))
    session.flush()
