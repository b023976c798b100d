"""Summaries for those who lead and those who oversee."""

from datetime import datetime, timedelta
from typing import Annotated, Final

import sqlalchemy as sa
from fastapi import Query as QueryParameter

from center1111.codes import AnswerOrigin
from center1111.journey import State
from center1111.records import Complaint
from center1111.roles import Officer
from schemas import Channel, Kind
from servicekit.clock import Now
from servicekit.database import Query
from servicekit.fields import Timestamp, View
from servicekit.problems import FieldError, InvalidInput
from servicekit.routes import Reading, Router
from servicekit.words import Words
from thaikit.calendar import bangkok_date, days_of_fiscal_year, end_of_day, fiscal_year

router = Router(tags=["reports"])

_DIMENSIONS: Final = ("state", "channel", "kind", "work_group", "answer_origin")
_ALL_LEFT_OUT: Final = 2 ** len(_DIMENSIONS) - 1
# GROUPING() is a bit mask of the columns that a row leaves out, the first column its highest bit.
_BY_LEFT_OUT: Final = {
    _ALL_LEFT_OUT - (1 << (len(_DIMENSIONS) - 1 - place)): name for place, name in enumerate(_DIMENSIONS)
}
_ONE_DAY: Final = timedelta(days=1)
_MOMENT: Final = sa.DateTime(timezone=True)

# One pass over the period's rows for all of the counts.
_SUMMARY = Query(
    sa.select(
        *(getattr(Complaint, name) for name in _DIMENSIONS),
        sa.func.grouping(*(getattr(Complaint, name) for name in _DIMENSIONS)).label("left_out"),
        sa.func.count().label("count"),
    )
    .where(
        Complaint.received_at >= sa.bindparam("from_", type_=_MOMENT),
        Complaint.received_at < sa.bindparam("to", type_=_MOMENT),
    )
    .group_by(sa.func.grouping_sets(*(sa.tuple_(getattr(Complaint, name)) for name in _DIMENSIONS), sa.tuple_()))
)


class Summary(View):
    """How many complaints reached the Centre in a period, by what they are and what became of them."""

    received_from: datetime
    received_to: datetime
    total: int
    state: dict[State, int]
    channel: dict[Channel, int]
    kind: dict[Kind, int]
    work_group: dict[str, int]
    answer_origin: dict[AnswerOrigin, int]


@router.get("/reports/summary", summary="Count a period's complaints by state, channel, kind and who answered")
def get_summary(
    *,
    session: Reading,
    now: Now,
    actor: Officer,  # noqa: ARG001  # who may
    from_: Annotated[
        Timestamp | None, QueryParameter(alias="from", description="Received since; default: the fiscal year's begin.")
    ] = None,
    to: Annotated[
        Timestamp | None, QueryParameter(description="Received before; default: the fiscal year's end.")
    ] = None,
) -> Summary:
    """Half-open: a complaint of the very moment `to` belongs to the next period. `answer_origin` tells who answered.

    `work_group` is the agency's group that works on it or has answered.
    """
    first, after = days_of_fiscal_year(fiscal_year(bangkok_date(now)))
    since = from_ or end_of_day(first - _ONE_DAY)
    until = to or end_of_day(after - _ONE_DAY)
    if until < since:
        raise InvalidInput(
            FieldError("/to", "ends_before_it_begins", Words("ต้องไม่ก่อน from", "It lies before `from`."), "query")
        )
    counts: dict[str, dict[str, int]] = {name: {} for name in _DIMENSIONS}
    total = 0
    for row in _SUMMARY.all(session, from_=since, to=until):
        if row.left_out == _ALL_LEFT_OUT:
            total = row.count
            continue
        name = _BY_LEFT_OUT[row.left_out]
        code = getattr(row, name)
        if code is not None:
            counts[name][code] = row.count
    return Summary(
        received_from=since,
        received_to=until,
        total=total,
        state={code: counts["state"].get(code, 0) for code in State},
        channel={code: counts["channel"].get(code, 0) for code in Channel},
        kind={code: counts["kind"].get(code, 0) for code in Kind},
        work_group=counts["work_group"],
        answer_origin={code: counts["answer_origin"].get(code, 0) for code in AnswerOrigin},
    )
