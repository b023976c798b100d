"""Writing, publishing and retiring articles. Every version is kept: answers were given from it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from center1111.codes import Topic
from center1111.journey import ArticleState
from center1111.knowledge.bodies import ArticleContent
from center1111.knowledge.rules import without_personal_data
from center1111.records import (
    ARTICLES_SEARCH,
    IN_FORCE,
    Answer,
    Article,
    ArticleReview,
    ArticleVersion,
    Complainant,
    Complaint,
    Referral,
)
from servicekit.ids import uuid7
from servicekit.problems import DomainError, FieldError, InvalidInput
from servicekit.versions import Versions, check_version
from servicekit.words import Words
from thaikit.calendar import bangkok_date
from thaikit.search import Field, index_document, remove_documents

# What people ask stands in the question; the answer repeats its words at length.
_QUESTION_WEIGHT: Final = 3.0
_KEYWORDS_WEIGHT: Final = 2.0

_NOT_ANSWERED: Final = FieldError(
    "/from_referral",
    "referral_not_answered",
    Words("ไม่พบการส่งต่อนี้ หรือหน่วยงานยังไม่ตอบ", "There is no such referral, or it is not answered yet."),
)


_NOT_IN_FUTURE: Final = FieldError(
    "/next_review_on", "not_in_future", Words("ต้องเป็นวันหลังวันนี้", "It must be a day after today.")
)


class ArticleNotFound(DomainError):
    """There is no such article."""


class ArticleMoveNotAllowed(DomainError):
    """What was asked cannot be done in the article's present state."""


class AuthorCannotPublish(DomainError):
    """Somebody else than the author of what is new in it publishes an article."""


def write_article(session: Session, content: ArticleContent, *, by: str, now: datetime) -> Article:
    """A new article, as a draft."""
    return _write(session, content.model_dump(), from_referral=None, by=by, now=now)


def draft_from_referral(session: Session, referral_id: UUID, *, by: str, now: datetime) -> Article:
    """A draft from an answered referral: its question, the agency's answer, and nothing that tells of a person.

    Raises:
        InvalidInput: there is no such referral, or it is not answered.
    """
    found = session.execute(
        sa.select(Complaint, Referral, Answer, Complainant)
        .join(Referral, Referral.complaint_id == Complaint.id)
        .join(Answer, sa.and_(Answer.referral_id == Referral.id, Answer.referral_version == Referral.answer_version))
        .outerjoin(Complainant, Complainant.complaint_id == Complaint.id)
        .where(Referral.id == referral_id)
    ).one_or_none()
    if found is None:
        raise InvalidInput(_NOT_ANSWERED)
    complaint, referral, answer, complainant = found
    known = [
        value
        for name in ("first_name", "last_name", "national_id", "phone", "email", "address")
        if (value := getattr(complainant, name, None))
    ]
    content = ArticleContent(
        question=without_personal_data(complaint.subject, known),
        answer=without_personal_data(answer.text, known),
        # Agencies have topics of their own, too; a person chooses one of ours before it is published.
        topic=Topic(referral.topic) if referral.topic in set(Topic) else None,
    )
    return _write(session, content.model_dump(), from_referral=referral_id, by=by, now=now)


def edit_article(
    session: Session, article_id: UUID, content: ArticleContent, *, wanted: Versions, by: str, now: datetime
) -> Article:
    """Write the article's next version; what is published stays in force until that version is published too.

    Where nothing changes there is none: what was answered from the present version would look corrected.

    Raises:
        ArticleNotFound, VersionMismatch: as their names say.
        ArticleMoveNotAllowed: it is retired.
    """
    article = article_to_change(session, article_id, wanted)
    if article.state is ArticleState.RETIRED:
        raise ArticleMoveNotAllowed(state=article.state)
    if content.model_dump() | {"keywords": list(content.keywords)} == content_of(article):
        return article
    article.number += 1
    article.changed_at = now
    for name, value in content.model_dump().items():
        setattr(article, name, value)
    session.add(_version(article, by=by, now=now))
    session.flush()
    return article


