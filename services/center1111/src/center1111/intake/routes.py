"""Complaints: recorded by officers and agencies' systems, listed, read, corrected."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Body as RequestBody
from fastapi import Depends, Query, Request, Response
from pydantic import ConfigDict, Field

from center1111.codes import AnswerOrigin, Standing
from center1111.complaint_view import ComplaintView, read_complaint
from center1111.deadlines import Due
from center1111.fields import Name, TrackingNumbers
from center1111.intake import queries
from center1111.intake.actions import Registered, correct_complaint, register_complaint, renew_secret
from center1111.intake.bodies import NewComplaint, NewPublicComplaint
from center1111.intake.place_filters import Districts, Provinces, Subdistricts, kept_names
from center1111.journey import State
from center1111.roles import Corrector, Reader, Recorder, SecretGiver
from center1111.standing import standing_values
from center1111.writers import KnownWriters
from schemas import Channel, Kind
from servicekit.clock import Now
from servicekit.fields import Line, Timestamp, View
from servicekit.filters import CodesOf, CommaIsOr
from servicekit.identity import Actor
from servicekit.merge_patch import patched
from servicekit.paging import Count, Cursor, Limit, Page, decode_cursor, make_page
from servicekit.rate_limits import PUBLIC_LIMIT
from servicekit.routes import Reading, Router, Transaction
from servicekit.versions import IfMatchRequired, check_version
from thaikit.places import Level

router = Router(tags=["complaints"])
public_router = Router(tags=["public"], dependencies=[PUBLIC_LIMIT])

PUBLIC: Final = "public"
"""Who recorded what came by the public website."""


class RegisteredView(View):
    """A complaint that was just recorded."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "019a5f0e-7c00-7000-8000-000000000001",
                    "tracking_number": "1111-2569-000123-M",
                    "tracking_secret": "7K4Q-M2XP-9RTD-HW3C",
                    "state": "received",
                    "version": 1,
                }
            ]
        }
    )

    id: UUID
    tracking_number: str
    tracking_secret: str = Field(description="For the complainant; shown this once and kept only as a digest.")
    state: State
    version: int


class NewSecretView(View):
    """A new secret of a complaint."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"tracking_number": "1111-2569-000123-M", "tracking_secret": "7K4Q-M2XP-9RTD-HW3C"}]
        }
    )

    tracking_number: str
    tracking_secret: str = Field(description="For the complainant; shown this once and kept only as a digest.")


class ComplaintLine(View):
    """One complaint in a list."""

    id: UUID
    version: int
    tracking_number: str
    state: State
    channel: Channel
    kind: Kind
    subject: str
    province: str | None
    received_at: datetime
    recorded_at: datetime
    due_at: datetime
    answer_origin: AnswerOrigin | None
    work_group: str | None
    repeat_writer: bool = Field(description="The complainant had written often before.")


class Counts(View):
    """How many complaints match, by state."""

    state: dict[State, int]
    total: int


Names = Annotated[list[Name] | None, CommaIsOr, Query()]


async def complaints_wanted(
    *,
    actor: Reader,
    now: Now,
    due: Due,
    state: CodesOf[State] = None,
    channel: CodesOf[Channel] = None,
    kind: CodesOf[Kind] = None,
    province: Provinces = None,
    district: Districts = None,
    subdistrict: Subdistricts = None,
    work_group: Names = None,
    tracking_number: TrackingNumbers = None,
    referred: Annotated[bool | None, Query(description="Ever referred to any agency, or never.")] = None,
    referred_to: Annotated[
        list[Name] | None, CommaIsOr, Query(description="Codes of agencies; those that were ever referred there.")
    ] = None,
    from_: Annotated[Timestamp | None, Query(alias="from", description="Received at this moment or later.")] = None,
    to: Annotated[Timestamp | None, Query(description="Received before this moment.")] = None,
    recorded_from: Annotated[Timestamp | None, Query()] = None,
    recorded_to: Annotated[Timestamp | None, Query(description="Before this moment.")] = None,
    due_from: Annotated[Timestamp | None, Query(description="Due at this moment or later.")] = None,
    due_to: Annotated[Timestamp | None, Query(description="Due before this moment.")] = None,
    repeat_writer: Annotated[bool | None, Query(description="Of those who write often.")] = None,
    standing: Annotated[
        list[Standing] | None, CommaIsOr, Query(description="How the open deadline of its answer stands.")
    ] = None,
    clock_stopped: Annotated[bool | None, Query(description="Whose clock stands still.")] = None,
    q: Annotated[
        Annotated[str, Line(200)] | None,
        Query(description="Words that all stand in subject or details; dropped tone marks do not matter."),
    ] = None,
) -> dict[str, Any]:
    """What a list of complaints is asked for, by the names of `queries.FILTERS`; an agency's system sees its own."""
    wanted = {
        "state": state,
        "channel": channel,
        "kind": kind,
        "province": kept_names(Level.PROVINCE, province),
        "district": kept_names(Level.DISTRICT, district),
        "subdistrict": kept_names(Level.SUBDISTRICT, subdistrict),
        "work_group": work_group,
        "tracking_number": tracking_number,
        "referred": referred,
        "referred_to": referred_to,
        "from": from_,
        "to": to,
        "recorded_from": recorded_from,
        "recorded_to": recorded_to,
        "due_from": due_from,
        "due_to": due_to,
        "repeat_writer": repeat_writer,
        "clock_stopped": clock_stopped,
        **standing_values(standing, due, now),
        **(queries.patterns_of(q) if q else {}),
        "client_id": [actor.client_id] if actor.is_agency_client else None,
    }
    return {name: value for name, value in wanted.items() if value is not None}


