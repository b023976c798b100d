"""The website's own form, and how its complainant follows the case: for anyone, without a token."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Response
from pydantic import Field

from chumchon.cases import CaseView, case_view
from chumchon.deadlines import Deadlines
from chumchon.intake.actions import register_case
from chumchon.intake.bodies import NewPublicCase
from chumchon.intake.queries import messages_for_complainant
from chumchon.intake.routes import deadlines_of
from chumchon.journey import State
from chumchon.tracking import case_id_for
from servicekit.clock import Now
from servicekit.fields import View
from servicekit.rate_limits import PUBLIC_LIMIT
from servicekit.routes import Reading, Router, Transaction

router = Router(tags=["public"], prefix="/public", dependencies=[PUBLIC_LIMIT])

WEBSITE = "website"
"""Who recorded what the public sends by the website's form."""


class Stage(StrEnum):
    """As much of a case's state as its complainant is told."""

    RECEIVED = "received"
    IN_PROGRESS = "in_progress"
    QUESTION_FOR_YOU = "question_for_you"
    ANSWERED = "answered"
    CLOSED = "closed"


STAGES = {
    State.NEW: Stage.RECEIVED,
    State.ROUTED: Stage.RECEIVED,
    State.ACCEPTED: Stage.IN_PROGRESS,
    State.AWAITING_COMPLAINANT: Stage.QUESTION_FOR_YOU,
    State.ANSWERED: Stage.ANSWERED,
    State.RETURNED: Stage.CLOSED,
    State.WITHDRAWN: Stage.CLOSED,
    State.CLOSED: Stage.CLOSED,
}


class PublicCaseCreated(View):
    """What the complainant needs to follow the case."""

    case_number: str = Field(examples=["CC-2570-000045-6"])
    tracking_secret: str = Field(description="Shown this once.")
    state: Stage
    received_at: datetime
    due_at: datetime


class PublicFile(View):
    """A file of the answer: `GET /v1/public/cases/{case_number}/files/{id}`."""

    id: UUID
    filename: str
    media_type: str
    bytes: int


class PublicAnswer(View):
    """The newest answer."""

    version: int
    text: str
    files: list[PublicFile]
    answered_at: datetime


class PublicMessage(View):
    """What was asked, replied or reported on the way."""

    kind: str
    text: str
    at: datetime


class PublicCase(View):
    """A case as its complainant sees it."""

    case_number: str
    state: Stage
    received_at: datetime
    due_at: datetime
    answered_at: datetime | None
    answer: PublicAnswer | None
    messages: list[PublicMessage]


@router.post("/cases", status_code=201, summary="Send a question or complaint by the website")
def post_public_case(
    new: NewPublicCase,
    session: Transaction,
    now: Now,
    deadlines: Annotated[Deadlines, Depends(deadlines_of)],
    response: Response,
) -> PublicCaseCreated:
    """Keep the number and the secret: together they show the case."""
    opened = register_case(session, new, by=WEBSITE, client_id=None, due_at=deadlines.due_at(now), now=now)
    response.headers["Location"] = f"/v1/public/cases/{opened.case_number}"
    return PublicCaseCreated(
        case_number=opened.case_number,
        tracking_secret=opened.secret,
        state=Stage.RECEIVED,
        received_at=now,
        due_at=deadlines.due_at(now),
    )


@router.get("/cases/{case_number}", summary="Follow a case by its number and secret")
def get_public_case(
    case_number: str, session: Reading, tracking_secret: Annotated[str, Header(max_length=200)]
) -> PublicCase:
    """A wrong secret is answered as if there were no such case."""
    case_id = case_id_for(session, case_number, tracking_secret)
    return _shown(
        case_view(session, case_id),
        [PublicMessage.model_validate(row) for row in messages_for_complainant(session, case_id)],
    )


def _shown(case: CaseView, messages: list[PublicMessage]) -> PublicCase:
    return PublicCase(
        case_number=case.case_number,
        state=STAGES[case.state],
        received_at=case.received_at,
        due_at=case.due_at,
        answered_at=case.answered_at,
        answer=PublicAnswer.model_validate(case.answer, from_attributes=True) if case.answer else None,
        messages=messages,
    )
