"""What must not stand in the knowledge base: personal data of those who once asked."""

import re
from collections.abc import Iterable
from typing import Final

REMOVED: Final = "[…]"

_SHORTEST_NAME: Final = 2
_E_MAIL: Final = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
# National ids and telephone numbers, however they are spaced: nine digits or more, or +66 before eight.
_LONG_NUMBER: Final = re.compile(r"\+?[0-9๐-๙](?:[\s-]?[0-9๐-๙]){8,}")


def without_personal_data(text: str, known: Iterable[str]) -> str:
    """The text without what is `known` of the person, and without any e-mail address or long number.

    A first check and no more: a person reads the draft before it is published.
    """
    for value in sorted({*known}, key=len, reverse=True):
        if len(value) >= _SHORTEST_NAME:
            text = text.replace(value, REMOVED)
    return _LONG_NUMBER.sub(REMOVED, _E_MAIL.sub(REMOVED, text))
