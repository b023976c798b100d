"""Files that go with an answer: sent in by officers, and read by the complainant who follows the case online."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from fastapi import Query as QueryParameter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from chumchon.cases import AnswerFile, case_view
from chumchon.codes import FileKind
from chumchon.files import FileNotFound, FilesNotKept, add_file, file_of, files_of, keep_file
from chumchon.journey import Move
from chumchon.steps import GROUP_HEAD, GROUP_OFFICER, Sight, case_to_change, sight_of, state_after
from chumchon.tracking import case_id_for
from schemas import ATTACHMENT_BYTES
from servicekit.clock import Now
from servicekit.database import Sessions
from servicekit.fields import Line
from servicekit.files.cleaning import cleaned, kind_named, must_hold
from servicekit.files.receiving import Received, received
from servicekit.files.scanning import ClamAV
from servicekit.files.storing import FileStore, key_of
from servicekit.identity import Actor, require
from servicekit.problems import DomainError
from servicekit.rate_limits import PUBLIC_LIMIT
from servicekit.routes import Reading, Router

router = Router(tags=["answering"])
public_router = Router(tags=["public"], prefix="/public", dependencies=[PUBLIC_LIMIT])

Worker = Annotated[Actor, Depends(require(GROUP_OFFICER, GROUP_HEAD))]

_OF_A_FILE: Final = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


class HarmfulFile(DomainError):
    """The scanner found something in the file, which is not kept."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where files are kept, and who scans them, if anybody does."""

    store: FileStore
    scanner: ClamAV | None


@router.post(
    "/cases/{case_id}/answer-files",
    status_code=201,
    summary="Send in a file that is to go with the answer",
    openapi_extra={"requestBody": {"required": True, **_OF_A_FILE}},
)
async def post_answer_file(
    case_id: UUID,
    *,
    request: Request,
    now: Now,
    actor: Worker,
    filename: Annotated[str, Line(200), QueryParameter(examples=["ตารางการโอนเงิน.pdf"])],
) -> AnswerFile:
    """The body is the file as it is, at most 20 MiB, of the kind that its name says; images lose their metadata.

    It goes out with the answer whose draft or approval names its `id` in `files`. The same file again changes nothing.
    Where a scanner is set up, the file must be clean; while it does not answer, none is taken.
    """
    async with received(request, limit=ATTACHMENT_BYTES) as came:
        return await run_in_threadpool(_keep, request, case_id, filename, came, sight=sight_of(actor), now=now)


@public_router.get(
    "/cases/{case_number}/files/{file_id}",
    summary="Fetch a file of the answer to a case of one's own",
    response_class=Response,
    responses={200: {"description": "The file.", **_OF_A_FILE}},
)
def get_public_file(
    case_number: str,
    file_id: UUID,
    request: Request,
    session: Reading,
    tracking_secret: Annotated[str, Header(max_length=200)],
) -> Response:
    """With the case's number and secret; of the answer in force. Always as a download."""
    case_id = case_id_for(session, case_number, tracking_secret)
    answer = case_view(session, case_id).answer
    if answer is None or file_id not in {file.id for file in answer.files}:
        raise FileNotFound
    file = file_of(session, case_id, file_id)
    try:
        blocks = _keeping(request).store.read(key_of(file.sha256))
    except FileNotFoundError:
        raise FileNotFound from None
    return StreamingResponse(
        blocks,
        media_type=file.media_type,
        headers={
            "Content-Length": str(file.bytes),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.filename, safe='')}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _keeping(request: Request) -> Keeping:
    keeping: Keeping | None = request.app.state.keeping
    if keeping is None:
        raise FilesNotKept
    return keeping


def _keep(request: Request, case_id: UUID, filename: str, came: Received, *, sight: Sight, now: datetime) -> AnswerFile:
    keeping, sessions = _keeping(request), request.app.state.sessions
    _may_be_added(sessions, case_id, sight=sight)
    name = filename.replace("\\", "/").rpartition("/")[2]
    media_type = kind_named(name, parameter="filename")
    must_hold(media_type, came.file)
    with cleaned(media_type, came.file) as file:
        if keeping.scanner is not None and keeping.scanner.threat_in(file) is not None:
            raise HarmfulFile
        kept = keep_file(keeping.store, FileKind.ANSWER, filename=name, media_type=media_type, file=file)
    with sessions.begin() as session:
        case_to_change(session, case_id, sight=sight)
        known = next(
            (one for one in files_of(session, case_id) if (one.kind, one.sha256) == (FileKind.ANSWER, kept.sha256)),
            None,
        )
        return AnswerFile.model_validate(known or file_of(session, case_id, add_file(session, case_id, kept, now=now)))


def _may_be_added(sessions: Sessions, case_id: UUID, *, sight: Sight) -> None:
    """Before the file is scanned and kept, see that something is still to be written.

    Raises:
        CaseNotFound, MoveRefused: as `steps` tells.
    """
    with sessions.begin() as session:
        state_after(case_to_change(session, case_id, sight=sight), Move.DRAFT)
