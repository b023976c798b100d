"""Recording cases from the Office's own channels, reading them, correcting them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Body as RequestBody
from fastapi import Depends, Request, Response
from fastapi import Query as QueryParameter
from pydantic import AfterValidator, Field

from chumchon.cases import CaseSummary, CaseView, as_seen, case_view, summary_of, visible_case
from chumchon.codes import Standing
from chumchon.deadlines import Deadlines
from chumchon.intake.actions import RecordIsTheCentres, correct_case, received_at_of, register_case
from chumchon.intake.bodies import CorrectedCase, NewCase
from chumchon.intake.queries import Sort, Wanted, count_cases, find_cases, history_of, search_cases
from chumchon.journey import Channel, Origin, State
from chumchon.steps import AGENCY_CLIENT, OFFICERS, REGISTRAR, case_to_change, sight_of
from chumchon.tracking import parse_case_number
from chumchon.work_groups import Topic, WorkGroup
from schemas.bodies import Kind
from servicekit.clock import Now
from servicekit.fields import Line, Timestamp, View, read_by
from servicekit.filters import CodesOf, CommaIsOr, IdsOf
from servicekit.identity import Actor, require
from servicekit.merge_patch import patched
from servicekit.paging import Count, Cursor, Limit, Page, decode_cursor, make_page, refuse_paging
from servicekit.routes import Reading, Router, Transaction
from servicekit.versions import IfMatchRequired
from servicekit.words import Words
from thaikit.numbers import InvalidNumber

router = Router(tags=["cases"])

Recorder = Annotated[Actor, Depends(require(REGISTRAR, AGENCY_CLIENT))]
Registrar = Annotated[Actor, Depends(require(REGISTRAR))]
Reader = Annotated[Actor, Depends(require(*OFFICERS, AGENCY_CLIENT))]

_WRONG_CASE_NUMBER: Final = Words(
    "ไม่ใช่เลขที่เรื่องที่ถูกต้อง เช่น CC-2570-000045-6 โปรดตรวจทุกตัว ตัวสุดท้ายใช้ตรวจตัวอื่น",
    "It is not a case number such as CC-2570-000045-6, whose last character checks the others.",
)


_case_number = read_by(parse_case_number, InvalidNumber, "wrong_case_number", _WRONG_CASE_NUMBER)


CaseNumber = Annotated[
    Annotated[str, Line(50), AfterValidator(_case_number)] | None,
    QueryParameter(description="Case, spaces and Thai digits do not matter."),
]


class RecordedCase(CaseView):
    """A case just recorded, with the secret by which its complainant may follow it on the website."""

    tracking_secret: str = Field(description="Shown this once: give it to the complainant with the case number.")


class HistoryView(View):
    """One change of a case."""

    at: datetime
    by: str
    action: str
    from_state: State | None
    to_state: State
    note: str | None


class History(View):
    """All changes of a case, oldest first."""

    items: list[HistoryView]


async def deadlines_of(request: Request) -> Deadlines:
    """The deadlines that this service was configured with."""
    deadlines: Deadlines = request.app.state.deadlines
    return deadlines


DeadlinesOfService = Annotated[Deadlines, Depends(deadlines_of)]


async def _wanted(
    *,
    now: Now,
    deadlines: DeadlinesOfService,
    referral: IdsOf = None,
    case_number: CaseNumber = None,
    state: CodesOf[State] = None,
    work_group: CodesOf[WorkGroup] = None,
    topic: CodesOf[Topic] = None,
    channel: CodesOf[Channel] = None,
    origin: CodesOf[Origin] = None,
    kind: CodesOf[Kind] = None,
    officer: Annotated[str | None, Line(200)] = None,
    received_from: Annotated[
        Timestamp | None, QueryParameter(alias="from", description="Received then or later.")
    ] = None,
    received_to: Annotated[Timestamp | None, QueryParameter(alias="to", description="Received before.")] = None,
    due_from: Annotated[Timestamp | None, QueryParameter(description="Due then or later.")] = None,
    due_to: Annotated[Timestamp | None, QueryParameter(description="Due before.")] = None,
    standing: Annotated[
        list[Standing] | None,
        CommaIsOr,
        QueryParameter(description="Open, its clock runs, and how it stands to its deadline: any of."),
    ] = None,
    taken: Annotated[bool | None, QueryParameter(description="Whether an officer works on it.")] = None,
    news: Annotated[
        bool | None, QueryParameter(description="Whether something came in that who works on it has not read.")
    ] = None,
    sort: Sort = "-received_at",
) -> Wanted:
    given = {
        "referral": referral,
        "case_number": case_number,
        "state": state,
        "work_group": work_group,
        "topic": topic,
        "channel": channel,
        "origin": origin,
        "kind": kind,
        "officer": officer,
        "from": received_from,
        "to": received_to,
        "due_from": due_from,
        "due_to": due_to,
        "taken": taken,
        "news": news,
        **(_standing(standing, deadlines, now) if standing else {}),
    }
    return Wanted({name: value for name, value in given.items() if value is not None}, sort)


def _standing(standings: Collection[Standing], deadlines: Deadlines, now: datetime) -> dict[str, Any]:
    """The filter of open cases whose clock runs, and that stand in one of these ways to their deadline."""
    near = deadlines.near_due_until(now)
    due: dict[str, Any] = {}
    if Standing.OVERDUE not in standings:
        due["due_after"] = now if Standing.NEAR_DUE in standings else near
    if Standing.IN_TIME not in standings:
        due["due_until"] = near if Standing.NEAR_DUE in standings else now
    if set(standings) == {Standing.OVERDUE, Standing.IN_TIME}:
        due["due_not_within"] = f"({now.isoformat()},{near.isoformat()}]"
    return {"clock_runs": True, **due}


@router.post("/cases", status_code=201, summary="Record a case from one of the Office's channels")
def post_case(
    *,
    new: NewCase,
    session: Transaction,
    now: Now,
    actor: Recorder,
    deadlines: DeadlinesOfService,
    response: Response,
) -> RecordedCase:
    """Routed at once by what it says; where that is not clear, it waits in triage as `new`."""
    due_at = deadlines.due_at(received_at_of(new, now))
    opened = register_case(session, new, by=actor.subject, client_id=actor.client_id, due_at=due_at, now=now)
    response.headers["Location"] = f"/v1/cases/{opened.id}"
    recorded = as_seen(case_view(session, opened.id), sight_of(actor))
    return RecordedCase.model_construct(**dict(recorded), tracking_secret=opened.secret)


@router.get("/cases", summary="List cases, or search them by `q`")
def list_cases(
    *,
    request: Request,
    response: Response,
    session: Reading,
    actor: Reader,
    wanted: Annotated[Wanted, Depends(_wanted)],
    q: Annotated[str | None, Line(300), QueryParameter(description="Full-text search: best first, one page.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    count: Count = False,
) -> Page[CaseSummary]:
    """A group's officer sees the group's, an agency's system what it filed.

    A search has neither cursor, sort nor count.
    """
    if q is not None:
        refuse_paging(request)
    sight = sight_of(actor)
    seen = wanted.within(sight)
    if seen is None:
        return Page(items=[], next=None, total=0 if count else None)

    def view(row: Any) -> CaseSummary:  # noqa: ANN401  # a row of `summaries`
        return as_seen(summary_of(row), sight)

    if q is not None:
        return Page(items=[view(row) for row in search_cases(session, seen, q, limit=limit)], next=None)
    after = decode_cursor(request, cursor, [datetime, UUID]) if cursor else None
    rows = find_cases(session, seen, after=(after[0], after[1]) if after else None, limit=limit + 1)
    column = seen.sort.removeprefix("-")
    return make_page(
        rows,
        limit=limit,
        request=request,
        response=response,
        view=view,
        position=lambda row: (getattr(row, column), row.id),
        total=count_cases(session, seen) if count else None,
    )


@router.get("/cases/{case_id}", summary="Read a case")
def get_case(case_id: UUID, session: Reading, actor: Reader) -> CaseView:
    """Another group's case is 404. An agency's system reads no draft, and not by what the case was routed."""
    return visible_case(session, case_id, sight_of(actor))


@router.get("/cases/{case_id}/history", summary="All changes of a case, oldest first")
def get_case_history(case_id: UUID, session: Reading, actor: Reader) -> History:
    """Who changed it, when, from which state to which, and why; an agency's system reads no notes."""
    sight = sight_of(actor)
    visible_case(session, case_id, sight)
    entries = [HistoryView.model_validate(row) for row in history_of(session, case_id)]
    if sight.from_outside:
        entries = [entry.model_copy(update={"note": None}) for entry in entries]
    return History(items=entries)


@router.patch("/cases/{case_id}", summary="Correct what was recorded")
def patch_case(
    *,
    case_id: UUID,
    changes: Annotated[
        dict[str, Any],
        RequestBody(
            media_type="application/merge-patch+json",
            description="A JSON Merge Patch of kind, subject, details, complainant, confidential, place, evidence.",
            examples=[{"subject": "ขอทราบกำหนดการโอนเงินโครงการ", "place": {"province": "ลำพูน"}}],
        ),
    ],
    session: Transaction,
    now: Now,
    actor: Registrar,
    versions: IfMatchRequired,
) -> CaseView:
    """For cases of the Office's own channels; the Centre corrects what it referred."""
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    correct_case(session, case, _corrected(case_view(session, case_id), changes), by=actor.subject, now=now)
    return case_view(session, case_id)


def _corrected(present: CaseView, changes: Mapping[str, Any]) -> CorrectedCase:
    if present.origin is Origin.REFERRAL:
        raise RecordIsTheCentres
    record = present.model_dump(
        mode="json", include={"kind", "subject", "details", "complainant", "confidential", "place", "evidence"}
    )
    return patched(CorrectedCase, record, changes, context={"channel": present.channel})
