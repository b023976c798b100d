"""A table's rows, from CSV (UTF-8 or CP874) or XLSX, whichever the content is."""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from typing import Final, cast

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from center1111.intake.imports.columns import COLUMNS, REQUIRED, Cell, Column, column_headed, heading_of
from servicekit.words import Words

MAX_ROWS: Final = 10_000
_UNPACKED_BYTES: Final = 200 * 1024 * 1024
_LONGEST_CELL: Final = 100_000
_DELIMITERS: Final = (",", ";", "\t")
_ZIP: Final = b"PK\x03\x04"

csv.field_size_limit(_LONGEST_CELL)

Row = tuple[int, dict[str, Cell]]
"""The number of a row as the spreadsheet shows it, and its cells by column name."""


class UnreadableTable(ValueError):
    """The table cannot be read from some row on; `code` and `words` say why."""

    def __init__(self, code: str, words: Words, row: int | None = None, column: str | None = None) -> None:
        super().__init__(code)
        self.code, self.words, self.row, self.column = code, words, row, column


def rows_of(content: bytes) -> Iterator[Row]:
    """The rows that hold anything, in order.

    Raises:
        UnreadableTable: it is no table, or not one of complaints.
    """
    lines = _sheet(content) if content.startswith(_ZIP) else _csv(content)
    headings = next(lines, (1, ()))[1]
    columns = _columns(headings)
    for count, (number, cells) in enumerate((line for line in lines if any(_said(cell) for cell in line[1])), start=1):
        if count > MAX_ROWS:
            raise UnreadableTable(
                "too_many_rows",
                Words(f"มีได้ไม่เกิน {MAX_ROWS} แถว โปรดแบ่งเป็นหลายแฟ้ม", f"It may have {MAX_ROWS} rows: split the file."),
                number,
            )
        if any(_said(cell) for cell in cells[len(columns) :]):
            raise UnreadableTable(
                "more_cells_than_headings",
                Words("แถวนี้มีข้อมูลเกินจำนวนหัวคอลัมน์", "The row has more cells than there are headings."),
                number,
            )
        yield number, {column.name: cell for column, cell in zip(columns, cells, strict=False) if column is not None}


def template_csv() -> bytes:
    """A table with the headings and one example, as spreadsheet programs read it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([heading_of(column) for column in COLUMNS])
    writer.writerow([column.example for column in COLUMNS])
    return out.getvalue().encode("utf-8-sig")


def template_xlsx() -> bytes:
    """The same as a workbook; its cells are text, so that no program eats the zeros of a telephone number."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "complaints"
    sheet.append([heading_of(column) for column in COLUMNS])
    sheet.append([column.example for column in COLUMNS])
    for index in range(1, len(COLUMNS) + 1):
        for number in range(2, 502):
            sheet.cell(number, index).number_format = "@"
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def _said(cell: Cell) -> bool:
    return cell is not None and str(cell).strip() != ""


def _columns(headings: Sequence[Cell]) -> list[Column | None]:
    found: list[Column | None] = []
    for heading in headings:
        column = column_headed(heading)
        if column is None and _said(heading):
            raise UnreadableTable(
                "unknown_column",
                Words(
                    f"ไม่รู้จักหัวคอลัมน์ลำดับที่ {len(found) + 1} โปรดใช้หัวคอลัมน์ตามแม่แบบ",
                    f"The heading of column {len(found) + 1} is not known: use those of the template.",
                ),
                1,
            )
        if column is not None and column in found:
            raise UnreadableTable(
                "duplicate_column", Words("มีหัวคอลัมน์ซ้ำ", "There are two columns of this heading."), 1, column.name
            )
        found.append(column)
    while found and found[-1] is None:
        found.pop()
    present = {column.name for column in found if column is not None}
    for name in REQUIRED:
        if name not in present:
            raise UnreadableTable("missing_column", Words("ต้องมีคอลัมน์นี้", "This column is required."), 1, name)
    return found


def _csv(content: bytes) -> Iterator[tuple[int, Sequence[Cell]]]:
    text = _decoded(content)
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    try:
        for cells in reader:
            number += 1
            yield number, cells
    except csv.Error:
        raise UnreadableTable(
            "malformed_csv",
            Words("อ่านแถวนี้ไม่ได้ โปรดตรวจเครื่องหมายคำพูด", "The row cannot be read: look at its quotation marks."),
            number + 1,
        ) from None


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "cp874"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise UnreadableTable(
        "unknown_encoding",
        Words("ไม่ใช่ CSV เข้ารหัส UTF-8 หรือ CP874 และไม่ใช่ XLSX", "It is neither CSV in UTF-8 or CP874, nor XLSX."),
    )


def _sheet(content: bytes) -> Iterator[tuple[int, Sequence[Cell]]]:
    unreadable = UnreadableTable(
        "malformed_workbook", Words("เปิดแฟ้ม XLSX นี้ไม่ได้ โปรดบันทึกใหม่", "The workbook cannot be opened: save it anew.")
    )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(part.file_size for part in archive.infolist()) > _UNPACKED_BYTES:
                raise unreadable
        workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        for number, cells in enumerate(workbook.worksheets[0].iter_rows(values_only=True), start=1):
            yield number, cast("Sequence[Cell]", cells)
    except UnreadableTable:
        raise
    except (
        InvalidFileException,
        zipfile.BadZipFile,
        KeyError,
        IndexError,
        ValueError,
        TypeError,
        SyntaxError,
        OSError,
    ):
        # A damaged workbook fails in as many ways as its XML can be damaged; ParseError is a SyntaxError.
        raise unreadable from None
