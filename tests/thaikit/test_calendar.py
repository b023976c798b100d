"""Bangkok's days, against what the government announced for B.E. 2569 (2026)."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thaikit.calendar import (
    BrokenCalendarFile,
    Holidays,
    add_working_days,
    bangkok_date,
    buddhist_year,
    days_left,
    days_of_fiscal_year,
    end_of_day,
    fiscal_year,
    holidays_with,
    is_working_day,
    last_day_before,
    long_date,
)

HOLIDAYS = Holidays()


@pytest.mark.parametrize(
    "on",
    [
        date(2026, 1, 1),
        date(2026, 3, 3),  # Makha Bucha
        date(2026, 4, 6),
        date(2026, 4, 13),
        date(2026, 4, 14),
        date(2026, 4, 15),
        date(2026, 5, 4),
        date(2026, 6, 1),  # Visakha Bucha fell on Sunday
        date(2026, 6, 3),
        date(2026, 7, 28),
        date(2026, 7, 29),  # Asalha Bucha
        date(2026, 8, 12),
        date(2026, 10, 13),
        date(2026, 10, 23),
        date(2026, 12, 7),  # 5 December fell on Saturday
        date(2026, 12, 10),
        date(2026, 12, 31),
    ],
)
def test_government_offices_are_closed(on: date) -> None:
    """The holidays of 2569, substitution days among them, are no working days."""
    assert not is_working_day(on, HOLIDAYS)
    assert HOLIDAYS.name(on)


def test_labour_day_is_a_setting() -> None:
    """Government offices work on Labour Day, and on its substitute, unless the setting says otherwise."""
    assert is_working_day(date(2026, 5, 1), HOLIDAYS)
    assert is_working_day(date(2027, 5, 3), HOLIDAYS)
    assert not is_working_day(date(2026, 5, 1), Holidays(labour_day=True))


def test_operators_add_and_remove_days() -> None:
    """A file of special days changes the official list."""
    holidays = holidays_with(["# ครม.", "", "+ 2026-08-13 วันหยุดพิเศษ", "- 2026-10-23"])
    assert holidays.name(date(2026, 8, 13)) == "วันหยุดพิเศษ"
    assert is_working_day(date(2026, 10, 23), holidays)
    assert date(2026, 8, 12) in holidays


@pytest.mark.parametrize(
    "line", ["2026-08-13", "+ 13/8/2026", "+ 2026-02-30 x", "+ 2569-08-13 วันหยุด", "- 2026-08-12\n- 2026-08-12"]
)
def test_a_broken_file_is_refused(line: str) -> None:
    """A line that is no day, or a day twice, is named and not guessed at."""
    with pytest.raises(BrokenCalendarFile, match="line"):
        holidays_with(line.splitlines())


def test_fifteen_working_days_over_songkran() -> None:
    """Counting begins with the next working day and passes over weekends and holidays."""
    assert date(2026, 5, 7) == add_working_days(date(2026, 4, 10), 15, HOLIDAYS)
    assert date(2026, 4, 10) == add_working_days(date(2026, 4, 10), 0, HOLIDAYS)
    assert date(2026, 1, 5) == add_working_days(date(2025, 12, 30), 1, HOLIDAYS)


def test_a_negative_limit_is_refused() -> None:
    """A limit cannot end before it begins."""
    with pytest.raises(ValueError, match="negative"):
        add_working_days(date(2026, 4, 10), -1, HOLIDAYS)


@given(st.dates(date(2024, 1, 1), date(2027, 12, 31)), st.integers(1, 60))
def test_days_left_undoes_adding(start: date, days: int) -> None:
    """On the day it begins, a limit has all its days left; seen from its end, the beginning is as long ago."""
    due_on = add_working_days(start, days, HOLIDAYS)
    assert is_working_day(due_on, HOLIDAYS)
    assert days == days_left(due_on, start, HOLIDAYS)
    assert days == -days_left(start, due_on, HOLIDAYS)


def test_the_day_ends_at_midnight_in_bangkok() -> None:
    """What is due on a day is late from 17:00 UTC of it."""
    assert datetime(2026, 8, 13, 17, tzinfo=UTC) == end_of_day(date(2026, 8, 13))
    assert date(2026, 8, 13) == bangkok_date(datetime(2026, 8, 12, 17, tzinfo=UTC))
    with pytest.raises(ValueError, match="offset"):
        bangkok_date(datetime(2026, 8, 12, 17))  # noqa: DTZ001  # the error asked for


def test_years() -> None:
    """The fiscal year 2570 begins on 1 October 2026."""
    assert buddhist_year(date(2026, 12, 31)) == 2569
    assert fiscal_year(date(2026, 9, 30)) == 2569
    assert fiscal_year(date(2026, 10, 1)) == 2570
    assert days_of_fiscal_year(2570) == (date(2026, 10, 1), date(2027, 10, 1))


def test_dates_as_people_write_them() -> None:
    """Letters and notices write dates in Thai with the Buddhist year."""
    assert long_date(date(2026, 8, 12)) == "12 สิงหาคม พ.ศ. 2569"


def test_the_last_day_before_a_span_is_found_backwards() -> None:
    """What was due on it or before is at least so many working days late; a day off does not count."""
    monday, holiday = date(2026, 11, 23), date(2026, 11, 20)
    assert monday == last_day_before(monday, 0, ())
    assert date(2026, 11, 22) == last_day_before(monday, 1, ())
    assert date(2026, 11, 19) == last_day_before(monday, 2, ())
    assert date(2026, 11, 18) == last_day_before(monday, 2, {holiday})
    assert date(2026, 11, 19) == last_day_before(date(2026, 11, 22), 1, ())
    with pytest.raises(ValueError, match="negative"):
        last_day_before(monday, -1, ())
