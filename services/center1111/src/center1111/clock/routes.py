"""Deadlines: what is near due and overdue, the clock of a complaint, progress, and the reminders sent."""

from datetime import datetime
from typing import Annotated, Final, Self
from uuid import UUID

import sqlalchemy as sa
from fastapi import Query, Request, Response
from pydantic import ConfigDict, Field, model_validator

from center1111.clock import actions, mails, queries
from center1111.codes import Sending, Standing, Step, StopReason
from center1111.complaint_view import ComplaintView, read_complaint, tell_version
from center1111.deadlines import Due
from center1111.fields import LongText, Note
from center1111.journey import State
from center1111.records import ClockStop, Complaint, Reminder
from center1111.roles import CaseOfficer, Caseworker, Officer, Watcher
from center1111.standing import standing_values
from schemas import Channel, Kind
from servicekit.clock import Now
from servicekit.fields import Body, View, refused
from servicekit.filters import CodesOf
from servicekit.paging import Count, Cursor, Limit, Page, decode_cursor, make_page
from servicekit.routes import Reading, Router, Transaction
from servicekit.versions import IfMatch
from servicekit.words import Words

router = Router(tags=["deadlines"])


class DeadlineView(View):
    """One open deadline that runs."""

    step: Step
    standing: Standing
    due_at: datetime
    days_left: int = Field(description="Working days from today until the due day; negative when overdue.")
    complaint_id: UUID
    tracking_number: str
    state: State
    channel: Channel
    kind: Kind
    subject: str
    referral_id: UUID | None
    referral_number: str | None
    agency: str | None = Field(description="Who is to answer the referral.")


class NewClockStop(Body):
    """Why the clock is stopped."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "awaiting_complainant", "note": "ขอสำเนาสมุดบัญชีของชุมชน"}]}
    )

    reason: StopReason = Field(description="See /v1/code-lists/clock_stop_reasons.")
    note: Annotated[Note | None, Field(description="Required for `other`.")] = None

    @model_validator(mode="after")
    def _other_says_what(self) -> Self:
        if self.reason is StopReason.OTHER and self.note is None:
            raise refused("note_required", Words("เหตุผลอื่นต้องระบุใน note", "For `other`, the note says what it is."))
        return self


class ClockRestart(Body):
    """What has come in, where there is something to say."""

    note: Annotated[Note | None, Field(examples=["ได้รับสำเนาสมุดบัญชีจากผู้ร้องแล้ว"])] = None


class NewProgress(Body):
    """What has been done so far, and what comes next; the complainant reads it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "ตรวจสอบเอกสารของชุมชนแล้ว อยู่ระหว่างขอข้อมูลจากธนาคาร จะแจ้งผลให้ทราบต่อไป"}]}
    )

    text: LongText


class ClockStopView(View):
    """A time in which the clock stood."""

    reason: StopReason
    note: str | None
    stopped_at: datetime
    stopped_by: str
    restarted_at: datetime | None
    restarted_by: str | None
    working_days: int | None = Field(
        description="By how many the deadlines were moved; null: it stands, or none was open."
    )


class ReminderView(View):
    """One rung of the ladder that a deadline reached."""

    id: UUID
    step: Step
    rung: str
    to: str = Field(description="The role that is reminded.")
    due_at: datetime
    complaint_id: UUID
    tracking_number: str
    referral_id: UUID | None
    made_at: datetime
    sent_at: datetime | None
    sending: Sending = Field(description="See /v1/code-lists/reminder_sendings.")
    failure: str | None = Field(description="The codes of the mail server's last reply.")


_REMINDERS: Final = sa.select(
    *(getattr(Reminder, name) for name in ReminderView.model_fields if name != "tracking_number"),
    Complaint.tracking_number,
).join(Complaint, Complaint.id == Reminder.complaint_id)


@router.get("/deadlines", summary="Open deadlines, the soonest first")
def list_deadlines(
    *,
    session: Reading,
    now: Now,
    due: Due,
    actor: Officer,  # noqa: ARG001  # who may
    request: Request,
    response: Response,
    step: CodesOf[Step] = None,
    standing: CodesOf[Standing] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    count: Count = False,  # a query parameter
) -> Page[DeadlineView]:
    """Of complaints whose clock runs: verify, answer, an agency's answer, and telling the complainant."""
    steps = frozenset(step or Step)
    wanted = standing_values(standing, due, now)
    after = decode_cursor(request, cursor, [datetime, UUID, Step]) if cursor else None
    return make_page(
        queries.list_deadlines(session, steps, wanted, after=after, limit=limit + 1),
        limit=limit,
        request=request,
        response=response,
        view=lambda row: DeadlineView(
            **{name: getattr(row, name) for name in DeadlineView.model_fields if name not in {"standing", "days_left"}},
            standing=due.standing(row.due_at, now),
            days_left=due.days_left(row.due_at, now),
        ),
        position=lambda row: [row.due_at, row.id, row.step],
        total=queries.count_deadlines(session, steps, wanted) if count else None,
    )


