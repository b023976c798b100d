"""The erased form of a message's body: what stays of it when the personal data of a referral are erased.

What stays is named here, field by field: numbers, codes, moments, and the place as far as its district. Whatever is
not named goes, so a field that is added to a body one day goes too, until somebody decides that it may stay.
"""

from collections.abc import Mapping
from typing import Any, Final

from schemas import bodies
from schemas.fields import Wire

ERASED_TEXT: Final = "ลบข้อมูลส่วนบุคคลตามกฎหมายแล้ว"
"""Stands wherever a text was that may not be empty: "personal data erased as the law requires"."""

_NUMBERS: Final = frozenset({"referral_number", "tracking_number", "case_number"})
_STAYS: Final[Mapping[type[Wire], frozenset[str]]] = {
    bodies.Place: frozenset({"province", "district"}),
    bodies.EarlierReferral: frozenset({"referral_number", "to", "referred_at", "returned_at", "reason"}),
    bodies.Corrections: frozenset({"kind", "due_at"}),
    bodies.ReferralSent: _NUMBERS | {"channel", "kind", "confidential", "received_at", "due_at"},
    bodies.ReferralAmended: _NUMBERS,
    bodies.ReferralWithdrawn: _NUMBERS,
    bodies.ReferralContested: _NUMBERS | {"answer_version"},
    bodies.ReferralAccepted: _NUMBERS | {"work_group", "topic", "due_at"},
    bodies.ReferralReturned: _NUMBERS | {"reason"},
    bodies.ReferralProgressed: _NUMBERS | {"progressed_at"},
    bodies.ReferralQuestion: _NUMBERS | {"asked_at"},
    bodies.ReferralAnswered: _NUMBERS | {"version", "work_group", "answered_at"},
    bodies.ReferralVoid: frozenset({"message_id", "message_type"}),
    bodies.PersonalDataErased: _NUMBERS | {"whose", "legal_basis", "erased_at"},
    bodies.PersonalDataErasureConfirmed: _NUMBERS | {"message_id", "erased_at"},
}
_ERASED_WITHIN: Final = frozenset({"place", "path", "corrections"})
"""Fields that stay with what may stay of their parts."""

_FILLED: Final[Mapping[type[Wire], str]] = {bodies.ReferralAmended: "information", bodies.ReferralReturned: "note"}
"""Optional texts without which the rest of their body would not be valid."""


def erased(body: Wire) -> Wire:
    """The body in its erased form: valid for its type, and the same again when it is erased once more."""
    kind = type(body)
    values: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        value = getattr(body, name)
        if name in _STAYS[kind]:
            values[name] = value
        elif name in _ERASED_WITHIN:
            values[name] = _within(value)
        elif field.is_required() or name == _FILLED.get(kind):
            values[name] = ERASED_TEXT
    return kind(**values)


def _within(value: Any) -> Any:  # noqa: ANN401  # a part of a body, several, or none
    if isinstance(value, tuple):
        return tuple(erased(part) for part in value)
    return erased(value) if isinstance(value, Wire) else value
