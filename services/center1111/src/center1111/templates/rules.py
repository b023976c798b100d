"""Places in a text, as in `{{tracking_number}}`: found, checked, filled."""

import re
from collections.abc import Mapping
from typing import Final

from center1111.codes import Placeholder

_PLACE: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def unknown_placeholders(text: str) -> list[str]:
    """The names in double braces that are none of the placeholders, in order, each once."""
    known = set(Placeholder)
    return [name for name in dict.fromkeys(_PLACE.findall(text)) if name not in known]


def filled(text: str, values: Mapping[Placeholder, str | None]) -> tuple[str, list[Placeholder]]:
    """The text with its places filled, and the placeholders that have no value here: those are left standing."""
    missing = [name for name in dict.fromkeys(map(Placeholder, _PLACE.findall(text))) if not values.get(name)]

    def value(found: re.Match[str]) -> str:
        return values.get(Placeholder(found[1])) or found[0]

    return _PLACE.sub(value, text), missing
