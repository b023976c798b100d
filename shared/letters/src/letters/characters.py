"""Which characters a letter can show: its text comes from people, and one that the font lacks would be no letter."""

import unicodedata
from functools import cache
from importlib import resources
from typing import Final

from fontTools.ttLib import TTFont  # type: ignore[import-untyped]  # it ships no annotations

FONTS: Final = "fontpkg_sarabun"
_REGULAR: Final = "Sarabun-Regular.ttf"  # what it has, the others have
_LACKING: Final = "◊"
# Old Thai fonts kept marks that were moved aside, and letters without their feet, as characters of their own here
# (the private use of Microsoft's and Apple's Thai fonts); text taken out of old PDFs still has them.
_OLD_FORMS: Final = str.maketrans(
    {
        0xF700: "ฐ",
        0xF70F: "ญ",
        0xF710: "\u0e31",
        0xF711: "\u0e4d",
        0xF712: "\u0e47",
        **{0xF701 + at: chr(0xE34 + at) for at in range(4)},
        **{0xF718 + at: chr(0xE38 + at) for at in range(3)},
        **{first + at: chr(0xE48 + at) for first in (0xF705, 0xF70A, 0xF713) for at in range(5)},
    }
)


def shown(text: str) -> str:
    """The text as the letter's font can show it.

    What it lacks is written in its plain form if there is one (a fullwidth digit), else as ◊; what is never seen
    (a zero-width space, the colour of an emoji) is left out.
    """
    text = text.translate(_OLD_FORMS)
    if all(map(_is_covered, text)):
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if _is_covered(character):
        return character
    plain = " " if character.isspace() else unicodedata.normalize("NFKC", character)
    if all(map(_is_covered, plain)):
        return plain
    return "" if unicodedata.category(character) in {"Cf", "Mn", "Sk"} else _LACKING


def _is_covered(character: str) -> bool:
    return character == "\n" or ord(character) in _covered()


@cache
def _covered() -> frozenset[int]:
    with resources.as_file(resources.files(FONTS).joinpath("files", _REGULAR)) as path, TTFont(path) as font:
        return frozenset(font.getBestCmap())
