"""An officer stops the clock of a complaint, and restarts it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from center1111 import clock_stops, steps
from center1111.codes import StopReason
from center1111.deadlines import Deadlines
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
