"""Imports: a table of complaints is recorded as a whole or not at all, once, and every error is told by row."""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import openpyxl
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from center1111.intake.actions import register_complaint
from center1111.intake.imports.actions import ATTEMPTS, LEASE, Desk, work_through
from center1111.intake.imports.columns import COLUMNS, Cell, body_of
from center1111.intake.imports.reading import MAX_ROWS
from center1111.journey import ImportState
from center1111.records import Complaint, ComplaintImport
from servicekit.clock import utc_now
from servicekit.testing import eventually

from .conftest import Centre, Json, made, ok, pointers, refused

RECORDS = "center1111.intake.imports.actions.register_complaint"

LETTER = {
    "channel": "letter",
    "kind": "inquiry",
    "subject": "ขอทราบกำหนดโอนเงิน",
    "details": "ยังไม่ได้รับเงิน",
    "received_at": "2026-10-05 09:30",
    "first_name": "สมศรี",
    "phone": "081 234 5678",
    "province": "ลำพูน",
    "district": "อ.เมือง",
    "postmarked_on": "2026-10-01",
    "pages": "3",
}
CALL = {
    "channel": "สายด่วน 1111",
    "kind": "ร้องทุกข์/ร้องเรียน",
    "subject": "ราคาสูงผิดปกติ",
    "details": "เครื่องสีข้าวแพงกว่าท้องตลาด",
    "caller_number": "withheld",
    "call_started_at": "2026-10-05T02:00:00Z",
    "confidential": "ใช่",
}


def table(*rows: Mapping[str, str], delimiter: str = ",", headings: Sequence[str] | None = None) -> str:
    """CSV of some rows."""
    out = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(out, names, delimiter=delimiter)
    if headings is None:
        writer.writeheader()
    else:
        csv.writer(out, delimiter=delimiter).writerow(headings)
    writer.writerows(rows)
    return out.getvalue()


def workbook(*rows: Mapping[str, Any]) -> bytes:
    """XLSX of some rows."""
    book = openpyxl.Workbook()
    names = list(dict.fromkeys(name for row in rows for name in row))
    book.active.append(names)
    for row in rows:
        book.active.append([row.get(name) for name in names])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def desk(centre: Centre) -> Desk:
    """What a worker needs."""
    return Desk(centre.app.state.sessions, centre.app.state.deadlines, centre.app.state.writers)


def imported(centre: Centre, content: str | bytes, query: str = "") -> Json:
    """The import after all that waited was worked through."""
    answer = centre.as_("intake").post(f"/v1/complaints/imports{query}", content=content)
    assert answer.status_code in {200, 202}, answer.text
    while work_through(desk(centre)):
        pass
    return ok(centre.as_("intake").get(answer.headers["location"]))


def recorded(centre: Centre) -> int:
    """How many complaints there are."""
    return int(ok(centre.as_("officer").get("/v1/complaints?count=true"))["total"])


