"""By when a case is to be answered, counted in Thai working days. How many is a setting, not a constant."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, datetime

from thaikit.calendar import add_working_days, bangkok_date, days_left, end_of_day


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How many working days there are for an answer, and which days do not count.

    Source: the settings, which name their regulation.
    """

    answer_within_days: int
    holidays: Container[date]
    near_due_days: int = 3

    def due_at(self, received_at: datetime) -> datetime:
        """The end, in UTC, of the last day on which a case received at `received_at` is answered in time."""
        return end_of_day(add_working_days(bangkok_date(received_at), self.answer_within_days, self.holidays))

    def near_due_until(self, now: datetime) -> datetime:
        """What is due until then is near due, unless it is overdue."""
        return end_of_day(add_working_days(bangkok_date(now), self.near_due_days, self.holidays))

    def after_a_stop(self, due_at: datetime, *, stopped_at: datetime, now: datetime) -> datetime:
        """The deadline moved by the working days during which the clock stood still."""
        waited = days_left(bangkok_date(now), bangkok_date(stopped_at), self.holidays)
        # `due_at` is the first moment of the day after the last one.
        last_day = date.fromordinal(bangkok_date(due_at).toordinal() - 1)
        return end_of_day(add_working_days(last_day, waited, self.holidays)) if waited else due_at
