"""Tables for spreadsheet programs, written batch by batch: however many rows there are, memory holds one batch."""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import IO, Final, TypeAlias

import xlsxwriter

Cell: TypeAlias = str | int | datetime | None
Batch: TypeAlias = Sequence[Sequence[Cell]]

MAX_SHEET_ROWS: Final = 1_048_576
_MAX_CELL_CHARACTERS: Final = 32_767
_CHUNK_BYTES: Final = 64 * 1024
_BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""By these a spreadsheet program takes a cell of CSV for a formula, which a stranger's text must never become."""


def csv_table(headings: Sequence[str], batches: Iterable[Batch]) -> Iterator[bytes]:
    """A CSV file (RFC 4180) in UTF-8 with the byte order mark by which Excel knows it, a piece for each batch.

    Times are RFC 3339. A text that would be read as a formula begins with an apostrophe.
    """
    yield _lines([headings]).encode("utf-8-sig")
    for batch in batches:
        yield _lines(batch).encode()


def xlsx_table(
    headings: Sequence[str], batches: Iterable[Batch], *, name: str, sheet_rows: int = MAX_SHEET_ROWS
) -> IO[bytes]:
    """A workbook in a temporary file, to be read from its beginning; it is gone when it is closed.

    Texts are text cells, which no program takes for formulas. Times are real times, shown on the clock of their
    offset, since a workbook knows no offsets. What no sheet holds goes on in the next one.

    Args:
        headings: the first row of every sheet.
        batches: the rows.
        name: of the sheets, which are numbered from the second on.
        sheet_rows: how many rows a sheet holds, the headings among them; the format's own limit unless told.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the caller reads it
    try:
        _write_workbook(file, headings, batches, name, sheet_rows)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def pieces_of(file: IO[bytes]) -> Iterator[bytes]:
    """The file's content from where it stands; it is closed at the end."""
    with file:
        while piece := file.read(_CHUNK_BYTES):
            yield piece


def _lines(rows: Batch) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([_csv_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def _csv_cell(cell: Cell) -> Cell:
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds")
    if isinstance(cell, str) and cell.startswith(_BEGINS_A_FORMULA):
        return f"'{cell}"
    return cell


def _write_workbook(
    file: IO[bytes], headings: Sequence[str], batches: Iterable[Batch], name: str, sheet_rows: int
) -> None:
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as workbook:
        time = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet, at = _new_sheet(workbook, name, headings), 1
        for row in chain.from_iterable(batches):
            if at == sheet_rows:
                sheet, at = _new_sheet(workbook, f"{name} {len(workbook.worksheets()) + 1}", headings), 1
            for column, cell in enumerate(row):
                if isinstance(cell, datetime):
                    sheet.write_datetime(at, column, cell.replace(tzinfo=None), time)
                elif isinstance(cell, int):
                    sheet.write_number(at, column, cell)
                elif cell is not None:
                    sheet.write_string(at, column, cell[:_MAX_CELL_CHARACTERS])
            at += 1


def _new_sheet(workbook: xlsxwriter.Workbook, name: str, headings: Sequence[str]) -> xlsxwriter.workbook.Worksheet:
    sheet = workbook.add_worksheet(name)
    sheet.freeze_panes(1, 0)
    for column, heading in enumerate(headings):
        sheet.write_string(0, column, heading, workbook.add_format({"bold": True}))
    return sheet