def faults(found: Json) -> list[tuple[int | None, str | None, str]]:
    """Where an import is wrong, and with which code."""
    return [(error["row"], error["column"], error["code"]) for error in found["errors"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp874"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_recorded(centre: Centre, encoding: str, delimiter: str) -> None:
    """As spreadsheet programs write CSV; codes may be said in Thai, and times without an offset are Bangkok's."""
    found = imported(centre, table(LETTER, CALL, delimiter=delimiter).encode(encoding))
    assert ("done", 2, 2, []) == (found["state"], found["rows_total"], found["rows_done"], found["errors"])
    rows = ok(centre.as_("intake").get(f"/v1/complaints/imports/{found['id']}/rows"))["items"]
    assert [2, 3] == [row["row"] for row in rows]
    letter, call = (centre.complaint(row["complaint_id"]) for row in rows)
    assert ("2026-10-05T02:30:00Z", "เมืองลำพูน", 3) == (
        letter["received_at"],
        letter["place"]["district"],
        letter["evidence"]["pages"],
    )
    assert ("hotline", "complaint", True, "intake") == (
        call["channel"],
        call["kind"],
        call["confidential"],
        call["recorded_by"],
    )
    assert letter["tracking_number"] == rows[0]["tracking_number"]


def test_who_was_imported_can_be_given_a_secret(centre: Centre) -> None:
    """The import shows none; with the new one the complaint is followed."""
    found = imported(centre, table(LETTER))
    (row,) = ok(centre.as_("intake").get(f"/v1/complaints/imports/{found['id']}/rows"))["items"]
    given = made(centre.as_("intake").post(f"/v1/complaints/{row['complaint_id']}/secret"))
    assert row["tracking_number"] == given["tracking_number"]
    seen = centre.anyone.get(
        f"/v1/public/complaints/{given['tracking_number']}", headers={"Tracking-Secret": given["tracking_secret"]}
    )
    assert LETTER["subject"] == ok(seen)["subject"]


def test_a_workbook_is_recorded(centre: Centre) -> None:
    """Its dates, times and numbers are taken as such."""
    typed = LETTER | {
        "received_at": datetime(2026, 10, 5, 9, 30),  # noqa: DTZ001  # as Excel has it: without an offset
        "postmarked_on": datetime(2026, 10, 1),  # noqa: DTZ001  # as above
        "pages": 3.0,
        "confidential": True,
    }
    found = imported(centre, workbook(typed))
    assert "done" == found["state"], found["errors"]
    (row,) = ok(centre.as_("intake").get(f"/v1/complaints/imports/{found['id']}/rows"))["items"]
    complaint = centre.complaint(row["complaint_id"])
    assert ("2026-10-05T02:30:00Z", "2026-10-01", 3, True) == (
        complaint["received_at"],
        complaint["evidence"]["postmarked_on"],
        complaint["evidence"]["pages"],
        complaint["confidential"],
    )


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
def test_the_template_can_be_imported_as_it_is(centre: Centre, format_: str) -> None:
    """Its example is a good row, and it has every column."""
    template = centre.as_("intake").get(f"/v1/complaints/imports/template?format={format_}")
    assert f'attachment; filename="complaints.{format_}"' == template.headers["content-disposition"]
    assert "done" == imported(centre, template.content)["state"]
    if format_ == "csv":
        assert len(COLUMNS) == len(next(csv.reader(io.StringIO(template.content.decode("utf-8-sig")))))


def test_one_wrong_row_and_nothing_is_recorded(centre: Centre) -> None:
    """All that is wrong with each row is told at once, by its row and column, and without what was written."""
    wrong = LETTER | {"national_id": "1234567890123", "district": "ปากช่อง", "pages": "สาม", "received_at": "2569-10-05"}
    found = imported(centre, table(LETTER, wrong, CALL | {"call_started_at": "เมื่อวาน", "kind": "บ่น"}))
    assert ("refused", 6) == (found["state"], found["errors_total"])
    assert {
        (3, "national_id", "wrong_national_id"),
        (3, "district", "unknown_place"),
        (3, "pages", "wrong_type"),
        (3, "received_at", "buddhist_year"),
        (4, "kind", "unknown_code"),
        (4, "call_started_at", "wrong_form"),
    } == set(faults(found))
    assert "1234567890123" not in str(found)
    assert 0 == recorded(centre)


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ({"subject": ""}, "subject", "required"),
        ({"subject": "ก" * 301}, "subject", "too_long"),
        ({"channel": "fax"}, "channel", "unknown_code"),
        ({"received_at": "2999-01-01"}, "received_at", "buddhist_year"),
        ({"received_at": "2399-01-01"}, "received_at", "in_future"),
        ({"confidential": "บางที"}, "confidential", "wrong_type"),
        ({"phone": "12"}, "phone", "wrong_phone"),
        ({"email": "somsri"}, "email", "wrong_email"),
        ({"province": "แอตแลนติส"}, "province", "unknown_place"),
        ({"postmarked_on": "2026-10-09"}, "postmarked_on", "after_receipt"),
        ({"counter": "3"}, "counter", "unknown_field"),
        ({"pages": "0"}, "pages", "too_small"),
        ({"pages": "9" * 5000}, "pages", "too_large"),
    ],
)
def test_each_rule_of_a_complaint_holds_for_a_row(
    quiet_centre: Centre, row: dict[str, str], column: str, code: str
) -> None:
    """The row, the column and the code say which rule."""
    found = imported(quiet_centre, table(LETTER | row))
    assert ("refused", [(2, column, code)]) == (found["state"], faults(found))


