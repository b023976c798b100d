"""The states of a case and the moves between them, as data: whatever is not listed here cannot happen."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Origin(StrEnum):
    """Where a case came from."""

    CHANNEL = "channel"
    REFERRAL = "referral"


class Channel(StrEnum):
    """The Office's own five channels. A referral is an origin, not a channel."""

    PO_BOX = "po_box"
    FAX = "fax"
    TELEPHONE = "telephone"
    WEBSITE = "website"
    EMAIL = "email"


class State(StrEnum):
    """Where a case stands."""

    NEW = "new"
    ROUTED = "routed"
    ACCEPTED = "accepted"
    AWAITING_COMPLAINANT = "awaiting_complainant"
    ANSWERED = "answered"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class Move(StrEnum):
    """What can be done with a case. Those that leave the state as it is are kept in its history too."""

    ROUTE = "route"
    REROUTE = "reroute"
    CHANGE_TOPIC = "change_topic"
    HAND_BACK = "hand_back"
    ACCEPT = "accept"
    TAKE = "take"
    HAND_OVER = "hand_over"
    RETURN = "return"
    REPORT_PROGRESS = "report_progress"
    ASK = "ask"
    REPLY = "reply"
    DRAFT = "draft"
    ANSWER = "answer"
    CORRECT_ANSWER = "correct_answer"
    CORRECT_RECORD = "correct_record"
    AMEND = "amend"
    CONTEST = "contest"
    WITHDRAW = "withdraw"
    CLOSE = "close"
    REOPEN = "reopen"
    REOPEN_IN_TRIAGE = "reopen_in_triage"
    ERASE = "erase"


OF_GROUPS = (
    Move.ACCEPT,
    Move.TAKE,
    Move.HAND_OVER,
    Move.REPORT_PROGRESS,
    Move.ASK,
    Move.DRAFT,
    Move.ANSWER,
    Move.CORRECT_ANSWER,
)
"""What only officers and heads of the case's own group do: who did it belonged to that group then."""

OPENED = "open"
"""The first entry of every case's history, which comes from no state."""

_S, _M = State, Move

MOVES: Mapping[tuple[State, Move], State] = MappingProxyType(
    {
        (_S.NEW, _M.ROUTE): _S.ROUTED,
        # Another group must accept for itself, whatever the one before it had said.
        (_S.ROUTED, _M.REROUTE): _S.ROUTED,
        (_S.ACCEPTED, _M.REROUTE): _S.ROUTED,
        # Another topic of the same group leaves the case where it is.
        (_S.ROUTED, _M.CHANGE_TOPIC): _S.ROUTED,
        (_S.ACCEPTED, _M.CHANGE_TOPIC): _S.ACCEPTED,
        (_S.ROUTED, _M.HAND_BACK): _S.NEW,
        (_S.ACCEPTED, _M.HAND_BACK): _S.NEW,
        (_S.ROUTED, _M.ACCEPT): _S.ACCEPTED,
        # Who works on it may change for as long as there may be something to write.
        **{
            (state, move): state
            for state in (_S.ACCEPTED, _S.AWAITING_COMPLAINANT, _S.ANSWERED)
            for move in (_M.TAKE, _M.HAND_OVER)
        },
        # From triage too: what is nobody's here need not be given to a group first.
        (_S.NEW, _M.RETURN): _S.RETURNED,
        (_S.ROUTED, _M.RETURN): _S.RETURNED,
        (_S.ACCEPTED, _M.RETURN): _S.RETURNED,
        (_S.ACCEPTED, _M.REPORT_PROGRESS): _S.ACCEPTED,
        (_S.ACCEPTED, _M.ASK): _S.AWAITING_COMPLAINANT,
        (_S.AWAITING_COMPLAINANT, _M.REPLY): _S.ACCEPTED,
        (_S.ACCEPTED, _M.DRAFT): _S.ACCEPTED,
        (_S.AWAITING_COMPLAINANT, _M.DRAFT): _S.AWAITING_COMPLAINANT,
        (_S.ANSWERED, _M.DRAFT): _S.ANSWERED,
        (_S.ACCEPTED, _M.ANSWER): _S.ANSWERED,
        # A complainant who never replies is answered from what is known.
        (_S.AWAITING_COMPLAINANT, _M.ANSWER): _S.ANSWERED,
        (_S.ANSWERED, _M.CORRECT_ANSWER): _S.ANSWERED,
        (_S.ANSWERED, _M.CONTEST): _S.ACCEPTED,
        # The Centre's word is final wherever the case stands: its message may have crossed ours.
        **{(state, _M.WITHDRAW): _S.WITHDRAWN for state in _S if state not in {_S.WITHDRAWN, _S.CLOSED}},
        # What came by a channel of our own goes back to nobody: without an answer it ends here.
        **{(state, _M.CLOSE): _S.CLOSED for state in (_S.NEW, _S.ROUTED, _S.ACCEPTED, _S.AWAITING_COMPLAINANT)},
        # Its group accepts it anew: whoever had it may have gone on to other work.
        (_S.CLOSED, _M.REOPEN): _S.ROUTED,
        (_S.CLOSED, _M.REOPEN_IN_TRIAGE): _S.NEW,
        # Later information is kept at every stage, so that whoever looks at the case sees it.
        **{(state, _M.AMEND): state for state in _S},
        **{(state, _M.ERASE): state for state in (_S.ANSWERED, _S.RETURNED, _S.WITHDRAWN, _S.CLOSED)},
        **{(state, _M.CORRECT_RECORD): state for state in _S if state not in {_S.RETURNED, _S.WITHDRAWN}},
    }
)

