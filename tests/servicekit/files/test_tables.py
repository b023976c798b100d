"""Tables for spreadsheet programs."""

import csv
import io
import tracemalloc
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import openpyxl
import pytest

from servicekit.files.tables import Batch, csv_table, pieces_of, xlsx_table

THAI_TIME = timezone(timedelta(hours=7))
NOON = datetime(2026, 10, 3, 12, 0, 0, 123456, THAI_TIME)
FORMULAS = ["=1+1", "+66812345678", "-1", "@SUM(A1)", "\tต่อ", "\rต่อ"]


def test_csv_opens_in_excel() -> None:
    """The mark of UTF-8, quoted line breaks, empty cells, times with their offset."""
    content = b"".join(csv_table(["เรื่อง", "เมื่อ"], [[['ว่า "ได้"\nเมื่อไร', NOON]], [[None, 5]]]))
    assert content.startswith("\ufeffเรื่อง".encode())
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert [["เรื่อง", "เมื่อ"], ['ว่า "ได้"\nเมื่อไร', "2026-10-03T12:00:00+07:00"], ["", "5"]] == rows


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_csv_is_a_formula(text: str) -> None:
    """Strangers' texts are shown and never carried out."""
    content = b"".join(csv_table(["a"], [[[text]]])).decode("utf-8-sig")
    assert [["a"], [f"'{text}"]] == list(csv.reader(io.StringIO(content, newline="")))


def test_a_number_below_zero_is_no_formula() -> None:
    """Only texts are guarded."""
    assert b"-5\r\n" == list(csv_table(["a"], [[[-5]]]))[1]


def test_csv_comes_batch_by_batch() -> None:
    """What was read is sent before more is read."""
    read = []

    def batches() -> Iterator[Batch]:
        for number in range(3):
            read.append(number)
            yield [[number]]

    pieces = csv_table(["a"], batches())
    assert (b"\xef\xbb\xbfa\r\n", []) == (next(pieces), read)
    assert (b"0\r\n", [0]) == (next(pieces), read)


def test_a_workbook_holds_texts_times_and_numbers() -> None:
    """Texts stay what they are, whatever they begin with; times are on the clock of their offset."""
    with xlsx_table(["ข้อความ", "เมื่อ", "ที่"], [[[text, NOON, 2] for text in ["ก", *FORMULAS[:4]]]], name="t") as file:
        sheet = openpyxl.load_workbook(file).active
    rows = list(sheet.iter_rows())
    assert ["ข้อความ", "เมื่อ", "ที่"] == [cell.value for cell in rows[0]]
    assert ["ก", *FORMULAS[:4]] == [row[0].value for row in rows[1:]]
    assert {"s"} == {row[0].data_type for row in rows[1:]}
    shown = rows[1][1].value
    assert datetime(2026, 10, 3, 12) == shown.replace(microsecond=0)  # noqa: DTZ001  # as workbooks have them
    assert 2 == rows[1][2].value


def test_a_table_of_none_still_has_its_headings() -> None:
    """It says that nothing was found, and is no broken file."""
    assert [b"\xef\xbb\xbfa\r\n"] == list(csv_table(["a"], []))
    with xlsx_table(["a"], [], name="t") as file:
        assert [("a",)] == list(openpyxl.load_workbook(file).active.values)


def test_what_no_sheet_holds_goes_on_in_the_next() -> None:
    """Each sheet has the headings; no row is lost."""
    with xlsx_table(["a"], [[["1"], ["2"]], [["3"]]], name="t", sheet_rows=3) as file:
        workbook = openpyxl.load_workbook(file)
    assert {"t": [("a",), ("1",), ("2",)], "t 2": [("a",), ("3",)]} == {
        sheet.title: list(sheet.values) for sheet in workbook
    }


def test_a_workbook_is_never_whole_in_memory() -> None:
    """Ten thousand rows of a kilobyte are written with less than a tenth of that held."""
    tracemalloc.start()
    try:
        file = xlsx_table(["a"], ([[f"{batch} " + "ข" * 1000] for _ in range(100)] for batch in range(100)), name="t")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    with file:
        assert most < 10_000 * 1000 * 2 / 10


def test_a_file_is_gone_when_it_was_read() -> None:
    """Temporary files do not pile up."""
    file = xlsx_table(["a"], [[["1"]]], name="t")
    assert b"".join(pieces_of(file)).startswith(b"PK")
    assert file.closed
