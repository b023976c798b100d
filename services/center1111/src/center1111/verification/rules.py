"""How likely two complaints are one matter, and why."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod
from typing import Final

from center1111.codes import DuplicateReason, MarkKind

LIKELY_FROM: Final = 0.4
"""A pair with a lower score is not shown."""

_OF_THE_SAME: Final[Mapping[MarkKind, tuple[DuplicateReason, float]]] = {
    MarkKind.NATIONAL_ID: (DuplicateReason.SAME_NATIONAL_ID, 0.55),
    # A household shares its telephone, and an office its address of e-mail.
    MarkKind.PHONE: (DuplicateReason.SAME_PHONE, 0.45),
    MarkKind.EMAIL: (DuplicateReason.SAME_EMAIL, 0.45),
}
_SAME_COMMUNITY: Final = 0.25
_SAME_DISTRICT: Final = 0.1
# Any two Thai texts about such matters share that much of their trigrams.
_ALIKE_ANYWAY: Final = 0.25


@dataclass(frozen=True, slots=True)
class Likeness:
    """How likely two complaints are one matter, from 0 to 1, with what speaks for it, the strongest first."""

    score: float
    reasons: tuple[DuplicateReason, ...]


def likeness(
    *, text_similarity: float, same: Collection[MarkKind], same_district: bool, same_community: bool
) -> Likeness:
    """Weigh what two complaints share; each thing leaves less doubt, none takes all of it.

    Args:
        text_similarity: the share of trigrams that their skeletons have in common, from 0 to 1.
        same: by what both complainants are known to be one.
    """
    speaks = dict(_OF_THE_SAME[kind] for kind in same)
    if same_community:
        speaks[DuplicateReason.SAME_COMMUNITY] = _SAME_COMMUNITY
    elif same_district:
        speaks[DuplicateReason.SAME_DISTRICT] = _SAME_DISTRICT
    if text_similarity > _ALIKE_ANYWAY:
        speaks[DuplicateReason.SIMILAR_TEXT] = (text_similarity - _ALIKE_ANYWAY) / (1 - _ALIKE_ANYWAY)
    score = 1 - prod(1 - weight for weight in speaks.values())
    return Likeness(round(score, 3), tuple(sorted(speaks, key=lambda reason: -speaks[reason])))
