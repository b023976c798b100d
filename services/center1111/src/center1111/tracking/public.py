"""What complainants may do by number and secret, and what officers see of it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import sqlalchemy as sa
from fastapi import Request, Response
from pydantic import ConfigDict, Field

from center1111.complainants import Secret, complaint_of_complainant
from center1111.complaint_view import read_complaint
from center1111.deadlines import Due
from center1111.fields import Note
from center1111.journey import ReopeningState
from center1111.records import Answer, ComplainantMessage, Complaint, Feedback, ReopeningRequest
from center1111.roles import Officer
from center1111.tracking import actions
from center1111.tracking.routes import MessageView, ReopeningView, ReopenWithin
from servicekit.clock import Now
from servicekit.fields import Body, Text, View
from servicekit.filters import CodesOf
from servicekit.paging import Count, Cursor, Limit, Page, decode_cursor, make_page
from servicekit.rate_limits import PUBLIC_LIMIT
from servicekit.routes import Reading, Router, Transaction

router = Router(tags=["complaints"])
public_router = Router(tags=["public"], dependencies=[PUBLIC_LIMIT])


class NewMessage(Body):
    """What the complainant wants to add."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "ขอเพิ่มเติมว่า ชุมชนส่งสำเนาสมุดบัญชีแล้วเมื่อวันที่ 1 ตุลาคม 2569"}]}
    )

    text: Annotated[str, Text(10_000)]


class NewFeedback(Body):
    """What the complainant thinks of the answer in force."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"satisfied": False, "comment": "คำตอบยังไม่ระบุวันโอนเงิน"}]})

    satisfied: bool = Field(strict=True)
    comment: Note | None = None


class FeedbackView(View):
    """What a complainant thought of one version of the answer."""

    answer_version: int
    at: datetime
    satisfied: bool
    comment: str | None


class NewReopeningRequest(Body):
    """Why the complaint should be taken up again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "พ้นกำหนดแล้วยังไม่ได้รับเงิน"}]})

    reason: Note


class ReopeningLine(ReopeningView):
    """A request to reopen in the officers' list."""

    complaint_id: UUID
    tracking_number: str
    subject: str


@public_router.post(
    "/public/complaints/{tracking_number}/messages", status_code=201, summary="Add information to one's complaint"
)
def post_public_message(
    tracking_number: str, new: NewMessage, *, session: Transaction, now: Now, due: Due, tracking_secret: Secret
) -> MessageView:
    """While it is open; where there is a `question`, this answers it, and whoever asked is told.

    A wrong number and a wrong secret get the same answer.
    """
    complaint = complaint_of_complainant(session, tracking_number, tracking_secret)
    return MessageView.model_validate(actions.add_message(session, complaint, text=new.text, deadlines=due, now=now))


@public_router.post(
    "/public/complaints/{tracking_number}/feedback", status_code=201, summary="Say whether the answer satisfies"
)
def post_public_feedback(
    tracking_number: str, new: NewFeedback, *, session: Transaction, now: Now, tracking_secret: Secret
) -> FeedbackView:
    """Once for each version of the answer."""
    complaint = complaint_of_complainant(session, tracking_number, tracking_secret)
    given = actions.rate(session, complaint, satisfied=new.satisfied, comment=new.comment, now=now)
    version = session.scalar(sa.select(Answer.version).where(Answer.id == given.answer_id))
    return FeedbackView(answer_version=version, at=given.at, satisfied=given.satisfied, comment=given.comment)


@public_router.post(
    "/public/complaints/{tracking_number}/reopening-requests",
    status_code=201,
    summary="Ask to take one's complaint up again",
)
def post_public_reopening_request(
    tracking_number: str,
    new: NewReopeningRequest,
    *,
    session: Transaction,
    now: Now,
    within: ReopenWithin,
    tracking_secret: Secret,
) -> ReopeningView:
    """For a number of days after the answer was told; an officer decides."""
    complaint = complaint_of_complainant(session, tracking_number, tracking_secret)
    asked = actions.ask_reopening(session, complaint, reason=new.reason, within=within, now=now)
    return ReopeningView.model_validate(asked)


@router.get("/complaints/{complaint_id}/messages", summary="What the complainant added")
def list_messages(complaint_id: UUID, session: Reading, actor: Officer) -> Page[MessageView]:
    """The first one first. What answers an agency's question was passed on to it; for the rest, amend its referral."""
    read_complaint(session, complaint_id, for_=actor)
    rows = session.scalars(
        sa.select(ComplainantMessage)
        .where(ComplainantMessage.complaint_id == complaint_id)
        .order_by(ComplainantMessage.at, ComplainantMessage.id)
    )
    return Page(items=[MessageView.model_validate(row) for row in rows], next=None)


@router.get("/complaints/{complaint_id}/feedback", summary="What the complainant thought of the answers")
def list_feedback(complaint_id: UUID, session: Reading, actor: Officer) -> Page[FeedbackView]:
    """Of the newest version first."""
    read_complaint(session, complaint_id, for_=actor)
    rows = session.execute(
        sa.select(Answer.version.label("answer_version"), Feedback.at, Feedback.satisfied, Feedback.comment)
        .join(Answer, Answer.id == Feedback.answer_id)
        .where(Feedback.complaint_id == complaint_id)
        .order_by(Answer.version.desc())
    )
    return Page(items=[FeedbackView.model_validate(row) for row in rows], next=None)


@router.get("/reopening-requests", summary="Requests to reopen, the first one first")
def list_reopening_requests(
    *,
    session: Reading,
    actor: Officer,  # noqa: ARG001  # who may
    request: Request,
    response: Response,
    state: CodesOf[ReopeningState] = None,
    complaint: UUID | None = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    count: Count = False,  # a query parameter
) -> Page[ReopeningLine]:
    """Grant one by reopening its complaint; decline it by `…/reopening-refusal`."""
    conditions: list[sa.ColumnElement[bool]] = []
    if state is not None:
        conditions.append(ReopeningRequest.state.in_(state))
    if complaint is not None:
        conditions.append(ReopeningRequest.complaint_id == complaint)
    found = sa.select(*_REQUEST_LINE).join(Complaint, Complaint.id == ReopeningRequest.complaint_id).where(*conditions)
    counted = sa.select(sa.func.count()).select_from(ReopeningRequest).where(*conditions)
    if cursor:
        position = sa.tuple_(*map(sa.literal, decode_cursor(request, cursor, [datetime, UUID])))
        found = found.where(sa.tuple_(ReopeningRequest.at, ReopeningRequest.id) > position)
    rows = session.execute(found.order_by(ReopeningRequest.at, ReopeningRequest.id).limit(limit + 1)).all()
    return make_page(
        rows,
        limit=limit,
        request=request,
        response=response,
        view=ReopeningLine.model_validate,
        position=lambda row: [row.at, row.id],
        total=session.scalar(counted) if count else None,
    )


_REQUEST_LINE = (
    *(
        getattr(ReopeningRequest, name)
        for name in ("id", "state", "at", "reason", "decided_at", "decision", "complaint_id")
    ),
    Complaint.tracking_number,
    Complaint.subject,
)
