"""How deadlines stand, as filters of lists: in time, near due, overdue. A deadline that does not run stands nowhere."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSTZMULTIRANGE

from center1111.codes import Standing
from center1111.deadlines import Deadlines
from center1111.journey import REFERRAL_UNDER_WAY, UNANSWERED
from center1111.records import Complaint, Referral

_MOMENT: Final = sa.DateTime(timezone=True)

Filters = Mapping[str, Callable[[str], sa.ColumnElement[bool]]]


def is_in(column: Any, states: Collection[str]) -> sa.ColumnElement[bool]:  # noqa: ANN401  # any column of texts
    """Whether a code is one of these, written out so that PostgreSQL sees that a partial index holds what is asked."""
    return sa.type_coerce(column, sa.Text).in_([sa.literal_column(f"'{state}'") for state in states])


CLOCK_RUNS: Final = Complaint.clock_stopped_at.is_(None)
ANSWER_IS_DUE: Final = sa.and_(is_in(Complaint.state, UNANSWERED), CLOCK_RUNS)
REFERRAL_IS_DUE: Final = sa.and_(is_in(Referral.state, REFERRAL_UNDER_WAY), CLOCK_RUNS)


def standing_filters(due_at: sa.SQLColumnExpression[datetime], is_due: sa.ColumnElement[bool]) -> Filters:
    """The conditions of a list for the values of `standing_values`."""
    return {
        "standing": lambda _name: is_due,
        "standing_after": lambda name: due_at > sa.bindparam(name, type_=_MOMENT),
        "standing_until": lambda name: due_at <= sa.bindparam(name, type_=_MOMENT),
        # Only where a gap lies between them: no index knows it, nor PostgreSQL how many it leaves.
        "standing_spans": lambda name: due_at.op("<@")(sa.cast(sa.bindparam(name, type_=sa.Text), TSTZMULTIRANGE)),
    }


def standing_values(
    standings: Collection[Standing] | None, deadlines: Deadlines, now: datetime
) -> dict[str, str | datetime]:
    """The values of the filters of `standing_filters`; none where no standing is asked for."""
    if not standings:
        return {}
    near = deadlines.near_due_until(now)
    spans: dict[Standing, tuple[datetime | None, datetime | None]] = {
        Standing.OVERDUE: (None, now),
        Standing.NEAR_DUE: (now, near),
        Standing.IN_TIME: (near, None),
    }
    wanted = [span for standing, span in spans.items() if standing in standings]
    values: dict[str, str | datetime] = {"standing": ",".join(standings)}
    if set(standings) == {Standing.OVERDUE, Standing.IN_TIME}:
        values["standing_spans"] = "{" + ",".join(map(_span, wanted)) + "}"
    first, last = wanted[0][0], wanted[-1][1]
    return values | ({"standing_after": first} if first else {}) | ({"standing_until": last} if last else {})


def _span(span: tuple[datetime | None, datetime | None]) -> str:
    after, until = ("" if moment is None else moment.isoformat() for moment in span)
    return f"({after},{until}]"
