"""How many cases there were in a period, by what they were, and whether they were answered in time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chumchon.journey import OPEN_STATES
from chumchon.standing import OVERDUE
from servicekit.database import Query

# One pass over the period's cases gives the total and each breakdown. `work_group` null counts triage.
_summary = Query(
    text(f"""
        SELECT grouping(work_group, topic, coalesce(channel, origin), state) AS breakdown,
               work_group, topic, coalesce(channel, origin) AS source, state,
               count(*) AS cases,
               count(*) FILTER (WHERE answered_at IS NOT NULL) AS answered,
               count(*) FILTER (WHERE answered_at < due_at) AS answered_in_time,
               count(*) FILTER (WHERE answered_at >= due_at) AS answered_late,
               count(*) FILTER (WHERE {OVERDUE}) AS overdue,
               count(*) FILTER (WHERE state = ANY(:open_states) AND NOT ({OVERDUE})) AS open_in_time
        FROM cases
        WHERE received_at >= :begins_at AND received_at < :ends_at
          AND (CAST(:work_group AS text) IS NULL OR work_group = :work_group)
        GROUP BY GROUPING SETS ((), (work_group), (topic), (coalesce(channel, origin)), (state))
    """)  # noqa: S608  # a text of ours
)


def summary(
    session: Session, *, begins_at: datetime, ends_at: datetime, work_group: str | None, now: datetime
) -> Sequence[Any]:
    """Counts of the cases received in the half-open period: in all, and by group, topic, source and state.

    `breakdown` tells which: a bit of PostgreSQL's grouping() is 0 for the column that a row counts by.
    """
    return _summary.all(
        session, begins_at=begins_at, ends_at=ends_at, work_group=work_group, now=now, open_states=sorted(OPEN_STATES)
    )
