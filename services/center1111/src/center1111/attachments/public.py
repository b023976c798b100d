"""Files that complainants send by number and secret: taken in as officers' files are, and never given back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

import sqlalchemy as sa
from fastapi import Depends, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from center1111.attachments.actions import (
    AttachmentNotFound,
    TooManyAttachments,
    TooManyBytes,
    announce,
    find,
    take_file,
)
from center1111.attachments.routes import OF_A_FILE, Kept, NewAttachment, Upload
from center1111.complainants import (
    BY_COMPLAINANT,
    COMPLAINT_KNOWN,
    NotPossibleNow,
    Secret,
    complaint_of_complainant,
    known_to_complainant,
    may,
)
from center1111.journey import Move
from center1111.records import Attachment, Complaint
from servicekit.clock import Now
from servicekit.database import Sessions
from servicekit.fields import View
from servicekit.files.kinds import MediaType
from servicekit.files.receiving import received
from servicekit.paging import Page
from servicekit.rate_limits import PUBLIC_LIMIT
from servicekit.routes import Reading, Router, Transaction

public_router = Router(tags=["public"], dependencies=[PUBLIC_LIMIT])


@dataclass(frozen=True, slots=True)
class PublicFiles:
    """How much the complainant of one complaint may send."""

    number: int
    bytes: int


class OwnAttachment(View):
    """A file that the complainant announced: whether it has come. What a scanner says of it is told to officers."""

    id: UUID
    filename: str
    media_type: MediaType
    announced_bytes: int
    announced_at: datetime
    received_at: datetime | None


class OwnAnnounced(OwnAttachment):
    """A file of the complainant that is awaited."""

    upload: Upload


async def _public_files(request: Request) -> PublicFiles:
    limits: PublicFiles = request.app.state.public_files
    return limits


Limits = Annotated[PublicFiles, Depends(_public_files)]


@public_router.post(
    "/public/complaints/{tracking_number}/attachments", status_code=201, summary="Announce a file for one's complaint"
)
def post_public_attachment(
    tracking_number: str,
    new: NewAttachment,
    *,
    session: Transaction,
    now: Now,
    limits: Limits,
    tracking_secret: Secret,
    response: Response,
) -> OwnAnnounced:
    """While it is open. Then send the file itself to `upload.url` with the same secret.

    A wrong number and a wrong secret get the same answer.
    """
    complaint = complaint_of_complainant(session, tracking_number, tracking_secret)
    _refuse_what_is_too_much(session, complaint, new.bytes, limits)
    attachment = announce(
        session,
        complaint.id,
        filename=new.filename,
        media_type=new.media_type,
        bytes_=new.bytes,
        sha256=new.sha256,
        wanted=None,
        by=BY_COMPLAINANT,
        now=now,
    )
    path = f"/v1/public/complaints/{complaint.tracking_number}/attachments/{attachment.id}/content"
    response.headers["Location"] = path
    upload = Upload(method="PUT", url=path)
    return OwnAnnounced(**OwnAttachment.model_validate(attachment).model_dump(), upload=upload)


@public_router.get("/public/complaints/{tracking_number}/attachments", summary="The files that one has sent")
def list_public_attachments(tracking_number: str, *, session: Reading, tracking_secret: Secret) -> Page[OwnAttachment]:
    """Their names and whether they have come, the oldest first; never the files, nor those of anybody else."""
    complaint = known_to_complainant(session, COMPLAINT_KNOWN, tracking_number, tracking_secret)
    found = session.scalars(_own(complaint.id).order_by(Attachment.announced_at, Attachment.id))
    return Page(items=[OwnAttachment.model_validate(one) for one in found], next=None)


@public_router.put(
    "/public/complaints/{tracking_number}/attachments/{attachment_id}/content",
    summary="Send a file that one has announced",
    openapi_extra={"requestBody": {"required": True, **OF_A_FILE}},
)
async def put_public_attachment_content(
    tracking_number: str, attachment_id: UUID, *, request: Request, now: Now, vault: Kept, tracking_secret: Secret
) -> OwnAttachment:
    """The body is the file as it is, of the announced size; the same file again changes nothing.

    Officers see it once a scanner has found it clean; without a scanner, once an officer has let it in.
    """
    sessions: Sessions = request.app.state.sessions

    def look_up() -> Attachment:
        with request.app.state.read_sessions() as session:
            complaint = known_to_complainant(session, COMPLAINT_KNOWN, tracking_number, tracking_secret)
            own = find(session, complaint.id, attachment_id)
            if own.announced_by != BY_COMPLAINANT:
                raise AttachmentNotFound
            return own

    announced = await run_in_threadpool(look_up)
    async with received(request, limit=announced.announced_bytes) as came:
        attachment = await run_in_threadpool(
            take_file, sessions, vault, announced, came, by=BY_COMPLAINANT, now=now, unscanned_waits=True
        )
    return OwnAttachment.model_validate(attachment)


def _refuse_what_is_too_much(session: Session, complaint: Complaint, bytes_: int, limits: PublicFiles) -> None:
    if not may(complaint, Move.INFORM):
        raise NotPossibleNow.of(complaint)
    own = _own(complaint.id).subquery()
    count, sum_ = session.execute(sa.select(sa.func.count(), sa.func.sum(own.c.announced_bytes))).one()
    if count >= limits.number:
        raise TooManyAttachments(limit=limits.number)
    if (sum_ or 0) + bytes_ > limits.bytes:
        raise TooManyBytes(limit=f"{limits.bytes:,}")


def _own(complaint_id: UUID) -> sa.Select[Attachment]:
    return sa.select(Attachment).where(
        Attachment.complaint_id == complaint_id, Attachment.announced_by == BY_COMPLAINANT
    )
