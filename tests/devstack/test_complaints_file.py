"""Files of complaints as people really save them."""

from datetime import date
from pathlib import Path

import pytest

from devstack.demo.complaints_file import UnreadableFile, read_rows

DAY = date(2026, 1, 5)
HEADER = "channel,subject,details,kind,province,received_at"
ROW = "hotline,ขอทราบระเบียบ,รายละเอียด,inquiry,น่าน,2026-01-05T09:30:00+07:00"


def saved(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "complaints.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp874"])
def test_every_encoding_that_spreadsheets_save_is_read(tmp_path: Path, encoding: str) -> None:
    """UTF-8 with and without its mark, and the TIS-620 of older Thai Windows."""
    (row,) = read_rows(saved(tmp_path, f"{HEADER}\n{ROW}\n", encoding))
    complaint = row.complaint(DAY)
    assert complaint["subject"] == "ขอทราบระเบียบ"
    assert complaint["place"] == {"province": "น่าน"}
    assert complaint["received_at"] == "2026-01-05T09:30:00+07:00"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_in_any_order_and_with_any_usual_delimiter(tmp_path: Path, delimiter: str) -> None:
    """Columns are known by their names; those that are not known are passed over."""
    lines = [["Details ", "หมายเหตุ", "SUBJECT", "channel"], ["รายละเอียด", "-", "เรื่อง", "website"]]
    text = "\r\n".join(delimiter.join(line) for line in lines)
    (row,) = read_rows(saved(tmp_path, text))
    complaint = row.complaint(DAY)
    assert [complaint[name] for name in ("channel", "subject", "details")] == ["website", "เรื่อง", "รายละเอียด"]
    assert complaint["kind"] == "complaint"
    assert "received_at" not in complaint


def test_missing_columns_are_named(tmp_path: Path) -> None:
    """The message says which columns are missing, and which the file has."""
    with pytest.raises(UnreadableFile, match=r"(?s)ไม่มีคอลัมน์ channel, details.*subject, topic"):
        read_rows(saved(tmp_path, "subject,topic\nเรื่อง,อื่น\n"))


@pytest.mark.parametrize("text", ["", f"{HEADER}\n", f"{HEADER}\n,,,,,\n\n"])
def test_a_file_without_complaints_is_no_success(tmp_path: Path, text: str) -> None:
    """An empty file is most likely the wrong file."""
    with pytest.raises(UnreadableFile):
        read_rows(saved(tmp_path, text))


def test_what_is_no_text_is_refused_in_words(tmp_path: Path) -> None:
    """A spreadsheet's own format, saved under the wrong name, is not read as Thai."""
    path = tmp_path / "complaints.csv"
    path.write_bytes(b"PK\x03\x04\xdb\xdc\xfc\xfd\xfe\xff")
    with pytest.raises(UnreadableFile, match="UTF-8"):
        read_rows(path)
    with pytest.raises(UnreadableFile, match="อ่านแฟ้มไม่ได้"):
        read_rows(tmp_path / "missing.csv")


def test_rows_that_cannot_be_sent_say_why_and_keep_their_number(tmp_path: Path) -> None:
    """A spreadsheet's row number and a reason; the rows around are not touched, and empty ones are no rows."""
    rows = read_rows(
        saved(
            tmp_path,
            f"{HEADER}\n{ROW}\n\nhotline,,รายละเอียด,,,\n{ROW},ส่วนเกิน\n" + '"letter","หลาย\nบรรทัด","ข้อ ""ก"""\n',
        )
    )
    assert [row.fault is None for row in rows] == [True, False, False, True]
    assert [row.number for row in rows] == [2, 4, 5, 6]
    assert "subject" in str(rows[1].fault)
    assert rows[3].complaint(DAY)["details"] == 'ข้อ "ก"'


def test_keys_stay_the_same_for_the_same_rows(tmp_path: Path) -> None:
    """A second run doubles nothing, even when the file was sorted otherwise; but two equal rows are two complaints."""
    other = ROW.replace("hotline", "website")
    first = read_rows(saved(tmp_path, f"{HEADER}\n{ROW}\n{other}\n{ROW}\n"))
    second = read_rows(saved(tmp_path, f"{HEADER}\n{other}\n{ROW}\n{ROW}\n"))
    assert {row.key for row in first} == {row.key for row in second}
    assert len({row.key for row in first}) == 3
