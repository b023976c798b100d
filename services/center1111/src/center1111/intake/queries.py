"""Lists and counts of complaints.

Each combination of filters is a statement of its own, compiled once, so that PostgreSQL plans it with the right index;
a statement with `OR :filter IS NULL` would be planned for all of them at once.
"""

import re
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
# A trigram index finds nothing by less.
_TRIGRAM: Final = 3
_INDEXED: Final = tuple(f"q{place}" for place in range(12))
# So many of a list's first rows are looked through for the words before the index is asked for all that have them;
# the many only if the few promise that a page will be among them.
_LOOKED_THROUGH: Final = (500, 4_000)
_WILD: Final = re.compile(r"[\\%_]")
_LITERALLY: Final = r"\\\g<0>"

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

_LIMIT: Final = sa.bindparam("limit", type_=sa.Integer)

SORTS: Final[Mapping[str, InstrumentedAttribute[Any]]] = {
    "received_at": Complaint.received_at,
    "recorded_at": Complaint.recorded_at,
    "due_at": Complaint.due_at,
}


def _is_one_of(column: InstrumentedAttribute[Any]) -> Callable[[str], sa.ColumnElement[bool]]:
    return lambda name: sa.type_coerce(column, sa.Text) == sa.any_(sa.bindparam(name, type_=_TEXTS))


def _is(column: InstrumentedAttribute[Any]) -> Callable[[str], sa.ColumnElement[bool]]:
    return lambda name: sa.type_coerce(column, sa.Text) == sa.bindparam(name, type_=sa.Text)


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


def _ever_referred() -> sa.ColumnElement[bool]:
    return sa.exists().where(Referral.complaint_id == Complaint.id)


def _stands_in_text(name: str) -> sa.ColumnElement[bool]:
    return Complaint.search_text.like(sa.bindparam(name, type_=sa.Text))


_CODES: Final[Mapping[str, InstrumentedAttribute[Any]]] = {
    "state": Complaint.state,
    "channel": Complaint.channel,
    "kind": Complaint.kind,
    "province": Complaint.province,
    "district": Complaint.district,
    "subdistrict": Complaint.subdistrict,
    "work_group": Complaint.work_group,
    "tracking_number": Complaint.tracking_number,
    "client_id": Complaint.client_id,
}

FILTERS: Final[Mapping[str, Callable[[str], sa.ColumnElement[bool]]]] = {
    **{name: _is_one_of(column) for name, column in _CODES.items()},
    **{f"{name}_is": _is(column) for name, column in _CODES.items()},
    "from": _since(Complaint.received_at),
    "to": _before(Complaint.received_at),
    "recorded_from": _since(Complaint.recorded_at),
    "recorded_to": _before(Complaint.recorded_at),
    "repeat_writer": lambda name: Complaint.repeat_writer == sa.bindparam(name, type_=sa.Boolean),
    **standing_filters(Complaint.due_at, ANSWER_IS_DUE),
    "clock_stopped": lambda name: Complaint.clock_stopped_at.is_not(None) == sa.bindparam(name, type_=sa.Boolean),
    "due_from": _since(Complaint.due_at),
    "due_to": _before(Complaint.due_at),
    "referred": lambda name: _ever_referred() == sa.bindparam(name, type_=sa.Boolean),
    "referred_to": _referred_to,
    # Each word must stand in the text.
    "q": lambda name: Complaint.search_text.like(sa.all_(sa.bindparam(name, type_=_TEXTS))),
    # Implied by `q`; by these the trigram index finds the candidates.
    **dict.fromkeys(_INDEXED, _stands_in_text),
}


def patterns_of(text: str) -> dict[str, str | list[str]]:
    """What `q=` becomes: values of filters, a LIKE pattern for each of its words, in the spelling of `search_text`."""
    found = dict.fromkeys(skeleton(word) for word in words(text)) or {skeleton(text): None}
    longest_first = sorted(filter(None, found), key=len, reverse=True)
    pattern = {word: f"%{_WILD.sub(_LITERALLY, word)}%" for word in longest_first}
    indexed = [pattern[word] for word in longest_first if len(word) >= _TRIGRAM]
    return {"q": list(pattern.values()), **dict(zip(_INDEXED, indexed, strict=False))}


