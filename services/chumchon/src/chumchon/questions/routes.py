"""The store of questions and answers. Who asked is not in it, so that it can be read widely."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi import Query as QueryParameter
from pydantic import Field

from chumchon.cases import visible_case
from chumchon.journey import Channel, Origin
from chumchon.questions.queries import Sort, answers_to, find_questions, question, search_questions
from chumchon.steps import OFFICERS, sight_of
from chumchon.work_groups import Topic, WorkGroup
from schemas.bodies import Kind
from servicekit.database import ReadSession
from servicekit.fields import Line, Timestamp, View
from servicekit.filters import CodesOf
from servicekit.identity import Actor, require
from servicekit.paging import Cursor, Limit, Page, decode_cursor, make_page
from servicekit.problems import DomainError
from servicekit.routes import Reading, Router

router = Router(tags=["questions"])

Officer = Annotated[Actor, Depends(require(*OFFICERS))]


Few = Annotated[int, QueryParameter(ge=1, le=20, description="How many at most.")]


class QuestionNotFound(DomainError):
    """There is no such question."""


class QuestionSummary(View):
    """A question with its newest answer."""

    id: UUID
    case_id: UUID
    subject: str = Field(examples=["ขอทราบระเบียบการโอนเงินโครงการ"])
    text: str
    kind: Kind
    topic: Topic
    work_group: WorkGroup
    origin: Origin
    channel: Channel | None
    asked_at: datetime
    answered_at: datetime
    answer_version: int
    answer: str = Field(examples=["เงินโครงการจะโอนเข้าบัญชีชุมชนภายใน 30 วันหลังทำสัญญา"])
    score: float | None = Field(None, description="With `q`: how well it was found; comparable within one search.")
    matched_words: list[str] | None = Field(None, description="With `q`: the words of it that were found.")


class SimilarQuestions(View):
    """Best first; scores are comparable within one answer."""

    items: list[QuestionSummary]


class AnswerVersion(View):
    """One version of an answer."""

    version: int
    text: str
    topic: Topic
    work_group: WorkGroup
    answered_at: datetime


class QuestionView(QuestionSummary):
    """A question with every version of its answer."""

    answers: list[AnswerVersion] = Field(description="Oldest first; the last one is in force.")


@router.get("/questions", summary="List the stored questions, or search them by `q`")
def list_questions(
    *,
    request: Request,
    response: Response,
    session: Reading,
    _: Officer,
    q: Annotated[str | None, Line(300), QueryParameter(description="Full-text search: best first, one page.")] = None,
    topic: CodesOf[Topic] = None,
    work_group: CodesOf[WorkGroup] = None,
    origin: CodesOf[Origin] = None,
    channel: CodesOf[Channel] = None,
    kind: CodesOf[Kind] = None,
    answered_from: Annotated[
        Timestamp | None, QueryParameter(alias="from", description="Answered then or later.")
    ] = None,
    answered_to: Annotated[Timestamp | None, QueryParameter(alias="to", description="Answered before.")] = None,
    sort: Sort = "-answered_at",
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[QuestionSummary]:
    """Every question that was answered, of all work groups."""
    given = {
        "topic": topic,
        "work_group": work_group,
        "origin": origin,
        "channel": channel,
        "kind": kind,
        "from": answered_from,
        "to": answered_to,
    }
    values = {name: value for name, value in given.items() if value is not None}
    if q is not None:
        found = search_questions(session, values, q, limit=limit)
        return Page(items=[_found(*it) for it in found], next=None)
    after = decode_cursor(request, cursor, [datetime, UUID]) if cursor else None
    column = sort.removeprefix("-")
    return make_page(
        find_questions(session, values, sort, after=(after[0], after[1]) if after else None, limit=limit + 1),
        limit=limit,
        request=request,
        response=response,
        view=QuestionSummary.model_validate,
        position=lambda row: (getattr(row, column), row.id),
    )


@router.get("/cases/{case_id}/similar-questions", summary="Past questions like this case, with their answers")
def list_similar_to_case(case_id: UUID, session: Reading, actor: Officer, limit: Few = 5) -> SimilarQuestions:
    """To be read beside the draft: of all groups, best first."""
    case = visible_case(session, case_id, sight_of(actor))
    return _similar(session, f"{case.subject}\n{case.details}", limit=limit, but_of=case_id)


@router.get("/questions/{question_id}/similar", summary="Questions like this one, with their answers")
def list_similar_to_question(question_id: UUID, session: Reading, _: Officer, limit: Few = 5) -> SimilarQuestions:
    """Best first."""
    row = question(session, question_id)
    if row is None:
        raise QuestionNotFound
    return _similar(session, f"{row.subject}\n{row.text}", limit=limit, but_of=row.case_id)


def _similar(session: ReadSession, text: str, *, limit: int, but_of: UUID) -> SimilarQuestions:
    found = search_questions(session, {}, text, limit=limit + 1)
    return SimilarQuestions(items=[_found(*it) for it in found if it[0].case_id != but_of][:limit])


def _found(row: Any, score: float, matched: list[str]) -> QuestionSummary:  # noqa: ANN401  # a row
    return QuestionSummary.model_validate({**row._asdict(), "score": round(score, 3), "matched_words": matched})


@router.get("/questions/{question_id}", summary="Read a question with every version of its answer")
def get_question(question_id: UUID, session: Reading, _: Officer) -> QuestionView:
    """A later version supersedes the earlier ones, which stay readable."""
    row = question(session, question_id)
    if row is None:
        raise QuestionNotFound
    answers = [AnswerVersion.model_validate(answer) for answer in answers_to(session, row.id)]
    return QuestionView.model_validate({**row._asdict(), "answers": answers})
