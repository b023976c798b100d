"""Imports: taken in, checked row by row, and recorded in one transaction, by whichever process is free.

A worker holds an import by a lease that it renews as it goes. The rows are recorded, and the import is said to be done,
in one transaction that first makes sure the lease is still the worker's: a worker that was killed, or came too late,
has changed nothing, and the next one begins anew.
"""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
import structlog
from pydantic import ValidationError
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, undefer

from center1111.deadlines import Deadlines
from center1111.intake.actions import refuse_contradictions, register_complaint
from center1111.intake.bodies import NewComplaint
from center1111.intake.imports.columns import Cell, body_of, column_at
from center1111.intake.imports.reading import UnreadableTable, rows_of
from center1111.journey import ImportState
from center1111.records import ComplaintImport, ImportedRow
from center1111.writers import Writers
from servicekit.clock import utc_now
from servicekit.database import Query, Sessions
from servicekit.ids import uuid7
from servicekit.problems import DomainError, FieldError, InvalidInput, describe, field_errors
from servicekit.words import Words

LEASE: Final = timedelta(minutes=2)
LOOKS_EVERY_SECONDS: Final = 5.0
_ERRORS_KEPT: Final = 1000
_ROWS_A_REPORT: Final = 200
ATTEMPTS: Final = 5
_EMPTY: Final = Words("ไม่มีแถวข้อมูล", "There is no row below the headings.")
_FAILED: Final = Words(
    "ระบบประมวลผลแฟ้มนี้ไม่สำเร็จ โปรดแจ้งผู้ดูแลระบบ", "The file could not be worked through: tell the operator."
)
_ROW_FAILED: Final = Words(
    "ระบบอ่านแถวนี้ไม่สำเร็จ โปรดพิมพ์ค่าในแถวนี้ใหม่ หากยังไม่ได้ ให้นำแถวนี้ออก บันทึกเป็นเรื่องเดี่ยว และแจ้งผู้ดูแลระบบ",
    "The row could not be read: type its cells anew. Should that not help, take it out, record it by itself,"
    " and tell the operator.",
)

IMPORTS_WAITING: Final = Query(
    sa.text("""
        SELECT count(*) AS depth, CAST(extract(epoch FROM now() - min(created_at)) AS float8) AS oldest_seconds
        FROM complaint_imports WHERE state IN ('queued', 'running')
    """)
)
"""How many imports are not decided yet, and for how long the oldest of them; for `queues.QueueCollector`."""

log = structlog.get_logger(__name__)


class ImportNotFound(DomainError):
    """There is no such import."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What imported complaints are recorded with."""

    sessions: Sessions
    deadlines: Deadlines
    writers: Writers


@dataclass(frozen=True, slots=True)
class _Lease:
    import_id: UUID
    attempt: int


class _LeaseLost(Exception):
    """Another worker has the import now."""


def take_table(
    session: Session, content: bytes, *, dry_run: bool, by: str, now: datetime
) -> tuple[ComplaintImport, bool]:
    """Queue a table; whether it is new. One that is being recorded, or was, is given again instead of doubled."""
    sha256 = hashlib.sha256(content).hexdigest()
    queue = (
        insert(ComplaintImport)
        .values(
            id=uuid7(),
            state=ImportState.QUEUED,
            dry_run=dry_run,
            content=content,
            sha256=sha256,
            created_at=now,
            created_by=by,
            attempt=0,
            rows_done=0,
            errors=[],
            errors_total=0,
        )
        .on_conflict_do_nothing()
        .returning(ComplaintImport)
    )
    recorded = sa.select(ComplaintImport).where(
        ComplaintImport.sha256 == sha256,
        ComplaintImport.dry_run.is_(False),
        ComplaintImport.state != ImportState.REFUSED,
    )
    while (queued := session.scalar(queue)) is None:
        if (found := session.scalar(recorded)) is not None:  # else it was refused between the two looks
            return found, False
    return queued, True


def find_import(session: Session, import_id: UUID) -> ComplaintImport:
    """The import.

    Raises:
        ImportNotFound: there is none.
    """
    found = session.get(ComplaintImport, import_id)
    if found is None:
        raise ImportNotFound
    return found


def work_through(desk: Desk, *, clock: Callable[[], datetime] = utc_now) -> bool:
    """Work through one import that waits; False when there was none."""
    with desk.sessions.begin() as session:
        lease = _lease(session, now=clock())
    if lease is None:
        return False
    try:
        _work_through(desk, lease, clock)
    except _LeaseLost:
        log.warning("import taken over by another worker", import_id=str(lease.import_id))
    except Exception as error:  # noqa: BLE001  # one table that cannot be worked through must not hold up the others
        log.error("import failed", import_id=str(lease.import_id), **describe(error))  # noqa: TRY400  # no personal data
        if lease.attempt >= ATTEMPTS:
            _give_up(desk.sessions, lease, now=clock())
    return True


def run_imports(desk: Desk, bell: threading.Event, stop: threading.Event) -> None:
    """Work through what waits until `stop` is set; `bell` says that something was queued in this process."""
    while not stop.is_set():
        try:
            bell.clear()
            while not stop.is_set() and work_through(desk):
                pass
        except sa.exc.SQLAlchemyError as error:
            log.error("imports cannot be looked for", **describe(error))  # noqa: TRY400  # as above
        bell.wait(LOOKS_EVERY_SECONDS)


