"""A case's text made ready for routing, once for the rules and the model beside them."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

import numpy as np

from thaikit.text import MARKS, normalise, segment, without_marks

# The subject and the first page say what a case is about; reading on would cost time and blur the topic.
READ_CHARACTERS: Final = 2_000
_MARKS: Final = np.array([ord(mark) for mark in MARKS], np.uint32)


class CaseText:
    """Subject and details, normalised; what costs more is made when it is first asked for.

    `normal` is the text as it is compared, `bare` the same without tone marks and thanthakhat.
    """

    def __init__(self, text: str) -> None:
        self.normal = normalise(text[:READ_CHARACTERS])
        self.bare = without_marks(self.normal)

    @cached_property
    def origins(self) -> Sequence[int]:
        """For each character of `bare` its place in `normal`, and at last the end."""
        letters = np.frombuffer(self.normal.encode("utf-32-le"), np.uint32)
        return [*np.flatnonzero(~np.isin(letters, _MARKS)).tolist(), len(self.normal)]

    @cached_property
    def pieces(self) -> Sequence[tuple[int, int]]:
        """Where each word, space and mark of `normal` begins and ends, in order and without gaps."""
        return list(_spans(segment(self.normal)))

    @cached_property
    def words(self) -> Sequence[tuple[int, int]]:
        """The pieces that have a letter or a digit."""
        normal = self.normal
        return [
            (start, end)
            for start, end in self.pieces
            if normal[start].isalnum() or any(map(str.isalnum, normal[start + 1 : end]))
        ]

    def parts_at(self, place: int) -> bool:
        """Whether one piece of `normal` ends and the next begins there."""
        return place in self._cuts

    @cached_property
    def _cuts(self) -> frozenset[int]:
        return frozenset((0, *(end for _, end in self.pieces)))


def _spans(pieces: Sequence[str]) -> Iterator[tuple[int, int]]:
    at = 0
    for piece in pieces:
        yield at, at + len(piece)
        at += len(piece)
