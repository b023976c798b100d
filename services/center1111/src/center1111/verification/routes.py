"""Verification of a complaint: checklist, likely duplicates, links, and what it comes to."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import sqlalchemy as sa
from fastapi import Depends, Request, Response
from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator
from sqlalchemy.orm import Session

from center1111.codes import Check, DuplicateReason, LinkKind, RefusalGround
from center1111.complaint_view import ComplaintView, read_complaint, tell_version
from center1111.fields import Note
from center1111.journey import State
from center1111.records import ChecklistTick
from center1111.roles import Caseworker, Officer, Verifier
from center1111.verification import actions, queries
from center1111.writers import KnownWriters
from schemas import Channel, Kind
from servicekit.clock import Now
from servicekit.fields import Body, View, refused
from servicekit.paging import Limit, Page
from servicekit.routes import Reading, Router, Transaction
from servicekit.versions import IfMatch
from servicekit.words import Words

router = Router(tags=["complaints"])


class NewVerification(Body):
    """What the check came to. A refusal names its ground, an acceptance has none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"outcome": "accepted"},
                {"outcome": "refused", "ground": "before_the_courts", "note": "คดีอยู่ในศาลปกครองขอนแก่น"},
            ]
        }
    )

    outcome: Literal["accepted", "refused"]
    ground: Annotated[
        RefusalGround | None,
        Field(description="Of a refusal; see /v1/code-lists/refusal_grounds.", validate_default=True),
    ] = None
    note: Note | None = None

    @field_validator("ground")
    @classmethod
    def _of_a_refusal(cls, ground: RefusalGround | None, info: ValidationInfo) -> RefusalGround | None:
        outcome = info.data.get("outcome")
        if outcome == "refused" and ground is None:
            raise refused(
                "ground_required",
                Words("การไม่รับเรื่องต้องระบุเหตุผลตามรายการ refusal_grounds", "A refusal names its ground."),
            )
        if outcome == "accepted" and ground is not None:
            raise refused("ground_without_refusal", Words("การรับเรื่องไม่มีเหตุผลที่ไม่รับ", "An acceptance has no ground."))
        return ground


class NewTick(Body):
    """What was found of one thing of the checklist."""

    check: Check = Field(description="See /v1/code-lists/verification_checks.")
    fulfilled: bool = Field(strict=True)
    note: Note | None = None


def _once_each(ticks: tuple[NewTick, ...]) -> tuple[NewTick, ...]:
    if not ticks:
        raise refused("required", Words("ระบุอย่างน้อยหนึ่งรายการ", "At least one check is named."))
    if len({one.check for one in ticks}) < len(ticks):
        raise refused("check_twice", Words("แต่ละรายการตรวจระบุได้ครั้งเดียว", "Each check stands in it once."))
    return ticks


class NewTicks(Body):
    """Some of the checklist; what is not named stays as it was."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ticks": [
                        {"check": "identity_known", "fulfilled": True},
                        {"check": "facts_checkable", "fulfilled": False, "note": "ไม่ระบุชื่อโครงการ ให้โทรถามผู้ร้อง"},
                    ]
                }
            ]
        }
    )

    ticks: Annotated[tuple[NewTick, ...], AfterValidator(_once_each)]


class TickView(View):
    """One thing of the checklist; `fulfilled` is null until somebody has looked at it."""

    check: Check = Field(description="See /v1/code-lists/verification_checks.")
    required: bool = Field(description="A complaint is accepted only when it is fulfilled.")
    fulfilled: bool | None
    note: str | None
    ticked_at: datetime | None
    ticked_by: str | None


class NewLink(Body):
    """What this complaint is to another one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"to": "019a5f0e-7c00-7000-8000-000000000001", "kind": "duplicate", "note": "ผู้ร้องโทรตามเรื่องที่ส่งจดหมายไว้"}
            ]
        }
    )

    to: UUID = Field(description="The other complaint's id.")
    kind: LinkKind = Field(description="`duplicate` of the other, `related` to it, or it `follows` the other.")
    note: Note | None = None


class LinkedComplaint(View):
    """The other complaint, in short."""

    id: UUID
    tracking_number: str
    state: State
    channel: Channel
    subject: str


class LinkView(View):
    """One link. `named_here` tells that this complaint is (a duplicate of, …) the other, else the other of this one."""

    id: UUID
    kind: LinkKind
    named_here: bool
    complaint: LinkedComplaint
    note: str | None
    linked_at: datetime
    linked_by: str


class Removal(Body):
    """Why the link is taken back."""

    reason: Annotated[Note, Field(examples=["เป็นคนละโครงการกัน"])]


class DuplicateView(View):
    """A complaint that is likely the same matter, with why."""

    id: UUID
    tracking_number: str
    state: State
    channel: Channel
    kind: Kind
    subject: str
    received_at: datetime
    score: float = Field(description="From 0 to 1: how likely it is the same matter.")
    reasons: list[DuplicateReason] = Field(description="The strongest first; see /v1/code-lists/duplicate_reasons.")
    text_similarity: float = Field(description="From 0 to 1, by the trigrams that both texts share.")


class Duplicates(View):
    """Likely duplicates, and how often the same person writes."""

    items: list[DuplicateView]
    complaints_by_the_same: int = Field(
        description="How many complaints the same person filed of late, this one among them; 0: it is not known who."
    )
    repeat_writer: bool


async def _required_checks(request: Request) -> Collection[Check]:
    required: Collection[Check] = request.app.state.required_checks
    return required


