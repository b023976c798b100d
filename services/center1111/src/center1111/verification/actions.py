"""The Centre's check of a complaint: tick what was looked at, link what belongs together, accept, or refuse."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from center1111 import steps
from center1111.codes import Check, LinkKind, RefusalGround
from center1111.journey import Move
from center1111.records import ChecklistTick, Complaint, ComplaintLink
from center1111.verification.mails import owe_refusal
from servicekit.ids import uuid7
from servicekit.problems import DomainError, FieldError, InvalidInput
from servicekit.versions import Versions
from servicekit.words import Words

_TO_ITSELF: Final = FieldError("/to", "link_to_itself", Words("เชื่อมโยงกับเรื่องเดียวกันไม่ได้", "It is the same complaint."))
_UNKNOWN_COMPLAINT: Final = FieldError("/to", "unknown_complaint", Words("ไม่พบเรื่องนี้", "There is no such complaint."))


class ChecksMissing(DomainError):
    """A check that acceptance needs is not ticked, or not fulfilled."""


class LinkedAlready(DomainError):
    """The two complaints are linked; of which kind, their list of links tells."""


class LinkNotFound(DomainError):
    """The complaint has no such link, or it was removed."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What was found of one thing of the checklist."""

    check: Check
    fulfilled: bool
    note: str | None = None


def verify(
    session: Session,
    complaint_id: UUID,
    *,
    ground: RefusalGround | None,
    note: str | None,
    required: Collection[Check],
    wanted: Versions,
    by: str,
    now: datetime,
) -> None:
    """Accept the complaint, or refuse it on `ground` and owe the complainant a mail that says so.

    Raises:
        ChecksMissing: it would be accepted although one of the `required` checks is not fulfilled.
        ComplaintNotFound, VersionMismatch, MoveNotAllowed: as `steps` tells.
    """
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.REFUSE if ground else Move.ACCEPT, by=by, now=now, note=note)
    complaint.verified_at = now
    complaint.verified_by = by
    complaint.refusal_ground = ground
    complaint.verification_note = note
    if ground is not None:
        owe_refusal(session, complaint, now=now)
    if ground is None and required:
        fulfilled = session.scalars(
            sa.select(ChecklistTick.check).where(ChecklistTick.complaint_id == complaint_id, ChecklistTick.fulfilled)
        ).all()
        missing = [check for check in required if check not in fulfilled]
        if missing:
            raise ChecksMissing(missing=", ".join(missing))


def tick(
    session: Session, complaint_id: UUID, ticks: Collection[Tick], *, wanted: Versions, by: str, now: datetime
) -> Complaint:
    """Record what was found of things of the checklist; a later tick replaces the earlier, and history keeps both.

    Raises:
        ComplaintNotFound, VersionMismatch, MoveNotAllowed: as `steps` tells.
    """
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    said = "; ".join(f"{one.check}: {'yes' if one.fulfilled else 'no'}" for one in ticks)
    steps.advance(session, complaint, Move.CHECK, by=by, now=now, note=said)
    adding = insert(ChecklistTick)
    replacing = {name: adding.excluded[name] for name in ("fulfilled", "note", "ticked_at", "ticked_by")}
    session.execute(
        adding.on_conflict_do_update(index_elements=["complaint_id", "check"], set_=replacing),
        [
            {
                "complaint_id": complaint_id,
                "check": one.check,
                "fulfilled": one.fulfilled,
                "note": one.note,
                "ticked_at": now,
                "ticked_by": by,
            }
            for one in ticks
        ],
    )
    session.flush()
    return complaint


def link(
    session: Session,
    complaint_id: UUID,
    *,
    to: UUID,
    kind: LinkKind,
    note: str | None,
    wanted: Versions,
    by: str,
    now: datetime,
) -> tuple[Complaint, UUID]:
    """Say what the complaint is to another one; both histories tell of it. The complaint, and the link's id.

    Raises:
        InvalidInput: there is no such other complaint.
        LinkedAlready: the two are linked, whichever of them names the other.
        ComplaintNotFound, VersionMismatch: as `steps` tells.
    """
    if to == complaint_id:
        raise InvalidInput(_TO_ITSELF)
    complaint, other = _both(session, complaint_id, to, wanted)
    if other is None:
        raise InvalidInput(_UNKNOWN_COMPLAINT)
    made = session.scalar(
        insert(ComplaintLink)
        .values(id=uuid7(), complaint_id=complaint_id, other_id=to, kind=kind, note=note, linked_at=now, linked_by=by)
        .on_conflict_do_nothing()
        .returning(ComplaintLink.id)
    )
    if made is None:
        raise LinkedAlready
    for one, its_other in ((complaint, other), (other, complaint)):
        steps.advance(session, one, Move.LINK, by=by, now=now, note=f"{kind}: {its_other.tracking_number}")
    session.flush()
    return complaint, made


def unlink(
    session: Session, complaint_id: UUID, link_id: UUID, *, reason: str, wanted: Versions, by: str, now: datetime
) -> Complaint:
    """Take back a link that was made by mistake; that it was made stays on record.

    Raises:
        LinkNotFound: the complaint has no such link.
        ComplaintNotFound, VersionMismatch: as `steps` tells.
    """
    found = session.get(ComplaintLink, link_id)
    if found is None or complaint_id not in (found.complaint_id, found.other_id):
        raise LinkNotFound
    other_id = found.other_id if found.complaint_id == complaint_id else found.complaint_id
    complaint, other = _both(session, complaint_id, other_id, wanted)
    session.refresh(found)
    if found.removed_at is not None or other is None:
        raise LinkNotFound
    found.removed_at, found.removed_by, found.removal_reason = now, by, reason
    for one in (complaint, other):
        steps.advance(session, one, Move.UNLINK, by=by, now=now, note=reason)
    session.flush()
    return complaint


def _both(session: Session, complaint_id: UUID, other_id: UUID, wanted: Versions) -> tuple[Complaint, Complaint | None]:
    """Both complaints, locked in the order of their ids, so that no two changes can wait for each other.

    Raises:
        Erased: one of them is.
    """
    locked = session.scalars(
        sa.select(Complaint).where(Complaint.id.in_([complaint_id, other_id])).order_by(Complaint.id).with_for_update()
    ).all()
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    other = next((one for one in locked if one.id == other_id), None)
    if other is not None and other.erased_at is not None:
        raise steps.Erased
    return complaint, other