def list_complaints(
    session: Session, wanted: Mapping[str, Any], *, sort: str, after: Sequence[Any] | None, limit: int
) -> list[Any]:
    """At most `limit` complaints that match all of `wanted` (keys of `FILTERS`), those after the position `after`.

    `sort` is a key of `SORTS`, with a minus for the newest first.
    """
    position = {} if after is None else {"after_value": after[0], "after_id": after[1]}
    wanted = _told_apart(wanted)
    names, continued = frozenset(wanted), after is not None
    if "q" not in names:
        return _list(names, sort, continued).all(session, **wanted, **position, limit=limit)
    # Words that many texts have stand in the first rows; those that few have, the index finds at once. PostgreSQL
    # cannot choose by itself: how often words stand together is not known to it.
    asked = {**wanted, **position, "limit": limit}
    few, many = _LOOKED_THROUGH
    look_through = _look_through(names - {*_INDEXED}, sort, continued)
    found = look_through.all(session, **asked, rows=few)
    if len(found) < limit <= len(found) * many / few:
        found = look_through.all(session, **asked, rows=many)
    return found if len(found) == limit else _search(names, sort, continued).all(session, **asked)


def _told_apart(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The filters with those of one code told apart: only of one do indexes hold the rows in the list's order."""
    return {
        f"{name}_is" if (single := name in _CODES and len(value) == 1) else name: value[0] if single else value
        for name, value in wanted.items()
    }


def count_complaints(session: Session, wanted: Mapping[str, Any]) -> int:
    """How many complaints match."""
    return int(_count(frozenset(wanted)).scalar(session, **wanted) or 0)


def count_by_state(session: Session, wanted: Mapping[str, Any]) -> dict[str, int]:
    """How many complaints match, in each state."""
    return {row.state: row.count for row in _by_state(frozenset(wanted)).all(session, **wanted)}


@lru_cache(maxsize=512)
def _list(names: frozenset[str], sort: str, continued: bool) -> Query:  # a part of the cache's key
    matching = sa.select(*_SHOWN).where(*_conditions(names, sort, continued))
    return Query(matching.order_by(*_order(sort, Complaint)).limit(_LIMIT), plan_for_values=True)


@lru_cache(maxsize=512)
def _look_through(names: frozenset[str], sort: str, continued: bool) -> Query:  # as above
    """The list, as far as it stands in the first `rows` of what matches all but the words."""
    first = (
        sa.select(*_SHOWN, Complaint.search_text)
        .where(*_conditions(names - {"q"}, sort, continued))
        .order_by(*_order(sort, Complaint))
        .limit(sa.bindparam("rows", type_=sa.Integer))
        .subquery("first")
    )
    has_words = first.c.search_text.like(sa.all_(sa.bindparam("q", type_=_TEXTS)))
    return Query(
        sa.select(*(first.c[column.key] for column in _SHOWN))
        .where(has_words)
        .order_by(*_order(sort, first.c))
        .limit(_LIMIT),
        plan_for_values=True,
    )


@lru_cache(maxsize=512)
def _search(names: frozenset[str], sort: str, continued: bool) -> Query:  # as above
    """The list, by all that the trigram index finds: OFFSET keeps PostgreSQL from walking in the order of the list."""
    found = (
        sa.select(*_SHOWN).where(*_conditions(names, sort, continued)).offset(sa.literal_column("0")).subquery("found")
    )
    return Query(sa.select(found).order_by(*_order(sort, found.c)).limit(_LIMIT), plan_for_values=True)


def _order(sort: str, rows: Any) -> list[sa.ColumnElement[Any]]:  # noqa: ANN401  # the table, or a selection of it
    column = getattr(rows, sort.removeprefix("-"))
    return [column.desc(), rows.id.desc()] if sort.startswith("-") else [column, rows.id]


def _conditions(names: frozenset[str], sort: str = "", continued: bool = False) -> list[sa.ColumnElement[bool]]:
    conditions = [FILTERS[name](name) for name in sorted(names)]
    if continued:
        column = SORTS[sort.removeprefix("-")]
        row = sa.tuple_(column, Complaint.id)
        position = sa.tuple_(sa.bindparam("after_value", type_=_MOMENT), sa.bindparam("after_id", type_=sa.Uuid))
        conditions.append(row < position if sort.startswith("-") else row > position)
    return conditions


@lru_cache(maxsize=512)
def _count(names: frozenset[str]) -> Query:
    return Query(sa.select(sa.func.count()).select_from(Complaint).where(*_conditions(names)), plan_for_values=True)


@lru_cache(maxsize=512)
def _by_state(names: frozenset[str]) -> Query:
    return Query(
        sa.select(Complaint.state, sa.func.count().label("count")).where(*_conditions(names)).group_by(Complaint.state),
        plan_for_values=True,
    )
