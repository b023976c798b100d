"""The knowledge base: articles, their versions, search, and suggestions for a complaint."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import Body as RequestBody
from fastapi import Query, Request, Response
from sqlalchemy.orm import Session

from center1111.codes import Topic
from center1111.complaint_view import read_complaint
from center1111.journey import ArticleState
from center1111.knowledge import actions, queries
from center1111.knowledge.actions import ArticleNotFound
from center1111.knowledge.bodies import ArticleContent, DraftFromReferral, NewArticle, NewReview
from center1111.knowledge.queries import AnsweredComplaint, ArticleLine
from center1111.records import Article, ArticleReview, ArticleVersion
from center1111.roles import Editor, Officer, Publisher
from servicekit.clock import Now
from servicekit.fields import Day, Line, Versioned, View
from servicekit.filters import CodesOf
from servicekit.merge_patch import patched
from servicekit.paging import Count, Cursor, Limit, Page, decode_cursor, make_page, refuse_paging
from servicekit.routes import Reading, Router, Transaction
from servicekit.versions import IfMatch, IfMatchRequired
from thaikit.calendar import bangkok_date

router = Router(tags=["knowledge"])


class ArticleView(Versioned):
    """One article: its newest version. `published_number` is the version in force; null when there is none."""

    id: UUID
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
    from_referral: UUID | None
    created_at: datetime
    changed_at: datetime


class ArticleVersionView(View):
    """One version of an article, as it was written."""

    number: int
    question: str
    answer: str
    topic: Topic | None
    keywords: list[str]
    valid_from: date | None
    valid_until: date | None
    review_on: date | None
    author: str
    written_at: datetime
    published_at: datetime | None
    published_by: str | None


class ArticleReviewView(View):
    """Somebody found that this version still holds."""

    number: int
    reviewed_at: datetime
    reviewed_by: str
    note: str | None
    next_review_on: date | None


@router.post("/articles", status_code=201, summary="Write an article, or draft one from an answered referral")
def post_article(new: NewArticle, session: Transaction, now: Now, actor: Editor, response: Response) -> ArticleView:
    """It begins as a draft; another person publishes it."""
    if isinstance(new, DraftFromReferral):
        article = actions.draft_from_referral(session, new.from_referral, by=actor.subject, now=now)
    else:
        article = actions.write_article(session, new, by=actor.subject, now=now)
    response.headers["Location"] = f"/v1/articles/{article.id}"
    return ArticleView.model_validate(article)


@router.get("/articles", summary="List articles, or search those in force")
def list_articles(
    *,
    session: Reading,
    now: Now,
    actor: Officer,  # noqa: ARG001  # who may
    request: Request,
    response: Response,
    state: CodesOf[ArticleState] = None,
    topic: CodesOf[Topic] = None,
    due_for_review: Annotated[
        bool, Query(description="Only those in force whose review date has come; `false` is all.")
    ] = False,
    review_to: Annotated[Day | None, Query(description="To be reviewed before this day.")] = None,
    q: Annotated[
        Annotated[str, Line(300)] | None,
        Query(description="Thai full-text search of the articles in force, best first; misspellings are found too."),
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    count: Count = False,  # a query parameter
) -> Page[ArticleLine]:
    """Without `q` the last changed first. With `q` the best first, on one page: without cursor and count."""
    wanted = {
        name: value
        for name, value in {
            "state": state,
            "topic": topic,
            "due_for_review": bangkok_date(now) if due_for_review else None,
            "review_to": review_to,
        }.items()
        if value is not None
    }
    if q is not None:
        refuse_paging(request)
        found = queries.search_articles(session, q, today=bangkok_date(now), limit=limit, wanted=wanted)
        return Page(items=found, next=None)
    after = decode_cursor(request, cursor, [datetime, UUID]) if cursor else None
    return make_page(
        queries.list_articles(session, wanted, after=after, limit=limit + 1),
        limit=limit,
        request=request,
        response=response,
        view=ArticleLine.model_validate,
        position=lambda row: [row.changed_at, row.id],
        total=queries.count_articles(session, wanted) if count else None,
    )


@router.get("/articles/{article_id}", summary="Read an article")
def get_article(article_id: UUID, session: Reading, actor: Officer) -> ArticleView:  # noqa: ARG001  # who may
    """Its newest version, published or not."""
    article = session.get(Article, article_id)
    if article is None:
        raise ArticleNotFound
    return ArticleView.model_validate(article)


@router.patch(
    "/articles/{article_id}",
    summary="Edit an article",
    openapi_extra={
        "requestBody": {
            "content": {
                "application/merge-patch+json": {
                    "schema": {"type": "object"},
                    "examples": {"answer": {"value": {"answer": "โอนเงินเข้าบัญชีของชุมชนภายใน 15 วันทำการ"}}},
                }
            }
        }
    },
)
def patch_article(
    article_id: UUID,
    patch: Annotated[dict[str, Any], RequestBody()],
    *,
    session: Transaction,
    now: Now,
    actor: Editor,
    wanted: IfMatchRequired,
) -> ArticleView:
    """JSON Merge Patch (RFC 7396). Makes the next version; what is published stays in force until that is, too.

    A patch that changes nothing makes no version: the article is answered as it is.
    """
    article = actions.article_to_change(session, article_id, wanted)
    content = patched(ArticleContent, actions.content_of(article), patch)
    return ArticleView.model_validate(
        actions.edit_article(session, article_id, content, wanted=wanted, by=actor.subject, now=now)
    )


@router.post("/articles/{article_id}/publication", summary="Publish an article's newest version")
def post_publication(
    article_id: UUID, session: Transaction, now: Now, actor: Publisher, wanted: IfMatch
) -> ArticleView:
    """By another person than the author of what is new in it."""
    return ArticleView.model_validate(
        actions.publish_article(session, article_id, wanted=wanted, by=actor.subject, now=now)
    )


@router.post("/articles/{article_id}/retirement", summary="Take an article out of use")
def post_retirement(
    article_id: UUID,
    *,
    session: Transaction,
    now: Now,
    actor: Editor,  # noqa: ARG001  # who may
    wanted: IfMatch,
) -> ArticleView:
    """It is no more found or suggested, and stays readable with all its versions."""
    return ArticleView.model_validate(actions.retire_article(session, article_id, wanted=wanted, now=now))


@router.post("/articles/{article_id}/reviews", status_code=201, summary="Keep that an article still holds")
def post_review(
    article_id: UUID,
    new: NewReview,
    *,
    session: Transaction,
    now: Now,
    actor: Editor,
    wanted: IfMatch,
    response: Response,
) -> ArticleView:
    """It leaves the list of those due for review until `next_review_on`."""
    article = actions.review_article(
        session,
        article_id,
        next_review_on=new.next_review_on,
        note=new.note,
        wanted=wanted,
        by=actor.subject,
        now=now,
    )
    response.headers["Location"] = f"/v1/articles/{article_id}/reviews"
    return ArticleView.model_validate(article)


@router.get("/articles/{article_id}/reviews", summary="Who found when that an article still holds")
def list_reviews(
    article_id: UUID,
    *,
    session: Reading,
    actor: Officer,  # noqa: ARG001  # who may
) -> Page[ArticleReviewView]:
    """The last first."""
    _check_known(session, article_id)
    rows = session.scalars(
        sa.select(ArticleReview)
        .where(ArticleReview.article_id == article_id)
        .order_by(ArticleReview.reviewed_at.desc(), ArticleReview.id.desc())
    ).all()
    return Page(items=[ArticleReviewView.model_validate(row) for row in rows], next=None)


@router.get("/articles/{article_id}/complaints", summary="Complaints that were answered from an article")
def list_answered_complaints(
    article_id: UUID,
    *,
    session: Reading,
    actor: Officer,  # noqa: ARG001  # who may
    request: Request,
    response: Response,
    corrected_since: Annotated[
        bool | None, Query(description="Only those answered from a version that was replaced since, or the others.")
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[AnsweredComplaint]:
    """The last answered first. `number` is the version used, `in_force` whether that answer still stands.

    After a correction, `corrected_since=true` lists those who were told what no longer holds.
    """
    _check_known(session, article_id)
    after = decode_cursor(request, cursor, [datetime, UUID]) if cursor else None
    return make_page(
        queries.list_answered_complaints(session, article_id, corrected=corrected_since, after=after, limit=limit + 1),
        limit=limit,
        request=request,
        response=response,
        view=AnsweredComplaint.model_validate,
        position=lambda row: [row.answered_at, row.answer_id],
    )


@router.get("/articles/{article_id}/versions", summary="All versions of an article, the newest first")
def list_versions(
    article_id: UUID,
    *,
    session: Reading,
    actor: Officer,  # noqa: ARG001  # who may
) -> Page[ArticleVersionView]:
    """With who wrote and who published each."""
    rows = session.scalars(
        sa.select(ArticleVersion).where(ArticleVersion.article_id == article_id).order_by(ArticleVersion.number.desc())
    ).all()
    if not rows:
        raise ArticleNotFound
    return Page(items=[ArticleVersionView.model_validate(row) for row in rows], next=None)


@router.get("/complaints/{complaint_id}/suggestions", summary="Articles that may answer the complaint, best first")
def list_suggestions(
    complaint_id: UUID, *, session: Reading, now: Now, actor: Officer, limit: Limit = 5
) -> Page[ArticleLine]:
    """Each with its score and the words of the complaint that it matched."""
    complaint = read_complaint(session, complaint_id, for_=actor)
    text = f"{complaint.subject}\n{complaint.details}"
    return Page(items=queries.search_articles(session, text, today=bangkok_date(now), limit=limit), next=None)


def _check_known(session: Session, article_id: UUID) -> None:
    if session.get(Article, article_id) is None:
        raise ArticleNotFound
