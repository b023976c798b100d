"""What the messages of agencies do here: message type -> action, and no rule of its own."""

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from center1111.deadlines import Deadlines
from center1111.erasure.actions import erase_as_told
from center1111.journey import REFERRAL_UNDER_WAY
from center1111.problems import PROBLEMS
from center1111.recalling import recalled
from center1111.records import Referral
from center1111.referrals import actions
from center1111.standing import is_in
from exchange import PROBLEMS as EXCHANGE_PROBLEMS
from exchange import Effects, Handler
from exchange.attachments import want
from exchange.erasing import record_confirmation
from schemas import (
    ERASED,
    ERASURE_CONFIRMED,
    Message,
    ReferralAccepted,
    ReferralAnswered,
    ReferralProgressed,
    ReferralQuestion,
    ReferralReturned,
)
from servicekit.database import Query


def _accepted(
    session: Session, message: Message, body: ReferralAccepted, now: datetime, *, deadlines: Deadlines
) -> None:
    actions.record_acceptance(
        session,
        message.subject,
        agency=message.source,
        case_number=body.case_number,
        work_group=body.work_group,
        topic=body.topic,
        due_at=body.due_at,
        deadlines=deadlines,
        now=now,
    )


def _returned(
    session: Session, message: Message, body: ReferralReturned, now: datetime, *, deadlines: Deadlines
) -> None:
    actions.record_return(
        session,
        message.subject,
        agency=message.source,
        reason=body.reason,
        note=body.note,
        suggested_owner=body.suggested_owner,
        deadlines=deadlines,
        now=now,
    )


def _progressed(
    session: Session, message: Message, body: ReferralProgressed, now: datetime, *, deadlines: Deadlines
) -> None:
    actions.record_progress(
        session, message.subject, agency=message.source, text=body.text, deadlines=deadlines, now=now
    )


def _asked(session: Session, message: Message, body: ReferralQuestion, now: datetime, *, deadlines: Deadlines) -> None:
    actions.record_question(
        session, message.subject, agency=message.source, question=body.question, deadlines=deadlines, now=now
    )


def _answered(
    session: Session, message: Message, body: ReferralAnswered, now: datetime, *, deadlines: Deadlines
) -> None:
    actions.record_answer(
        session,
        message.subject,
        agency=message.source,
        case_number=body.case_number,
        version=body.version,
        text=body.text,
        work_group=body.work_group,
        answered_at=body.answered_at,
        deadlines=deadlines,
        now=now,
    )
    want(session, message, body.attachments, now=now)


_HANDLERS: Final[Mapping[str, Callable[..., None]]] = {
    "referral.accepted.v1": _accepted,
    "referral.returned.v1": _returned,
    "referral.progressed.v1": _progressed,
    "referral.question.v1": _asked,
    "referral.answered.v1": _answered,
}


UNANSWERED: Final = Query(
    sa.select(Referral.to.label("peer"), sa.func.count().label("count"))
    .where(is_in(Referral.state, REFERRAL_UNDER_WAY))
    .group_by(Referral.to)
)
"""How many referrals each agency has not answered yet."""


def effects(deadlines: Deadlines) -> Effects:
    """What messages do here, with the limits that the Centre's settings give."""
    handlers: dict[str, Handler] = {
        **{type_: functools.partial(handle, deadlines=deadlines) for type_, handle in _HANDLERS.items()},
        ERASED: erase_as_told,
        ERASURE_CONFIRMED: record_confirmation,
    }
    problems = {**EXCHANGE_PROBLEMS, **PROBLEMS}
    return Effects(handlers, problems, recalled=recalled(deadlines), unanswered=UNANSWERED)
