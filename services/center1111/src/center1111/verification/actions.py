"""The Centre's check of a complaint: accept it, or refuse it on a ground."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from center1111 import steps
from center1111.codes import RefusalGround
from center1111.journey import Move
from servicekit.versions import Versions


def verify(
    session: Session,
    complaint_id: UUID,
    *,
    ground: RefusalGround | None,
    note: str | None,
    wanted: Versions,
    by: str,
    now: datetime,
) -> None:
    """Accept the complaint, or refuse it on `ground`.

    Raises:
        ComplaintNotFound, VersionMismatch, MoveNotAllowed: as `steps` tells.
    """
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.REFUSE if ground else Move.ACCEPT, by=by, now=now, note=note)
    complaint.verified_at = now
    complaint.verified_by = by
    complaint.refusal_ground = ground
    complaint.verification_note = note