def _give_up(sessions: Sessions, lease: _Lease, *, now: datetime) -> None:
    with contextlib.suppress(_LeaseLost), sessions.begin() as session:
        told = [_told(None, None, FieldError("", "failed", _FAILED))]
        _finish(_held(session, lease), ImportState.REFUSED, told, now=now)


def _lease(session: Session, *, now: datetime) -> _Lease | None:
    waiting = sa.or_(
        ComplaintImport.state == ImportState.QUEUED,
        sa.and_(ComplaintImport.state == ImportState.RUNNING, ComplaintImport.leased_until < now),
    )
    found = session.scalar(
        sa.select(ComplaintImport)
        .where(waiting)
        .order_by(ComplaintImport.created_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if found is None:
        return None
    found.state = ImportState.RUNNING
    found.attempt += 1
    found.leased_until = now + LEASE
    found.rows_done = 0
    return _Lease(found.id, found.attempt)


def _held(session: Session, lease: _Lease) -> ComplaintImport:
    held = session.scalars(
        sa.select(ComplaintImport)
        .where(ComplaintImport.id == lease.import_id)
        .options(undefer(ComplaintImport.content))
        .with_for_update()
    ).one()
    if held.state is not ImportState.RUNNING or held.attempt != lease.attempt:
        raise _LeaseLost
    return held


def _work_through(desk: Desk, lease: _Lease, clock: Callable[[], datetime]) -> None:
    with desk.sessions.begin() as session:
        content = _held(session, lease).content or b""
    table, errors = _read(content)
    complaints: list[tuple[int, NewComplaint]] = []
    for done, (number, cells) in enumerate(table, start=1):
        if done % _ROWS_A_REPORT == 0:
            _report(desk.sessions, lease, total=len(table), done=done, now=clock())
        checked = _checked(number, cells, clock())
        if isinstance(checked, NewComplaint):
            complaints.append((number, checked))
        else:
            errors += checked
    with desk.sessions.begin() as session:
        held = _held(session, lease)
        held.rows_total = held.rows_done = len(table)
        if errors:
            _finish(held, ImportState.REFUSED, errors, now=clock())
        elif held.dry_run:
            _finish(held, ImportState.CHECKED, (), now=clock())
        else:
            _record(session, held, complaints, desk, now=clock())
            _finish(held, ImportState.DONE, (), now=clock())


def _read(content: bytes) -> tuple[list[tuple[int, dict[str, Cell]]], list[dict[str, Any]]]:
    table = []
    try:
        for row in rows_of(content):
            table.append(row)  # noqa: PERF402  # what was read before the fault is checked, too
    except UnreadableTable as error:
        return table, [_told(error.row, error.column, FieldError("", error.code, error.words))]
    return table, [] if table else [_told(None, None, FieldError("", "no_rows", _EMPTY))]


def _checked(number: int, cells: dict[str, Cell], now: datetime) -> NewComplaint | list[dict[str, Any]]:
    """The complaint that the row says, or all that is wrong with it."""
    try:
        new = NewComplaint.model_validate(body_of(cells))
        refuse_contradictions(new, new.received_at or now)
    except ValidationError as error:
        found: Sequence[FieldError] = list(
            field_errors([{**entry, "loc": ("body", *entry["loc"])} for entry in error.errors()])
        )
    except InvalidInput as error:
        found = error.errors
    except Exception as error:  # noqa: BLE001  # one row that nobody foresaw must not hide what is wrong with the others
        log.error("row of an import failed", row=number, **describe(error))  # noqa: TRY400  # no personal data
        found = [FieldError("", "row_failed", _ROW_FAILED)]
    else:
        return new
    return [_told(number, column_at(fault.pointer), fault) for fault in found]


def _told(row: int | None, column: str | None, fault: FieldError) -> dict[str, Any]:
    detail = {"th": fault.detail.said("th", **fault.values), "en": fault.detail.said("en", **fault.values)}
    return {"row": row, "column": column, "code": fault.code, "detail": detail}


def _report(sessions: Sessions, lease: _Lease, *, total: int, done: int, now: datetime) -> None:
    with sessions.begin() as session:
        held = _held(session, lease)
        held.rows_total, held.rows_done = total, done
        held.leased_until = now + LEASE


def _record(
    session: Session,
    held: ComplaintImport,
    complaints: Sequence[tuple[int, NewComplaint]],
    desk: Desk,
    *,
    now: datetime,
) -> None:
    rows = []
    for number, new in complaints:
        registered = register_complaint(
            session, new, by=held.created_by, deadlines=desk.deadlines, writers=desk.writers, now=now
        )
        rows.append({"import_id": held.id, "row": number, "complaint_id": registered.id})
    session.execute(sa.insert(ImportedRow), rows)


def _finish(held: ComplaintImport, state: ImportState, errors: Sequence[dict[str, Any]], *, now: datetime) -> None:
    held.state = state
    held.errors = list(errors[:_ERRORS_KEPT])
    held.errors_total = len(errors)
    held.content = None
    held.leased_until = None
    held.finished_at = now