@router.post("/complaints/{complaint_id}/clock-stops", status_code=201, summary="Stop the clock of a complaint")
def post_clock_stop(
    complaint_id: UUID,
    new: NewClockStop,
    *,
    session: Transaction,
    now: Now,
    actor: Caseworker,
    wanted: IfMatch,
    response: Response,
) -> ClockStopView:
    """While it stands, no deadline of the complaint runs; it ends by a restart, or when the complaint is answered."""
    complaint, stop = actions.stop_clock(
        session, complaint_id, reason=new.reason, note=new.note, wanted=wanted, by=actor.subject, now=now
    )
    tell_version(response, complaint.version)
    response.headers["Location"] = f"/v1/complaints/{complaint_id}/clock-stops"
    return ClockStopView.model_validate(stop)


@router.post("/complaints/{complaint_id}/clock-restart", summary="Restart the clock of a complaint")
def post_clock_restart(
    complaint_id: UUID,
    new: ClockRestart,
    *,
    session: Transaction,
    now: Now,
    due: Due,
    actor: Caseworker,
    wanted: IfMatch,
) -> ComplaintView:
    """Its open deadlines, and those of its referral, are moved by the working days that the clock stood."""
    actions.restart_clock(session, complaint_id, note=new.note, wanted=wanted, deadlines=due, by=actor.subject, now=now)
    return read_complaint(session, complaint_id, for_=actor)


@router.post("/complaints/{complaint_id}/progress", summary="Report progress to the complainant")
def post_progress(
    complaint_id: UUID,
    new: NewProgress,
    *,
    session: Transaction,
    now: Now,
    due: Due,
    actor: CaseOfficer,
    wanted: IfMatch,
) -> ComplaintView:
    """The Centre's own interim report, shown to the complainant online: the limit to answer begins anew from it."""
    actions.report_progress(
        session, complaint_id, text=new.text, wanted=wanted, deadlines=due, by=actor.subject, now=now
    )
    return read_complaint(session, complaint_id, for_=actor)


@router.get("/complaints/{complaint_id}/clock-stops", summary="When the clock of a complaint stood, and why")
def list_clock_stops(complaint_id: UUID, session: Reading, actor: Officer) -> Page[ClockStopView]:
    """The first one first."""
    read_complaint(session, complaint_id, for_=actor)
    rows = session.scalars(
        sa.select(ClockStop).where(ClockStop.complaint_id == complaint_id).order_by(ClockStop.stopped_at)
    ).all()
    return Page(items=[ClockStopView.model_validate(row) for row in rows], next=None)


@router.get("/reminders", summary="Reminders that deadlines made, the last first")
def list_reminders(
    *,
    session: Reading,
    actor: Officer,  # noqa: ARG001  # who may
    request: Request,
    response: Response,
    step: CodesOf[Step] = None,
    sending: CodesOf[Sending] = None,
    complaint: Annotated[UUID | None, Query(description="The complaint's id.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[ReminderView]:
    """Each stands in it once: who was reminded of what, and when it was sent to them by mail."""
    found = _REMINDERS
    if step:
        found = found.where(Reminder.step.in_(step))
    if sending:
        found = found.where(Reminder.sending.in_(sending))
    if complaint:
        found = found.where(Reminder.complaint_id == complaint)
    if cursor:
        made_at, reminder_id = decode_cursor(request, cursor, [datetime, UUID])
        found = found.where(sa.tuple_(Reminder.made_at, Reminder.id) < sa.tuple_(made_at, reminder_id))
    rows = session.execute(found.order_by(Reminder.made_at.desc(), Reminder.id.desc()).limit(limit + 1)).all()
    return make_page(
        rows,
        limit=limit,
        request=request,
        response=response,
        view=ReminderView.model_validate,
        position=lambda row: [row.made_at, row.id],
    )


@router.post("/reminders/{reminder_id}/retry", summary="Send a reminder's failed mail once more")
def post_reminder_retry(reminder_id: UUID, *, session: Transaction, now: Now, actor: Watcher) -> ReminderView:  # noqa: ARG001  # who may
    """With all the reminders that the same mail tells of; they wait again until the server takes it."""
    mails.retry_reminders(session, reminder_id, now=now)
    return ReminderView.model_validate(session.execute(_REMINDERS.where(Reminder.id == reminder_id)).one())
