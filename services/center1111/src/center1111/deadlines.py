"""By when a step is due: counted in Thai working days from the next working day, by settings that name their source."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from fastapi import Depends, Request

from thaikit.calendar import add_working_days, bangkok_date, end_of_day


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The limits in working days. Source: Royal Decree on Good Governance B.E. 2546, s. 38, unless settings differ."""

    answer_within_days: int
    referral_within_days: int
    holidays: Container[date]

    def answer_due(self, received_at: datetime) -> datetime:
        """The moment until which a complaint is to be answered, or progress reported."""
        return self._due(received_at, self.answer_within_days)

    def referral_due(self, referred_at: datetime) -> datetime:
        """The moment until which an agency is to answer a referral."""
        return self._due(referred_at, self.referral_within_days)

    def _due(self, start: datetime, days: int) -> datetime:
        return end_of_day(add_working_days(bangkok_date(start), days, self.holidays))


async def _deadlines(request: Request) -> Deadlines:
    deadlines: Deadlines = request.app.state.deadlines
    return deadlines


Due = Annotated[Deadlines, Depends(_deadlines)]
"""The Centre's deadlines, for routes."""
