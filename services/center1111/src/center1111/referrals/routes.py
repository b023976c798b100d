"""Referrals: sent, read, listed, withdrawn, contested, amended."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import ConfigDict, Field
from sqlalchemy.orm import Session

from center1111.codes import Standing
from center1111.complaint_view import tell_version
from center1111.deadlines import Due
from center1111.fields import LongText, Name, TrackingNumbers
from center1111.journey import KEPT_AS_QUEUED, ReferralState
from center1111.referrals import actions, queries
from center1111.roles import CaseOfficer, Officer
from center1111.standing import standing_values
from center1111.steps import ReferralNotFound
from exchange import Exchange
from schemas import ReturnReason
from servicekit.clock import Now
from servicekit.fields import Body, Timestamp, View
from servicekit.filters import CodesOf, CommaIsOr
from servicekit.paging import Count, Cursor, Limit, Page, decode_cursor, make_page
from servicekit.routes import Reading, Router, Transaction
from servicekit.versions import IfMatch

router = Router(tags=["referrals"])


class NewReferral(Body):
    """Which agency is to answer, and what it is asked."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"to": "chumchon", "question": "ขอทราบกำหนดโอนเงินงวดที่สองของชุมชนบ้านกลาง"}]}
    )

    to: Name = Field(description="The agency's code in the exchange.")
    question: LongText
    insist: bool = Field(
        default=False, strict=True, description="Send it there although this agency returned it twice or more."
    )


class ReasonForAgency(Body):
    """Why; the agency reads it."""

    reason: Annotated[LongText, Field(examples=["ผู้ร้องแจ้งว่ายังไม่ได้รับเงินตามคำตอบ"])]


class Amendment(Body):
    """What has become known since the complaint was referred; the agency reads it."""

    text: Annotated[LongText, Field(examples=["ผู้ร้องส่งสำเนาสมุดบัญชีของโครงการมาแล้ว"])]


class AgencyAnswer(View):
    """The agency's answer in force."""

    version: int
    text: str
    answered_at: datetime


class ReferralLine(View):
    """One referral, with both sides' numbers and deadlines."""

    id: UUID
    version: int
    number: str
    complaint_id: UUID
    complaint_number: str
    to: str
    state: ReferralState
    question: str
    referred_at: datetime
    referred_by: str
    due_at: datetime = Field(description="By when the Centre asked for an answer.")
    changed_at: datetime
    delivered_at: datetime | None
    accepted_at: datetime | None
    case_number: str | None
    work_group: str | None
    topic: str | None
    agency_due_at: datetime | None = Field(description="By when the agency says that it will answer.")
    returned_at: datetime | None
    return_reason: ReturnReason | None
    return_note: str | None
    suggested_owner: str | None
    withdrawn_at: datetime | None
    withdrawal_reason: str | None
    answered_at: datetime | None
    answer: AgencyAnswer | None


class TimelineEntry(View):
    """One thing that was done to the referral; `by` is an officer or the agency's code."""

    at: datetime
    by: str
    move: str
    from_state: str | None
    to_state: str
    note: str | None


class ReferralView(ReferralLine):
    """One referral with all that was done to it."""

    timeline: list[TimelineEntry]


async def _agencies(request: Request) -> Collection[str]:
    exchange: Exchange = request.app.state.exchange
    return exchange.peers.keys()


Agencies = Annotated[Collection[str], Depends(_agencies)]
"""The codes of the parties that the configuration names as peers."""


async def _wanted(
    *,
    now: Now,
    due: Due,
    state: CodesOf[ReferralState] = None,
    to: Annotated[list[Name] | None, CommaIsOr, Query(description="Codes of agencies.")] = None,
    work_group: Annotated[list[Name] | None, CommaIsOr, Query()] = None,
    case_number: Annotated[list[Name] | None, CommaIsOr, Query()] = None,
    tracking_number: TrackingNumbers = None,
    complaint: Annotated[UUID | None, Query(description="The complaint's id.")] = None,
    referred_from: Annotated[Timestamp | None, Query()] = None,
    referred_to: Annotated[Timestamp | None, Query(description="Before this moment.")] = None,
    due_to: Annotated[Timestamp | None, Query(description="Due before this moment.")] = None,
    standing: Annotated[list[Standing] | None, CommaIsOr, Query(description="How its open deadline stands.")] = None,
) -> dict[str, Any]:
    wanted = {
        "state": state,
        "kept_state": None if state is None else [KEPT_AS_QUEUED.get(one, one) for one in state],
        "to": to,
        "work_group": work_group,
        "case_number": case_number,
        "tracking_number": tracking_number,
        "complaint": complaint,
        "referred_from": referred_from,
        "referred_to": referred_to,
        "due_to": due_to,
        **standing_values(standing, due, now),
    }
    return {name: value for name, value in wanted.items() if value is not None}


