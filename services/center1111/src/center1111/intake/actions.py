"""Recording a complaint from any channel, and correcting what was recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, REGCLASS, insert
from sqlalchemy.orm import Session

from center1111 import agencies, steps
from center1111.codes import MarkKind
from center1111.deadlines import Deadlines
from center1111.fields import WITHHELD
from center1111.intake import rules
from center1111.intake.bodies import NewComplainant, NewComplaint, NewPlace
from center1111.journey import Move, State
from center1111.records import ClockStop, Complainant, ComplainantMark, Complaint, HistoryEntry
from center1111.tracking_secret import digest_of, make_secret
from center1111.writers import Writers
from servicekit.database import Query
from servicekit.ids import uuid7
from servicekit.problems import FieldError, InvalidInput
from servicekit.versions import Versions

_PLACE: Final = tuple(NewPlace.model_fields)
_COMPLAINANT: Final = tuple(NewComplainant.model_fields)
_NOBODY: Final = NewComplainant()
_NOWHERE: Final = NewPlace()
_DERIVED: Final = {"search_text", "text_sketch"}
_RENEWED: Final = "ออกรหัสลับติดตามเรื่องใหม่แล้ว รหัสเดิมใช้ไม่ได้อีก"

_NEXT_SERIAL = Query(sa.select(sa.func.nextval(sa.cast(sa.bindparam("sequence", type_=sa.Text), REGCLASS))))


def _bound(table: sa.Table, *left_out: str) -> dict[str, sa.BindParameter[Any]]:
    return {
        column.name: sa.bindparam(f"{table.name}_{column.name}", type_=column.type)
        for column in table.columns
        if column.name not in left_out
    }


_complaints = Complaint.metadata.tables[Complaint.__tablename__]
_complainants = Complaint.metadata.tables[Complainant.__tablename__]
_history = Complaint.metadata.tables[HistoryEntry.__tablename__]
_id = sa.bindparam("complaints_id", type_=sa.Uuid)
_DECIDED_LATER: Final = (
    "verified_at",
    "verified_by",
    "refusal_ground",
    "verification_note",
    "answered_at",
    "answer_origin",
    "work_group",
    "closed_at",
    "tell_due_at",
    "told_at",
    "clock_stopped_at",
    "erased_at",
)

_marks = Complaint.metadata.tables[ComplainantMark.__tablename__]
_told_marks = sa.bindparam("marks", type_=ARRAY(sa.LargeBinary))
_wrote_before = (
    sa.select(sa.func.count(_marks.c.complaint_id.distinct()) >= sa.bindparam("repeat_after", type_=sa.Integer))
    .where(_marks.c.mark == sa.any_(_told_marks), _marks.c.complaint_id >= sa.bindparam("since", type_=sa.Uuid))
    .scalar_subquery()
)
_register_complaint = (
    insert(_complaints)
    .values({**_bound(_complaints, "repeat_writer", *_DECIDED_LATER), "repeat_writer": _wrote_before})
    .cte("complaint")
)
_insert_marks = insert(_marks).from_select(
    ["complaint_id", "kind", "mark"],
    sa.select(_id, sa.func.unnest(sa.bindparam("mark_kinds", type_=ARRAY(sa.Text))), sa.func.unnest(_told_marks)),
)
_register_marks = _insert_marks.returning(_marks.c.mark).cte("marks_made")
_register_complainant = (
    insert(_complainants)
    .values({**_bound(_complainants, "complaint_id"), "complaint_id": _id})
    .returning(_complainants.c.complaint_id)
    .cte("complainant")
)
_register_history = (
    insert(_history)
    .values(
        id=sa.bindparam("history_id", type_=sa.Uuid),
        complaint_id=_id,
        at=sa.bindparam("complaints_recorded_at", type_=_history.c.at.type),
        by=sa.bindparam("complaints_recorded_by"),
        move=Move.REGISTER.value,
        to_state=State.RECEIVED.value,
    )
    .returning(_history.c.id)
)
# Complaint, complainant and history in one round trip: recording is what the Centre does most.
_REGISTER = Query(_register_history.add_cte(_register_complaint, _register_complainant, _register_marks))
_REGISTER_ANONYMOUS = Query(_register_history.add_cte(_register_complaint, _register_marks))
_INSERT_MARKS = Query(_insert_marks)
_DELETE_MARKS = Query(sa.delete(_marks).where(_marks.c.complaint_id == _id))


@dataclass(frozen=True, slots=True)
class Registered:
    """What is told of a complaint that was just recorded: its secret is shown this once."""

    id: UUID
    tracking_number: str
    tracking_secret: str


def register_complaint(
    session: Session,
    new: NewComplaint,
    *,
    by: str,
    client_id: str | None = None,
    deadlines: Deadlines,
    writers: Writers,
    now: datetime,
) -> Registered:
    """Record a complaint, its complainant apart, and the first line of its history.

    Raises:
        InvalidInput: the evidence contradicts the date of receipt.
    """
    received_at = new.received_at or now
    refuse_contradictions(new, received_at)
    year = rules.tracking_year(now)
    number = rules.tracking_number(year, _NEXT_SERIAL.scalar(session, sequence=f"tracking_numbers_{year}") or 0)
    secret = make_secret()
    complaint_id = uuid7()
    values: dict[str, object] = {
        "complaints_id": complaint_id,
        "complaints_version": 1,
        "complaints_tracking_number": number,
        "complaints_tracking_secret_digest": digest_of(number, secret),
        "complaints_state": State.RECEIVED.value,
        "complaints_recorded_at": now,
        "complaints_recorded_by": by,
        "complaints_client_id": client_id,
        "complaints_due_at": deadlines.answer_due(received_at),
        "complaints_verify_due_at": deadlines.verify_due(received_at),
        "complaints_changed_at": now,
        "history_id": uuid7(),
        **{f"complaints_{name}": value for name, value in _content(new, received_at).items()},
        **_marks_of(new, writers),
        "repeat_after": writers.repeat_from - 1,
        "since": writers.since(now),
    }
    if new.complainant is None or new.complainant == _NOBODY:
        _REGISTER_ANONYMOUS.run(session, **values)
    else:
        told = {f"complainants_{name}": getattr(new.complainant, name) for name in _COMPLAINANT}
        _REGISTER.run(session, **values, **told)
    return Registered(complaint_id, number, secret)


def correct_complaint(
    session: Session,
    complaint_id: UUID,
    corrected: NewComplaint,
    *,
    wanted: Versions,
    deadlines: Deadlines,
    writers: Writers,
    by: str,
    now: datetime,
) -> None:
    """Make the complaint say what `corrected` says; its history names the fields that changed, not what they held.

    What is due counted from the receipt is counted anew. The agency that works on it is told, too.

    Raises:
        ComplaintNotFound, VersionMismatch, MoveNotAllowed: as `steps` tells.
        InvalidInput: the evidence contradicts the date of receipt.
    """
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    received_at = corrected.received_at or complaint.received_at
    refuse_contradictions(corrected, received_at)
    content = _content(corrected, received_at)
    changed = {name for name, value in content.items() if getattr(complaint, name) != value} - _DERIVED
    if _correct_complainant(session, complaint_id, corrected.complainant or _NOBODY):
        changed.add("complainant")
    if "received_at" in changed:
        _count_anew(session, complaint, received_at, deadlines)
    for name, value in content.items():
        setattr(complaint, name, value)
    if changed:
        steps.advance(session, complaint, Move.CORRECT, by=by, now=now, note=", ".join(sorted(changed)))
        _DELETE_MARKS.run(session, complaints_id=complaint_id)
        _INSERT_MARKS.run(session, complaints_id=complaint_id, **_marks_of(corrected, writers))
        agencies.pass_on_corrections(session, complaint, changed, by=by, now=now)


def _count_anew(session: Session, complaint: Complaint, received_at: datetime, deadlines: Deadlines) -> None:
    """Move the deadlines that count from the receipt; one that a reopening or a report has set since stays."""
    stood = session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(ClockStop.working_days), 0)).where(
            ClockStop.complaint_id == complaint.id
        )
    )
    for name, counted in (("due_at", deadlines.answer_due), ("verify_due_at", deadlines.verify_due)):
        if getattr(complaint, name) == deadlines.later(counted(complaint.received_at), stood or 0):
            setattr(complaint, name, deadlines.later(counted(received_at), stood or 0))


def _correct_complainant(session: Session, complaint_id: UUID, corrected: NewComplainant) -> bool:
    present = session.get(Complainant, complaint_id)
    told = {name: getattr(corrected, name) for name in _COMPLAINANT}
    if told == {name: getattr(present, name, None) for name in _COMPLAINANT}:
        return False
    if corrected == _NOBODY:
        session.delete(present)
    else:
        session.merge(Complainant(complaint_id=complaint_id, **told))
    return True


def _marks_of(new: NewComplaint, writers: Writers) -> dict[str, Any]:
    complainant = new.complainant or _NOBODY
    caller = getattr(new.evidence, "caller_number", WITHHELD)
    known = {
        MarkKind.NATIONAL_ID: complainant.national_id,
        MarkKind.PHONE: complainant.phone or (None if caller == WITHHELD else caller),
        MarkKind.EMAIL: complainant.email,
    }
    marks = writers.marks_of(known)
    return {"mark_kinds": [kind.value for kind in marks], "marks": list(marks.values())}


def _content(new: NewComplaint, received_at: datetime) -> Mapping[str, Any]:
    place = new.place or _NOWHERE
    searched = rules.search_text(new.subject, new.details)
    return {
        "channel": new.channel,
        "kind": new.kind,
        "subject": new.subject,
        "details": new.details,
        "search_text": searched,
        "text_sketch": rules.text_sketch(searched),
        "confidential": new.confidential,
        **{name: getattr(place, name) for name in _PLACE},
        "evidence": new.evidence.model_dump(mode="json"),
        "received_at": received_at,
    }


def refuse_contradictions(new: NewComplaint, received_at: datetime) -> None:
    """Refuse evidence that is younger than the complaint which it belongs to.

    Raises:
        InvalidInput: all that is so.
    """
    faults = list(rules.contradictions(new.evidence.model_dump(), received_at))
    if faults:
        raise InvalidInput(*(FieldError(fault.pointer, fault.code, fault.detail) for fault in faults))


def renew_secret(session: Session, complaint_id: UUID, *, by: str, now: datetime) -> tuple[str, str]:
    """Give the complaint a new secret in place of the one it has; its tracking number and that secret.

    Raises:
        ComplaintNotFound, Erased: as `steps` tells.
    """
    complaint = steps.complaint_to_change(session, complaint_id)
    secret = make_secret()
    complaint.tracking_secret_digest = digest_of(complaint.tracking_number, secret)
    steps.advance(session, complaint, Move.NOTE, by=by, now=now, note=_RENEWED)
    return complaint.tracking_number, secret
