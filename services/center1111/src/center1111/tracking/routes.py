"""Following a complaint: its whole history for officers, and the complainant's own view."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import sqlalchemy as sa
from fastapi import Depends, Request
from pydantic import Field

from center1111.codes import CODE_LISTS, AnswerOrigin, RefusalGround
from center1111.complainants import PROGRESS, Progress, Secret, known_to_complainant
from center1111.complaint_view import OPEN_QUESTION, PROGRESS_REPORTS, AgencySaid, read_complaint
from center1111.journey import UNANSWERED, ReopeningState, State
from center1111.records import (
    Answer,
    ComplainantMessage,
    Complaint,
    Feedback,
    HistoryEntry,
    Referral,
    ReopeningRequest,
)
from center1111.roles import Officer
from center1111.steps import ComplaintNotFound
from schemas import Kind
from servicekit.codes import Code
from servicekit.database import Query
from servicekit.fields import View
from servicekit.paging import Page
from servicekit.rate_limits import PUBLIC_LIMIT
from servicekit.routes import Reading, Router

router = Router(tags=["complaints"])
public_router = Router(tags=["public"], dependencies=[PUBLIC_LIMIT])


class About(StrEnum):
    """What a line of the history is about."""

    COMPLAINT = "complaint"
    REFERRAL = "referral"


class HistoryView(View):
    """One thing that was done: who, when, from which state to which, and why."""

    id: UUID
    about: About
    referral_id: UUID | None
    referral_number: str | None
    at: datetime
    by: str = Field(description="An officer, an agency's code, `public`, or `complainant`.")
    move: str
    from_state: str | None
    to_state: str
    note: str | None


class PublicAnswer(View):
    """The answer in force."""

    text: str
    answered_at: datetime
    origin: AnswerOrigin


class MessageView(View):
    """What a complainant added."""

    id: UUID
    at: datetime
    text: str


class ReopeningView(View):
    """A request to reopen, and what became of it."""

    id: UUID
    state: ReopeningState
    at: datetime
    reason: str
    decided_at: datetime | None
    decision: str | None = Field(description="Why it was reopened or not, as the complainant is told.")


async def _reopen_within(request: Request) -> timedelta:
    within: timedelta = request.app.state.reopen_within
    return within


ReopenWithin = Annotated[timedelta, Depends(_reopen_within)]
"""How long after an answer its complainant may ask to reopen, for routes."""


class PublicComplaint(View):
    """What a complainant sees of their complaint."""

    tracking_number: str
    state: Progress
    kind: Kind
    subject: str
    received_at: datetime
    due_at: datetime | None = Field(description="By when it is to be answered; null when no answer is due any more.")
    clock_stopped_at: datetime | None = Field(description="Since when the time until `due_at` does not run.")
    verified_at: datetime | None
    answered_at: datetime | None
    closed_at: datetime | None
    refusal: str | None = Field(description="The ground of a refusal, in Thai.")
    refusal_source: str | None = Field(description="The rule that the ground is taken from, in Thai.")
    question: AgencySaid | None = Field(description="What the agency must still know: answer it by a message.")
    progress: list[AgencySaid] = Field(
        description="Interim reports of agencies and of the Centre, the first one first."
    )
    answer: PublicAnswer | None
    rated: bool = Field(description="Whether this answer was given feedback; it is asked for once.")
    reopening_until: datetime | None = Field(description="Until when reopening may be asked for, if at all.")
    reopening: ReopeningView | None = Field(description="The last request to reopen.")
    messages: list[MessageView]


_HISTORY = Query(
    sa.select(
        *(
            getattr(HistoryEntry, name)
            for name in ("id", "referral_id", "at", "by", "move", "from_state", "to_state", "note")
        ),
        Referral.number.label("referral_number"),
        sa.case(
            (HistoryEntry.referral_id.is_(None), sa.literal_column(f"'{About.COMPLAINT}'")),
            else_=sa.literal_column(f"'{About.REFERRAL}'"),
        ).label("about"),
    )
    .outerjoin(Referral, Referral.id == HistoryEntry.referral_id)
    .where(HistoryEntry.complaint_id == sa.bindparam("complaint_id", type_=sa.Uuid))
    .order_by(HistoryEntry.at, HistoryEntry.id)
)

_newest = (
    sa.select(
        Answer.text,
        Answer.answered_at,
        Answer.origin,
        sa.func.coalesce(Answer.told_at, Answer.recorded_at).label("known_at"),
        sa.exists().where(Feedback.answer_id == Answer.id).label("rated"),
    )
    .where(Answer.complaint_id == Complaint.id)
    .order_by(Answer.version.desc())
    .limit(1)
    .correlate(Complaint)
    .lateral("newest")
)
_PUBLIC = Query(
    sa.select(
        *(
            getattr(Complaint, name)
            for name in (
                "id",
                "tracking_number",
                "tracking_secret_digest",
                "state",
                "kind",
                "subject",
                "received_at",
                "due_at",
                "clock_stopped_at",
                "verified_at",
                "answered_at",
                "closed_at",
                "refusal_ground",
            )
        ),
        _newest.c.text.label("answer_text"),
        _newest.c.answered_at.label("answer_answered_at"),
        _newest.c.origin.label("answer_origin"),
        _newest.c.known_at,
        sa.func.coalesce(_newest.c.rated, sa.false()).label("rated"),
        OPEN_QUESTION.label("question"),
        PROGRESS_REPORTS.label("progress"),
    )
    .outerjoin(_newest, sa.true())
    .where(Complaint.tracking_number == sa.bindparam("tracking_number"))
)


_MESSAGES = Query(
    sa.select(ComplainantMessage.id, ComplainantMessage.at, ComplainantMessage.text)
    .where(ComplainantMessage.complaint_id == sa.bindparam("complaint_id", type_=sa.Uuid))
    .order_by(ComplainantMessage.at, ComplainantMessage.id)
)
_LAST_REQUEST = Query(
    sa.select(*(getattr(ReopeningRequest, name) for name in ReopeningView.model_fields))
    .where(ReopeningRequest.complaint_id == sa.bindparam("complaint_id", type_=sa.Uuid))
    .order_by(ReopeningRequest.at.desc(), ReopeningRequest.id.desc())
)


@router.get("/complaints/{complaint_id}/history", summary="All that was done to a complaint and to its referrals")
def list_history(complaint_id: UUID, session: Reading, actor: Officer) -> Page[HistoryView]:
    """The whole timeline across both organisations, the oldest first. Lines are never changed."""
    read_complaint(session, complaint_id, for_=actor)
    rows = _HISTORY.all(session, complaint_id=complaint_id)
    if not rows:
        raise ComplaintNotFound
    return Page(items=[HistoryView.model_validate(row) for row in rows], next=None)


@public_router.get("/public/complaints/{tracking_number}", summary="Follow a complaint by its number and secret")
def get_public_complaint(
    tracking_number: str, *, session: Reading, within: ReopenWithin, tracking_secret: Secret
) -> PublicComplaint:
    """A wrong number and a wrong secret get the same answer. Case, spaces and hyphens do not matter."""
    row = known_to_complainant(session, _PUBLIC, tracking_number, tracking_secret)
    state = State(row.state)
    request = _LAST_REQUEST.first(session, complaint_id=row.id)
    ground = _ground(row.refusal_ground)
    answered = row.answer_text is not None and state in {State.ANSWERED, State.CLOSED}
    return PublicComplaint(
        **{
            name: getattr(row, name)
            for name in PublicComplaint.model_fields.keys() - {"state", "due_at"}
            if name in row._fields
        },
        state=PROGRESS[state],
        due_at=row.due_at if state in UNANSWERED else None,
        refusal=None if ground is None else ground.label.th,
        refusal_source=None if ground is None or ground.source is None else ground.source.th,
        answer=PublicAnswer(text=row.answer_text, answered_at=row.answer_answered_at, origin=row.answer_origin)
        if answered
        else None,
        reopening_until=row.known_at + within if answered else None,
        reopening=None if request is None else ReopeningView.model_validate(request),
        messages=[MessageView.model_validate(message) for message in _MESSAGES.all(session, complaint_id=row.id)],
    )


def _ground(ground: RefusalGround | None) -> Code | None:
    return None if ground is None else CODE_LISTS["refusal_grounds"][ground]
