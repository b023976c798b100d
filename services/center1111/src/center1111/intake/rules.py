"""Intake's rules: tracking numbers, and evidence that contradicts the date of receipt."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from heapq import nsmallest
from itertools import pairwise
from typing import Any, Final

from servicekit.words import Words
from thaikit.calendar import bangkok_date, buddhist_year
from thaikit.numbers import with_check_character
from thaikit.text import skeleton

CENTRE: Final = "1111"
_SHINGLE: Final = 6
_KEPT_SHINGLES: Final = 25
_SIGN_BIT: Final = 1 << 31

_AFTER_RECEIPT: Final = Words(
    "ต้องไม่หลังวันเวลาที่ศูนย์รับเรื่อง (received_at)", "It must not be later than the receipt (received_at)."
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field, which a JSON Pointer into the body names."""

    pointer: str
    code: str
    detail: Words


def tracking_year(now: datetime) -> int:
    """The Buddhist year in Bangkok to which a number given `now` belongs."""
    return buddhist_year(bangkok_date(now))


def tracking_number(year: int, serial: int) -> str:
    """`1111-2569-000123-K`: the Centre, the Buddhist year, the serial of that year, and a check character."""
    return with_check_character(f"{CENTRE}-{year}-{serial:06d}")


def contradictions(evidence: Mapping[str, Any], received_at: datetime) -> Iterator[Fault]:
    """What in the evidence happened after the complaint had reached the Centre."""
    posted: date | None = evidence.get("postmarked_on")
    if posted is not None and posted > bangkok_date(received_at):
        yield Fault("/evidence/postmarked_on", "after_receipt", _AFTER_RECEIPT)
    called: datetime | None = evidence.get("call_started_at")
    if called is not None and called > received_at:
        yield Fault("/evidence/call_started_at", "after_receipt", _AFTER_RECEIPT)


def search_text(subject: str, details: str) -> str:
    """What `q=` looks in: normalised, and without the tone marks that people drop."""
    return skeleton(f"{subject}\n{details}")


def text_sketch(searched: str) -> list[int]:
    """A few numbers of a `search_text`, some of which a similar text shares, and hardly any other one.

    The runs of six characters are hashed and the least hashes kept, which for two texts are alike in the share in which
    their runs are (a bottom-k sketch); two neighbours together make one number, so that common phrases find nobody.
    """
    letters = "".join(searched.split())
    runs = {zlib.crc32(letters[at : at + _SHINGLE].encode()) for at in range(max(1, len(letters) - _SHINGLE + 1))}
    least = nsmallest(_KEPT_SHINGLES, runs)
    pairs = {zlib.crc32(b"%d %d" % pair) for pair in pairwise(least)} or {*least}
    return sorted(number - _SIGN_BIT for number in pairs)
