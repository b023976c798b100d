"""Articles as lists show them and as searches find them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased

from center1111.codes import Topic
from center1111.journey import ArticleState, State
from center1111.records import (
    ARTICLES_SEARCH,
    IN_FORCE,
    Answer,
    AnswerArticle,
    Article,
    ArticleVersion,
    Complaint,
    holds_on,
)
from servicekit.database import Query
from servicekit.fields import View
from thaikit.search import SearchQuery, search_statement

MOST_OF_A_TEXT: Final = 2_000
"""Characters of a complaint that are searched with: what it is about stands at its beginning."""

_CONTENT: Final = ("question", "answer", "topic", "keywords", "valid_from", "valid_until", "review_on")
_TEXTS: Final = ARRAY(sa.Text)


class ArticleLine(View):
    """One article in a list. What a search found has its score and the matched words, best first."""

    id: UUID
    version: int
    state: ArticleState
    number: int
    published_number: int | None
    question: str
    answer: str
    topic: Topic | None
    keywords: list[str]
    valid_from: date | None
    valid_until: date | None
    review_on: date | None
    changed_at: datetime
    score: float | None = None
    matched_words: list[str] | None = None


def _eligible(names: frozenset[str]) -> sa.Select[Any]:
    today = sa.bindparam("today", type_=sa.Date)
    return sa.select(Article.id).join(ArticleVersion, IN_FORCE).where(holds_on(today), *_conditions(names))


def _conditions(names: frozenset[str]) -> list[sa.ColumnElement[bool]]:
    columns = {"state": Article.state, "topic": Article.topic}
    conditions = [
        sa.type_coerce(column, sa.Text) == sa.any_(sa.bindparam(name, type_=_TEXTS))
        for name, column in columns.items()
        if name in names
    ]
    if "due_for_review" in names:
        in_force = sa.type_coerce(Article.state, sa.Text) == sa.literal_column(f"'{ArticleState.PUBLISHED}'")
        conditions += [Article.review_on <= sa.bindparam("due_for_review", type_=sa.Date), in_force]
    if "review_to" in names:
        conditions.append(Article.review_on < sa.bindparam("review_to", type_=sa.Date))
    return conditions


@lru_cache(maxsize=16)
def _search(names: frozenset[str]) -> Query:
    found = search_statement(ARTICLES_SEARCH, _eligible(names)).subquery("found")
    return Query(
        sa.select(
            *(
                getattr(Article, name)
                for name in ("id", "version", "state", "number", "published_number", "changed_at")
            ),
            *(getattr(ArticleVersion, name) for name in _CONTENT),
            found.c.score,
            found.c.terms,
        )
        .join(Article, Article.id == found.c.id)
        .join(ArticleVersion, IN_FORCE)
        .order_by(found.c.score.desc(), found.c.id)
    )


@lru_cache(maxsize=64)
def _list(names: frozenset[str], continued: bool) -> Query:  # a part of the cache's key
    columns = ("id", "version", "state", "number", "published_number", "changed_at", *_CONTENT)
    statement = (
        sa.select(*(getattr(Article, name) for name in columns))
        .where(*_conditions(names))
        .order_by(Article.changed_at.desc(), Article.id.desc())
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )
    if continued:
        position = sa.tuple_(
            sa.bindparam("after_at", type_=sa.DateTime(timezone=True)), sa.bindparam("after_id", type_=sa.Uuid)
        )
        statement = statement.where(sa.tuple_(Article.changed_at, Article.id) < position)
    return Query(statement)


@lru_cache(maxsize=16)
def _count(names: frozenset[str]) -> Query:
    return Query(sa.select(sa.func.count()).select_from(Article).where(*_conditions(names)))


def list_articles(session: Session, wanted: Mapping[str, Any], *, after: Sequence[Any] | None, limit: int) -> list[Any]:
    """At most `limit` articles, the last changed first, those after the position `after`."""
    position = {} if after is None else {"after_at": after[0], "after_id": after[1]}
    return _list(frozenset(wanted), after is not None).all(session, **wanted, **position, limit=limit)


def count_articles(session: Session, wanted: Mapping[str, Any]) -> int:
    """How many articles match."""
    return int(_count(frozenset(wanted)).scalar(session, **wanted) or 0)


def search_articles(
    session: Session, text: str, *, today: date, limit: int, wanted: Mapping[str, Any] | None = None
) -> list[ArticleLine]:
    """The articles in force on `today` that answer `text` best, as they stand in force; best first."""
    asked = SearchQuery(text[:MOST_OF_A_TEXT])
    filters = wanted or {}
    rows = _search(frozenset(filters)).all(session, **asked.parameters, **filters, today=today, limit=limit)
    return [ArticleLine.model_validate({**row._asdict(), "matched_words": asked.matched(row.terms)}) for row in rows]


class AnsweredComplaint(View):
    """A complaint that was answered from an article."""

    id: UUID
    tracking_number: str
    state: State
    subject: str
    answer_id: UUID
    answered_at: datetime
    number: int
    corrected_since: bool
    in_force: bool


_later_answer = aliased(Answer)
_corrected_since = Article.published_number > AnswerArticle.number


@lru_cache(maxsize=8)
def _answered(corrected: bool | None, continued: bool) -> Query:  # the cache's key
    statement = (
        sa.select(
            Complaint.id,
            Complaint.tracking_number,
            Complaint.state,
            Complaint.subject,
            Answer.id.label("answer_id"),
            Answer.answered_at,
            AnswerArticle.number,
            _corrected_since.label("corrected_since"),
            sa.not_(
                sa.exists().where(
                    _later_answer.complaint_id == Answer.complaint_id, _later_answer.version > Answer.version
                )
            ).label("in_force"),
        )
        .select_from(AnswerArticle)
        .join(Article, Article.id == AnswerArticle.article_id)
        .join(Answer, Answer.id == AnswerArticle.answer_id)
        .join(Complaint, Complaint.id == Answer.complaint_id)
        .where(AnswerArticle.article_id == sa.bindparam("article_id", type_=sa.Uuid))
        .order_by(Answer.answered_at.desc(), Answer.id.desc())
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )
    if corrected is not None:
        statement = statement.where(_corrected_since if corrected else sa.not_(_corrected_since))
    if continued:
        position = sa.tuple_(
            sa.bindparam("after_at", type_=sa.DateTime(timezone=True)), sa.bindparam("after_id", type_=sa.Uuid)
        )
        statement = statement.where(sa.tuple_(Answer.answered_at, Answer.id) < position)
    return Query(statement)


def list_answered_complaints(
    session: Session, article_id: UUID, *, corrected: bool | None, after: Sequence[Any] | None, limit: int
) -> list[Any]:
    """Complaints answered from any version of an article, the last answered first.

    With `corrected`, only those that were answered from a version that another has replaced since, or only the others.
    """
    position = {} if after is None else {"after_at": after[0], "after_id": after[1]}
    return _answered(corrected, after is not None).all(session, article_id=article_id, **position, limit=limit)
