"""Names of persons as people write them: titles stand before them, with a space or without.

No library has the titles, so they are listed here; what is a name and what merely begins like a title (นายิกา, นางฟ้า,
คุณากร) is known by the dictionary and by PyThaiNLP's list of names.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from pythainlp.corpus import thai_female_names, thai_male_names

from thaikit.text import is_word, segment

_GRADES: Final = ("เอก", "โท", "ตรี")
_GRADED: Final = (
    *("พล", "พัน", "ร้อย", "จ่าสิบ", "สิบ"),
    *("พลเรือ", "นาวา", "เรือ", "พันจ่า", "จ่า"),
    *("พลอากาศ", "นาวาอากาศ", "เรืออากาศ", "พันจ่าอากาศ", "จ่าอากาศ"),
    *("พลตำรวจ", "พันตำรวจ", "ร้อยตำรวจ", "สิบตำรวจ"),
)
_RANKS: Final = (*(rank + grade for rank in _GRADED for grade in _GRADES), "ดาบตำรวจ", "จ่าสิบตำรวจ", "พลทหาร")
_WORDS: Final = tuple(
    sorted(
        (
            *("นาย", "นาง", "นางสาว", "เด็กชาย", "เด็กหญิง", "คุณ", "คุณหญิง", "ท่านผู้หญิง", "หม่อมหลวง", "หม่อมราชวงศ์"),
            *("ศาสตราจารย์", "รองศาสตราจารย์", "ผู้ช่วยศาสตราจารย์", "ดอกเตอร์", "นายแพทย์", "แพทย์หญิง"),
            *(before + rank + after for before in ("ว่าที่", "ว่าที่ ", "") for rank in _RANKS for after in ("หญิง", "")),
        ),
        key=len,
        reverse=True,
    )
)
_RANKS_SHORT: Final = (
    r"(?:ว่าที่\s?)?(?:พล\.(?:[รอต]\.)?[อทตจ]|พ\.(?:[จอต]\.)?[อทต]|ร\.(?:ต\.)?[อทต]|[จส]\.(?:[สต]\.)?[อทต]|น\.[อทต]|ด\.ต)"
)
_SHORT: Final = r"(?:น\.?ส|ด\.?[ชญ]|ม\.ร\.ว|ม\.ล|ผศ|รศ|ศ|ดร|นพ|พญ|ทพญ?|ภก|ภญ)"
_LATIN: Final = r"(?<![a-z])(?:mrs?|ms|miss|dr|(?:(?:assoc|asst)\.?\s?)?prof)(?:\.|(?=\s))"
# Many leave out the last dot; then nothing but the space after it tells a title from the end of a word (เพศ).
_ABBREVIATED: Final = (
    rf"(?:{_RANKS_SHORT}\.(?:\s?หญิง)?|{_SHORT}\.|(?<![\u0e00-\u0e7f.])(?:{_RANKS_SHORT}|{_SHORT})(?=\s)|{_LATIN})"
)
TITLE: Final = rf"(?:{_ABBREVIATED}|{'|'.join(map(re.escape, _WORDS))})"
"""A pattern of one title, to be used with IGNORECASE; whether a name follows is another question."""

_ABBREVIATED_HERE: Final = re.compile(rf"{_ABBREVIATED}\s*", re.IGNORECASE)
_LIKE_A_NAME: Final = re.compile(r"[เแโใไ]?[ก-ฮ].|[a-z]", re.IGNORECASE)
"""No vowel that needs a letter before it, and more than one letter."""


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name in its parts; what is missing is empty."""

    title: str
    first: str
    last: str


def person_name(written: str) -> PersonName:
    """The parts of a full name: titles, the first name up to a space, and the rest."""
    title, name = split_title(written)
    first, _, last = name.partition(" ")
    return PersonName(title, first, last.strip())


def split_title(written: str) -> tuple[str, str]:
    """A name's titles and the name without them; where it is nothing but titles, the name is empty."""
    name = written.strip()
    end = 0
    while end < len(name) and (length := _title_length(name[end:])):
        end += length
    return name[:end].strip(), name[end:]


def _title_length(text: str) -> int:
    """How long the title is with which a text begins, with the space after it; 0 where there is none."""
    found = _ABBREVIATED_HERE.match(text)
    if found is not None:
        return found.end()
    for word in _WORDS:
        after = text.removeprefix(word)
        if after != text and (not after or after[0].isspace() or _is_glued(word, after.split(maxsplit=1)[0])):
            return len(text) - len(after.lstrip())
    return 0


def _is_glued(title: str, name: str) -> bool:
    """Whether a title and a name are written as one, and are not one word that begins like a title."""
    whole = title + name
    if _LIKE_A_NAME.match(name) is None or is_word(whole) or whole in _names():
        return False
    first = segment(whole)[0]
    return name in _names() or len(first) <= len(title) or not is_word(first)


@cache
def _names() -> frozenset[str]:
    """First names. No name begins with นาย or นาง: where the list has it, a title was left on."""
    return frozenset(name for name in thai_male_names() | thai_female_names() if not name.startswith(("นาย", "นาง")))
