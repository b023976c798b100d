"""Where terms stand in a Thai text: all are looked for in one pass, however many there are."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ahocorasick_rs import AhoCorasick

from thaikit.text import MARKS, normalise, segment, without_marks

# From this length on, a term is recognised with wrong tone marks and where segmentation failed.
LONG_TERM: Final = 6


@dataclass(frozen=True, slots=True)
class _Spelling:
    term: str
    normal: str
    bare: str


class Terms:
    """Terms to be found in texts."""

    def __init__(self, terms: Iterable[str]) -> None:
        spellings = (_Spelling(term, normal, without_marks(normal)) for term in terms for normal in (normalise(term),))
        # The longer one has the first claim to its place; hits are weighed in this order.
        self._spellings = sorted(spellings, key=lambda it: (-len(it.bare), it.normal))
        ranks: defaultdict[str, list[int]] = defaultdict(list)
        for rank, spelling in enumerate(self._spellings):
            ranks[spelling.bare].append(rank)
        self._ranks = list(ranks.values())
        self._automaton = AhoCorasick(ranks)

    def found(self, text: str) -> Iterator[tuple[str, bool]]:
        """The terms in a text, each once, longest first, with whether it is spelt there as it is here.

        One inside a longer one is not counted. `text` is normalised.
        """
        place = _Text(text)
        hits = self._automaton.find_matches_as_indexes(place.bare, overlapping=True)
        taken: list[tuple[int, int]] = []
        spelt: dict[str, bool] = {}
        for rank, start, end in sorted((rank, *span) for found, *span in hits for rank in self._ranks[found]):
            spelling = self._spellings[rank]
            exact = place.between(start, end) == spelling.normal
            if not (end - start >= LONG_TERM or (exact and place.is_whole(start, end))):
                continue
            if not any(first <= start and end <= last for first, last in taken):
                taken.append((start, end))
                spelt[spelling.term] = exact or spelt.get(spelling.term, False)
        yield from spelt.items()


class _Text:
    """A normalised text without its marks, which knows what stood where; what costs time only when asked."""

    def __init__(self, normal: str) -> None:
        self._normal = normal
        self.bare = without_marks(normal)
        self._origins: list[int] | None = None
        self._boundaries: frozenset[int] | None = None

    def between(self, start: int, end: int) -> str:
        """The text, marks included, of a stretch of the bare text."""
        first, last = self._origin(start), self._origin(end)
        return self._normal[first:last]

    def is_whole(self, start: int, end: int) -> bool:
        """Whether words begin and end where a stretch of the bare text does."""
        if self._boundaries is None:
            ends, at = {0}, 0
            for piece in segment(self._normal):
                at += len(piece)
                ends.add(at)
            self._boundaries = frozenset(ends)
        return self._origin(start) in self._boundaries and self._origin(end) in self._boundaries

    def _origin(self, at: int) -> int:
        """Where a character of the bare text stands in the normal one."""
        if self._origins is None:
            self._origins = [place for place, letter in enumerate(self._normal) if letter not in MARKS]
            self._origins.append(len(self._normal))
        return self._origins[at]
