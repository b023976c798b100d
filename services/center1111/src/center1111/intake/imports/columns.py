"""The columns of a table of complaints, and what a row says as the body that records one complaint."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from center1111.codes import CODE_LISTS

_BANGKOK: Final = ZoneInfo("Asia/Bangkok")
_DIGITS_READ: Final = 18

Cell = str | int | float | bool | datetime | date | None
"""What stands in a cell: always text in CSV."""


class Holds(StrEnum):
    """What a column's cells hold, beside text."""

    TEXT = "text"
    CODE = "code"
    FLAG = "flag"
    NUMBER = "number"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its heading in Thai, where its value stands in the body, and an example."""

    name: str
    heading: str
    path: tuple[str, ...]
    example: str = ""
    holds: Holds = Holds.TEXT
    codes: str = ""


COLUMNS: Final = (
    Column("channel", "ช่องทาง", ("channel",), "letter", Holds.CODE, "channels"),
    Column("kind", "ประเภท", ("kind",), "inquiry", Holds.CODE, "kinds"),
    Column("subject", "หัวข้อ", ("subject",), "ขอทราบกำหนดโอนเงินโครงการ"),
    Column("details", "รายละเอียด", ("details",), "ชุมชนได้รับอนุมัติโครงการแล้ว แต่ยังไม่ได้รับโอนเงิน"),
    Column("received_at", "วันเวลาที่รับเรื่อง", ("received_at",), "2026-10-05T09:30:00+07:00", Holds.MOMENT),
    Column("confidential", "ปกปิดชื่อ", ("confidential",), "false", Holds.FLAG),
    Column("title", "คำนำหน้า", ("complainant", "title"), "นาง"),
    Column("first_name", "ชื่อ", ("complainant", "first_name"), "สมศรี"),
    Column("last_name", "นามสกุล", ("complainant", "last_name"), "ใจดี"),
    Column("national_id", "เลขประจำตัวประชาชน", ("complainant", "national_id")),
    Column("phone", "โทรศัพท์", ("complainant", "phone"), "081 234 5678"),
    Column("email", "อีเมล", ("complainant", "email")),
    Column("address", "ที่อยู่", ("complainant", "address"), "12 หมู่ 3 ต.บ้านกลาง อ.เมือง จ.ลำพูน"),
    Column("province", "จังหวัด", ("place", "province"), "ลำพูน"),
    Column("district", "อำเภอ/เขต", ("place", "district"), "เมืองลำพูน"),
    Column("subdistrict", "ตำบล/แขวง", ("place", "subdistrict"), "บ้านกลาง"),
    Column("community", "ชุมชน", ("place", "community"), "บ้านกลาง"),
    Column("postmarked_on", "วันประทับตราไปรษณีย์", ("evidence", "postmarked_on"), "2026-10-01"),
    Column("registered_number", "เลขลงทะเบียน", ("evidence", "registered_number"), "EF582568151TH"),
    Column("pages", "จำนวนหน้า", ("evidence", "pages"), "3", Holds.NUMBER),
    Column("caller_number", "หมายเลขที่โทรเข้า", ("evidence", "caller_number")),
    Column("call_started_at", "เวลาที่โทรเข้า", ("evidence", "call_started_at"), "", Holds.MOMENT),
    Column("recording_ref", "รหัสบันทึกเสียง", ("evidence", "recording_ref")),
    Column("counter", "ช่องบริการ", ("evidence", "counter")),
    Column("id_checked", "ตรวจบัตรแล้ว", ("evidence", "id_checked"), "", Holds.FLAG),
    Column("consent", "ยินยอมให้ใช้ข้อมูล", ("evidence", "consent"), "", Holds.FLAG),
)
REQUIRED: Final = ("channel", "kind", "subject", "details")

_BY_HEADING: Final[Mapping[str, Column]] = {
    heading: column
    for column in COLUMNS
    for heading in (column.name, column.heading, f"{column.heading} ({column.name})")
}
_NAMES: Final[Mapping[tuple[str, ...], str]] = {column.path: column.name for column in COLUMNS}
_FLAGS: Final = {
    "true": True,
    "1": True,
    "ใช่": True,
    "yes": True,
    "false": False,
    "0": False,
    "ไม่ใช่": False,
    "no": False,
}


def column_headed(heading: Cell) -> Column | None:
    """The column of a heading: its name, its Thai heading, or both as the template has them."""
    return _BY_HEADING.get(str(heading or "").strip().lower())


def heading_of(column: Column) -> str:
    """The heading as the template has it."""
    return f"{column.heading} ({column.name})"


def column_at(pointer: str) -> str | None:
    """The name of the column that a JSON Pointer into the body comes from; None for what no column holds."""
    return _NAMES.get(tuple(pointer.split("/")[1:]))


def body_of(row: Mapping[str, Cell]) -> dict[str, Any]:
    """The body that the row's cells, by column name, say. Empty cells say nothing."""
    body: dict[str, Any] = {"evidence": {}}
    for column in COLUMNS:
        cell = row.get(column.name)
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            continue
        target = body
        for step in column.path[:-1]:
            target = target.setdefault(step, {})
        target[column.path[-1]] = _value(column, cell)
    return body


def _value(column: Column, cell: Cell) -> object:
    """The cell as the body wants it; what cannot be read so is left as text, for the body's own check to refuse."""
    if isinstance(cell, datetime) and column.holds is not Holds.MOMENT:
        cell = cell.date()
    if isinstance(cell, date):
        return _moment(cell) if isinstance(cell, datetime) else cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = str(cell).strip()
    if column.holds is Holds.TEXT:
        return text
    return _READ_AS[column.holds](column, text)


def _number(text: str) -> int | str:
    """A number of more digits than are read is too large for any column all the same, and Python would not read it."""
    return int(text[:_DIGITS_READ]) if text.isdecimal() else text


def _code(column: Column, text: str) -> str:
    return next((code for code, said in CODE_LISTS[column.codes].items() if said.label.th == text), text)


def _moment(value: datetime | str) -> str:
    """A time without an offset is Bangkok's: nobody writes offsets into a table."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
    return (value if value.tzinfo else value.replace(tzinfo=_BANGKOK)).isoformat()


_READ_AS: Final[Mapping[Holds, Callable[[Column, str], object]]] = {
    Holds.FLAG: lambda _, text: _FLAGS.get(text.lower(), text),
    Holds.NUMBER: lambda _, text: _number(text),
    Holds.CODE: _code,
    Holds.MOMENT: lambda _, text: _moment(text),
}