def publish_article(session: Session, article_id: UUID, *, wanted: Versions, by: str, now: datetime) -> Article:
    """Put the newest version in force: from now on it is found and suggested.

    Raises:
        ArticleNotFound, VersionMismatch: as their names say.
        ArticleMoveNotAllowed: it is retired, or its newest version is in force already.
        AuthorCannotPublish: `by` wrote one of the versions that would come into force.
    """
    article = article_to_change(session, article_id, wanted)
    if article.state is ArticleState.RETIRED or article.published_number == article.number:
        raise ArticleMoveNotAllowed(state=article.state)
    unpublished = session.scalars(
        sa.select(ArticleVersion).where(
            ArticleVersion.article_id == article_id, ArticleVersion.number > (article.published_number or 0)
        )
    ).all()
    if any(version.author == by for version in unpublished):
        raise AuthorCannotPublish
    newest = max(unpublished, key=lambda version: version.number)
    newest.published_at = now
    newest.published_by = by
    article.state = ArticleState.PUBLISHED
    article.published_number = article.number
    article.changed_at = now
    session.flush()
    index_document(session, ARTICLES_SEARCH, article.id, *_searched(newest))
    return article


def searched_fields(session: Session, ids: Sequence[UUID]) -> dict[UUID, tuple[Field, ...]]:
    """What is searched of published articles: their versions in force, not those that are being written."""
    in_force = (
        sa.select(ArticleVersion)
        .join(Article, IN_FORCE)
        .where(Article.id == sa.any_(sa.literal(list(ids), ARRAY(sa.Uuid))), Article.state == ArticleState.PUBLISHED)
    )
    return {version.article_id: _searched(version) for version in session.scalars(in_force)}


def _searched(version: ArticleVersion) -> tuple[Field, ...]:
    return (
        Field(version.question, _QUESTION_WEIGHT),
        Field(" ".join([version.topic or "", *version.keywords]), _KEYWORDS_WEIGHT),
        Field(version.answer),
    )


def retire_article(session: Session, article_id: UUID, *, wanted: Versions, now: datetime) -> Article:
    """Take the article out of use: it is found and suggested no more, and stays readable.

    Raises:
        ArticleNotFound, VersionMismatch: as their names say.
        ArticleMoveNotAllowed: it is retired already.
    """
    article = article_to_change(session, article_id, wanted)
    if article.state is ArticleState.RETIRED:
        raise ArticleMoveNotAllowed(state=article.state)
    article.state = ArticleState.RETIRED
    article.changed_at = now
    session.flush()
    remove_documents(session, ARTICLES_SEARCH, [article.id])
    return article


def review_article(
    session: Session,
    article_id: UUID,
    *,
    next_review_on: date | None,
    note: str | None,
    wanted: Versions,
    by: str,
    now: datetime,
) -> Article:
    """Keep that somebody found that the version in force still holds.

    Raises:
        InvalidInput: the next review would not be after today.
        ArticleNotFound, VersionMismatch: as their names say.
        ArticleMoveNotAllowed: no version of it is in force.
    """
    if next_review_on is not None and next_review_on <= bangkok_date(now):
        raise InvalidInput(_NOT_IN_FUTURE)
    article = article_to_change(session, article_id, wanted)
    if article.state is not ArticleState.PUBLISHED or article.published_number is None:
        raise ArticleMoveNotAllowed(state=article.state)
    session.add(
        ArticleReview(
            id=uuid7(),
            article_id=article_id,
            number=article.published_number,
            reviewed_at=now,
            reviewed_by=by,
            note=note,
            next_review_on=next_review_on,
        )
    )
    article.review_on = next_review_on
    article.changed_at = now
    session.flush()
    return article


def content_of(article: Article) -> dict[str, Any]:
    """What the newest version says, by the fields of the body that wrote it."""
    return {name: getattr(article, name) for name in ArticleContent.model_fields}


def article_to_change(session: Session, article_id: UUID, wanted: Versions) -> Article:
    """The article, locked until the transaction ends.

    Raises:
        ArticleNotFound: there is none.
        VersionMismatch: it is not at one of the versions that the caller wants.
    """
    found = session.scalar(sa.select(Article).where(Article.id == article_id).with_for_update())
    if found is None:
        raise ArticleNotFound
    check_version(found.version, wanted)
    return found


def _write(
    session: Session, content: Mapping[str, Any], *, from_referral: UUID | None, by: str, now: datetime
) -> Article:
    article = Article(
        id=uuid7(),
        state=ArticleState.DRAFT,
        number=1,
        from_referral=from_referral,
        created_at=now,
        changed_at=now,
        **content,
    )
    session.add(article)
    session.flush()
    session.add(_version(article, by=by, now=now))
    session.flush()
    return article


def _version(article: Article, *, by: str, now: datetime) -> ArticleVersion:
    return ArticleVersion(
        article_id=article.id, number=article.number, author=by, written_at=now, **content_of(article)
    )
