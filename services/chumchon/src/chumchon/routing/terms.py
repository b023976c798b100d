"""Where terms stand in a Thai text: all are looked for in one pass, however many there are."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ahocorasick_rs import AhoCorasick

from chumchon.routing.texts import CaseText
from thaikit.text import normalise, without_marks

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

    def found(self, text: CaseText) -> Iterator[tuple[str, bool]]:
        """The terms in a text, each once, longest first, with whether it is spelt there as it is here.

        One inside a longer one is not counted.
        """
        hits = self._automaton.find_matches_as_indexes(text.bare, overlapping=True)
        taken: list[tuple[int, int]] = []
        spelt: dict[str, bool] = {}
        for rank, start, end in sorted((rank, *span) for found, *span in hits for rank in self._ranks[found]):
            spelling = self._spellings[rank]
            first, last = text.origins[start], text.origins[end]
            exact = text.normal[first:last] == spelling.normal
            if not (end - start >= LONG_TERM or (exact and text.parts_at(first) and text.parts_at(last))):
                continue
            if not any(first <= start and end <= last for first, last in taken):
                taken.append((start, end))
                spelt[spelling.term] = exact or spelt.get(spelling.term, False)
        yield from spelt.items()
