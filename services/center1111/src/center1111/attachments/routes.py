"""Attachments: announced as JSON, then sent as a file, listed, and read."""

from base64 import b64encode
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

import sqlalchemy as sa
from fastapi import Depends, Request, Response
from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from center1111.attachments import rules
from center1111.attachments.actions import (
    AttachmentMoveNotAllowed,
    Vault,
    announce,
    find,
    scan_again,
    take_file,
)
from center1111.complaint_view import read_complaint
from center1111.fields import Name
from center1111.journey import AttachmentState
from center1111.records import Attachment
from center1111.roles import Attacher, CaseOfficer, Reader
from schemas import ATTACHMENT_BYTES, Sha256
from servicekit.clock import Now
from servicekit.database import ReadSessions, Sessions
from servicekit.fields import Body, View, refused
from servicekit.files.kinds import MediaType, named_as
from servicekit.files.receiving import received
from servicekit.identity import Actor
from servicekit.paging import Page
from servicekit.routes import Reading, Router, Transaction
from servicekit.versions import IfMatch
from servicekit.words import Words

router = Router(tags=["complaints"])

OF_A_FILE: Final = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


class NewAttachment(Body):
    """A file that is to come."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"filename": "ใบเสนอราคาเครื่องสีข้าว.pdf", "media_type": "application/pdf", "bytes": 183250}]
        }
    )

    media_type: Annotated[MediaType, Field(description="See /v1/code-lists/attachment_types.")]
    filename: Annotated[Name, Field(description="As people know it; its ending says the same as media_type.")]
    bytes: int = Field(ge=1, le=ATTACHMENT_BYTES, strict=True, description="At most 20 MiB.")
    sha256: Annotated[Sha256 | None, Field(description="In hexadecimal; the file that comes is checked by it.")] = None

    @field_validator("filename")
    @classmethod
    def _a_name_of_its_kind(cls, filename: str, info: ValidationInfo) -> str:
        if any(character in filename for character in '/\\:*?"<>|') or filename.startswith("."):
            raise refused(
                "wrong_filename",
                Words(
                    'ชื่อแฟ้มต้องไม่มีเส้นทางและอักขระ / \\ : * ? " < > | และไม่ขึ้นต้นด้วยจุด',
                    'It must be a name without a path, without / \\ : * ? " < > | and without a dot at its begin.',
                ),
            )
        media_type = info.data.get("media_type")
        if media_type is not None and not named_as(media_type, filename):
            endings = rules.extensions_of(media_type)
            raise refused(
                "name_not_of_type",
                Words(f"ชื่อแฟ้มชนิดนี้ต้องลงท้ายด้วย {endings}", f"The name of such a file ends in {endings}."),
            )
        return filename


class AttachmentView(View):
    """One attachment. `bytes` and `sha256` are those of the file as it is kept: an image has lost its metadata."""

    id: UUID
    complaint_id: UUID
    filename: str
    media_type: MediaType
    state: AttachmentState
    announced_bytes: int
    announced_at: datetime
    announced_by: str
    received_at: datetime | None
    bytes: int | None
    sha256: str | None
    threat: str | None = Field(description="What the scanner found in a quarantined file.")


class Upload(View):
    """How the file is to be sent: as the body, as it is."""

    method: str
    url: str


class AnnouncedView(AttachmentView):
    """An attachment whose file is awaited."""

    upload: Upload


async def _vault(request: Request) -> Vault:
    vault: Vault = request.app.state.vault
    return vault


Kept = Annotated[Vault, Depends(_vault)]


@router.post("/complaints/{complaint_id}/attachments", status_code=201, summary="Announce a file")
def post_attachment(
    complaint_id: UUID,
    new: NewAttachment,
    *,
    session: Transaction,
    now: Now,
    actor: Attacher,
    wanted: IfMatch,
    response: Response,
) -> AnnouncedView:
    """Then send the file itself to `upload.url`; until then nobody sees anything of it but its announcement."""
    read_complaint(session, complaint_id, for_=actor)
    attachment = announce(
        session,
        complaint_id,
        filename=new.filename,
        media_type=new.media_type,
        bytes_=new.bytes,
        sha256=new.sha256,
        wanted=wanted,
        by=actor.subject,
        now=now,
    )
    path = f"/v1/complaints/{complaint_id}/attachments/{attachment.id}"
    response.headers["Location"] = path
    upload = Upload(method="PUT", url=f"{path}/content")
    return AnnouncedView(**AttachmentView.model_validate(attachment).model_dump(), upload=upload)


@router.get("/complaints/{complaint_id}/attachments", summary="List a complaint's attachments")
def list_attachments(complaint_id: UUID, session: Reading, actor: Reader) -> Page[AttachmentView]:
    """The oldest first; at most 50."""
    read_complaint(session, complaint_id, for_=actor)
    found = session.scalars(
        sa.select(Attachment)
        .where(Attachment.complaint_id == complaint_id)
        .order_by(Attachment.announced_at, Attachment.id)
    )
    return Page(items=[AttachmentView.model_validate(one) for one in found], next=None)


@router.get("/complaints/{complaint_id}/attachments/{attachment_id}", summary="Read what is known of an attachment")
def get_complaint_attachment(
    complaint_id: UUID, attachment_id: UUID, session: Reading, actor: Reader
) -> AttachmentView:
    """Its state tells whether the file can be read."""
    read_complaint(session, complaint_id, for_=actor)
    return AttachmentView.model_validate(find(session, complaint_id, attachment_id))


@router.put(
    "/complaints/{complaint_id}/attachments/{attachment_id}/content",
    summary="Send an announced file",
    openapi_extra={"requestBody": {"required": True, **OF_A_FILE}},
)
async def put_complaint_attachment_content(
    complaint_id: UUID, attachment_id: UUID, *, request: Request, now: Now, actor: Attacher, vault: Kept
) -> AttachmentView:
    """The body is the file as it is, of the announced size; the same file again changes nothing.

    Where a scanner is configured, the file is `available` when it was found clean, `quarantined` when not, and
    `unscanned` while the scanner does not answer.
    """
    sessions: Sessions = request.app.state.sessions
    announced = await run_in_threadpool(_look_up, request, complaint_id, attachment_id, actor)
    async with received(request, limit=announced.announced_bytes) as came:
        attachment = await run_in_threadpool(take_file, sessions, vault, announced, came, by=actor.subject, now=now)
    return AttachmentView.model_validate(attachment)


@router.post(
    "/complaints/{complaint_id}/attachments/{attachment_id}/scan",
    summary="Scan a file that could not be scanned before",
)
async def post_attachment_scan(
    complaint_id: UUID, attachment_id: UUID, *, request: Request, now: Now, actor: CaseOfficer, vault: Kept
) -> AttachmentView:
    """For a file that is `unscanned`."""
    sessions: Sessions = request.app.state.sessions
    put_aside = await run_in_threadpool(_look_up, request, complaint_id, attachment_id, actor)
    attachment = await run_in_threadpool(scan_again, sessions, vault, put_aside, by=actor.subject, now=now)
    return AttachmentView.model_validate(attachment)


@router.get(
    "/complaints/{complaint_id}/attachments/{attachment_id}/content",
    summary="Read an attached file",
    response_class=Response,
    responses={200: {"description": "The file.", **OF_A_FILE}},
)
async def get_complaint_attachment_content(
    complaint_id: UUID, attachment_id: UUID, *, request: Request, actor: Reader, vault: Kept
) -> Response:
    """To be saved, never shown within a page."""
    attachment = await run_in_threadpool(_look_up, request, complaint_id, attachment_id, actor)
    if attachment.state is not AttachmentState.AVAILABLE or attachment.store_key is None:
        raise AttachmentMoveNotAllowed(state=attachment.state)
    return StreamingResponse(
        await vault.store.stream(attachment.store_key),
        media_type=attachment.media_type,
        headers=_headers(attachment),
    )


def _headers(attachment: Attachment) -> dict[str, Any]:
    return {
        "Content-Length": str(attachment.bytes),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(attachment.filename, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "ETag": f'"{attachment.sha256}"',
        "Repr-Digest": f"sha-256=:{_base64(attachment.sha256)}:",
    }


def _base64(hexadecimal: str | None) -> str:
    return b64encode(bytes.fromhex(hexadecimal or "")).decode()


def _look_up(request: Request, complaint_id: UUID, attachment_id: UUID, actor: Actor) -> Attachment:
    read_sessions: ReadSessions = request.app.state.read_sessions
    with read_sessions() as session:
        read_complaint(session, complaint_id, for_=actor)
        return find(session, complaint_id, attachment_id)
