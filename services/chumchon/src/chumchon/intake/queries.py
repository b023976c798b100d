"""Lists of cases: filtered, sorted, and searched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TSTZRANGE
from sqlalchemy.orm import Session

from chumchon.cases import summaries
from chumchon.codes import MessageKind
from chumchon.filters import Order, any_of
from chumchon.records import Case, CaseMessage, HistoryEntry, Referral, case_search
from chumchon.standing import CLOCK_RUNS
from chumchon.steps import Sight
from servicekit.database import Query
from thaikit.search import SearchQuery, search_statement

Sort = Literal["received_at", "-received_at", "due_at", "-due_at"]

_FOR_COMPLAINANTS = (MessageKind.QUESTION, MessageKind.REPLY, MessageKind.PROGRESS)
_SORTABLE = {"received_at": Case.received_at, "due_at": Case.due_at}
_CONDITIONS: Mapping[str, sa.ColumnElement[bool] | sa.TextClause] = {
    "referral": Referral.id == sa.any_(sa.bindparam("referral", type_=ARRAY(sa.Uuid))),
    "case_number": Case.case_number == sa.bindparam("case_number"),
    "state": any_of(Case.state, "state"),
    "work_group": any_of(Case.work_group, "work_group"),
    "topic": any_of(Case.topic, "topic"),
    "channel": any_of(Case.channel, "channel"),
    "origin": any_of(Case.origin, "origin"),
    "kind": any_of(Case.kind, "kind"),
    "officer": Case.officer == sa.bindparam("officer"),
    "from": Case.received_at >= sa.bindparam("from"),
    "to": Case.received_at < sa.bindparam("to"),
    "due_from": Case.due_at >= sa.bindparam("due_from"),
    "due_to": Case.due_at < sa.bindparam("due_to"),
    "taken": Case.officer.is_not(None) == sa.bindparam("taken", type_=sa.Boolean),
    "news": Case.news_at.is_not(None) == sa.bindparam("news", type_=sa.Boolean),
    "clock_runs": sa.text(CLOCK_RUNS),
    "due_after": Case.due_at > sa.bindparam("due_after"),
    "due_until": Case.due_at <= sa.bindparam("due_until"),
    "due_not_within": sa.not_(
        Case.due_at.bool_op("<@")(sa.cast(sa.bindparam("due_not_within", type_=sa.Text), TSTZRANGE))
    ),
    "seen_work_group": Case.work_group == sa.bindparam("seen_work_group"),
    "seen_client_id": Case.client_id == sa.bindparam("seen_client_id"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is asked for: the filters that were given, by name."""

    values: Mapping[str, Any]
    sort: Sort

    def within(self, sight: Sight) -> "Wanted | None":
        """The same, of what somebody may see; None when that is nothing."""
        if sight.everything:
            return self
        if sight.work_group is not None:
            return Wanted({**self.values, "seen_work_group": sight.work_group}, self.sort)
        if sight.client_id is not None:
            return Wanted({**self.values, "seen_client_id": sight.client_id}, self.sort)
        return None


def find_cases(session: Session, wanted: Wanted, *, after: tuple[Any, UUID] | None, limit: int) -> Sequence[Any]:
    """Rows of `summaries`, at most `limit`."""
    position = {} if after is None else {"after_value": after[0], "after_id": after[1]}
    query = _list(frozenset(wanted.values), wanted.sort, after=after is not None)
    return query.all(session, **wanted.values, **position, limit=limit)


def count_cases(session: Session, wanted: Wanted) -> int:
    """How many cases there are in all."""
    return int(_count(frozenset(wanted.values)).scalar(session, **wanted.values) or 0)


def search_cases(session: Session, wanted: Wanted, text: str, *, limit: int) -> Sequence[Any]:
    """Rows of `summaries` that the text finds, best first, at most `limit`."""
    query = SearchQuery(text)
    found = _search(frozenset(wanted.values)).all(session, **query.parameters, **wanted.values, limit=limit)
    rows = {row.id: row for row in _by_ids.all(session, ids=[hit.id for hit in found])}
    return [rows[hit.id] for hit in found]


def history_of(session: Session, case_id: UUID) -> Sequence[Any]:
    """All changes of a case, oldest first."""
    return _history.all(session, case_id=case_id)


def messages_for_complainant(session: Session, case_id: UUID) -> Sequence[Any]:
    """What was asked, replied and reported, oldest first."""
    return _messages.all(session, case_id=case_id, kinds=[*_FOR_COMPLAINANTS])


@cache
def _list(names: frozenset[str], sort: Sort, *, after: bool) -> Query:
    statement = summaries.where(*(_CONDITIONS[name] for name in sorted(names)))
    ordered = Order.named(sort, _SORTABLE, Case.id).apply(statement, after=after)
    return Query(ordered.limit(sa.bindparam("limit", type_=sa.Integer)))


def _eligible(names: frozenset[str]) -> sa.Select[Any]:
    statement: sa.Select[Any] = sa.select(Case.id).select_from(Case)
    if "referral" in names:
        statement = statement.join(Referral, Referral.case_id == Case.id)
    return statement.where(*(_CONDITIONS[name] for name in sorted(names)))


@cache
def _count(names: frozenset[str]) -> Query:
    return Query(_eligible(names).with_only_columns(sa.func.count()))


@cache
def _search(names: frozenset[str]) -> Query:
    return Query(search_statement(case_search, _eligible(names) if names else None))


_by_ids = Query(summaries.where(Case.id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.Uuid)))))
_history = Query(
    sa.select(
        HistoryEntry.at,
        HistoryEntry.by,
        HistoryEntry.action,
        HistoryEntry.from_state,
        HistoryEntry.to_state,
        HistoryEntry.note,
    )
    .where(HistoryEntry.case_id == sa.bindparam("case_id"))
    .order_by(HistoryEntry.id)
)
_messages = Query(
    sa.select(CaseMessage.kind, CaseMessage.text, CaseMessage.at)
    .where(CaseMessage.case_id == sa.bindparam("case_id"), any_of(CaseMessage.kind, "kinds"))
    .order_by(CaseMessage.id)
)
