"""Summaries for those concerned."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends
from fastapi import Query as QueryParameter
from pydantic import Field

from chumchon.reports.queries import summary
from chumchon.steps import OFFICERS, sight_of
from servicekit.clock import Now
from servicekit.fields import Timestamp, View
from servicekit.identity import Actor, require
from servicekit.problems import FieldError, InvalidInput
from servicekit.routes import Reading, Router
from servicekit.words import Words

router = Router(tags=["reports"], prefix="/reports")

Officer = Annotated[Actor, Depends(require(*OFFICERS))]

# PostgreSQL's grouping(work_group, topic, source, state): the bit of the column that a row counts by is 0.
_TOTAL: Final = 0b1111
_BY_WORK_GROUP: Final = 0b0111
_BY_TOPIC: Final = 0b1011
_BY_SOURCE: Final = 0b1101
_BY_STATE: Final = 0b1110

PERIOD = Words("from ต้องมาก่อน to", "`from` must lie before `to`.")


class Counts(View):
    """Cases received in the period."""

    cases: int
    answered: int
    answered_in_time: int
    answered_late: int
    overdue: int = Field(description="Open, their clock runs, and their deadline is past.")
    open_in_time: int = Field(description="Open, and their deadline is ahead, or their clock stands still.")


class CountsByCode(Counts):
    """Of one code; null is triage: no group or topic yet."""

    code: str | None


class Summary(View):
    """How many cases, by what they were."""

    received_from: datetime = Field(serialization_alias="from")
    received_to: datetime = Field(serialization_alias="to", description="Not included.")
    total: Counts
    by_work_group: list[CountsByCode]
    by_topic: list[CountsByCode]
    by_source: list[CountsByCode] = Field(description="The Office's channels, and `referral`.")
    by_state: list[CountsByCode]


@router.get("/summary", summary="Cases of a period: how many, of what, and whether answered in time")
def get_summary(
    session: Reading,
    now: Now,
    actor: Officer,
    received_from: Annotated[
        Timestamp | None, QueryParameter(alias="from", description="Received then or later; default: 30 days ago.")
    ] = None,
    received_to: Annotated[
        Timestamp | None, QueryParameter(alias="to", description="Received before; default: now.")
    ] = None,
) -> Summary:
    """A group's people see their group's."""
    ends_at = received_to or now
    begins_at = received_from or ends_at - timedelta(days=30)
    if begins_at >= ends_at:
        raise InvalidInput(FieldError("/from", "wrong_period", PERIOD, "query"))
    sight = sight_of(actor)
    work_group = None if sight.everything else sight.work_group or ""
    rows = summary(session, begins_at=begins_at, ends_at=ends_at, work_group=work_group, now=now)
    return Summary(
        received_from=begins_at,
        received_to=ends_at,
        total=next(Counts.model_validate(row) for row in rows if row.breakdown == _TOTAL),
        by_work_group=_by(rows, _BY_WORK_GROUP, "work_group"),
        by_topic=_by(rows, _BY_TOPIC, "topic"),
        by_source=_by(rows, _BY_SOURCE, "source"),
        by_state=_by(rows, _BY_STATE, "state"),
    )


def _by(rows: Sequence[Any], breakdown: int, column: str) -> list[CountsByCode]:
    found = [
        CountsByCode.model_validate({**row._asdict(), "code": getattr(row, column)})
        for row in rows
        if row.breakdown == breakdown
    ]
    return sorted(found, key=lambda counts: (-counts.cases, counts.code or ""))
