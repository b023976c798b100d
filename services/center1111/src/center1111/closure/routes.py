"""Closing, reopening and withdrawing a complaint, and notes on it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import ConfigDict, Field

from center1111.closure import actions
from center1111.complainants import PROGRESS, Progress, Secret, complaint_of_complainant
from center1111.complaint_view import ComplaintView, read_complaint, tell_version
from center1111.deadlines import Due
from center1111.fields import Note
from center1111.roles import CaseOfficer, Corrector
from servicekit.clock import Now
from servicekit.fields import Body, View
from servicekit.rate_limits import PUBLIC_LIMIT
from servicekit.routes import Router, Transaction
from servicekit.versions import IfMatch

router = Router(tags=["complaints"])
public_router = Router(tags=["public"], dependencies=[PUBLIC_LIMIT])


class Closing(Body):
    """Why, where there is something to say."""

    note: Annotated[Note | None, Field(examples=["ผู้ร้องได้รับเงินครบแล้ว"])] = None


class Reasoned(Body):
    """Why."""

    reason: Annotated[Note, Field(examples=["ผู้ร้องโทรแจ้งว่าได้รับข้อเท็จจริงเพิ่มเติม"])]


class OwnWithdrawal(Body):
    """Why the complainant no longer pursues the complaint."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "ได้รับเงินงวดที่สองแล้ว ขอถอนเรื่อง"}]})

    reason: Note


class WithdrawnView(View):
    """A complaint that its complainant has withdrawn."""

    tracking_number: str
    state: Progress
    withdrawn_at: datetime


class NewNote(Body):
    """A note for those who work on the complaint; the complainant does not see it."""

    text: Annotated[Note, Field(examples=["โทรศัพท์หาผู้ร้องแล้ว ไม่มีผู้รับสาย"])]


class NoteView(View):
    """A note as it was kept."""

    text: str
    at: datetime
    by: str


@router.post("/complaints/{complaint_id}/closure", summary="Close an answered complaint")
def post_closure(
    complaint_id: UUID, new: Closing, *, session: Transaction, now: Now, actor: CaseOfficer, wanted: IfMatch
) -> ComplaintView:
    """It may be reopened later."""
    actions.close(session, complaint_id, note=new.note, wanted=wanted, by=actor.subject, now=now)
    return read_complaint(session, complaint_id, for_=actor)


@router.post("/complaints/{complaint_id}/reopening", summary="Reopen an answered or closed complaint")
def post_reopening(
    complaint_id: UUID, new: Reasoned, *, session: Transaction, now: Now, due: Due, actor: CaseOfficer, wanted: IfMatch
) -> ComplaintView:
    """It is `verified` again: to be answered within a new limit, or referred."""
    actions.reopen(session, complaint_id, reason=new.reason, wanted=wanted, deadlines=due, by=actor.subject, now=now)
    return read_complaint(session, complaint_id, for_=actor)


@router.post("/complaints/{complaint_id}/reopening-refusal", summary="Decline the complainant's request to reopen")
def post_reopening_refusal(
    complaint_id: UUID, new: Reasoned, *, session: Transaction, now: Now, actor: CaseOfficer, wanted: IfMatch
) -> ComplaintView:
    """The complaint stays as it was answered; the complainant sees why. Reopening it grants the request."""
    actions.decline_reopening(session, complaint_id, reason=new.reason, wanted=wanted, by=actor.subject, now=now)
    return read_complaint(session, complaint_id, for_=actor)


@router.post("/complaints/{complaint_id}/withdrawal", summary="The complainant withdraws the complaint")
def post_withdrawal(
    complaint_id: UUID, new: Reasoned, *, session: Transaction, now: Now, actor: CaseOfficer, wanted: IfMatch
) -> ComplaintView:
    """Not while an agency works on it: withdraw the referral first."""
    actions.withdraw(session, complaint_id, reason=new.reason, wanted=wanted, by=actor.subject, now=now)
    return read_complaint(session, complaint_id, for_=actor)


@public_router.post("/public/complaints/{tracking_number}/withdrawal", summary="Withdraw one's complaint")
def post_public_withdrawal(
    tracking_number: str, new: OwnWithdrawal, *, session: Transaction, now: Now, due: Due, tracking_secret: Secret
) -> WithdrawnView:
    """Until it is closed or refused; an agency that works on it is told to stop. It cannot be taken back.

    A wrong number and a wrong secret get the same answer.
    """
    complaint = complaint_of_complainant(session, tracking_number, tracking_secret)
    actions.withdraw_own(session, complaint, reason=new.reason, deadlines=due, now=now)
    return WithdrawnView(tracking_number=complaint.tracking_number, state=PROGRESS[complaint.state], withdrawn_at=now)


@router.post("/complaints/{complaint_id}/notes", status_code=201, summary="Add a note to the complaint's history")
def post_note(
    complaint_id: UUID,
    new: NewNote,
    *,
    session: Transaction,
    now: Now,
    actor: Corrector,
    wanted: IfMatch,
    response: Response,
) -> NoteView:
    """Possible in every state."""
    version = actions.add_note(session, complaint_id, text=new.text, wanted=wanted, by=actor.subject, now=now)
    tell_version(response, version)
    response.headers["Location"] = f"/v1/complaints/{complaint_id}/history"
    return NoteView(text=new.text, at=now, by=actor.subject)
