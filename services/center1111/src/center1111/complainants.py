"""Who knows the number and the secret of a complaint may act on it as its complainant.

Below the stages, as complainants tell more, attach files, judge answers and withdraw in several of them.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self
from uuid import UUID

import sqlalchemy as sa
from fastapi import Header
from sqlalchemy.orm import Session

from center1111 import steps
from center1111.journey import MOVES, Move, ReopeningState, State
from center1111.records import Complaint, ReopeningRequest
from center1111.tracking_secret import is_secret_of
from servicekit.database import Query
from servicekit.problems import DomainError
from thaikit.numbers import InvalidNumber, parse_checked

BY_COMPLAINANT: Final = "complainant"

Secret = Annotated[str, Header(max_length=100, description="As shown when the complaint was filed.")]
"""The secret of a complaint; the endpoint's parameter is named `tracking_secret`."""


class Progress(StrEnum):
    """Where a complaint stands, as its complainant sees it."""

    RECEIVED = "received"
    IN_PROGRESS = "in_progress"
    ANSWERED = "answered"
    REFUSED = "refused"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


PROGRESS: Final = {
    State.RECEIVED: Progress.RECEIVED,
    State.VERIFIED: Progress.IN_PROGRESS,
    State.REFERRED: Progress.IN_PROGRESS,
    State.ANSWERED: Progress.ANSWERED,
    State.REFUSED: Progress.REFUSED,
    State.CLOSED: Progress.CLOSED,
    State.WITHDRAWN: Progress.WITHDRAWN,
}


class NotYours(DomainError):
    """No complaint has this number and this secret. Which of them is wrong is told to nobody."""


class NotPossibleNow(DomainError):
    """As the complaint stands, its complainant cannot do this."""

    @classmethod
    def of(cls, complaint: Complaint) -> Self:
        """Tells where the complaint stands in the words for complainants."""
        return cls(state=PROGRESS[complaint.state])


COMPLAINT_KNOWN: Final = Query(
    sa.select(Complaint.id, Complaint.tracking_secret_digest).where(
        Complaint.tracking_number == sa.bindparam("tracking_number")
    )
)
"""Finds the complaint's `id`, for `known_to_complainant`."""


def known_to_complainant(session: Session, query: Query, tracking_number: str, secret: str) -> Any:  # noqa: ANN401  # as wide as the query
    """The row of a complaint for who knows its secret; `query` takes `tracking_number`, gives `tracking_secret_digest`.

    Case, spaces and hyphens do not matter.

    Raises:
        NotYours: no complaint has this number and this secret.
    """
    try:
        number = parse_checked(tracking_number)
    except InvalidNumber:
        raise NotYours from None
    row = query.first(session, tracking_number=number)
    known = is_secret_of(number, secret, None if row is None else row.tracking_secret_digest)
    if row is None or not known:
        raise NotYours
    return row


def complaint_of_complainant(session: Session, tracking_number: str, secret: str) -> Complaint:
    """The complaint, locked, for who knows its secret.

    Raises:
        NotYours: no complaint has this number and this secret.
    """
    row = known_to_complainant(session, COMPLAINT_KNOWN, tracking_number, secret)
    return steps.complaint_to_change(session, row.id)


def may(complaint: Complaint, move: Move) -> bool:
    """Whether the journey knows the move from the complaint's state."""
    return (complaint.state, move) in MOVES


def advance(session: Session, complaint: Complaint, move: Move, *, now: datetime, note: str | None = None) -> None:
    """Move the complaint as its complainant asks, and write it down.

    Raises:
        NotPossibleNow: the journey knows no such move from its state; of the states that officers see, nothing is told.
    """
    if not may(complaint, move):
        raise NotPossibleNow.of(complaint)
    steps.advance(session, complaint, move, by=BY_COMPLAINANT, now=now, note=note)


def decide_on_request(
    session: Session, complaint_id: UUID, state: ReopeningState, *, decision: str, by: str, now: datetime
) -> bool:
    """Decide on the open request to reopen a complaint, which is locked; False where there is none."""
    open_request = sa.select(ReopeningRequest).where(
        ReopeningRequest.complaint_id == complaint_id, ReopeningRequest.state == ReopeningState.OPEN
    )
    request = session.scalar(open_request)
    if request is None:
        return False
    request.state, request.decision, request.decided_by, request.decided_at = state, decision, by, now
    return True
