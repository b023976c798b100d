"""Imports: a table goes in, its progress is followed, and what became of its rows is listed."""

import threading
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

import sqlalchemy as sa
from fastapi import Header, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from center1111.intake.imports.actions import find_import, take_table
from center1111.intake.imports.reading import template_csv, template_xlsx
from center1111.journey import ImportState
from center1111.records import Complaint, ComplaintImport, ImportedRow
from center1111.roles import Importer
from servicekit.clock import Now
from servicekit.database import Sessions
from servicekit.fields import View
from servicekit.files.receiving import Received, received
from servicekit.idempotency import claim_of
from servicekit.paging import Count, Cursor, Limit, Page, decode_cursor, make_page
from servicekit.problems import DomainError, FieldError, InvalidInput
from servicekit.routes import IdempotencyKey, Reading, Router, caller_of, kept_for
from servicekit.words import Words, preferred_language

MAX_BYTES: Final = 10 * 1024 * 1024
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TYPES: Final = ("text/csv", _XLSX)
# What browsers call either, on a machine with Excel or with nothing that knows them; the content decides.
_ALSO_CALLED: Final = ("application/vnd.ms-excel", "application/octet-stream")
_TABLE: Final = {
    "required": True,
    "content": {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in _TYPES},
}

_NO_CONTENT: Final = FieldError(
    "", "required", Words("ไม่มีเนื้อหา โปรดส่งแฟ้มตาราง", "The body is empty: send the table's file.")
)

router = Router(tags=["complaints"])


class NotATable(DomainError):
    """The body is said to be something else than a table."""


class TemplateFormat(StrEnum):
    """What the template can be had as."""

    CSV = "csv"
    XLSX = "xlsx"


class RowError(View):
    """What is wrong with one cell; without a column with the row, without a row with the table."""

    row: int | None = Field(description="As the spreadsheet shows it; the headings are row 1.")
    column: str | None
    code: str
    detail: str


class ImportView(View):
    """One import."""

    id: UUID
    state: ImportState
    dry_run: bool
    created_at: datetime
    created_by: str
    rows_total: int | None = Field(description="null until the table was read.")
    rows_done: int
    errors: list[RowError] = Field(description="At most 1,000; all of them are counted.")
    errors_total: int
    finished_at: datetime | None


class ImportedRowView(View):
    """Which complaint a row became."""

    row: int
    complaint_id: UUID
    tracking_number: str


Language = Annotated[str | None, Header(alias="Accept-Language", max_length=1000)]


@router.post(
    "/complaints/imports",
    status_code=202,
    summary="Record complaints from a table, all of them or none",
    response_model=ImportView,
    openapi_extra={"requestBody": _TABLE},
)
async def post_import(
    *,
    request: Request,
    now: Now,
    actor: Importer,
    idempotency_key: IdempotencyKey = None,  # noqa: ARG001  # the claim reads it
    dry_run: Annotated[bool, Query(description="Only check: errors are listed by row, nothing is recorded.")] = False,
    language: Language = None,
) -> Response:
    """CSV (UTF-8 or CP874) or XLSX of at most 10 MiB and 10,000 rows, with the template's headings.

    Without a Content-Type the content tells which of them it is; another type is refused, and so is an empty body.
    Follow it at `Location` until it is `done`, `checked` or `refused`. The same file is recorded once: sent again it
    gives the same import, with 200.
    """
    _refuse_other_types(request.headers.get("content-type"))
    sessions: Sessions = request.app.state.sessions
    bell: threading.Event = request.app.state.imports_bell

    def take(came: Received) -> Response:
        claim = claim_of(request, f"{dry_run} {came.sha256}".encode(), caller_of(request))
        came.file.seek(0)
        with sessions.begin() as session:
            if claim and (repeated := claim.take(session, now=now, kept_for=kept_for(request))):
                return repeated
            found, new = take_table(session, came.file.read(), dry_run=dry_run, by=actor.subject, now=now)
            answer = Response(
                _view(found, language).model_dump_json(by_alias=True),
                HTTPStatus.ACCEPTED if new else HTTPStatus.OK,
                {"Location": f"/v1/complaints/imports/{found.id}"},
                "application/json",
            )
            if claim:
                claim.keep(session, answer)
            return answer

    async with received(request, limit=MAX_BYTES) as came:
        if came.bytes == 0:
            raise InvalidInput(_NO_CONTENT)
        answer = await run_in_threadpool(take, came)
    bell.set()
    return answer