RequiredChecks = Annotated[Collection[Check], Depends(_required_checks)]
"""What must be fulfilled before a complaint is accepted, by the settings."""


@router.put("/complaints/{complaint_id}/verification", summary="Accept a complaint, or refuse it on a ground")
def put_verification(
    complaint_id: UUID,
    new: NewVerification,
    *,
    session: Transaction,
    now: Now,
    required: RequiredChecks,
    actor: Verifier,
    wanted: IfMatch,
) -> ComplaintView:
    """A complaint is verified once. The complainant sees the ground of a refusal online, and not the note.

    Who left an e-mail address is sent the ground; the history says whether the server took the mail.
    """
    actions.verify(
        session,
        complaint_id,
        ground=new.ground,
        note=new.note,
        required=required,
        wanted=wanted,
        by=actor.subject,
        now=now,
    )
    return read_complaint(session, complaint_id, for_=actor)


@router.get("/complaints/{complaint_id}/checklist", summary="What is looked at before a complaint is accepted")
def list_checks(complaint_id: UUID, session: Reading, required: RequiredChecks, actor: Officer) -> Page[TickView]:
    """The whole list, with what was found so far."""
    read_complaint(session, complaint_id, for_=actor)
    return _checklist(session, complaint_id, required)


@router.put("/complaints/{complaint_id}/checklist", summary="Record what was found of the checklist")
def put_checks(
    complaint_id: UUID,
    new: NewTicks,
    *,
    session: Transaction,
    now: Now,
    required: RequiredChecks,
    actor: Verifier,
    wanted: IfMatch,
    response: Response,
) -> Page[TickView]:
    """Until the complaint is accepted or refused. Who ticked what and when is kept."""
    ticks = [actions.Tick(one.check, one.fulfilled, one.note) for one in new.ticks]
    complaint = actions.tick(session, complaint_id, ticks, wanted=wanted, by=actor.subject, now=now)
    tell_version(response, complaint.version)
    return _checklist(session, complaint_id, required)


@router.get("/complaints/{complaint_id}/duplicates", summary="Complaints that are likely the same matter")
def list_duplicates(
    complaint_id: UUID, *, session: Reading, now: Now, writers: KnownWriters, actor: Officer, limit: Limit = 20
) -> Duplicates:
    """Across all channels and states, the likeliest first. Nothing is merged: link what belongs together."""
    complaint = read_complaint(session, complaint_id, for_=actor)
    return Duplicates(
        items=[
            DuplicateView.model_validate(
                {**one.row._asdict(), "score": one.likeness.score, "reasons": one.likeness.reasons}
            )
            for one in queries.likely_duplicates(session, complaint_id, limit=limit)
        ],
        complaints_by_the_same=queries.complaints_by_the_same(session, complaint_id, writers=writers, now=now),
        repeat_writer=complaint.repeat_writer,
    )


@router.post("/complaints/{complaint_id}/links", status_code=201, summary="Link a complaint to another")
def post_link(
    complaint_id: UUID,
    new: NewLink,
    *,
    session: Transaction,
    now: Now,
    actor: Caseworker,
    wanted: IfMatch,
    response: Response,
) -> LinkView:
    """Both stay what they are, and both histories tell of it. One answer may then be given to both."""
    complaint, link_id = actions.link(
        session, complaint_id, to=new.to, kind=new.kind, note=new.note, wanted=wanted, by=actor.subject, now=now
    )
    tell_version(response, complaint.version)
    response.headers["Location"] = f"/v1/complaints/{complaint_id}/links"
    return next(one for one in _links(session, complaint_id) if one.id == link_id)


@router.get("/complaints/{complaint_id}/links", summary="What a complaint is linked to")
def list_links(complaint_id: UUID, session: Reading, actor: Officer) -> Page[LinkView]:
    """Whichever of the two names the other, the oldest link first."""
    read_complaint(session, complaint_id, for_=actor)
    return Page(items=_links(session, complaint_id), next=None)


@router.post("/complaints/{complaint_id}/links/{link_id}/removal", summary="Take back a link made by mistake")
def post_link_removal(
    complaint_id: UUID,
    link_id: UUID,
    new: Removal,
    *,
    session: Transaction,
    now: Now,
    actor: Caseworker,
    wanted: IfMatch,
    response: Response,
) -> Page[LinkView]:
    """The links that are left. That it was made, and why it was taken back, stays in both histories."""
    complaint = actions.unlink(
        session, complaint_id, link_id, reason=new.reason, wanted=wanted, by=actor.subject, now=now
    )
    tell_version(response, complaint.version)
    return Page(items=_links(session, complaint_id), next=None)


def _checklist(session: Session, complaint_id: UUID, required: Collection[Check]) -> Page[TickView]:
    ticked = {
        one.check: one
        for one in session.scalars(sa.select(ChecklistTick).where(ChecklistTick.complaint_id == complaint_id))
    }
    items = [
        TickView(
            check=check,
            required=check in required,
            **{
                name: getattr(ticked.get(check), name, None) for name in ("fulfilled", "note", "ticked_at", "ticked_by")
            },
        )
        for check in Check
    ]
    return Page(items=items, next=None)


def _links(session: Session, complaint_id: UUID) -> list[LinkView]:
    return [
        LinkView(
            **{name: getattr(row, name) for name in LinkView.model_fields if name != "complaint"},
            complaint=LinkedComplaint(
                id=row.other_id,
                tracking_number=row.tracking_number,
                state=row.state,
                channel=row.channel,
                subject=row.subject,
            ),
        )
        for row in queries.links_of(session, complaint_id)
    ]
