"""Bangkok's days: the Buddhist era, fiscal years, working days and the deadlines counted in them.

Holidays are given to the rules as a container of dates, so a rule needs neither a clock nor a library to be
tested.
"""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from holidays import GOVERNMENT, PUBLIC, country_holidays

BANGKOK: Final = ZoneInfo("Asia/Bangkok")
BUDDHIST_ERA: Final = 543
_FISCAL_YEAR_BEGINS: Final = 10
_SATURDAY: Final = 5
_ONE_DAY: Final = timedelta(days=1)

MONTHS: Final = (
    "มกราคม", "กุมภาพันธ์", "มีนาคม", "เมษายน", "พฤษภาคม", "มิถุนายน",
    "กรกฎาคม", "สิงหาคม", "กันยายน", "ตุลาคม", "พฤศจิกายน", "ธันวาคม",
)  # fmt: skip


def bangkok_date(at: datetime) -> date:
    """The date in Bangkok at an instant, which must have an offset."""
    if at.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return at.astimezone(BANGKOK).date()


def end_of_day(on: date) -> datetime:
    """The instant, in UTC, at which a day ends in Bangkok: what is due on it is late from then on."""
    return datetime.combine(on + _ONE_DAY, time.min, BANGKOK).astimezone(UTC)


def buddhist_year(on: date) -> int:
    """The year of the Buddhist era (พ.ศ.) in which a date lies."""
    return on.year + BUDDHIST_ERA


def fiscal_year(on: date) -> int:
    """The government's fiscal year (ปีงบประมาณ, พ.ศ.): it begins on 1 October and is named after its end."""
    return buddhist_year(on) + (on.month >= _FISCAL_YEAR_BEGINS)


def days_of_fiscal_year(year: int) -> tuple[date, date]:
    """The first day of a fiscal year (พ.ศ.) and the first day after it."""
    ends_in = year - BUDDHIST_ERA
    return date(ends_in - 1, _FISCAL_YEAR_BEGINS, 1), date(ends_in, _FISCAL_YEAR_BEGINS, 1)


def long_date(on: date) -> str:
    """A date as letters write it: 12 สิงหาคม พ.ศ. 2569."""
    return f"{on.day} {MONTHS[on.month - 1]} พ.ศ. {buddhist_year(on)}"


def is_working_day(on: date, holidays: Container[date]) -> bool:
    """Whether government offices work on a day."""
    return on.weekday() < _SATURDAY and on not in holidays


def add_working_days(start: date, days: int, holidays: Container[date]) -> date:
    """The day on which a limit of so many working days ends; the first one counted is the next after `start`.

    No days end on `start` itself. Raises ValueError for a negative number.
    """
    if days < 0:
        raise ValueError("a limit cannot be a negative number of days")
    on = start
    while days:
        on += _ONE_DAY
        days -= is_working_day(on, holidays)
    return on


def last_day_before(end: date, days: int, holidays: Container[date]) -> date:
    """The last day after which `days` working days have begun by the day `end`, which counts itself.

    Raises ValueError for a negative number.
    """
    if days < 0:
        raise ValueError("a span cannot be a negative number of days")
    on = end
    while days:
        days -= is_working_day(on, holidays)
        on -= _ONE_DAY
    return on


def days_left(due_on: date, today: date, holidays: Container[date]) -> int:
    """Working days in Bangkok from `today` until `due_on`; negative when overdue.

    The day of `today` does not count. On a day off right after `due_on` it is 0 although the day has passed:
    whether something is late is asked of `end_of_day(due_on)`.
    """
    if today > due_on:
        return -days_left(today, due_on, holidays)
    return sum(is_working_day(today + timedelta(days=ahead), holidays) for ahead in range(1, (due_on - today).days + 1))


@cache
def _official_holidays(year: int) -> Mapping[date, str]:
    return MappingProxyType(dict(country_holidays("TH", years=year, categories=(PUBLIC, GOVERNMENT), language="th")))


@dataclass(frozen=True)
class Holidays(Container[date]):
    """The days off of government offices, with their names, substitution days among them.

    What the cabinet decides in the course of a year is known to no library: operators add and remove days.
    Labour Day is a holiday by law of private employers; whether an office keeps it is its own setting.
    """

    added: Mapping[date, str] = field(default_factory=dict)
    removed: frozenset[date] = frozenset()
    labour_day: bool = False

    def name(self, on: date) -> str | None:
        """What the day off is called in Thai; None for any other day, weekends too."""
        if on in self.added:
            return self.added[on]
        name = None if on in self.removed else _official_holidays(on.year).get(on)
        if name is None or self.labour_day or "แรงงาน" not in name:
            return name
        # Another holiday may fall on the same day; the library joins their names.
        return "; ".join(part for part in name.split("; ") if "แรงงาน" not in part) or None

    def __contains__(self, on: object) -> bool:
        return isinstance(on, date) and self.name(on) is not None


class BrokenCalendarFile(ValueError):
    """A file of special days that cannot be read; the message names the line."""


_SPECIAL_DAY: Final = re.compile(r"(?P<sign>[+-])\s*(?P<on>\d{4}-\d{2}-\d{2})(?:\s+(?P<name>\S.*))?")
_NO_SUCH_YEAR: Final = 2400


def holidays_with(lines: Iterable[str], *, labour_day: bool = False) -> Holidays:
    """The official holidays changed by an operator's file.

    One day a line, `+ 2026-01-02 วันหยุดพิเศษ` adds one with its name, `- 2026-05-13` makes it a working day;
    empty lines and those that begin with # are skipped. Raises BrokenCalendarFile for any other line, a year
    of the Buddhist era, or a day named twice.
    """
    added: dict[date, str] = {}
    removed: set[date] = set()
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        sign, on, name = _special_day(number, line)
        if on in added or on in removed:
            raise BrokenCalendarFile(f"line {number}: {on} stands in the file twice")
        if sign == "-":
            removed.add(on)
        else:
            added[on] = name
    return Holidays(added, frozenset(removed), labour_day)


def _special_day(number: int, line: str) -> tuple[str, date, str]:
    found = _SPECIAL_DAY.fullmatch(line)
    if found is None:
        raise BrokenCalendarFile(f"line {number}: expected '+ YYYY-MM-DD name' or '- YYYY-MM-DD'")
    try:
        on = date.fromisoformat(found["on"])
    except ValueError:
        raise BrokenCalendarFile(f"line {number}: {found['on']} is not a date") from None
    if on.year > _NO_SUCH_YEAR:
        raise BrokenCalendarFile(f"line {number}: write the year of the common era, {on.year - BUDDHIST_ERA}")
    return found["sign"], on, found["name"] or "วันหยุดพิเศษ"
