"""Which message types there are, what each carries, and who sends it. This table is the contract."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from schemas import bodies
from schemas.envelope import VOID
from schemas.fields import Wire


class PartyKind(StrEnum):
    """The two sides of an exchange: any agency that speaks it may take the Office's."""

    CENTRE = "centre"
    OFFICE = "office"


@dataclass(frozen=True, slots=True)
class MessageType:
    """One type: its name for ever, its body, and the kinds of party that may send it."""

    name: str
    body: type[Wire]
    sent_by: frozenset[PartyKind]


_CENTRE = frozenset({PartyKind.CENTRE})
_OFFICE = frozenset({PartyKind.OFFICE})
_EITHER = _CENTRE | _OFFICE

TYPES: Mapping[str, MessageType] = {
    kind.name: kind
    for kind in (
        MessageType("referral.sent.v1", bodies.ReferralSent, _CENTRE),
        MessageType("referral.amended.v1", bodies.ReferralAmended, _CENTRE),
        MessageType("referral.withdrawn.v1", bodies.ReferralWithdrawn, _CENTRE),
        MessageType("referral.contested.v1", bodies.ReferralContested, _CENTRE),
        MessageType("referral.accepted.v1", bodies.ReferralAccepted, _OFFICE),
        MessageType("referral.returned.v1", bodies.ReferralReturned, _OFFICE),
        MessageType("referral.progressed.v1", bodies.ReferralProgressed, _OFFICE),
        MessageType("referral.question.v1", bodies.ReferralQuestion, _OFFICE),
        MessageType("referral.answered.v1", bodies.ReferralAnswered, _OFFICE),
        MessageType(VOID, bodies.ReferralVoid, _EITHER),
        MessageType("personal_data.erased.v1", bodies.PersonalDataErased, _EITHER),
        MessageType("personal_data.erasure_confirmed.v1", bodies.PersonalDataErasureConfirmed, _EITHER),
    )
}

_BY_BODY: Mapping[type[Wire], MessageType] = {kind.body: kind for kind in TYPES.values()}


def type_of(body: Wire) -> MessageType:
    """The message type that carries `body`. Raises KeyError for a model that is no message's body."""
    return _BY_BODY[type(body)]


def sent_by(party: PartyKind) -> list[MessageType]:
    """All types that a party of this kind sends."""
    return [kind for kind in TYPES.values() if party in kind.sent_by]
