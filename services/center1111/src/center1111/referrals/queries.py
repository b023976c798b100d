"""Referrals as lists and readers see them, with what became of their message."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import InstrumentedAttribute, Session

from center1111.journey import ReferralState
from center1111.records import Answer, Complaint, HistoryEntry, Referral
from center1111.standing import REFERRAL_IS_DUE, standing_filters
from exchange.tables import outbox
from servicekit.database import Query

_TEXTS: Final = ARRAY(sa.Text)
_MOMENT: Final = sa.DateTime(timezone=True)

# The message that opens a referral is the first of its subject; a tombstone in its place says that it was given up.
_opening = (
    sa.select(
        sa.case(
            (outbox.c.type != "referral.sent.v1", sa.literal_column("'failed'")),
            (outbox.c.state == "delivered", sa.literal_column("'delivered'")),
            (outbox.c.state == "dead", sa.literal_column("'failed'")),
            else_=sa.literal_column("'queued'"),
        ).label("state"),
        outbox.c.settled_at,
    )
    .where(
        outbox.c.peer == Referral.to,
        outbox.c.subject == Referral.id,
        outbox.c.sequence == sa.literal_column("1"),
        outbox.c.state != sa.literal_column("'void'"),
    )
    .correlate(Referral)
    .lateral("opening")
)
_state = sa.case(
    (
        sa.type_coerce(Referral.state, sa.Text) == sa.literal_column(f"'{ReferralState.QUEUED}'"),
        sa.func.coalesce(_opening.c.state, sa.literal_column(f"'{ReferralState.QUEUED}'")),
    ),
    else_=sa.type_coerce(Referral.state, sa.Text),
)

_answer = (
    sa.select(
        sa.func.jsonb_build_object(
            sa.literal_column("'version'"),
            Answer.referral_version,
            sa.literal_column("'text'"),
            Answer.text,
            sa.literal_column("'answered_at'"),
            Answer.answered_at,
            type_=JSONB,
        )
    )
    .where(Answer.referral_id == Referral.id, Answer.referral_version == Referral.answer_version)
    .correlate(Referral)
    .scalar_subquery()
)

_COLUMNS: Final = (
    "id",
    "version",
    "complaint_id",
    "number",
    "to",
    "question",
    "referred_at",
    "referred_by",
    "due_at",
    "changed_at",
    "accepted_at",
    "case_number",
    "work_group",
    "topic",
    "agency_due_at",
    "returned_at",
    "return_reason",
    "return_note",
    "suggested_owner",
    "withdrawn_at",
    "withdrawal_reason",
    "answered_at",
)
_SHOWN = (
    sa.select(
        *(getattr(Referral, name) for name in _COLUMNS),
        _state.label("state"),
        sa.case((_opening.c.state == sa.literal_column("'delivered'"), _opening.c.settled_at)).label("delivered_at"),
        Complaint.tracking_number.label("complaint_number"),
        _answer.label("answer"),
    )
    .join(Complaint, Complaint.id == Referral.complaint_id)
    .outerjoin(_opening, sa.true())
)
_READ = Query(_SHOWN.where(Referral.id == sa.bindparam("id", type_=sa.Uuid)))
_TIMELINE = Query(
    sa.select(*(getattr(HistoryEntry, name) for name in ("at", "by", "move", "from_state", "to_state", "note")))
    .where(HistoryEntry.referral_id == sa.bindparam("id", type_=sa.Uuid))
    .order_by(HistoryEntry.at, HistoryEntry.id)
)

SORTS: Final[Mapping[str, InstrumentedAttribute[Any]]] = {
    "referred_at": Referral.referred_at,
    "due_at": Referral.due_at,
    "changed_at": Referral.changed_at,
}


def _one_of(column: Any) -> Callable[[str], sa.ColumnElement[bool]]:  # noqa: ANN401  # any column of texts
    return lambda name: sa.type_coerce(column, sa.Text) == sa.any_(sa.bindparam(name, type_=_TEXTS))


FILTERS: Final[Mapping[str, Callable[[str], sa.ColumnElement[bool]]]] = {
    "state": _one_of(_state),
    "kept_state": _one_of(Referral.state),  # implied by `state`; this one has an index
    "to": _one_of(Referral.to),
    "work_group": _one_of(Referral.work_group),
    "case_number": _one_of(Referral.case_number),
    "tracking_number": _one_of(Complaint.tracking_number),
    "complaint": lambda name: Referral.complaint_id == sa.bindparam(name, type_=sa.Uuid),
    "referred_from": lambda name: Referral.referred_at >= sa.bindparam(name, type_=_MOMENT),
    "referred_to": lambda name: Referral.referred_at < sa.bindparam(name, type_=_MOMENT),
    **standing_filters(Referral.due_at, REFERRAL_IS_DUE),
    "due_to": lambda name: Referral.due_at < sa.bindparam(name, type_=_MOMENT),
}


def read_referral(session: Session, referral_id: UUID) -> Any | None:  # noqa: ANN401  # a row
    """The referral, or None."""
    return _READ.first(session, id=referral_id)


def timeline(session: Session, referral_id: UUID) -> list[Any]:
    """What was done to the referral, in order."""
    return _TIMELINE.all(session, id=referral_id)


def list_referrals(
    session: Session, wanted: Mapping[str, Any], *, sort: str, after: Sequence[Any] | None, limit: int
) -> list[Any]:
    """At most `limit` referrals that match all of `wanted` (keys of `FILTERS`), those after the position `after`."""
    position = {} if after is None else {"after_value": after[0], "after_id": after[1]}
    return _list(frozenset(wanted), sort, after is not None).all(session, **wanted, **position, limit=limit)


def count_referrals(session: Session, wanted: Mapping[str, Any]) -> int:
    """How many referrals match."""
    return int(_count(frozenset(wanted)).scalar(session, **wanted) or 0)


@lru_cache(maxsize=256)
def _list(names: frozenset[str], sort: str, continued: bool) -> Query:  # a part of the cache's key
    column = SORTS[sort.removeprefix("-")]
    newest_first = sort.startswith("-")
    order = [column.desc(), Referral.id.desc()] if newest_first else [column, Referral.id]
    statement = _SHOWN.where(*_conditions(names)).order_by(*order).limit(sa.bindparam("limit", type_=sa.Integer))
    if continued:
        row = sa.tuple_(column, Referral.id)
        position = sa.tuple_(sa.bindparam("after_value", type_=_MOMENT), sa.bindparam("after_id", type_=sa.Uuid))
        statement = statement.where(row < position if newest_first else row > position)
    return Query(statement)


@lru_cache(maxsize=256)
def _count(names: frozenset[str]) -> Query:
    matching = _SHOWN.where(*_conditions(names)).subquery()
    return Query(sa.select(sa.func.count()).select_from(matching))


def _conditions(names: frozenset[str]) -> list[sa.ColumnElement[bool]]:
    return [FILTERS[name](name) for name in sorted(names)]