Wanted = Annotated[dict[str, Any], Depends(complaints_wanted)]
Sort = Literal["received_at", "-received_at", "recorded_at", "-recorded_at", "due_at", "-due_at"]


@router.post("/complaints", status_code=201, summary="Record a complaint from any channel")
def post_complaint(
    new: NewComplaint,
    *,
    session: Transaction,
    now: Now,
    due: Due,
    writers: KnownWriters,
    actor: Recorder,
    response: Response,
) -> RegisteredView:
    """Evidence is checked by channel; `received_at` is when it reached the Centre, apart from when it is recorded."""
    made = register_complaint(
        session, new, by=actor.subject, client_id=_client(actor), deadlines=due, writers=writers, now=now
    )
    return _registered(made, response, f"/v1/complaints/{made.id}")


@public_router.post("/public/complaints", status_code=201, summary="File a complaint by the website")
def post_public_complaint(
    new: NewPublicComplaint, *, session: Transaction, now: Now, due: Due, writers: KnownWriters, response: Response
) -> RegisteredView:
    """Anyone may. Keep the tracking number and the secret: with both, the complaint can be followed."""
    complaint = NewComplaint.model_construct(**{name: getattr(new, name) for name in NewPublicComplaint.model_fields})
    made = register_complaint(session, complaint, by=PUBLIC, deadlines=due, writers=writers, now=now)
    return _registered(made, response, f"/v1/public/complaints/{made.tracking_number}")


@router.get("/complaints", summary="List complaints")
def list_complaints(
    *,
    session: Reading,
    wanted: Wanted,
    request: Request,
    response: Response,
    sort: Sort = "-received_at",
    limit: Limit = 20,
    cursor: Cursor = None,
    count: Count = False,  # a query parameter
) -> Page[ComplaintLine]:
    """A comma means OR, several filters mean AND; `…_from` is inclusive, `…_to` is not."""
    after = decode_cursor(request, cursor, [datetime, UUID]) if cursor else None
    rows = queries.list_complaints(session, wanted, sort=sort, after=after, limit=limit + 1)
    column = sort.removeprefix("-")
    return make_page(
        rows,
        limit=limit,
        request=request,
        response=response,
        view=ComplaintLine.model_validate,
        position=lambda row: [getattr(row, column), row.id],
        total=queries.count_complaints(session, wanted) if count else None,
    )


@router.get("/complaints/counts", summary="Count complaints by state")
def count_complaints(*, session: Reading, wanted: Wanted) -> Counts:
    """For the tabs of a list: takes the filters of the list."""
    found = queries.count_by_state(session, wanted)
    return Counts(state={state: found.get(state, 0) for state in State}, total=sum(found.values()))


@router.get("/complaints/{complaint_id}", summary="Read a complaint")
def get_complaint(complaint_id: UUID, session: Reading, actor: Reader) -> ComplaintView:
    """With its verification, the answer in force, and its referrals."""
    return read_complaint(session, complaint_id, for_=actor)


@router.patch(
    "/complaints/{complaint_id}",
    summary="Correct a complaint",
    openapi_extra={
        "requestBody": {
            "content": {
                "application/merge-patch+json": {
                    "schema": {"type": "object"},
                    "examples": {"place": {"value": {"place": {"province": "ลำปาง", "district": "เกาะคา"}}}},
                }
            }
        }
    },
)
def patch_complaint(
    complaint_id: UUID,
    patch: Annotated[dict[str, Any], RequestBody()],
    *,
    session: Transaction,
    now: Now,
    due: Due,
    writers: KnownWriters,
    actor: Corrector,
    wanted: IfMatchRequired,
) -> ComplaintView:
    """JSON Merge Patch (RFC 7396) of what was recorded: the fields of the create body."""
    present = read_complaint(session, complaint_id, for_=actor)
    check_version(present.version, wanted)
    recorded = present.model_dump(mode="json", include=set(NewComplaint.model_fields))
    corrected = patched(NewComplaint, recorded, patch)
    correct_complaint(
        session,
        complaint_id,
        corrected,
        wanted=wanted,
        deadlines=due,
        writers=writers,
        by=actor.subject,
        now=now,
    )
    return read_complaint(session, complaint_id, for_=actor)


@router.post("/complaints/{complaint_id}/secret", status_code=201, summary="Give a complaint a new secret")
def post_secret(complaint_id: UUID, *, session: Transaction, now: Now, actor: SecretGiver) -> NewSecretView:
    """For a complainant who lost theirs, or whose complaint was imported: make sure that it is them.

    The old secret stops working. The history tells who gave a new one and when.
    """
    number, secret = renew_secret(session, complaint_id, by=actor.subject, now=now)
    return NewSecretView(tracking_number=number, tracking_secret=secret)


def _client(actor: Actor) -> str | None:
    return actor.client_id if actor.is_agency_client else None


def _registered(made: Registered, response: Response, location: str) -> RegisteredView:
    response.headers["Location"] = location
    response.headers["ETag"] = '"1"'
    return RegisteredView(
        id=made.id,
        tracking_number=made.tracking_number,
        tracking_secret=made.tracking_secret,
        state=State.RECEIVED,
        version=1,
    )