NOT_BY_PEOPLE: Mapping[Origin, frozenset[Move]] = MappingProxyType(
    {
        Origin.CHANNEL: frozenset({Move.RETURN, Move.WITHDRAW}),
        # The Centre corrects, contests and withdraws what it referred, and takes back what is not for us.
        Origin.REFERRAL: frozenset(
            {
                Move.CORRECT_RECORD,
                Move.CONTEST,
                Move.WITHDRAW,
                Move.CLOSE,
                Move.REOPEN,
                Move.REOPEN_IN_TRIAGE,
            }
        ),
    }
)
"""What no person can do with a case of this origin, wherever it stands: it comes over the exchange, or never."""

OPEN_STATES = frozenset({State.NEW, State.ROUTED, State.ACCEPTED, State.AWAITING_COMPLAINANT})
"""The states in which an answer is still owed."""

ENDED = frozenset(State) - OPEN_STATES
"""The states in which nothing is owed any more: only then the personal data of a case can be erased."""


class MoveNotAllowed(Exception):
    """The case's state does not allow the move."""

    def __init__(self, state: State, move: Move) -> None:
        super().__init__(f"A case that is {state} cannot {move}.")
        self.state = state
        self.move = move


def after(state: State, move: Move) -> State:
    """The state to which a move leads; raises MoveNotAllowed."""
    try:
        return MOVES[state, move]
    except KeyError:
        raise MoveNotAllowed(state, move) from None


def moves_from(state: State) -> tuple[Move, ...]:
    """What can be done with a case in this state."""
    return tuple(move for move in Move if (state, move) in MOVES)


def moves_of_people(state: State, origin: Origin, *, in_triage: bool) -> tuple[Move, ...]:
    """What a person can do with a case of this origin; `in_triage` where no work group has it."""
    never = NOT_BY_PEOPLE[origin] | {Move.REOPEN if in_triage else Move.REOPEN_IN_TRIAGE}
    if state is State.AWAITING_COMPLAINANT:
        never |= {Move.AMEND}  # what the complainant tells then is the reply
    return tuple(move for move in moves_from(state) if move not in never)
