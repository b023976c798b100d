"""Lists and counts of complaints.

Each combination of filters is a statement of its own, compiled once, so that PostgreSQL plans it with the right index;
a statement with `OR :filter IS NULL` would be planned for all of them at once.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute, Session

from center1111.records import Complaint, Referral
from center1111.standing import ANSWER_IS_DUE, standing_filters
from servicekit.database import Query
from thaikit.text import skeleton, words

_TEXTS: Final = ARRAY(sa.Text)
_MOMENT: Final = sa.DateTime(timezone=True)

_SHOWN: Final = (
    Complaint.id,
    Complaint.version,
    Complaint.tracking_number,
    Complaint.state,
    Complaint.channel,
    Complaint.kind,
    Complaint.subject,
    Complaint.province,
    Complaint.received_at,
    Complaint.recorded_at,
    Complaint.due_at,
    Complaint.answer_origin,
    Complaint.work_group,
    Complaint.repeat_writer,
)

SORTS: Final[Mapping[str, InstrumentedAttribute[Any]]] = {
    "received_at": Complaint.received_at,
    "recorded_at": Complaint.recorded_at,
    "due_at": Complaint.due_at,
}


def _is_one_of(column: InstrumentedAttribute[Any]) -> Callable[[str], sa.ColumnElement[bool]]:
    return lambda name: sa.type_coerce(column, sa.Text) == sa.any_(sa.bindparam(name, type_=_TEXTS))


def _since(column: InstrumentedAttribute[Any]) -> Callable[[str], sa.ColumnElement[bool]]:
    return lambda name: column >= sa.bindparam(name, type_=_MOMENT)


def _before(column: InstrumentedAttribute[Any]) -> Callable[[str], sa.ColumnElement[bool]]:
    return lambda name: column < sa.bindparam(name, type_=_MOMENT)


def _referred_to(name: str) -> sa.ColumnElement[bool]:
    return (
        sa.exists()
        .where(Referral.complaint_id == Complaint.id)
        .where(Referral.to == sa.any_(sa.bindparam(name, type_=_TEXTS)))
    )


FILTERS: Final[Mapping[str, Callable[[str], sa.ColumnElement[bool]]]] = {
    "state": _is_one_of(Complaint.state),
    "channel": _is_one_of(Complaint.channel),
    "kind": _is_one_of(Complaint.kind),
    "province": _is_one_of(Complaint.province),
    "work_group": _is_one_of(Complaint.work_group),
    "tracking_number": _is_one_of(Complaint.tracking_number),
    "client_id": _is_one_of(Complaint.client_id),
    "from": _since(Complaint.received_at),
    "to": _before(Complaint.received_at),
    "recorded_from": _since(Complaint.recorded_at),
    "recorded_to": _before(Complaint.recorded_at),
    "repeat_writer": lambda name: Complaint.repeat_writer == sa.bindparam(name, type_=sa.Boolean),
    **standing_filters(Complaint.due_at, ANSWER_IS_DUE),
    "clock_stopped": lambda name: Complaint.clock_stopped_at.is_not(None) == sa.bindparam(name, type_=sa.Boolean),
    "due_to": _before(Complaint.due_at),
    "referred_to": _referred_to,
    # Each word must stand in the text; the trigram index finds the candidates.
    "q": lambda name: Complaint.search_text.like(sa.all_(sa.bindparam(name, type_=_TEXTS))),
}


def patterns_of(text: str) -> list[str]:
    """What `q=` becomes: a LIKE pattern for each of its words, in the spelling of `search_text`."""
    found = dict.fromkeys(skeleton(word) for word in words(text)) or {skeleton(text): None}
    return ["%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%" for word in found if word]


def list_complaints(
    session: Session, wanted: Mapping[str, Any], *, sort: str, after: Sequence[Any] | None, limit: int
) -> list[Any]:
    """At most `limit` complaints that match all of `wanted` (keys of `FILTERS`), those after the position `after`.

    `sort` is a key of `SORTS`, with a minus for the newest first.
    """
    position = {} if after is None else {"after_value": after[0], "after_id": after[1]}
    return _list(frozenset(wanted), sort, after is not None).all(session, **wanted, **position, limit=limit)


def count_complaints(session: Session, wanted: Mapping[str, Any]) -> int:
    """How many complaints match."""
    return int(_count(frozenset(wanted)).scalar(session, **wanted) or 0)


def count_by_state(session: Session, wanted: Mapping[str, Any]) -> dict[str, int]:
    """How many complaints match, in each state."""
    return {row.state: row.count for row in _by_state(frozenset(wanted)).all(session, **wanted)}


@lru_cache(maxsize=512)
def _list(names: frozenset[str], sort: str, continued: bool) -> Query:  # a part of the cache's key
    column = SORTS[sort.removeprefix("-")]
    newest_first = sort.startswith("-")
    order = [column.desc(), Complaint.id.desc()] if newest_first else [column, Complaint.id]
    statement = (
        sa.select(*_SHOWN).where(*_conditions(names)).order_by(*order).limit(sa.bindparam("limit", type_=sa.Integer))
    )
    if continued:
        row = sa.tuple_(column, Complaint.id)
        position = sa.tuple_(sa.bindparam("after_value", type_=_MOMENT), sa.bindparam("after_id", type_=sa.Uuid))
        statement = statement.where(row < position if newest_first else row > position)
    return Query(statement)


@lru_cache(maxsize=512)
def _count(names: frozenset[str]) -> Query:
    return Query(sa.select(sa.func.count()).select_from(Complaint).where(*_conditions(names)))


@lru_cache(maxsize=512)
def _by_state(names: frozenset[str]) -> Query:
    return Query(
        sa.select(Complaint.state, sa.func.count().label("count")).where(*_conditions(names)).group_by(Complaint.state)
    )


def _conditions(names: frozenset[str]) -> list[sa.ColumnElement[bool]]:
    return [FILTERS[name](name) for name in sorted(names)]
