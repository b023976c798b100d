"""What a complainant does by number and secret: tells more, judges the answer, asks to take the complaint up again."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import sqlalchemy as sa
from fastapi import Header
from sqlalchemy.orm import Session

from center1111 import steps
from center1111.journey import Move, ReopeningState
from center1111.records import Answer, ComplainantMessage, Complaint, Feedback, ReopeningRequest
from center1111.tracking_secret import is_secret_of
from servicekit.database import Query
from servicekit.ids import uuid7
from servicekit.problems import DomainError
from thaikit.numbers import InvalidNumber, parse_checked

MESSAGES: Final = 50
"""As many as a complainant may add to one complaint."""

BY_COMPLAINANT: Final = "complainant"

Secret = Annotated[str, Header(max_length=100, description="As shown when the complaint was filed.")]
"""The secret of a complaint; the endpoint's parameter is named `tracking_secret`."""


class NotYours(DomainError):
    """No complaint has this number and this secret. Which of them is wrong is told to nobody."""


class TooManyMessages(DomainError):
    """The complainant has added as many messages as one complaint takes."""


class RatedAlready(DomainError):
    """The complainant has judged this version of the answer."""


class AskedAlready(DomainError):
    """A request to reopen the complaint is open."""


class TooLate(DomainError):
    """The time in which the complainant may ask to reopen is over."""


_KNOWN: Final = Query(
    sa.select(Complaint.id, Complaint.tracking_secret_digest).where(
        Complaint.tracking_number == sa.bindparam("tracking_number")
    )
)


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
    row = known_to_complainant(session, _KNOWN, tracking_number, secret)
    return steps.complaint_to_change(session, row.id)


def add_message(session: Session, complaint: Complaint, *, text: str, now: datetime) -> ComplainantMessage:
    """Keep what the complainant tells later; officers see it on the complaint and in its history.

    Raises:
        MoveNotAllowed: the complaint is at its end.
        TooManyMessages: it has as many messages as it takes.
    """
    steps.advance(session, complaint, Move.INFORM, by=BY_COMPLAINANT, now=now, note=text)
    count = sa.select(sa.func.count()).where(ComplainantMessage.complaint_id == complaint.id)
    if (session.scalar(count) or 0) >= MESSAGES:
        raise TooManyMessages(limit=MESSAGES)
    message = ComplainantMessage(id=uuid7(), complaint_id=complaint.id, at=now, text=text)
    session.add(message)
    return message


def rate(session: Session, complaint: Complaint, *, satisfied: bool, comment: str | None, now: datetime) -> Feedback:
    """Keep what the complainant thinks of the answer in force; once for each version.

    Raises:
        MoveNotAllowed: there is no answer in force.
        RatedAlready: this version was judged.
    """
    said = "satisfied" if satisfied else "not satisfied"
    note = said if comment is None else f"{said}: {comment}"
    steps.advance(session, complaint, Move.RATE, by=BY_COMPLAINANT, now=now, note=note)
    answer_id = _answer_in_force(session, complaint.id).id
    if session.get(Feedback, answer_id) is not None:
        raise RatedAlready
    feedback = Feedback(answer_id=answer_id, complaint_id=complaint.id, at=now, satisfied=satisfied, comment=comment)
    session.add(feedback)
    return feedback


def ask_reopening(
    session: Session, complaint: Complaint, *, reason: str, within: timedelta, now: datetime
) -> ReopeningRequest:
    """Ask the Centre to take the complaint up again; an officer decides.

    Raises:
        MoveNotAllowed: it has not been answered.
        TooLate: the answer in force was recorded longer ago than `within`.
        AskedAlready: a request is open.
    """
    steps.advance(session, complaint, Move.ASK_REOPENING, by=BY_COMPLAINANT, now=now, note=reason)
    if now > reopening_until(_answer_in_force(session, complaint.id), within):
        raise TooLate(days=within.days)
    earlier = sa.select(ReopeningRequest.id).where(
        ReopeningRequest.complaint_id == complaint.id, ReopeningRequest.state == ReopeningState.OPEN
    )
    if session.scalar(earlier) is not None:
        raise AskedAlready
    request = ReopeningRequest(id=uuid7(), complaint_id=complaint.id, state=ReopeningState.OPEN, at=now, reason=reason)
    session.add(request)
    return request


def reopening_until(answer: Answer, within: timedelta) -> datetime:
    """Until when a complainant may ask: counted from when they were told, else from when it was recorded."""
    return (answer.told_at or answer.recorded_at) + within


def _answer_in_force(session: Session, complaint_id: UUID) -> Answer:
    newest = sa.select(Answer).where(Answer.complaint_id == complaint_id).order_by(Answer.version.desc()).limit(1)
    return session.scalars(newest).one()