Wanted = Annotated[dict[str, Any], Depends(_wanted)]
Sort = Literal["referred_at", "-referred_at", "due_at", "-due_at", "changed_at", "-changed_at"]


@router.post("/complaints/{complaint_id}/referrals", status_code=201, summary="Refer the complaint to an agency")
def post_referral(
    complaint_id: UUID,
    new: NewReferral,
    *,
    session: Transaction,
    now: Now,
    due: Due,
    agencies: Agencies,
    actor: CaseOfficer,
    wanted: IfMatch,
    response: Response,
) -> ReferralView:
    """The record travels with the question; a confidential complaint travels without its complainant."""
    complaint, referral = actions.refer(
        session,
        complaint_id,
        to=new.to,
        question=new.question,
        insist=new.insist,
        known=agencies,
        wanted=wanted,
        deadlines=due,
        by=actor.subject,
        now=now,
    )
    tell_version(response, complaint.version)
    response.headers["Location"] = f"/v1/referrals/{referral.id}"
    return _view(session, referral.id)


@router.get("/referrals", summary="List referrals")
def list_referrals(
    *,
    session: Reading,
    wanted: Wanted,
    actor: Officer,  # noqa: ARG001  # who may
    request: Request,
    response: Response,
    sort: Sort = "-referred_at",
    limit: Limit = 20,
    cursor: Cursor = None,
    count: Count = False,  # a query parameter
) -> Page[ReferralLine]:
    """A comma means OR, several filters mean AND; `…_from` is inclusive, `…_to` is not."""
    after = decode_cursor(request, cursor, [datetime, UUID]) if cursor else None
    column = sort.removeprefix("-")
    return make_page(
        queries.list_referrals(session, wanted, sort=sort, after=after, limit=limit + 1),
        limit=limit,
        request=request,
        response=response,
        view=ReferralLine.model_validate,
        position=lambda row: [getattr(row, column), row.id],
        total=queries.count_referrals(session, wanted) if count else None,
    )


@router.get("/referrals/{referral_id}", summary="Read a referral")
def get_referral(referral_id: UUID, session: Reading, actor: Officer, response: Response) -> ReferralView:  # noqa: ARG001  # who may
    """With both sides' numbers and deadlines, the answer, and its timeline."""
    view = _view(session, referral_id)
    tell_version(response, view.version)
    return view


@router.post("/referrals/{referral_id}/withdrawal", summary="Take the complaint back from the agency")
def post_referral_withdrawal(
    referral_id: UUID,
    new: ReasonForAgency,
    *,
    session: Transaction,
    now: Now,
    due: Due,
    actor: CaseOfficer,
    wanted: IfMatch,
    response: Response,
) -> ReferralView:
    """Possible until it is answered or returned; the complaint is `verified` again."""
    referral = actions.withdraw_referral(
        session, referral_id, reason=new.reason, wanted=wanted, deadlines=due, by=actor.subject, now=now
    )
    tell_version(response, referral.version)
    return _view(session, referral_id)


@router.post("/referrals/{referral_id}/contest", summary="Tell the agency that its answer is not accepted, and why")
def post_contest(
    referral_id: UUID,
    new: ReasonForAgency,
    *,
    session: Transaction,
    now: Now,
    due: Due,
    actor: CaseOfficer,
    wanted: IfMatch,
    response: Response,
) -> ReferralView:
    """The agency reopens its case; the complaint is `referred` again."""
    referral = actions.contest_answer(
        session, referral_id, reason=new.reason, wanted=wanted, deadlines=due, by=actor.subject, now=now
    )
    tell_version(response, referral.version)
    return _view(session, referral_id)


@router.post("/referrals/{referral_id}/amendments", summary="Tell the agency what has become known since")
def post_amendment(
    referral_id: UUID,
    new: Amendment,
    *,
    session: Transaction,
    now: Now,
    due: Due,
    actor: CaseOfficer,
    wanted: IfMatch,
    response: Response,
) -> ReferralView:
    """It also answers what the agency asked: nobody waits for the complainant any more, and the clock runs again."""
    referral = actions.amend_referral(
        session, referral_id, information=new.text, wanted=wanted, deadlines=due, by=actor.subject, now=now
    )
    tell_version(response, referral.version)
    return _view(session, referral_id)


def _view(session: Session, referral_id: UUID) -> ReferralView:
    row = queries.read_referral(session, referral_id)
    if row is None:
        raise ReferralNotFound
    return ReferralView.model_validate({**row._asdict(), "timeline": queries.timeline(session, referral_id)})
