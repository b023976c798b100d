"""Filters of lists by place: the names that intake takes, in Thai or English, stand for those that it keeps."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final

from fastapi import Query
from pydantic import AfterValidator

from center1111.fields import Name
from servicekit.fields import refused
from servicekit.filters import CommaIsOr
from servicekit.words import Words
from thaikit.places import Level, official_names

_CALLED: Final = {Level.PROVINCE: "จังหวัด", Level.DISTRICT: "อำเภอหรือเขต", Level.SUBDISTRICT: "ตำบลหรือแขวง"}
_UNKNOWN: Final = {
    level: Words(
        f"ไม่มี{called}ชื่อนี้ ดูรายชื่อที่ /v1/code-lists/{level}s",
        f"There is no such {level}: see /v1/code-lists/{level}s.",
    )
    for level, called in _CALLED.items()
}


def _known(level: Level) -> Callable[[str], str]:
    def known(name: str) -> str:
        if not official_names(level, name):
            raise refused("unknown_place", _UNKNOWN[level])
        return name

    return known


_NAMES: Final = Query(description="Names as intake takes them, in Thai or English, separated by commas: any of them.")
Provinces = Annotated[list[Annotated[Name, AfterValidator(_known(Level.PROVINCE))]] | None, CommaIsOr, _NAMES]
Districts = Annotated[list[Annotated[Name, AfterValidator(_known(Level.DISTRICT))]] | None, CommaIsOr, _NAMES]
Subdistricts = Annotated[list[Annotated[Name, AfterValidator(_known(Level.SUBDISTRICT))]] | None, CommaIsOr, _NAMES]


def kept_names(level: Level, names: Sequence[str] | None) -> list[str] | None:
    """The names under which places are kept that a filter names; a saved view keeps them as they were written."""
    return None if names is None else sorted({kept for name in names for kept in official_names(level, name)})
