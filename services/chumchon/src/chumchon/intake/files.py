"""The files of a case: listed, and fetched as they came."""

from datetime import datetime
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, Request, Response
from pydantic import Field

from chumchon.cases import visible_case
from chumchon.codes import FileKind
from chumchon.files import file_of, files_of
from chumchon.steps import OFFICERS, sight_of
from servicekit.blobs import BlobNotFound, Blobs
from servicekit.fields import View
from servicekit.identity import Actor, require
from servicekit.problems import DomainError
from servicekit.routes import Reading, Router

router = Router(tags=["cases"])

Officer = Annotated[Actor, Depends(require(*OFFICERS))]


class FileNotFound(DomainError):
    """The case has no such file, or its bytes are not where they should be."""


class FileView(View):
    """A file that came with a case."""

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
    blobs: Blobs | None = request.app.state.blobs
    if file is None or blobs is None:
        raise FileNotFound
    try:
        content = blobs.get(file.sha256)
    except BlobNotFound:
        raise FileNotFound from None
    return Response(
        content,
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.filename, safe='')}",
            "X-Content-Type-Options": "nosniff",
        },
    )
