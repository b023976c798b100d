"""Opening cases: numbered, routed and written with all that belongs to them, one or many in the same few statements."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon import journey
from chumchon.journey import Move, State
from chumchon.records import Case, Complainant, HistoryEntry, Record, Referral, RoutingRecord
from chumchon.routing.rules import Routing, route
from chumchon.rulebook import RoutingBasis, routing_basis
from chumchon.tracking import NUMBER_PREFIX
from servicekit.database import Query
from servicekit.ids import uuid7
from thaikit.calendar import bangkok_date, buddhist_year
from thaikit.numbers import with_check_character


class CaseToOpen(NamedTuple):
    """What is known of a case before it is numbered and routed, by column.

    One that is `unread` has no words but ours: people route it when they have read it.
    """

    case: Mapping[str, Any]
    complainant: Mapping[str, Any] | None
    referral: Mapping[str, Any] | None
    unread: bool = False


def open_cases(session: Session, cases: Sequence[CaseToOpen], *, now: datetime) -> list[tuple[UUID, str]]:
    """Number and route cases and write them with their history, all or none; their ids and numbers, in their order.

    Raises:
        sqlalchemy.exc.IntegrityError: one of them is a case already.
    """
    basis = routing_basis(session)
    rows: defaultdict[type[Record], list[Mapping[str, Any]]] = defaultdict(list)
    opened = []
    for new, case_number in zip(cases, _next_case_numbers(session, len(cases), now), strict=True):
        said = "" if new.unread else f"{new.case['subject']}\n{new.case['details']}"
        routing = route(said, basis.rules, basis.model)
        case_id, routing_id = uuid7(), uuid7()
        rows[Case].append(
            {
                **_AT_THE_OPENING,
                **new.case,
                "id": case_id,
                "case_number": case_number,
                "recorded_at": now,
                "state": State.NEW if routing.abstained else State.ROUTED,
                "topic": routing.topic,
                "work_group": routing.work_group,
                "routing_id": routing_id,
            }
        )
        rows[HistoryEntry] += _history(case_id, routing, by=new.case["recorded_by"], now=now)
        rows[RoutingRecord].append(_decision(routing_id, case_id, routing, basis, now))
        if new.complainant is not None:
            rows[Complainant].append({"case_id": case_id, **new.complainant})
        if new.referral is not None:
            rows[Referral].append({"case_id": case_id, **new.referral})
        opened.append((case_id, case_number))
    _write.run(session, **{name: orjson.dumps(rows[record]).decode() for name, record in _WRITTEN.items()})
    return opened


_AT_THE_OPENING: Final[Mapping[str, Any]] = {"answer_version": 0, "search_stale": True, "version": 1}


def _history(case_id: UUID, routing: Routing, *, by: str, now: datetime) -> list[Mapping[str, Any]]:
    entry = {"case_id": case_id, "at": now, "by": by}
    opening = {**entry, "action": journey.OPENED, "to_state": State.NEW}
    if routing.abstained:
        return [opening]
    routed = journey.after(State.NEW, Move.ROUTE)
    return [opening, {**entry, "action": Move.ROUTE, "from_state": State.NEW, "to_state": routed}]


def _decision(
    routing_id: UUID, case_id: UUID, routing: Routing, basis: RoutingBasis, now: datetime
) -> Mapping[str, Any]:
    return {
        "id": routing_id,
        "case_id": case_id,
        "decided_at": now,
        "method": routing.method,
        "topic": routing.topic,
        "work_group": routing.work_group,
        "confidence": routing.confidence,
        "abstained": routing.abstained,
        "terms": routing.terms,
        "proposals": routing.proposals,
        "rules_version": basis.rules_version,
        "model_version": basis.model_version,
    }


def _next_case_numbers(session: Session, count: int, now: datetime) -> list[str]:
    year = buddhist_year(bangkok_date(now))
    drawn = _next_numbers.all(session, sequence=f"case_numbers_{year}", count=count)
    return [f"{NUMBER_PREFIX}-{with_check_character(f'{year}-{row.number:06}')}" for row in drawn]


_next_numbers = Query(
    sa.text("SELECT nextval(CAST(:sequence AS text)) AS number FROM generate_series(1, CAST(:count AS int))")
)


def _insertion(name: str, record: type[Record]) -> str:
    """Insert rows given as JSON, in their order; a column that a row does not name is null."""
    table = record.__table__
    columns = ", ".join(f'"{column.name}"' for column in table.columns if column.identity is None)
    return (
        f"INSERT INTO {name} ({columns}) "  # noqa: S608  # made of the table's own names
        f"SELECT {columns} FROM json_populate_recordset(CAST(NULL AS {name}), CAST(:{name} AS json))"
    )


def _writing(written: Mapping[str, type[Record]]) -> Query:
    """One statement for all tables: foreign keys are checked at its end, so a case and its routing may name each other.

    Rows go in as JSON: the driver writes long texts and arrays of them in Python, which cost more than all the rest.
    """
    *parts, last = (_insertion(name, record) for name, record in written.items())
    return Query(sa.text(f"WITH {', '.join(f'part_{at} AS ({part})' for at, part in enumerate(parts))} {last}"))


_WRITTEN: Final[Mapping[str, type[Record]]] = {
    record.__tablename__: record for record in (HistoryEntry, RoutingRecord, Complainant, Referral, Case)
}
_write = _writing(_WRITTEN)
