"""Articles as lists show them and as searches find them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from center1111.journey import ArticleState
from center1111.records import ARTICLES_SEARCH, Article, ArticleVersion
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
    topic: str | None
    keywords: list[str]
    valid_from: date | None
    valid_until: date | None
    review_on: date | None
    changed_at: datetime
    score: float | None = None
    matched_words: list[str] | None = None


_in_force = sa.and_(ArticleVersion.article_id == Article.id, ArticleVersion.number == Article.published_number)


def _eligible(names: frozenset[str]) -> sa.Select[Any]:
    today = sa.bindparam("today", type_=sa.Date)
    holds = sa.and_(
        sa.func.coalesce(ArticleVersion.valid_from, today) <= today,
        sa.func.coalesce(ArticleVersion.valid_until, today) >= today,
    )
    return sa.select(Article.id).join(ArticleVersion, _in_force).where(holds, *_conditions(names))


def _conditions(names: frozenset[str]) -> list[sa.ColumnElement[bool]]:
    columns = {"state": Article.state, "topic": Article.topic}
    conditions = [
        sa.type_coerce(column, sa.Text) == sa.any_(sa.bindparam(name, type_=_TEXTS))
        for name, column in columns.items()
        if name in names
    ]
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
        .join(ArticleVersion, _in_force)
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