def test_a_fault_that_nobody_foresaw_is_its_row_s(quiet_centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to do, the other rows are told theirs, and the import is not tried again."""

    def breaks(cells: Mapping[str, Cell]) -> Json:
        if cells["subject"] == "แถวเสีย":
            raise ZeroDivisionError
        return body_of(cells)

    monkeypatch.setattr("center1111.intake.imports.actions.body_of", breaks)
    found = imported(quiet_centre, table(LETTER | {"subject": "แถวเสีย"}, LETTER | {"phone": "12"}))
    assert ("refused", [(2, None, "row_failed"), (3, "phone", "wrong_phone")]) == (found["state"], faults(found))
    assert "type its cells anew" in found["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"\n", [(1, "channel", "missing_column")]),
        (b"channel,kind,subject,details\n", [(None, None, "no_rows")]),
        (b"channel,kind,subject\nletter,inquiry,x\n", [(1, "details", "missing_column")]),
        (b"channel,kind,subject,details,salary\n", [(1, None, "unknown_column")]),
        (b"channel,kind,subject,details,channel\n", [(1, "channel", "duplicate_column")]),
        (b'channel,kind,subject,details\n"letter,inquiry', [(2, None, "malformed_csv")]),
        (b"channel,kind,subject,details\na,b,c,d,e\n", [(2, None, "more_cells_than_headings")]),
        (b"\xff\xfe\x00\x01\xdb", [(None, None, "unknown_encoding")]),
        (b"channel,\0kind", [(None, None, "unknown_encoding")]),
        (b"PK\x03\x04 not a workbook", [(None, None, "malformed_workbook")]),
    ],
)
def test_what_is_no_table_of_complaints_is_refused(
    quiet_centre: Centre, content: bytes, wrong: list[tuple[int | None, str | None, str]]
) -> None:
    """With what is wrong with it as a whole."""
    found = imported(quiet_centre, content)
    assert ("refused", wrong) == (found["state"], faults(found))


def test_what_is_said_to_be_no_table_is_no_import(quiet_centre: Centre) -> None:
    """Neither another Content-Type nor an empty body is queued; parameters and case of the type do not matter."""
    intake, path = quiet_centre.as_("intake"), "/v1/complaints/imports"
    before = ok(intake.get(f"{path}?count=true"))["total"]
    for wrong in ("application/json", "multipart/form-data; boundary=x", "text/plain", ""):
        answer = intake.post(path, content=table(LETTER), headers={"Content-Type": wrong})
        assert "/problems/not-a-table" == refused(answer, 415)["type"]
    for content_type in ({}, {"Content-Type": "text/csv"}):
        assert {"": "required"} == pointers(refused(intake.post(path, headers=content_type), 400))
    assert before == ok(intake.get(f"{path}?count=true"))["total"]
    wrong_row = table(LETTER | {"phone": "12"})
    assert 202 == intake.post(path, content=wrong_row, headers={"Content-Type": "Text/CSV; charset=utf-8"}).status_code


def test_a_workbook_that_swells_is_refused(quiet_centre: Centre) -> None:
    """Before anything of it is unpacked; so is one without sheets."""
    swelling = io.BytesIO()
    with zipfile.ZipFile(swelling, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", bytes(201 * 1024 * 1024))
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    for content in (swelling, empty):
        found = imported(quiet_centre, content.getvalue())
        assert [(None, None, "malformed_workbook")] == faults(found)


def test_a_table_has_a_longest_length(quiet_centre: Centre) -> None:
    """In rows, and in bytes: more is 413 before it is read."""
    rows = "channel,kind,subject,details\n" + "x,x,x,x\n" * (MAX_ROWS + 1)
    found = imported(quiet_centre, rows)
    assert (1000, (MAX_ROWS + 2, None, "too_many_rows")) == (len(found["errors"]), faults(found)[0])
    refused(quiet_centre.as_("intake").post("/v1/complaints/imports", content=bytes(10 * 1024 * 1024 + 1)), 413)


def test_a_dry_run_tells_all_and_records_nothing(centre: Centre) -> None:
    """Good or bad; afterwards the same file can be recorded."""
    assert "refused" == imported(centre, table(LETTER | {"phone": "12"}), "?dry_run=true")["state"]
    assert "checked" == imported(centre, table(LETTER), "?dry_run=true")["state"]
    assert 0 == recorded(centre)
    assert "done" == imported(centre, table(LETTER))["state"]
    assert 1 == recorded(centre)


def test_a_file_is_recorded_once(centre: Centre) -> None:
    """Sent again it is the same import; one that was refused may be sent again."""
    first, again = imported(centre, table(LETTER)), imported(centre, table(LETTER))
    assert (first, 1) == (again, recorded(centre))
    wrong = table(LETTER | {"phone": "12"})
    assert imported(centre, wrong)["id"] != imported(centre, wrong)["id"]


def test_a_repeated_import_gets_the_first_answer_again(centre: Centre) -> None:
    """By its Idempotency-Key, whatever became of the import since; another file or run needs another key."""
    intake, path, known = centre.as_("intake"), "/v1/complaints/imports", {"Idempotency-Key": "table-1"}
    wrong = table(LETTER | {"phone": "12"})
    first = intake.post(path, content=wrong, headers=known)
    assert 202 == first.status_code
    while work_through(desk(centre)):
        pass
    again = intake.post(path, content=wrong, headers=known)
    assert (first.status_code, first.content, first.headers["location"], "true") == (
        again.status_code,
        again.content,
        again.headers["location"],
        again.headers["idempotency-replayed"],
    )
    assert 1 == len(ok(intake.get(path))["items"])
    for other in (
        intake.post(path, content=table(CALL), headers=known),
        intake.post(f"{path}?dry_run=true", content=wrong, headers=known),
    ):
        assert "/problems/idempotency-key-reused" == refused(other, 422)["type"]
    somebody = centre.as_("intake", subject="intake-2").post(path, content=table(CALL), headers=known)
    assert (202, None) == (somebody.status_code, somebody.headers.get("idempotency-replayed"))
    refused(intake.post(path, content=wrong, headers={"Idempotency-Key": "x" * 300}), 400)
    assert 'queue_depth{queue="imports"} 1.0' in centre.anyone.get("/metrics").text


def test_a_worker_that_was_killed_has_changed_nothing(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its import is done by the next one when its lease is over, exactly once."""
    location = centre.as_("intake").post("/v1/complaints/imports", content=table(LETTER, CALL)).headers["location"]
    calls = iter(range(10))

    def dies(*arguments: Any, **named: Any) -> object:  # noqa: ANN401  # whatever the real one takes
        if next(calls) == 1:
            raise SystemExit
        return register_complaint(*arguments, **named)

    monkeypatch.setattr(RECORDS, dies)
    with pytest.raises(SystemExit):
        work_through(desk(centre))
    monkeypatch.setattr(RECORDS, register_complaint)
    assert (0, "running") == (recorded(centre), ok(centre.as_("intake").get(location))["state"])
    assert not work_through(desk(centre))
    later = utc_now() + LEASE + timedelta(seconds=1)
    assert work_through(desk(centre), clock=lambda: later)
    assert (2, "done") == (recorded(centre), ok(centre.as_("intake").get(location))["state"])


def test_a_table_that_always_fails_is_given_up(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some attempts, so that it is not tried for ever; others are not held up."""
    location = centre.as_("intake").post("/v1/complaints/imports", content=table(LETTER)).headers["location"]

    def breaks(*_: Any, **__: Any) -> object:  # noqa: ANN401  # as above
        raise ZeroDivisionError

    monkeypatch.setattr(RECORDS, breaks)
    now = utc_now()
    for attempt in range(ATTEMPTS):
        at = now + attempt * (LEASE + timedelta(seconds=1))
        assert work_through(desk(centre), clock=lambda at=at: at)  # type: ignore[misc]  # each its own time
    found = ok(centre.as_("intake").get(location))
    assert ("refused", [(None, None, "failed")], 0) == (found["state"], faults(found), recorded(centre))


def test_a_worker_that_is_late_changes_nothing(centre: Centre) -> None:
    """Whoever has the lease now decides."""
    location = centre.as_("intake").post("/v1/complaints/imports", content=table(LETTER)).headers["location"]
    import_id = UUID(location.rpartition("/")[2])
    sessions = centre.app.state.sessions
    lapses = iter([utc_now(), utc_now() + timedelta(hours=1)])

    def clock() -> datetime:
        at = next(lapses, utc_now() + timedelta(hours=1))
        if at > utc_now() + timedelta(minutes=30):
            with sessions.begin() as session:  # another worker takes it meanwhile
                session.execute(sa.update(ComplaintImport).where(ComplaintImport.id == import_id).values(attempt=7))
        return at

    work_through(desk(centre), clock=clock)
    with sessions() as session:
        assert 0 == session.scalar(sa.select(sa.func.count()).select_from(Complaint))
        assert ImportState.RUNNING is session.get_one(ComplaintImport, import_id).state


def test_the_service_works_through_imports_by_itself(centre: Centre) -> None:
    """Soon after they came; errors are told in the language of who asks."""
    with TestClient(centre.app, headers=dict(centre.as_("intake").headers)) as client:
        location = client.post("/v1/complaints/imports", content=table(LETTER | {"phone": "12"})).headers["location"]
        found = eventually(lambda: one if (one := ok(client.get(location)))["finished_at"] else None)
    assert "It is not a telephone number" in found["errors"][0]["detail"]
    thai = ok(centre.as_("intake").get(location, headers={"Accept-Language": "th"}))
    assert "ไม่ใช่หมายเลขโทรศัพท์" in thai["errors"][0]["detail"]


def test_who_may_import(quiet_centre: Centre) -> None:
    """Those who record, and their supervisors."""
    for role in ("officer", "auditor", "agency_client"):
        refused(quiet_centre.as_(role).post("/v1/complaints/imports", content="x"), 403)
        refused(quiet_centre.as_(role).get("/v1/complaints/imports/template"), 403)
    refused(quiet_centre.anyone.get("/v1/complaints/imports"), 401)
    missing = "/v1/complaints/imports/019a5f0e-7c00-7000-8000-000000000001"
    assert "/problems/import-not-found" == refused(quiet_centre.as_("intake").get(missing), 404)["type"]


def test_imports_are_listed_the_newest_first(centre: Centre) -> None:
    """In pages."""
    made = [imported(centre, table(LETTER | {"subject": f"เรื่องที่ {number}"}))["id"] for number in range(3)]
    page = ok(centre.as_("supervisor").get("/v1/complaints/imports?limit=2&count=true"))
    rest = ok(centre.as_("supervisor").get(f"/v1/complaints/imports?limit=2&count=true&cursor={page['next']}"))
    assert (made[::-1], 3) == ([one["id"] for one in page["items"] + rest["items"]], page["total"])
