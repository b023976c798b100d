"""Likely duplicates of a complaint across channels, and what is linked to it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased

from center1111.codes import MarkKind
from center1111.records import ComplainantMark, Complaint, ComplaintLink
from center1111.verification.rules import LIKELY_FROM, Likeness, likeness
from center1111.writers import Writers
from servicekit.database import Query

# What bounds the work, however many complaints there are: so many candidates by each way, and so much of their texts
# is compared.
_CANDIDATES: Final = 30
_CHARACTERS: Final = 1_000
# Numbers of a sketch that so many of the newest complaints have come from what everybody writes: these find no more
# than the newest. Of those that share another number, so many are looked at.
_NEWEST: Final = 1_000
_COMMON_FROM: Final = 10
_LOOKED_AT: Final = 300

_ID: Final = sa.bindparam("id", type_=sa.Uuid)
_SKETCH: Final = sa.bindparam("sketch", type_=ARRAY(sa.Integer))
_RARE: Final = sa.bindparam("rare", type_=ARRAY(sa.Integer))
_SEARCHED: Final = sa.bindparam("searched", type_=sa.Text)
_PLACE: Final = ("province", "district", "community")

_SUBJECT = Query(
    sa.select(Complaint.search_text, Complaint.text_sketch, *(getattr(Complaint, name) for name in _PLACE)).where(
        Complaint.id == _ID
    )
)

_own, _theirs = aliased(ComplainantMark), aliased(ComplainantMark)
_same_writer = (
    sa.select(_theirs.complaint_id.label("id"))
    .join(_own, _own.mark == _theirs.mark)
    .where(_own.complaint_id == _ID)
    .order_by(_theirs.complaint_id.desc())
    .limit(_CANDIDATES)
)


def _shared(rows: sa.FromClause) -> sa.ColumnElement[list[int]]:
    """The numbers of `sketch` in the sketch of a row."""
    numbers = sa.func.unnest(rows.c.text_sketch).table_valued(sa.column("number", sa.Integer)).render_derived("numbers")
    return sa.func.array(
        sa.select(numbers.c.number).where(numbers.c.number == sa.any_(_SKETCH)).correlate(rows).scalar_subquery()
    ).label("shared")


_sketches = sa.select(Complaint.id, Complaint.text_sketch)
_newest = _sketches.order_by(Complaint.received_at.desc()).limit(_NEWEST).subquery("newest")
_ALIKE_OF_THE_NEWEST = Query(
    sa.select(_newest.c.id, _shared(_newest)).where(_newest.c.text_sketch.op("&&")(_SKETCH)), plan_for_values=True
)
# As a step of its own the index finds them all, of which few are read; with the limit in sight PostgreSQL might read
# complaints one by one until it has met enough.
_all_alike = _sketches.where(Complaint.text_sketch.op("&&")(_RARE)).cte("all_alike").prefix_with("MATERIALIZED")
_alike = sa.select(_all_alike).limit(_LOOKED_AT).subquery("alike")
_ALIKE = Query(sa.select(_alike.c.id, _shared(_alike)), plan_for_values=True)

_same_place = (
    sa.select(Complaint.id)
    .where(
        *(getattr(Complaint, name) == sa.bindparam(name, type_=sa.Text) for name in _PLACE),
        Complaint.community.is_not(None),
    )
    .order_by(Complaint.received_at.desc())
    .limit(_CANDIDATES)
)
_similar = sa.select(sa.func.unnest(sa.bindparam("similar", type_=ARRAY(sa.Uuid))).label("id"))
_candidates = sa.union(*(sa.select(way.subquery().c.id) for way in (_same_writer, _similar, _same_place))).subquery(
    "candidates"
)
_same = (
    sa.select(_theirs.kind)
    .join(_own, _own.mark == _theirs.mark)
    .where(_own.complaint_id == _ID, _theirs.complaint_id == Complaint.id)
    .correlate(Complaint)
    .scalar_subquery()
)
_DUPLICATES = Query(
    sa.select(
        Complaint.id,
        Complaint.tracking_number,
        Complaint.state,
        Complaint.channel,
        Complaint.kind,
        Complaint.subject,
        Complaint.received_at,
        sa.func.similarity(sa.func.left(Complaint.search_text, _CHARACTERS), _SEARCHED).label("text_similarity"),
        sa.func.array(_same).label("same"),
        sa.and_(
            *(getattr(Complaint, name) == sa.bindparam(name, type_=sa.Text) for name in ("province", "district"))
        ).label("same_district"),
        (Complaint.community == sa.bindparam("community", type_=sa.Text)).label("same_community"),
    )
    .join(_candidates, _candidates.c.id == Complaint.id)
    .where(Complaint.id != _ID)
)

_BY_THE_SAME = Query(
    sa.select(sa.func.count(_theirs.complaint_id.distinct()))
    .join(_own, _own.mark == _theirs.mark)
    .where(_own.complaint_id == _ID, _theirs.complaint_id >= sa.bindparam("since", type_=sa.Uuid))
)

_other = aliased(Complaint)
_LINKS = Query(
    sa.select(
        ComplaintLink.id,
        ComplaintLink.kind,
        (ComplaintLink.complaint_id == _ID).label("named_here"),
        ComplaintLink.note,
        ComplaintLink.linked_at,
        ComplaintLink.linked_by,
        _other.id.label("other_id"),
        _other.tracking_number,
        _other.state,
        _other.channel,
        _other.subject,
    )
    .join(
        _other,
        _other.id
        == sa.case((ComplaintLink.complaint_id == _ID, ComplaintLink.other_id), else_=ComplaintLink.complaint_id),
    )
    .where(
        sa.or_(ComplaintLink.complaint_id == _ID, ComplaintLink.other_id == _ID),
        ComplaintLink.removed_at.is_(None),
    )
    .order_by(ComplaintLink.linked_at, ComplaintLink.id)
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A complaint that is likely the same matter, as a row of it, and why."""

    row: Any
    likeness: Likeness


