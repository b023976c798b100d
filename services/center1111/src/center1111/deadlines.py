"""By when a step is due: counted in Thai working days from the next working day, by settings that name their source."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Final

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from center1111.codes import Standing, Step
from thaikit.calendar import add_working_days, bangkok_date, days_left, end_of_day, last_day_before

_MOMENT: Final = timedelta(microseconds=1)


Role = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$")]
"""A role that is reminded."""


class Rung(BaseModel):
    """One rung of the reminder ladder.

    `working_days` are counted from the due day: -3 is reached when three are left, 0 when it is over, 2 when two more
    have begun since.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z_]{0,39}$")
    working_days: int = Field(ge=-60, le=250)
    to: Role


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The limits in working days. Source: Royal Decree on Good Governance B.E. 2546, s. 38, unless settings differ."""

    answer_within_days: int
    referral_within_days: int
    holidays: Container[date]
    verify_within_days: int = 3
    tell_within_days: int = 3
    near_due_days: int = 3
    ladder: tuple[Rung, ...] = ()

    def verify_due(self, received_at: datetime) -> datetime:
        """The moment until which a complaint is to be accepted or refused."""
        return self._due(received_at, self.verify_within_days)

    def answer_due(self, received_at: datetime) -> datetime:
        """The moment until which a complaint is to be answered, or progress reported."""
        return self._due(received_at, self.answer_within_days)

    def referral_due(self, referred_at: datetime) -> datetime:
        """The moment until which an agency is to answer a referral."""
        return self._due(referred_at, self.referral_within_days)

    def tell_due(self, answered_at: datetime) -> datetime:
        """The moment until which the complainant is to be told the answer."""
        return self._due(answered_at, self.tell_within_days)

    def stood(self, stopped_at: datetime, restarted_at: datetime) -> int:
        """How many working days the clock stood: what is due is due so many working days later."""
        return days_left(bangkok_date(restarted_at), bangkok_date(stopped_at), self.holidays)

    def later(self, due_at: datetime, working_days: int) -> datetime:
        """A deadline moved by working days."""
        return due_at if working_days == 0 else self._due_from(due_day(due_at), working_days)

    def days_left(self, due_at: datetime, now: datetime) -> int:
        """Working days from today until the due day; negative when overdue."""
        return days_left(due_day(due_at), bangkok_date(now), self.holidays)

    def standing(self, due_at: datetime, now: datetime) -> Standing:
        """How a deadline that is open stands."""
        if due_at <= now:
            return Standing.OVERDUE
        return Standing.NEAR_DUE if due_at <= self.near_due_until(now) else Standing.IN_TIME

    def near_due_until(self, now: datetime) -> datetime:
        """What is due until then is near due, unless it is overdue."""
        return self._due(now, self.near_due_days)

    def reminded(self, rung: Rung) -> frozenset[Step]:
        """The steps that the rung reminds of: not one whose whole limit is so short that it would begin with it."""
        limits = {
            Step.VERIFY: self.verify_within_days,
            Step.ANSWER: self.answer_within_days,
            Step.REFERRAL_ANSWER: self.referral_within_days,
            Step.TELL: self.tell_within_days,
        }
        return frozenset(step for step, days in limits.items() if days > -rung.working_days)

    def reached(self, rung: Rung, now: datetime) -> datetime:
        """What is due until then has reached the rung."""
        if rung.working_days < 0:
            return self._due(now, -rung.working_days)
        if rung.working_days == 0:
            return now
        return end_of_day(last_day_before(bangkok_date(now), rung.working_days, self.holidays))

    def _due(self, start: datetime, days: int) -> datetime:
        return self._due_from(bangkok_date(start), days)

    def _due_from(self, start: date, days: int) -> datetime:
        return end_of_day(add_working_days(start, days, self.holidays))


def due_day(due_at: datetime) -> date:
    """The day in Bangkok whose end `due_at` is."""
    return bangkok_date(due_at - _MOMENT)


async def _deadlines(request: Request) -> Deadlines:
    deadlines: Deadlines = request.app.state.deadlines
    return deadlines


Due = Annotated[Deadlines, Depends(_deadlines)]
"""The Centre's deadlines, for routes."""
