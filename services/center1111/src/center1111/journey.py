"""The states of complaints, referrals and articles, and every move between them, as data."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a complaint stands."""

    RECEIVED = "received"
    VERIFIED = "verified"
    REFUSED = "refused"
    REFERRED = "referred"
    ANSWERED = "answered"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class Move(StrEnum):
    """What is done to a complaint; `register` begins it; what leaves it where it stands is written down, too."""

    REGISTER = "register"
    CORRECT = "correct"
    NOTE = "note"
    ACCEPT = "accept"
    REFUSE = "refuse"
    ANSWER = "answer"
    REFER = "refer"
    RECORD_ANSWER = "record_answer"
    TAKE_BACK = "take_back"
    CLOSE = "close"
    REOPEN = "reopen"
    WITHDRAW = "withdraw"
    CHECK = "check"
    LINK = "link"
    UNLINK = "unlink"
    STOP_CLOCK = "stop_clock"
    RESTART_CLOCK = "restart_clock"
    REPORT_PROGRESS = "report_progress"
    TELL = "tell"
    INFORM = "inform"
    RATE = "rate"
    ASK_REOPENING = "ask_reopening"
    DECLINE_REOPENING = "decline_reopening"
    ERASE = "erase"


UNANSWERED: Final = (State.RECEIVED, State.VERIFIED, State.REFERRED)
"""The states in which the clock of a complaint runs: an answer is owed."""

ENDED: Final = (State.REFUSED, State.CLOSED, State.WITHDRAWN)
"""The states in which nobody works on a complaint any more: only then its personal data can be erased."""

MOVES: Final[Mapping[tuple[State, Move], State]] = {
    (State.RECEIVED, Move.ACCEPT): State.VERIFIED,
    (State.RECEIVED, Move.REFUSE): State.REFUSED,
    (State.VERIFIED, Move.ANSWER): State.ANSWERED,
    (State.VERIFIED, Move.REFER): State.REFERRED,
    # What the agency answers is recorded; a return or a withdrawal makes the complaint the Centre's again.
    (State.REFERRED, Move.RECORD_ANSWER): State.ANSWERED,
    (State.REFERRED, Move.TAKE_BACK): State.VERIFIED,
    (State.ANSWERED, Move.CLOSE): State.CLOSED,
    (State.ANSWERED, Move.REOPEN): State.VERIFIED,
    (State.CLOSED, Move.REOPEN): State.VERIFIED,
    # A complainant may change their mind at any time; while an agency works on it, its referral is withdrawn first.
    (State.RECEIVED, Move.WITHDRAW): State.WITHDRAWN,
    (State.VERIFIED, Move.WITHDRAW): State.WITHDRAWN,
    (State.ANSWERED, Move.WITHDRAW): State.WITHDRAWN,
    # What was refused, closed or withdrawn stays as it was decided upon.
    **{(s, Move.CORRECT): s for s in (State.RECEIVED, State.VERIFIED, State.REFERRED, State.ANSWERED)},
    **{(s, move): s for s in State for move in (Move.NOTE, Move.LINK, Move.UNLINK)},
    (State.RECEIVED, Move.CHECK): State.RECEIVED,
    **{(s, move): s for s in UNANSWERED for move in (Move.STOP_CLOCK, Move.RESTART_CLOCK)},
    # An interim report tells of work: before the check there is none, and after the answer no more.
    **{(s, Move.REPORT_PROGRESS): s for s in (State.VERIFIED, State.REFERRED)},
    # A letter may arrive, or a mail be taken, whatever has become of the complaint meanwhile.
    **{(s, Move.TELL): s for s in (State.VERIFIED, State.REFERRED, State.ANSWERED, State.CLOSED, State.WITHDRAWN)},
    # What the complainant may do by number and secret: tell more while it is open, and judge what was answered.
    **{(s, Move.INFORM): s for s in (State.RECEIVED, State.VERIFIED, State.REFERRED, State.ANSWERED)},
    **{(s, m): s for s in (State.ANSWERED, State.CLOSED) for m in (Move.RATE, Move.ASK_REOPENING)},
    **{(s, Move.DECLINE_REOPENING): s for s in (State.ANSWERED, State.CLOSED)},
    **{(s, Move.ERASE): s for s in ENDED},
}


class ReferralState(StrEnum):
    """Where a referral stands.

    `delivered` and `failed` are not kept with the referral: the exchange's outbox knows what became of its message.
    """

    QUEUED = "queued"
    DELIVERED = "delivered"
    ACCEPTED = "accepted"
    AWAITING_COMPLAINANT = "awaiting_complainant"
    ANSWERED = "answered"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


KEPT_AS_QUEUED: Final = {
    ReferralState.DELIVERED: ReferralState.QUEUED,
    ReferralState.FAILED: ReferralState.QUEUED,
}


class ReferralMove(StrEnum):
    """What is done to a referral; `send` begins it."""

    SEND = "send"
    ACCEPT = "accept"
    RETURN = "return"
    PROGRESS = "progress"
    ASK = "ask"
    AMEND = "amend"
    CORRECT = "correct"
    ANSWER = "answer"
    CONTEST = "contest"
    WITHDRAW = "withdraw"


