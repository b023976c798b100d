"""What the Centre's messages do here: message type -> action."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon.answering.actions import contest, keep_information, recall_answer, recall_note, start_the_clock
from chumchon.codes import MessageKind
from chumchon.deadlines import Deadlines
from chumchon.erasure.actions import RECOVERY, erase_again, erase_as_told
from chumchon.intake.actions import amend_case, open_referred_case, open_referred_cases
from chumchon.journey import OPEN_STATES, Move, State
from chumchon.problems import PROBLEMS
from chumchon.records import Case, Referral
from chumchon.routing.actions import route_case
from chumchon.steps import CaseNotFound, advance, case_to_change, tell_who_works_on_it
from chumchon.work_groups import Topic
from exchange import BulkHandler, Effects, Handler
from exchange.attachments import forget_unfetched, want, want_all
from exchange.erasing import record_confirmation
from schemas import (
    ERASED,
    ERASURE_CONFIRMED,
    Message,
    ReferralAccepted,
    ReferralAmended,
    ReferralAnswered,
    ReferralContested,
    ReferralProgressed,
    ReferralQuestion,
    ReferralReturned,
    ReferralSent,
    ReferralWithdrawn,
)
from servicekit.database import Query

_case_of: Final = sa.select(Referral.case_id)


def handlers(deadlines: Deadlines) -> Mapping[str, Handler]:
    """The handlers of all types that the Office takes."""

    def sent(session: Session, message: Message, body: ReferralSent, now: datetime) -> None:
        open_referred_case(session, message.subject, body, party=message.source, now=now)
        want(session, message, body.attachments, now=now)

    def amended(session: Session, message: Message, body: ReferralAmended, now: datetime) -> None:
        case = _case(session, message)
        tell_who_works_on_it(case, by=message.source, now=now)
        asked = case.state == State.AWAITING_COMPLAINANT and body.information is not None
        if asked:
            advance(session, case, Move.REPLY, by=message.source, now=now)
            start_the_clock(case, deadlines, now=now)
        amend_case(session, case, body, by=message.source, now=now)
        want(session, message, body.attachments, now=now)
        if body.information is not None:
            keep_information(session, case, body.information, by=message.source, now=now)

    def withdrawn(session: Session, message: Message, body: ReferralWithdrawn, now: datetime) -> None:
        case = _case(session, message)
        advance(session, case, Move.WITHDRAW, by=message.source, now=now, note=body.reason)
        tell_who_works_on_it(case, by=message.source, now=now)
        case.stopped_at = None
        forget_unfetched(session, message.subject)

    def contested(session: Session, message: Message, body: ReferralContested, now: datetime) -> None:
        contest(session, _case(session, message), body.reason, by=message.source, deadlines=deadlines, now=now)

    return {
        "referral.sent.v1": sent,
        "referral.amended.v1": amended,
        "referral.withdrawn.v1": withdrawn,
        "referral.contested.v1": contested,
        ERASED: erase_as_told,
        ERASURE_CONFIRMED: record_confirmation,
    }


def _open_many(session: Session, sent: Sequence[tuple[Message, ReferralSent]], now: datetime) -> None:
    referrals = [(message.subject, body) for message, body in sent]
    open_referred_cases(session, referrals, party=sent[0][0].source, now=now)
    want_all(session, [(message, body.attachments) for message, body in sent], now=now)


BULK_HANDLERS: Final[Mapping[str, BulkHandler]] = {"referral.sent.v1": _open_many}
"""For what comes by the thousand after a day down."""


def recalled() -> Mapping[str, Handler]:
    """What our own messages mean for our cases, when the Office was restored and learnt them again from its peer."""

    def accepted(session: Session, message: Message, body: ReferralAccepted, now: datetime) -> None:
        case = _own_case(session, message)
        if case.topic != body.topic:
            route_case(session, case, Topic(body.topic), reason=RECOVERY, by=RECOVERY, now=now)
        if case.state != State.ACCEPTED:
            advance(session, case, Move.ACCEPT, by=RECOVERY, now=now)
        case.accepted_at, case.due_at = message.time, body.due_at
        _take_number_back(session, case, body.case_number)

    def returned(session: Session, message: Message, body: ReferralReturned, now: datetime) -> None:
        advance(session, _own_case(session, message), Move.RETURN, by=RECOVERY, now=now, note=body.reason)

    def progressed(session: Session, message: Message, body: ReferralProgressed, now: datetime) -> None:
        case = _own_case(session, message)
        recall_note(session, case, MessageKind.PROGRESS, body.text, by=RECOVERY, now=now)

    def asked(session: Session, message: Message, body: ReferralQuestion, now: datetime) -> None:
        case = _own_case(session, message)
        recall_note(session, case, MessageKind.QUESTION, body.question, by=RECOVERY, now=now)

    def answered(session: Session, message: Message, body: ReferralAnswered, now: datetime) -> None:
        case = _own_case(session, message)
        recall_answer(
            session,
            case,
            body.text,
            files=body.attachments,
            version=body.version,
            answered_at=body.answered_at,
            erased=message.eraseddigest is not None,
            by=RECOVERY,
            now=now,
        )

    return {
        "referral.accepted.v1": accepted,
        "referral.returned.v1": returned,
        "referral.progressed.v1": progressed,
        "referral.question.v1": asked,
        "referral.answered.v1": answered,
        ERASED: erase_again,
    }


UNANSWERED: Final = Query(
    sa.select(Referral.party.label("peer"), sa.func.count().label("count"))
    .join(Case, Case.id == Referral.case_id)
    .where(Case.state.in_([sa.literal_column(f"'{state}'") for state in sorted(OPEN_STATES)]))
    .group_by(Referral.party)
)
"""How many referrals of each party wait for the Office's answer."""


def effects(deadlines: Deadlines) -> Effects:
    """What messages do here."""
    return Effects(handlers(deadlines), PROBLEMS, recalled=recalled(), bulk=BULK_HANDLERS, unanswered=UNANSWERED)


def _own_case(session: Session, message: Message) -> Case:
    """The locked case that one of our own messages is about.

    Raises:
        CaseNotFound: it is not here, or not yet.
    """
    case_id: UUID | None = session.scalar(_case_of.where(Referral.id == message.subject))
    if case_id is None:
        raise CaseNotFound
    return case_to_change(session, case_id)


def _take_number_back(session: Session, case: Case, number: str) -> None:
    """The number that the Centre knows the case by, unless another case has it by now."""
    taken = session.scalar(sa.select(Case.id).where(Case.case_number == number))
    if taken is None:
        case.case_number = number


def _case(session: Session, message: Message) -> Case:
    """The locked case of the message's referral, which is its subject.

    Raises:
        CaseNotFound: the sender never referred it to us.
    """
    case_id: UUID | None = session.scalar(
        _case_of.where(Referral.id == message.subject, Referral.party == message.source)
    )
    if case_id is None:
        raise CaseNotFound
    return case_to_change(session, case_id)
