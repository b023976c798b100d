"""Thailand's provinces, districts and subdistricts: their official names, found as people write them.

Source: the Department of Provincial Administration (กรมการปกครอง), as GeoThai/data publishes its codes and names under
CC BY 4.0 in the package `geothai`. Loaded when first asked for.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

import geothai

from thaikit.text import skeleton

PREFIXES: Final = ("กิ่งอำเภอ", "จังหวัด", "อำเภอ", "ตำบล", "แขวง", "เขต")
_SHORT: Final = re.compile(r"^\s*[จอต]\.\s*")
_IGNORED: Final = re.compile(r"[\s.'’ฯ-]")
_ALIASES: Final = {"กทม": "กรุงเทพมหานคร", "กรุงเทพ": "กรุงเทพมหานคร", "อยุธยา": "พระนครศรีอยุธยา"}
_BANGKOK: Final = "10"


class Level(StrEnum):
    """How far a place is narrowed down. In Bangkok a district is a เขต and a subdistrict a แขวง."""

    PROVINCE = "province"
    DISTRICT = "district"
    SUBDISTRICT = "subdistrict"


@dataclass(frozen=True, slots=True)
class Area:
    """One province, district or subdistrict: its official code and names, and the code of the area it lies in."""

    code: str
    th: str
    en: str
    parent: str | None


@cache
def areas(level: Level) -> Sequence[Area]:
    """All areas of a level, by code."""
    provinces = geothai.provinces()
    if level is Level.PROVINCE:
        return tuple(Area(one.code, one.name_th, one.name_en, None) for one in provinces)
    districts = [district for province in provinces for district in geothai.districts(province.code)]
    if level is Level.DISTRICT:
        return tuple(Area(one.code, one.name_th, one.name_en, one.province_code) for one in districts)
    return tuple(
        Area(one.code, one.name_th, one.name_en, district.code)
        for district in districts
        for one in geothai.subdistricts(district.code)
    )


@cache
def codes(level: Level) -> frozenset[str]:
    """The codes of a level."""
    return frozenset(area.code for area in areas(level))


def search_areas(
    level: Level, text: str | None = None, *, parents: Collection[str] | None = None
) -> list[tuple[int, Area]]:
    """The areas whose Thai or English name has `text` in it, in those `parents` (codes): best first.

    Each comes with its rank: 0 when the name begins with the text, else 1. Tone marks, spaces, case and words such as
    อำเภอ do not matter.
    """
    wanted = skeleton(_bare(text)) if text else ""
    found = []
    for area, names in _searchable(level):
        if parents is not None and area.parent not in parents:
            continue
        if any(wanted in name for name in names):
            found.append((0 if any(name.startswith(wanted) for name in names) else 1, area))
    return sorted(found, key=lambda one: (one[0], one[1].code))


def find_area(level: Level, name: str, *, parent: str | None = None) -> Area | None:
    """The area of this name, Thai or English, in its parent (a code); None when there is none.

    `อ.เมือง` is the capital district of its province; กทม. is Bangkok.
    """
    return _by_name(level).get((parent, _bare(name)))


def official_names(level: Level, name: str) -> frozenset[str]:
    """The Thai names of all areas that are called so, wherever they lie; none when there is no such area.

    `อ.เมือง` alone is the capital district of any province.
    """
    return _names(level).get(_bare(name), frozenset())


@cache
def _searchable(level: Level) -> Sequence[tuple[Area, tuple[str, str]]]:
    return tuple((area, (skeleton(_bare(area.th)), _bare(area.en))) for area in areas(level))


@cache
def _by_name(level: Level) -> Mapping[tuple[str | None, str], Area]:
    found: dict[tuple[str | None, str], Area] = {}
    for area in areas(level):
        names = {_bare(area.th), _bare(area.en)}
        if level is Level.PROVINCE:
            names |= {short for short, full in _ALIASES.items() if full == area.th}
        elif level is Level.DISTRICT and area.code.endswith("01") and area.parent != _BANGKOK:
            names |= {"เมือง", "mueang"}
        for name in names:
            found.setdefault((area.parent, name), area)
    return found


@cache
def _names(level: Level) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for (_, name), area in _by_name(level).items():
        found.setdefault(name, set()).add(area.th)
    return {name: frozenset(official) for name, official in found.items()}


def _bare(name: str) -> str:
    """The name without the word for its level, spaces and marks; `อ` needs its dot, or อ่างทอง would lose its head."""
    bare = _IGNORED.sub("", _SHORT.sub("", name)).lower()
    for prefix in PREFIXES:
        if bare != prefix and bare.startswith(prefix):
            return bare.removeprefix(prefix)
    return bare
