"""The files of a case: listed, and fetched as they came."""

import mimetypes
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi import Query as QueryParameter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import Field

from chumchon.cases import visible_case
from chumchon.codes import FileKind
from chumchon.files import FileNotFound, FilesNotKept, add_file, file_of, files_of, keep_file
from chumchon.journey import Move
from chumchon.steps import OFFICERS, REGISTRAR, advance, case_to_change, sight_of, tell_who_works_on_it
from servicekit.clock import Now
from servicekit.database import Sessions
from servicekit.fields import Line, View
from servicekit.files.receiving import Received, received
from servicekit.files.storing import FileStore, key_of
from servicekit.identity import Actor, require
from servicekit.routes import Reading, Router

router = Router(tags=["cases"])

Officer = Annotated[Actor, Depends(require(*OFFICERS))]
Registrar = Annotated[Actor, Depends(require(REGISTRAR))]

MAX_FILE_BYTES: Final = 20 * 1024 * 1024

_OF_A_FILE: Final = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


class FileView(View):
    """A file of a case."""

    id: UUID
    kind: FileKind
    filename: str = Field(examples=["สัญญาโครงการ.pdf"])
    media_type: str = Field(examples=["application/pdf"], description="As its sender says.")
    bytes: int
    sha256: str
    pages: int | None
    kept_at: datetime


class Files(View):
    """In the order in which they came."""

    items: list[FileView]


@router.get("/cases/{case_id}/files", summary="The files that came with a case")
def get_files(case_id: UUID, session: Reading, actor: Officer) -> Files:
    """The original of each mail, attachments, faxes and scans."""
    visible_case(session, case_id, sight_of(actor))
    return Files(items=[FileView.model_validate(row) for row in files_of(session, case_id)])


@router.get("/cases/{case_id}/files/{file_id}", summary="Fetch a file as it came")
def get_file(case_id: UUID, file_id: UUID, request: Request, session: Reading, actor: Officer) -> Response:
    """To be saved, never shown by the browser as it stands: strangers sent it."""
    visible_case(session, case_id, sight_of(actor))
    file = file_of(session, case_id, file_id)
    store: FileStore | None = request.app.state.store
    if file is None or store is None:
        raise FileNotFound
    try:
        blocks = store.read(key_of(file.sha256))
    except FileNotFoundError:
        raise FileNotFound from None
    return StreamingResponse(
        blocks,
        media_type="application/octet-stream",
        headers={
            "Content-Length": str(file.bytes),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.filename, safe='')}",
            "X-Content-Type-Options": "nosniff",
        },
    )


@router.post(
    "/cases/{case_id}/files",
    summary="Add a scan to a case",
    openapi_extra={"requestBody": {"required": True, **_OF_A_FILE}},
)
async def post_file(
    case_id: UUID,
    *,
    request: Request,
    now: Now,
    actor: Registrar,
    filename: Annotated[str, Line(200), QueryParameter(examples=["จดหมาย.pdf"])],
) -> FileView:
    """The body is the file as it is, at most 20 MiB: a letter to P.O. box 4, for example, recorded by hand.

    The same file again changes nothing.
    """
    async with received(request, limit=MAX_FILE_BYTES) as came:
        return await run_in_threadpool(_add, request, case_id, filename, came, actor=actor, now=now)


def _add(request: Request, case_id: UUID, filename: str, came: Received, *, actor: Actor, now: datetime) -> FileView:
    store: FileStore | None = request.app.state.store
    sessions: Sessions = request.app.state.sessions
    if store is None:
        raise FilesNotKept
    name = filename.replace("\\", "/").rpartition("/")[2] or "scan"
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    with sessions.begin() as session:
        case = case_to_change(session, case_id, sight=sight_of(actor))
        known = next((file for file in files_of(session, case_id) if file.sha256 == came.sha256), None)
        if known is None:
            kept = keep_file(store, FileKind.SCAN, filename=name, media_type=media_type, file=came.file)
            added = add_file(session, case_id, kept, now=now)
            advance(session, case, Move.AMEND, by=actor.subject, now=now, note="file")
            tell_who_works_on_it(case, by=actor.subject, now=now)
            known = file_of(session, case_id, added)
        return FileView.model_validate(known)
