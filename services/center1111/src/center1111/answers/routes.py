"""Answers that the Centre gives itself, and all answers to a complaint."""

from typing import Annotated
from uuid import UUID

import sqlalchemy as sa
from fastapi import Response
from pydantic import ConfigDict, Field

from center1111.answers.actions import answer_together
from center1111.complaint_view import ANSWER_OBJECT, AnswerView, read_complaint, tell_version
from center1111.deadlines import Due
from center1111.fields import LongText
from center1111.records import Answer
from center1111.roles import CaseOfficer, Reader
from servicekit.clock import Now
from servicekit.database import Query
from servicekit.fields import Body
from servicekit.paging import Page
from servicekit.routes import Reading, Router, Transaction
from servicekit.versions import IfMatch

router = Router(tags=["complaints"])

_ALL = Query(
    sa.select(ANSWER_OBJECT.label("answer"))
    .where(Answer.complaint_id == sa.bindparam("complaint_id", type_=sa.Uuid))
    .order_by(Answer.version.desc())
)


class NewAnswer(Body):
    """An answer under the Centre's own authority."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": "เมื่อโครงการได้รับอนุมัติ สำนักงานโอนเงินเข้าบัญชีของชุมชนภายใน 30 วันทำการ", "article_ids": []}]
        }
    )

    text: LongText
    article_ids: Annotated[
        tuple[UUID, ...], Field(max_length=20, description="The articles in force from which it was answered.")
    ] = ()
    also_for: Annotated[
        tuple[UUID, ...],
        Field(
            max_length=100,
            description="Other complaints linked to this one that get the same answer, which names none of them.",
        ),
    ] = ()


@router.post("/complaints/{complaint_id}/answers", status_code=201, summary="Answer at once, from the knowledge base")
def post_answer(
    complaint_id: UUID,
    new: NewAnswer,
    *,
    session: Transaction,
    now: Now,
    due: Due,
    actor: CaseOfficer,
    wanted: IfMatch,
    response: Response,
) -> AnswerView:
    """The complaint is `answered`, and those in `also_for`. Which version of each article was used is kept."""
    complaint = answer_together(
        session,
        complaint_id,
        text=new.text,
        also_for=[one for one in dict.fromkeys(new.also_for) if one != complaint_id],
        article_ids=list(dict.fromkeys(new.article_ids)),
        wanted=wanted,
        deadlines=due,
        by=actor.subject,
        now=now,
    )
    tell_version(response, complaint.version)
    response.headers["Location"] = f"/v1/complaints/{complaint_id}/answers"
    return AnswerView.model_validate(_ALL.scalar(session, complaint_id=complaint_id))


@router.get("/complaints/{complaint_id}/answers", summary="All answers to a complaint, the version in force first")
def list_answers(complaint_id: UUID, session: Reading, actor: Reader) -> Page[AnswerView]:
    """Those of the Centre and those that agencies gave to referrals."""
    read_complaint(session, complaint_id, for_=actor)
    rows = _ALL.all(session, complaint_id=complaint_id)
    return Page(items=[AnswerView.model_validate(row.answer) for row in rows], next=None)
