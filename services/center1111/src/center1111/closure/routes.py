"""Closing, reopening and withdrawing a complaint, and notes on it."""

from datetime import datetime
from uuid import UUID

from fastapi import Response

from center1111.closure import actions
from center1111.complaint_view import ComplaintView, read_complaint, tell_version
from center1111.deadlines import Due
from center1111.fields import Note
from center1111.roles import CaseOfficer, Corrector
from servicekit.clock import Now
from servicekit.fields import Body, View
from servicekit.routes import Router, Transaction
from servicekit.versions import IfMatch

router = Router(tags=["complaints"])


class Closing(Body):
    """Why, where there is something to say."""

    note: Note | None = None


class Reasoned(Body):
    """Why."""

    reason: Note


class NewNote(Body):
    """A note for those who work on the complaint; the complainant does not see it."""

    text: Note


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
