"""Texts for people, in the two languages that the services speak."""

from dataclasses import dataclass
from typing import Literal

Language = Literal["th", "en"]
DEFAULT_LANGUAGE: Language = "th"


@dataclass(frozen=True, slots=True)
class Words:
    """One text in Thai and in English. `{name}` places are filled by `said`."""

    th: str
    en: str

    def said(self, language: Language, **values: object) -> str:
        """The text in `language`, its places filled with `values`."""
        text = self.th if language == "th" else self.en
        return text.format_map(values) if values else text


def preferred_language(accept_language: str | None) -> Language:
    """Thai or English, whichever an `Accept-Language` header (RFC 9110) ranks higher; Thai where it names neither."""
    best: Language = DEFAULT_LANGUAGE
    best_weight = 0.0
    for entry in (accept_language or "").split(","):
        tag, _, parameter = entry.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if weight > best_weight and (primary in {"th", "en"}):
            best, best_weight = ("th" if primary == "th" else "en"), weight
    return best
