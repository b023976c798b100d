"""What the Centre's messages do here: message type -> action."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon.answering.actions import contest, keep_information, start_the_clock
from chumchon.deadlines import Deadlines
from chumchon.intake.actions import amend_case, open_referred_case, open_referred_cases
from chumchon.journey import Move, State
from chumchon.records import Case, Referral
from chumchon.steps import CaseNotFound, advance, case_to_change
from exchange import BulkHandler, Handler
from schemas import Message, ReferralAmended, ReferralContested, ReferralSent, ReferralWithdrawn

_case_of: Final = sa.select(Referral.case_id)


def handlers(deadlines: Deadlines) -> Mapping[str, Handler]:
    """The handlers of all types that the Office takes."""

    def sent(session: Session, message: Message, body: ReferralSent, now: datetime) -> None:
        open_referred_case(session, message.subject, body, party=message.source, now=now)

    def amended(session: Session, message: Message, body: ReferralAmended, now: datetime) -> None:
        case = _case(session, message)
        asked = case.state == State.AWAITING_COMPLAINANT and body.information is not None
        if asked:
            advance(session, case, Move.REPLY, by=message.source, now=now)
            start_the_clock(case, deadlines, now=now)
        amend_case(session, case, body, by=message.source, now=now)
        if body.information is not None:
            keep_information(session, case, body.information, by=message.source, now=now)

    def withdrawn(session: Session, message: Message, body: ReferralWithdrawn, now: datetime) -> None:
        case = _case(session, message)
        advance(session, case, Move.WITHDRAW, by=message.source, now=now, note=body.reason)
        case.stopped_at = None

    def contested(session: Session, message: Message, body: ReferralContested, now: datetime) -> None:
        contest(session, _case(session, message), body.reason, by=message.source, now=now)

    return {
        "referral.sent.v1": sent,
        "referral.amended.v1": amended,
        "referral.withdrawn.v1": withdrawn,
        "referral.contested.v1": contested,
    }


def _open_many(session: Session, sent: Sequence[tuple[Message, ReferralSent]], now: datetime) -> None:
    referrals = [(message.subject, body) for message, body in sent]
    open_referred_cases(session, referrals, party=sent[0][0].source, now=now)


BULK_HANDLERS: Final[Mapping[str, BulkHandler]] = {"referral.sent.v1": _open_many}
"""For what comes by the thousand after a day down."""


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
