"""What a complainant does by number and secret: tells more, judges the answer, asks to take the complaint up again."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from center1111 import agencies, complainants
from center1111.complainants import BY_COMPLAINANT
from center1111.deadlines import Deadlines
from center1111.journey import Move, ReferralState, ReopeningState
from center1111.records import Answer, ComplainantMessage, Complaint, Feedback, ReopeningRequest
from servicekit.ids import uuid7
from servicekit.problems import DomainError

MESSAGES: Final = 50
"""As many as a complainant may add to one complaint."""


class TooManyMessages(DomainError):
    """The complainant has added as many messages as one complaint takes."""


class RatedAlready(DomainError):
    """The complainant has judged this version of the answer."""


class AskedAlready(DomainError):
    """A request to reopen the complaint is open."""


class TooLate(DomainError):
    """The time in which the complainant may ask to reopen is over."""


def add_message(
    session: Session, complaint: Complaint, *, text: str, deadlines: Deadlines, now: datetime
) -> ComplainantMessage:
    """Keep what the complainant tells later; officers see it on the complaint and in its history.

    Where an agency asked the complainant, this is the answer: the agency is told it, and the clock runs again.

    Raises:
        NotPossibleNow: the complaint is at its end.
        TooManyMessages: it has as many messages as it takes, and nobody asked.
    """
    complainants.advance(session, complaint, Move.INFORM, now=now, note=text)
    asked = agencies.referral_in(session, complaint, ReferralState.AWAITING_COMPLAINANT)
    count = sa.select(sa.func.count()).where(ComplainantMessage.complaint_id == complaint.id)
    if asked is None and (session.scalar(count) or 0) >= MESSAGES:
        raise TooManyMessages(limit=MESSAGES)
    message = ComplainantMessage(id=uuid7(), complaint_id=complaint.id, at=now, text=text)
    session.add(message)
    if asked is not None:
        agencies.amend(session, complaint, asked, information=text, deadlines=deadlines, by=BY_COMPLAINANT, now=now)
    return message


def rate(session: Session, complaint: Complaint, *, satisfied: bool, comment: str | None, now: datetime) -> Feedback:
    """Keep what the complainant thinks of the answer in force; once for each version.

    Raises:
        NotPossibleNow: there is no answer in force.
        RatedAlready: this version was judged.
    """
    said = "satisfied" if satisfied else "not satisfied"
    note = said if comment is None else f"{said}: {comment}"
    complainants.advance(session, complaint, Move.RATE, now=now, note=note)
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
        NotPossibleNow: it has not been answered.
        TooLate: the answer in force was recorded longer ago than `within`.
        AskedAlready: a request is open.
    """
    complainants.advance(session, complaint, Move.ASK_REOPENING, now=now, note=reason)
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
