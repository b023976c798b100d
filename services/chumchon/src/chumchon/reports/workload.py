"""What there is to do: for a person at their desk, and for a work group."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from pydantic import Field
from sqlalchemy import text

from chumchon.deadlines import Deadlines
from chumchon.journey import OPEN_STATES
from chumchon.standing import NEAR_DUE, OVERDUE
from chumchon.steps import GROUP_HEAD, GROUP_OFFICER, OFFICERS, SEE_ALL, sight_of
from chumchon.work_groups import WorkGroup
from servicekit.clock import Now
from servicekit.database import Query
from servicekit.fields import View
from servicekit.identity import Actor, NotAllowed, require
from servicekit.routes import Reading, Router

router = Router(tags=["reports"])

Officer = Annotated[Actor, Depends(require(*OFFICERS))]

RECENT: Final = timedelta(days=30)

_COUNTS: Final = f"""
    count(*) FILTER (WHERE state = 'new') AS in_triage,
    count(*) FILTER (WHERE state = 'routed') AS to_accept,
    count(*) FILTER (WHERE state = 'accepted') AS in_work,
    count(*) FILTER (WHERE state = 'awaiting_complainant') AS awaiting_complainant,
    count(*) FILTER (WHERE state IN ('accepted', 'awaiting_complainant') AND officer IS NULL) AS not_taken,
    count(*) FILTER (WHERE state = ANY(:open_states) AND officer = :me) AS mine,
    count(*) FILTER (WHERE {OVERDUE}) AS overdue,
    count(*) FILTER (WHERE {NEAR_DUE}) AS near_due,
    count(*) FILTER (WHERE state = 'answered' AND newest.answered_at >= :since) AS answered_recently,
    count(*) FILTER (WHERE news_at IS NOT NULL) AS with_news
"""
_WANTED: Final = """
    FROM cases LEFT JOIN (
        SELECT case_id, answered_at FROM questions WHERE answered_at >= :since
    ) AS newest ON newest.case_id = cases.id
    WHERE (state = ANY(:open_states) OR newest.case_id IS NOT NULL OR news_at IS NOT NULL)
      AND (CAST(:work_group AS text) IS NULL OR cases.work_group = :work_group)
"""
_desk = Query(text(f"SELECT {_COUNTS} {_WANTED}"))
_workload = Query(
    text(f"SELECT grouping(officer) AS is_total, officer, {_COUNTS} {_WANTED} GROUP BY GROUPING SETS ((), (officer))")
)


class Work(View):
    """Cases, by what is to be done with them."""

    to_accept: int = Field(description="Routed to a group that has not accepted yet.")
    in_work: int
    awaiting_complainant: int
    overdue: int = Field(description="Open, their clock runs, and their deadline is past.")
    near_due: int = Field(description="Open, their clock runs, and due within the days that the settings call near.")
    answered_recently: int = Field(description="Answered, and the answer in force is not older than 30 days.")
    with_news: int = Field(description="Something came in that who works on it has not read.")


class Desk(Work):
    """The numbers on the tabs of a person's lists."""

    in_triage: int
    not_taken: int = Field(description="Accepted, and nobody works on them.")
    mine: int = Field(description="Open, and the caller works on them.")


class OfficersWork(Work):
    """That of one officer; null: not taken by anybody."""

    officer: str | None


class Workload(View):
    """A work group's open work, and how it is spread."""

    work_group: WorkGroup
    total: Work
    by_officer: list[OfficersWork]


@router.get("/desk", summary="How many cases stand on each tab of the caller's lists")
def get_desk(request: Request, session: Reading, now: Now, actor: Officer) -> Desk:
    """Of all cases, or of the caller's work group."""
    sight = sight_of(actor)
    work_group = None if sight.everything else sight.work_group or ""
    row = _desk.first(session, work_group=work_group, me=actor.subject, **_moments(request, now))
    return Desk.model_validate(row)


@router.get("/work-groups/{code}/workload", summary="A work group's open work, by officer")
def get_workload(code: WorkGroup, request: Request, session: Reading, now: Now, actor: Officer) -> Workload:
    """A group's people see their own group's."""
    sight = sight_of(actor)
    if not sight.everything and sight.work_group != code:
        raise NotAllowed(roles=", ".join((*SEE_ALL, f"{GROUP_OFFICER} ({code})", f"{GROUP_HEAD} ({code})")))
    rows = _workload.all(session, work_group=code, me=actor.subject, **_moments(request, now))
    return Workload(
        work_group=code,
        total=next(Work.model_validate(row) for row in rows if row.is_total),
        by_officer=sorted(
            (OfficersWork.model_validate(row) for row in rows if not row.is_total),
            key=lambda work: (-work.overdue, -work.in_work, work.officer or ""),
        ),
    )


def _moments(request: Request, now: datetime) -> dict[str, Any]:
    deadlines: Deadlines = request.app.state.deadlines
    return {
        "now": now,
        "near": deadlines.near_due_until(now),
        "since": now - RECENT,
        "open_states": sorted(OPEN_STATES),
    }