@router.get("/complaints/imports", summary="List imports")
def list_imports(
    *,
    session: Reading,
    actor: Importer,  # noqa: ARG001  # whoever may import sees all imports
    request: Request,
    response: Response,
    limit: Limit = 20,
    cursor: Cursor = None,
    count: Count = False,
    language: Language = None,
) -> Page[ImportView]:
    """The newest first."""
    after = decode_cursor(request, cursor, [datetime, UUID]) if cursor else None
    position = sa.tuple_(ComplaintImport.created_at, ComplaintImport.id)
    wanted = sa.select(ComplaintImport)
    rows = session.scalars(
        (wanted if after is None else wanted.where(position < sa.tuple_(*after)))
        .order_by(ComplaintImport.created_at.desc(), ComplaintImport.id.desc())
        .limit(limit + 1)
    ).all()
    return make_page(
        rows,
        limit=limit,
        request=request,
        response=response,
        view=lambda one: _view(one, language),
        position=lambda one: [one.created_at, one.id],
        total=session.scalar(sa.select(sa.func.count()).select_from(ComplaintImport)) if count else None,
    )


@router.get(
    "/complaints/imports/template",
    summary="The table to fill in",
    response_class=Response,
    responses={200: {"content": _TABLE["content"], "description": "The table, with one example."}},
)
async def get_import_template(
    *, actor: Importer, format_: Annotated[TemplateFormat, Query(alias="format")] = TemplateFormat.XLSX
) -> Response:
    """Its headings are in Thai with the fields' names; times without an offset are Bangkok's."""
    del actor
    content = await run_in_threadpool(template_xlsx if format_ is TemplateFormat.XLSX else template_csv)
    return Response(
        content,
        media_type=_XLSX if format_ is TemplateFormat.XLSX else "text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="complaints.{format_}"'},
    )


@router.get("/complaints/imports/{import_id}", summary="Follow an import")
def get_import(
    import_id: UUID,
    session: Reading,
    actor: Importer,  # noqa: ARG001  # as above
    language: Language = None,
) -> ImportView:
    """How many rows were checked, and all that is wrong with them."""
    return _view(find_import(session, import_id), language)


@router.get("/complaints/imports/{import_id}/rows", summary="Which complaints an import's rows became")
def list_imported_rows(
    import_id: UUID,
    *,
    session: Reading,
    actor: Importer,  # noqa: ARG001  # as above
    request: Request,
    response: Response,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[ImportedRowView]:
    """In the table's order; empty unless the import is `done`.

    The secrets of these complaints were shown to nobody: `POST /v1/complaints/{complaint_id}/secret` gives one.
    """
    find_import(session, import_id)
    after = decode_cursor(request, cursor, [int])[0] if cursor else 0
    rows = session.execute(
        sa.select(ImportedRow.row, ImportedRow.complaint_id, Complaint.tracking_number)
        .join(Complaint, Complaint.id == ImportedRow.complaint_id)
        .where(ImportedRow.import_id == import_id, ImportedRow.row > after)
        .order_by(ImportedRow.row)
        .limit(limit + 1)
    ).all()
    return make_page(
        rows,
        limit=limit,
        request=request,
        response=response,
        view=ImportedRowView.model_validate,
        position=lambda one: [one.row],
    )


def _refuse_other_types(content_type: str | None) -> None:
    if content_type is not None and content_type.partition(";")[0].strip().lower() not in (*_TYPES, *_ALSO_CALLED):
        raise NotATable


def _view(one: ComplaintImport, accept_language: str | None) -> ImportView:
    language = preferred_language(accept_language)
    told = [{**error, "detail": error["detail"][language]} for error in one.errors]
    return ImportView.model_validate(
        {name: getattr(one, name) for name in ImportView.model_fields if name != "errors"} | {"errors": told}
    )