def likely_duplicates(session: Session, complaint_id: UUID, *, limit: int) -> list[Candidate]:
    """The likeliest `limit` of them, best first; none for a complaint that is not there."""
    subject = _SUBJECT.first(session, id=complaint_id)
    if subject is None:
        return []
    rows = _DUPLICATES.all(
        session,
        id=complaint_id,
        searched=subject.search_text[:_CHARACTERS],
        similar=_similar_to(session, subject.text_sketch),
        **{name: getattr(subject, name) for name in _PLACE},
    )
    found = (
        Candidate(
            row,
            likeness(
                text_similarity=row.text_similarity,
                same=[MarkKind(kind) for kind in row.same],
                same_district=bool(row.same_district),
                same_community=bool(row.same_district and row.same_community),
            ),
        )
        for row in rows
    )
    likely = [one for one in found if one.likeness.score >= LIKELY_FROM]
    return sorted(likely, key=lambda one: (-one.likeness.score, one.row.id))[:limit]


def _similar_to(session: Session, sketch: Sequence[int]) -> list[UUID]:
    """The ids of those whose sketches have most in common with this one."""
    found = _ALIKE_OF_THE_NEWEST.all(session, sketch=sketch)
    seen = Counter(number for row in found for number in row.shared)
    rare = [number for number in sketch if seen[number] < _COMMON_FROM]
    if rare:
        found += _ALIKE.all(session, sketch=sketch, rare=rare)
    shared = {row.id: len(row.shared) for row in found}
    return nlargest(_CANDIDATES, shared, key=lambda one: (shared[one], one))


def complaints_by_the_same(session: Session, complaint_id: UUID, *, writers: Writers, now: datetime) -> int:
    """How many complaints the same person recently filed, this one among them; 0 when nothing tells who it is."""
    return int(_BY_THE_SAME.scalar(session, id=complaint_id, since=writers.since(now)) or 0)


def links_of(session: Session, complaint_id: UUID) -> list[Any]:
    """The links of a complaint, whichever of the two names the other, the oldest first."""
    return _LINKS.all(session, id=complaint_id)
