"""Taking out of a text who wrote it, so that questions can be read widely. Pure.

Too much taken out costs a reader a word; too little costs a person their privacy. The case keeps its words.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from thaikit.names import TITLE, person_name, split_title
from thaikit.numbers import InvalidNumber, parse_national_id
from thaikit.text import is_word, segment

PERSONAL: Final = ("first_name", "last_name", "national_id", "phone", "email", "address")
"""What is known of a person, and is taken out."""
REMOVED: Final = "[ปกปิด]"

_TITLES: Final = rf"(?:{TITLE}\s*){{0,3}}"
_THAI_DIGITS: Final = "๐๑๒๓๔๕๖๗๘๙"
_BETWEEN: Final = r"[\s\-.()]*"
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_MOBILE: Final = re.compile(rf"(?<!\d)(?:\+?66{_BETWEEN}|[0๐])[689๖๘๙](?:{_BETWEEN}\d){{8}}(?!\d)")
_NATIONAL_ID: Final = re.compile(r"(?<!\d)\d(?:[\s-]?\d){12}(?!\d)")


def without_person(text: str, person: Mapping[str, str | None] | None) -> str:
    """The text without what is known of a person: names with their titles, numbers however they are written."""
    known = {name: value.strip() for name, value in (person or {}).items() if value and value.strip()}
    for name in ("address", "email"):
        if value := known.get(name):
            text = re.sub(re.escape(value), REMOVED, text, flags=re.IGNORECASE)
    for name in ("national_id", "phone"):
        if pattern := _number(known.get(name, "")):
            text = re.sub(pattern, REMOVED, text)
    first, last = _names(known.get("first_name", ""), known.get("last_name", ""))
    names = [name for name in (first, last) if len(name) > 1]
    if len(names) > 1:
        text = re.sub(rf"{_TITLES}{re.escape(first)}\s*{re.escape(last)}", REMOVED, text, flags=re.IGNORECASE)
    for name in names:
        text = _without_name(text, name)
    return text


def without_contacts(text: str) -> str:
    """The text without mail addresses, mobile numbers and national ids, whosever they are."""
    text = _MOBILE.sub(REMOVED, _EMAIL.sub(REMOVED, text))
    return _NATIONAL_ID.sub(lambda found: REMOVED if _is_national_id(found[0]) else found[0], text)


def _names(first: str, last: str) -> tuple[str, str]:
    """First and last name without the titles that were written into them; a name of one letter keeps its title."""
    title, name = split_title(first)
    if title and not name:  # the first name stands where the last one should
        person = person_name(last)
        return person.first, person.last
    return name if len(name) > 1 else first, last


def _is_national_id(written: str) -> bool:
    try:
        parse_national_id(written)
    except InvalidNumber:
        return False
    return True


def _number(written: str) -> str | None:
    """A pattern of a number's digits, Thai or not, with whatever people put between them."""
    digits = "".join(str(int(letter)) for letter in written if letter.isdigit())
    if written.startswith("+66"):
        digits = "0" + digits[2:]
    if len(digits) < 6:  # noqa: PLR2004  # a hotline or an extension stands in every other text
        return None
    each = [f"[{digit}{_THAI_DIGITS[int(digit)]}]" for digit in digits]
    if digits.startswith("0"):
        each[0] = rf"(?:\+?66|{each[0]})"
    return rf"(?<!\d){_BETWEEN.join(each)}(?!\d)"


def _without_name(text: str, name: str) -> str:
    """Every occurrence but those inside a longer word of the dictionary: ประชา is a name, ประชาชน is not."""
    inside = list(_longer_words(text, name))

    def taken_out(found: re.Match[str]) -> str:
        start, end = found.span("name")
        return found[0] if any(first <= start and end <= last for first, last in inside) else REMOVED

    return re.sub(rf"{_TITLES}(?P<name>{re.escape(name)})", taken_out, text, flags=re.IGNORECASE)


def _longer_words(text: str, name: str) -> Iterator[tuple[int, int]]:
    at = 0
    for piece in segment(text):
        if len(piece) > len(name) and name in piece and is_word(piece):
            yield at, at + len(piece)
        at += len(piece)
