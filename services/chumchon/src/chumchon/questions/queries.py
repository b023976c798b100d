"""The store of questions and answers: read, listed, searched."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chumchon.filters import Order, any_of
from chumchon.records import Question, QuestionAnswer, question_search
from servicekit.database import Query, ReadSessions
from thaikit.search import SearchQuery, search_statement

Sort = Literal["answered_at", "-answered_at", "asked_at", "-asked_at"]
EXPORTED_AT_ONCE: Final = 500
SORTABLE = {"answered_at": Question.answered_at, "asked_at": Question.asked_at}

_CONDITIONS: Mapping[str, sa.ColumnElement[bool]] = {
    "topic": any_of(Question.topic, "topic"),
    "work_group": any_of(Question.work_group, "work_group"),
    "origin": any_of(Question.origin, "origin"),
    "channel": any_of(Question.channel, "channel"),
    "kind": any_of(Question.kind, "kind"),
    "from": Question.answered_at >= sa.bindparam("from"),
    "to": Question.answered_at < sa.bindparam("to"),
}
_questions = sa.select(*Question.__table__.columns)
_one = Query(_questions.where(Question.id == sa.bindparam("id")))
_by_ids = Query(_questions.where(Question.id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.Uuid)))))
_answers = Query(
    sa.select(
        QuestionAnswer.version,
        QuestionAnswer.text,
        QuestionAnswer.topic,
        QuestionAnswer.work_group,
        QuestionAnswer.answered_at,
    )
    .where(QuestionAnswer.question_id == sa.bindparam("question_id"))
    .order_by(QuestionAnswer.version)
)


def question(session: Session, question_id: UUID) -> Any:  # noqa: ANN401  # a row, or None
    """One question."""
    return _one.first(session, id=question_id)


def answers_to(session: Session, question_id: UUID) -> Sequence[Any]:
    """Every version of the answer, oldest first."""
    return _answers.all(session, question_id=question_id)


def find_questions(
    session: Session, values: Mapping[str, Any], sort: Sort, *, after: tuple[Any, UUID] | None, limit: int
) -> Sequence[Any]:
    """Questions in the order of `sort`, at most `limit`."""
    position = {} if after is None else {"after_value": after[0], "after_id": after[1]}
    query = _list(frozenset(values), sort, after=after is not None)
    return query.all(session, **values, **position, limit=limit)


def search_questions(
    session: Session, values: Mapping[str, Any], text: str, *, limit: int
) -> Sequence[tuple[Any, float, list[str]]]:
    """Questions that the text finds, best first: each with its score and the words that matched."""
    query = SearchQuery(text)
    found = _search(frozenset(values)).all(session, **query.parameters, **values, limit=limit)
    rows = {row.id: row for row in _by_ids.all(session, ids=[hit.id for hit in found])}
    return [(rows[hit.id], hit.score, query.matched(hit.terms)) for hit in found]


def every_question(sessions: ReadSessions, values: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """All questions of the filter in batches, each read in a moment of its own, however slowly they are taken.

    Ids never change, so in their order no question is skipped or repeated while others are asked and answered anew.
    """
    query, after = _every(frozenset(values)), UUID(int=0)
    while True:
        with sessions() as session:
            batch = query.all(session, **values, after_id=after, limit=EXPORTED_AT_ONCE)
        if batch:
            yield batch
        if len(batch) < EXPORTED_AT_ONCE:
            return
        after = batch[-1].id


@cache
def _every(names: frozenset[str]) -> Query:
    conditions = [_CONDITIONS[name] for name in sorted(names)]
    after = Question.id > sa.bindparam("after_id", type_=sa.Uuid)
    limit = sa.bindparam("limit", type_=sa.Integer)
    return Query(_questions.where(after, *conditions).order_by(Question.id).limit(limit))


@cache
def _list(names: frozenset[str], sort: Sort, *, after: bool) -> Query:
    statement = _questions.where(*(_CONDITIONS[name] for name in sorted(names)))
    ordered = Order.named(sort, SORTABLE, Question.id).apply(statement, after=after)
    return Query(ordered.limit(sa.bindparam("limit", type_=sa.Integer)))


@cache
def _search(names: frozenset[str]) -> Query:
    eligible: sa.Select[Any] | None = (
        sa.select(Question.id).where(*(_CONDITIONS[name] for name in sorted(names))) if names else None
    )
    return Query(search_statement(question_search, eligible))
