"""Thai text made comparable: normalised, cut into words, reduced to its skeleton.

Thai is written without spaces between words, its marks can be typed in several orders that look alike, and
people drop tone marks or hit the key beside the right one. Whatever compares Thai text goes through this
module first.
"""

import gc
import re
import unicodedata
from functools import cache
from importlib import resources
from typing import Final

from pythainlp.corpus import thai_words
from pythainlp.tokenize.newmm import segment as cut_by_dictionary
from pythainlp.util import Trie
from pythainlp.util.normalize import normalize as order_marks
from pythainlp.util.normalize import remove_dup_spaces

_ZERO_WIDTH: Final = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_DIGITS: Final = str.maketrans("๐๑๒๓๔๕๖๗๘๙", "0123456789")
_DRAWN_OUT: Final = re.compile(r"(\D)\1{3,}")  # digits mean what they repeat: 1111 is not 11
MARKS: Final = "่้๊๋์"
"""Tone marks and thanthakhat, which are what people drop and mistype first."""
_SKELETON_RUN: Final = re.compile(r"[^\W_]+(?:[\u0e31\u0e34-\u0e3a\u0e47\u0e4d\u0e4e]+[^\W_]*)*")
_GRAM: Final = 3

# A step that reorders marks can make room for another; two rounds settle all text met so far. The bound keeps
# hostile text from costing more.
_ROUNDS: Final = 8
# Whatever normalising might change stands at one of these. Most text has none of it, and one look tells so for a tenth
# of what thirty substitutions cost that then change nothing.
_ABNORMAL: Final = re.compile(
    r"""
      [\u00ad\u200b\u200c\u200d\u2060\ufeff]         # zero width
    | [\u0e50-\u0e59]                                # Thai digits
    | (\D)\1{3}                                      # drawn out
    | \A\s | \s\Z | [ ][ \n] | \n[ \n]               # spaces
    | (?:\A|[ ])[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]   # a mark that stands on nothing
    | [\u0e48-\u0e4c][\u0e31\u0e34-\u0e39\u0e47]     # a tone mark before its vowel
    | [\u0e30\u0e32\u0e33][\u0e48-\u0e4b]            # or behind the letter after it
    | [\u0e45\u0e4d]                                 # another spelling
    | ([\u0e30-\u0e3a\u0e40-\u0e44\u0e47\u0e4c\u0e4e])[ ]*\2 | [\u0e48-\u0e4b]{2}  # twice
    """,
    re.VERBOSE,
)


def _tidied(text: str) -> str:
    text = unicodedata.normalize("NFC", text.translate(_ZERO_WIDTH)).translate(_DIGITS).lower()
    return str(remove_dup_spaces(_DRAWN_OUT.sub(r"\1\1", text)))


def normalise(text: str) -> str:
    """The one spelling under which look-alike texts compare equal; normalising again changes nothing.

    NFC, no zero-width characters, marks in their canonical order (ํา is ำ, เเ is แ), Thai digits as Arabic
    ones, lower case, a character other than a digit drawn out four times or more written twice, single
    spaces.
    """
    for _ in range(_ROUNDS):
        if _is_normal(text):
            break
        before, text = text, _tidied(text)
        if _is_normal(text):
            break
        text = str(order_marks(text))
        if text == before:
            break
    return text


def _is_normal(text: str) -> bool:
    """Whether normalising certainly changes nothing; False is no certainty of the contrary."""
    return _ABNORMAL.search(text) is None and text.lower() == text and unicodedata.is_normalized("NFC", text)


@cache
def _dictionary() -> Trie:
    own = resources.files(__package__).joinpath("domain_words.txt").read_text(encoding="utf-8")
    return Trie([*thai_words(), *(line for line in own.splitlines() if line and not line.startswith("#"))])


def warm_up() -> None:
    """Load the dictionary now (half a second, 70 MB) and not within the first request.

    What is loaded by now stays as long as the process: the garbage collector is told to look at it no more. A full look
    at the dictionary takes a fifth of a second, in which nothing else runs.
    """
    _dictionary()
    gc.collect()
    gc.freeze()


def segment(text: str) -> list[str]:
    """Cut text into words, spaces and marks; the pieces joined are the text again, character by character."""
    return cut_by_dictionary(text, custom_dict=_dictionary(), safe_mode=True)


def is_word(text: str) -> bool:
    """Whether the dictionary has it as one word."""
    return text in _dictionary()


def words(text: str) -> list[str]:
    """The words of a text, normalised and in order, without spaces and punctuation."""
    return [piece for piece in segment(normalise(text)) if any(map(str.isalnum, piece))]


def without_marks(text: str) -> str:
    """The text without `MARKS`."""
    for mark in MARKS:
        text = text.replace(mark, "")
    return text


def skeleton(text: str) -> str:
    """Normalised text without tone marks and thanthakhat."""
    return without_marks(normalise(text))


def trigrams(text: str) -> list[str]:
    """Runs of three characters of the text's skeleton, in order, marks and punctuation counting as one space.

    Two spellings of a word share most of them, so they find what no dictionary knows.
    """
    line = " ".join(_SKELETON_RUN.findall(skeleton(text)))
    return [line[start : start + _GRAM] for start in range(max(1, len(line) - _GRAM + 1))] if line else []