_OPEN: Final = (ReferralState.QUEUED, ReferralState.ACCEPTED, ReferralState.AWAITING_COMPLAINANT)

REFERRAL_MOVES: Final[Mapping[tuple[ReferralState, ReferralMove], ReferralState]] = {
    **{(state, ReferralMove.ACCEPT): ReferralState.ACCEPTED for state in _OPEN},
    **{(state, ReferralMove.RETURN): ReferralState.RETURNED for state in _OPEN},
    **{(state, ReferralMove.PROGRESS): state for state in _OPEN},
    **{(state, ReferralMove.ASK): ReferralState.AWAITING_COMPLAINANT for state in _OPEN},
    **{(state, ReferralMove.ANSWER): ReferralState.ANSWERED for state in _OPEN},
    (ReferralState.ANSWERED, ReferralMove.ANSWER): ReferralState.ANSWERED,  # a later version supersedes
    **{(state, ReferralMove.AMEND): state for state in _OPEN},
    (ReferralState.AWAITING_COMPLAINANT, ReferralMove.AMEND): ReferralState.ACCEPTED,  # the complainant has told
    **{(state, ReferralMove.CORRECT): state for state in _OPEN},  # the record that was sent; it answers no question
    (ReferralState.ANSWERED, ReferralMove.CONTEST): ReferralState.ACCEPTED,
    **{(state, ReferralMove.WITHDRAW): ReferralState.WITHDRAWN for state in _OPEN},
}


REFERRAL_UNDER_WAY: Final = _OPEN
"""The states in which an agency owes an answer."""


class DeliveryState(StrEnum):
    """Where the telling of an answer to its complainant stands."""

    TO_SEND = "to_send"
    TOLD = "told"
    FAILED = "failed"
    CALLED_OFF = "called_off"


class DeliveryMove(StrEnum):
    """What is done to a telling; `owe` begins it."""

    TELL = "tell"
    FAIL = "fail"
    RETRY = "retry"
    CALL_OFF = "call_off"


_UNTOLD: Final = (DeliveryState.TO_SEND, DeliveryState.FAILED)

DELIVERY_MOVES: Final[Mapping[tuple[DeliveryState, DeliveryMove], DeliveryState]] = {
    **{(state, DeliveryMove.TELL): DeliveryState.TOLD for state in _UNTOLD},
    (DeliveryState.TO_SEND, DeliveryMove.FAIL): DeliveryState.FAILED,
    (DeliveryState.FAILED, DeliveryMove.RETRY): DeliveryState.TO_SEND,
    # The answer is no longer the one to be told: there is a later one, or the complaint was reopened or withdrawn.
    **{(state, DeliveryMove.CALL_OFF): DeliveryState.CALLED_OFF for state in _UNTOLD},
    # A mail that was under way just then may have arrived all the same, and what was told, was told.
    (DeliveryState.CALLED_OFF, DeliveryMove.TELL): DeliveryState.TOLD,
}


class ReopeningState(StrEnum):
    """Where a complainant's request to reopen stands."""

    OPEN = "open"
    GRANTED = "granted"
    DECLINED = "declined"


class ArticleState(StrEnum):
    """Where an article of the knowledge base stands."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


class ImportState(StrEnum):
    """Where an import stands. Whatever happens, all of its rows are recorded, or none is."""

    QUEUED = "queued"
    RUNNING = "running"
    REFUSED = "refused"
    CHECKED = "checked"
    DONE = "done"


class AttachmentState(StrEnum):
    """Where an attached file stands: only an available one is handed out."""

    ANNOUNCED = "announced"
    UNSCANNED = "unscanned"
    AVAILABLE = "available"
    QUARANTINED = "quarantined"


class AttachmentMove(StrEnum):
    """What is done to an attachment; `announce` begins it."""

    PUT_ASIDE = "put_aside"
    RELEASE = "release"
    QUARANTINE = "quarantine"


ATTACHMENT_MOVES: Final[Mapping[tuple[AttachmentState, AttachmentMove], AttachmentState]] = {
    # The file has come, and the scanner does not answer.
    (AttachmentState.ANNOUNCED, AttachmentMove.PUT_ASIDE): AttachmentState.UNSCANNED,
    **{
        (state, move): after
        for state in (AttachmentState.ANNOUNCED, AttachmentState.UNSCANNED)
        for move, after in (
            (AttachmentMove.RELEASE, AttachmentState.AVAILABLE),
            (AttachmentMove.QUARANTINE, AttachmentState.QUARANTINED),
        )
    },
}


def possible_moves(state: State) -> list[Move]:
    """The moves that a complaint in `state` can make."""
    return [move for before, move in MOVES if before is state]


def possible_delivery_moves(state: DeliveryState) -> list[DeliveryMove]:
    """The moves that a telling in `state` can make."""
    return [move for before, move in DELIVERY_MOVES if before is state]


def possible_referral_moves(state: ReferralState) -> list[ReferralMove]:
    """The moves that a referral in `state` can make."""
    return [move for before, move in REFERRAL_MOVES if before is state]
