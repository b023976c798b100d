"""Complaints in a CSV file, as a spreadsheet saves them: one row each, read without judging their content."""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

REQUIRED = ("channel", "subject", "details")
OPTIONAL = ("kind", "province", "received_at")
DEFAULT_KIND = "complaint"
DELIMITERS = (",", ";", "\t")
LONGEST_CELL = 1024 * 1024


class UnreadableFile(Exception):
    """The file as a whole cannot be read; the message says in plain words what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number as a spreadsheet counts (the header is 1), its cells, and a key that stays the same.

    The key is made of the cells and of how many equal rows stand before it: a second run of the same file, even
    sorted otherwise or with rows added, gives the same complaints the same keys.
    """

    number: int
    cells: dict[str, str]
    key: str
    fault: str | None
    """Why the row cannot even be sent; None for all others."""

    def complaint(self, day: date) -> dict[str, Any]:
        """The row as the Centre takes it in; the Centre itself judges what the cells say.

        `day` stands for the day of a letter or a call whose row has no `received_at`.
        """
        cells = self.cells
        return {
            "channel": cells["channel"],
            "kind": cells["kind"] or DEFAULT_KIND,
            "subject": cells["subject"],
            "details": cells["details"],
            "evidence": _evidence(cells["channel"], cells["received_at"] or f"{day}T00:00:00+07:00"),
            **({"received_at": cells["received_at"]} if cells["received_at"] else {}),
            **({"place": {"province": cells["province"]}} if cells["province"] else {}),
        }


def _evidence(channel: str, moment: str) -> dict[str, Any]:
    """What the Centre asks of each channel, as far as a table of complaints can tell.

    An unknown channel has none; the Centre says so.
    """
    known: dict[str, dict[str, Any]] = {
        "letter": {"postmarked_on": moment[: len("2026-01-05")], "pages": 1},
        "hotline": {"caller_number": "withheld", "call_started_at": moment},
        "walk_in": {"counter": "นำเข้าจากแฟ้ม", "id_checked": False},
        "website": {"consent": True},
    }
    return known.get(channel, {})


def read_rows(path: Path) -> list[Row]:
    """All rows of the file that are not empty.

    Raises:
        UnreadableFile: there is no such file, its text or its columns are not what is needed, or it has no rows.
    """
    try:
        text = _decode(path.read_bytes())
    except OSError as error:
        raise UnreadableFile(f"{path}: อ่านแฟ้มไม่ได้ ({error.strerror})") from None
    rows = list(_rows(path, text))
    if not rows:
        raise UnreadableFile(f"{path}: มีแต่หัวตาราง ไม่มีเรื่องร้องเรียนเลย")
    return rows


def _decode(data: bytes) -> str:
    """UTF-8 with or without its mark; what is no UTF-8 was saved by an older Thai Windows (CP874, TIS-620)."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp874")
    except UnicodeDecodeError:
        raise UnreadableFile("แฟ้มนี้ไม่ใช่ข้อความ UTF-8 หรือ TIS-620 โปรดบันทึกใหม่เป็น “CSV UTF-8”") from None


def _rows(path: Path, text: str) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CELL)
    first_line = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first_line.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = [name.strip().lower() for name in next(lines, [])]
        _check_header(path, header)
        seen: Counter[str] = Counter()
        for number, line in enumerate(lines, start=2):
            if any(cell.strip() for cell in line):
                yield _row(number, header, line, seen)
    except csv.Error as error:
        raise UnreadableFile(f"{path}: รูปแบบ CSV ผิดที่บรรทัด {lines.line_num} ({error})") from None


def _check_header(path: Path, header: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise UnreadableFile(
            f"{path}: ไม่มีคอลัมน์ {', '.join(missing)}\n"
            f"บรรทัดแรกต้องมีชื่อคอลัมน์ {', '.join(REQUIRED)} และมีได้อีก: {', '.join(OPTIONAL)}\n"
            f"แต่บรรทัดแรกของแฟ้มนี้คือ: {', '.join(header) or '(ว่าง)'}"
        )
    doubled = [name for name in (*REQUIRED, *OPTIONAL) if header.count(name) > 1]
    if doubled:
        raise UnreadableFile(f"{path}: มีคอลัมน์ซ้ำ {', '.join(doubled)}")


def _row(number: int, header: list[str], line: list[str], seen: Counter[str]) -> Row:
    cells = dict.fromkeys((*REQUIRED, *OPTIONAL), "") | {
        name: cell.strip() for name, cell in zip(header, line, strict=False) if name in REQUIRED or name in OPTIONAL
    }
    content = "\x1f".join(cells.values())
    seen[content] += 1
    key = hashlib.sha256(f"{content}\x1f{seen[content]}".encode()).hexdigest()
    empty = [name for name in REQUIRED if not cells[name]]
    fault = f"ไม่มีข้อมูลในคอลัมน์ {', '.join(empty)}" if empty else None
    if len(line) > len(header):
        fault = f"มี {len(line)} ช่อง แต่หัวตารางมี {len(header)} ช่อง (ข้อความที่มี “{','}” ต้องอยู่ในเครื่องหมายคำพูด)"
    return Row(number, cells, key, fault)
