"""The store of questions and answers. Who asked is not in it, so that it can be read widely."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi import Query as QueryParameter
from fastapi.responses import StreamingResponse
from pydantic import Field

from chumchon.cases import visible_case
from chumchon.codes import CODE_LISTS
from chumchon.journey import Channel, Origin
from chumchon.questions.queries import Sort, answers_to, every_question, find_questions, question, search_questions
from chumchon.steps import DIRECTOR, GROUP_HEAD, OFFICERS, REGISTRAR, sight_of
from chumchon.work_groups import Topic, WorkGroup
from schemas.bodies import Kind
from servicekit.clock import Now
from servicekit.database import ReadSession
from servicekit.fields import Line, Timestamp, View
from servicekit.files.tables import Cell, csv_table, pieces_of, xlsx_table
from servicekit.filters import CodesOf
from servicekit.identity import Actor, require
from servicekit.paging import Cursor, Limit, Page, decode_cursor, make_page, refuse_paging
from servicekit.problems import DomainError
from servicekit.routes import Reading, Router
from servicekit.words import Language, Words, preferred_language
from thaikit.calendar import BANGKOK, bangkok_date

router = Router(tags=["questions"])

Officer = Annotated[Actor, Depends(require(*OFFICERS))]
Exporter = Annotated[Actor, Depends(require(REGISTRAR, GROUP_HEAD, DIRECTOR))]

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


async def _filter(
    *,
    topic: CodesOf[Topic] = None,
    work_group: CodesOf[WorkGroup] = None,
    origin: CodesOf[Origin] = None,
    channel: CodesOf[Channel] = None,
    kind: CodesOf[Kind] = None,
    answered_from: Annotated[
        Timestamp | None, QueryParameter(alias="from", description="Answered then or later.")
    ] = None,
    answered_to: Annotated[Timestamp | None, QueryParameter(alias="to", description="Answered before.")] = None,
) -> dict[str, Any]:
    """What was asked for of the list, by the names of the conditions."""
    given = {
        "topic": topic,
        "work_group": work_group,
        "origin": origin,
        "channel": channel,
        "kind": kind,
        "from": answered_from,
        "to": answered_to,
    }
    return {name: value for name, value in given.items() if value is not None}


Filter = Annotated[dict[str, Any], Depends(_filter)]


@router.get("/questions", summary="List the stored questions, or search them by `q`")
def list_questions(
    *,
    request: Request,
    response: Response,
    session: Reading,
    _: Officer,
    q: Annotated[str | None, Line(300), QueryParameter(description="Full-text search: best first, one page.")] = None,
    values: Filter,
    sort: Sort = "-answered_at",
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[QuestionSummary]:
    """Every question that was answered, of all work groups; a search has neither cursor nor sort."""
    if q is not None:
        refuse_paging(request)
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


class ExportFormat(StrEnum):
    """As what the store is exported."""

    CSV = "csv"
    XLSX = "xlsx"


_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_EXPORTED: Final[Mapping[str, Words]] = {
    "id": Words("รหัสคำถาม", "Question id"),
    "subject": Words("เรื่อง", "Subject"),
    "text": Words("คำถาม", "Question"),
    "answer": Words("คำตอบ", "Answer"),
    "answer_version": Words("ฉบับที่", "Version of the answer"),
    "kind": Words("ประเภท", "Kind"),
    "topic": Words("หัวข้อ", "Topic"),
    "work_group": Words("กลุ่มงาน", "Work group"),
    "origin": Words("ที่มา", "Origin"),
    "channel": Words("ช่องทาง", "Channel"),
    "asked_at": Words("ถามเมื่อ (เวลาประเทศไทย)", "Asked at (Thai time)"),
    "answered_at": Words("ตอบเมื่อ (เวลาประเทศไทย)", "Answered at (Thai time)"),
}
_CODE_LIST_OF: Final = {
    "kind": "kinds",
    "topic": "topics",
    "work_group": "work_groups",
    "origin": "origins",
    "channel": "channels",
}


@router.get(
    "/questions/export",
    summary="Export the stored questions with their answers as CSV or XLSX",
    response_class=Response,
    responses={
        200: {
            "description": "The table, with headings and labels in the language of `Accept-Language`.",
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("text/csv", _XLSX)},
        }
    },
)
def export_questions(
    *,
    request: Request,
    now: Now,
    _: Exporter,
    values: Filter,
    format_: Annotated[ExportFormat, QueryParameter(alias="format", description="CSV is UTF-8 with a BOM.")],
) -> Response:
    """All that match, with the newest answer of each, in the order of their ids.

    CSV is sent while it is read. In CSV a text that a spreadsheet program would take for a formula begins with an
    apostrophe; in XLSX it is a text cell.
    """
    language = preferred_language(request.headers.get("accept-language"))
    headings = [heading.said(language) for heading in _EXPORTED.values()]
    found = every_question(request.app.state.read_sessions, values)
    rows = ([_cells(row, language) for row in batch] for batch in found)
    headers = {
        "Content-Disposition": f'attachment; filename="questions-{bangkok_date(now)}.{format_}"',
        "Content-Language": language,
        "X-Content-Type-Options": "nosniff",
    }
    if format_ is ExportFormat.CSV:
        return StreamingResponse(csv_table(headings, rows), media_type="text/csv; charset=utf-8", headers=headers)
    file = xlsx_table(headings, rows, name="questions")
    return StreamingResponse(pieces_of(file), media_type=_XLSX, headers=headers)


def _cells(row: Any, language: Language) -> list[Cell]:  # noqa: ANN401  # a row
    return [_cell(name, getattr(row, name), language) for name in _EXPORTED]


def _cell(name: str, value: Any, language: Language) -> Cell:  # noqa: ANN401  # a column's
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return value.astimezone(BANGKOK)
    if name in _CODE_LIST_OF:
        return CODE_LISTS[_CODE_LIST_OF[name]][value].label.said(language)
    return str(value)


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
