"""Faxes and scans in watched folders, and readers that die over them."""

import io
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfWriter

from chumchon.channels import folders
from chumchon.channels.desk import Desk
from chumchon.channels.folders import FolderReader, WatchedFolder
from chumchon.channels.scans import fax_numbers, read_scan
from chumchon.journey import Channel
from letters import Letter, to_pdf
from servicekit.clock import utc_now

from ..conftest import Json, Office  # noqa: TID252  # the tests are no package that has a name


def pdf(pages: int = 1) -> bytes:
    writer, made = PdfWriter(), io.BytesIO()
    for _ in range(pages):
        writer.add_blank_page(595, 842)
    writer.write(made)
    return made.getvalue()


def tiff(pages: int) -> bytes:
    made = io.BytesIO()
    first, *others = [Image.new("1", (200, 300), at) for at in range(pages)]
    first.save(made, "TIFF", save_all=True, append_images=others, compression="group4")
    return made.getvalue()


def letter() -> bytes:
    return to_pdf(
        Letter(
            number="ตย 0001/2569",
            office="ชุมชนบ้านทุ่งตัวอย่าง",
            sender="ชุมชนบ้านทุ่งตัวอย่าง",
            on=utc_now().date(),
            subject="ขอทราบกำหนดการโอนเงินโครงการ",
            to="ผู้อำนวยการ",
            body="ชุมชนทำสัญญาแล้วแต่ยังไม่ได้รับเงินงวดที่สอง ขอทราบกำหนดการโอนเงินเข้าบัญชีโครงการ",
            signer="สมใจ ตัวอย่างดี",
            position="ประธาน",
            contact="-",
        )
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "papers"
    path.mkdir()
    return path


@pytest.fixture
def faxes(office: Office, desk: Desk, folder: Path) -> FolderReader:
    return FolderReader(office.app.state.sessions, desk, WatchedFolder(Channel.FAX, folder, settle_seconds=0))


@pytest.fixture
def letters(office: Office, desk: Desk, folder: Path) -> FolderReader:
    return FolderReader(office.app.state.sessions, desk, WatchedFolder(Channel.PO_BOX, folder, settle_seconds=0))


def only_case(office: Office) -> Json:
    (case,) = office.done("GET", "/cases")["items"]
    return office.case(case["id"])


def test_a_fax_is_a_case(office: Office, faxes: FolderReader, folder: Path) -> None:
    """Its file's name tells sender and line, its content the pages; it waits in triage until somebody has read it."""
    (folder / "026299227_035241234_20261005T091500.tif").write_bytes(tiff(3))
    assert 1 == faxes.take_all()
    case = only_case(office)
    assert ("fax", "new", []) == (case["channel"], case["state"], case["routing"]["proposals"])
    assert {"sender_number": "+6635241234", "received_on_number": "+6626299227", "pages": 3} == case["evidence"]
    (file,) = office.done("GET", f"/cases/{case['id']}/files")["items"]
    assert ("scan", "image/tiff", 3) == (file["kind"], file["media_type"], file["pages"])
    assert ["026299227_035241234_20261005T091500.tif"] == os.listdir(folder / "taken")  # noqa: PTH208  # names alone


def test_a_letter_that_holds_text_is_routed(office: Office, letters: FolderReader, folder: Path) -> None:
    """What a PDF says needs no recognition; the file beside it tells of the envelope, and is kept."""
    (folder / "letter.pdf").write_bytes(letter())
    (folder / "letter.json").write_text(
        '{"postmarked_on": "2026-01-05", "registered_number": "RL123456785TH"}', "utf-8"
    )
    assert 1 == letters.take_all()
    case = only_case(office)
    assert ("po_box", "routed", "participation") == (case["channel"], case["state"], case["work_group"])
    assert {"postmarked_on": "2026-01-05", "registered_number": "RL123456785TH", "pages": 1} == case["evidence"]
    assert ["scan", "attachment"] == [
        file["kind"] for file in office.done("GET", f"/cases/{case['id']}/files")["items"]
    ]
    assert {"letter.pdf", "letter.json"} == {path.name for path in (folder / "taken").iterdir()}


@pytest.mark.parametrize("told", [b"not JSON", b"[]", b'{"postmarked_on": "2569-01-05"}'])
def test_a_wrong_word_beside_it_keeps_no_letter_back(
    office: Office, letters: FolderReader, folder: Path, told: bytes
) -> None:
    """It is kept for people to read, and the letter is a case."""
    (folder / "letter.pdf").write_bytes(pdf(2))
    (folder / "letter.json").write_bytes(told)
    letters.take_all()
    assert 2 == only_case(office)["evidence"]["pages"]


def test_what_cannot_be_read_is_a_case_all_the_same(office: Office, faxes: FolderReader, folder: Path) -> None:
    """A file cut off in the middle, or of a kind that nobody knows."""
    (folder / "broken.pdf").write_bytes(pdf()[:60])
    (folder / "strange.xyz").write_bytes(b"?")
    assert 2 == faxes.take_all()
    assert [None, None] == [
        office.case(case["id"])["evidence"]["pages"] for case in office.done("GET", "/cases")["items"]
    ]


def test_what_is_still_written_is_left_alone(office: Office, desk: Desk, folder: Path) -> None:
    """Unfinished names, and files that changed a moment ago."""
    for name in (".hidden.pdf", "fax.pdf.part", "fax.tmp", "fax.json", "new.pdf"):
        (folder / name).write_bytes(pdf())
    careful = FolderReader(office.app.state.sessions, desk, WatchedFolder(Channel.FAX, folder, settle_seconds=60))
    assert 0 == careful.take_all()
    long_ago = (utc_now() - timedelta(minutes=2)).timestamp()
    os.utime(folder / "new.pdf", (long_ago, long_ago))
    assert 1 == careful.take_all()


@pytest.mark.parametrize("step", ["read_scan", "take_paper", "_free"])
def test_a_reader_that_dies_loses_and_doubles_nothing(
    office: Office, faxes: FolderReader, folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Before it is read, in the transaction, after the commit and before the move: the next one finds out."""

    class Died(BaseException):
        """As much as the process would have seen of it."""

    def die(*_: object, **__: object) -> None:
        raise Died

    (folder / "fax.pdf").write_bytes(pdf())
    with monkeypatch.context() as deadly:
        deadly.setattr(folders, step, die)
        with pytest.raises(Died):
            faxes.take_all()
    assert (1 if step == "_free" else 0) == len(office.done("GET", "/cases")["items"])
    faxes.take_all()
    only_case(office)
    assert ["fax.pdf"] == [path.name for path in (folder / "taken").iterdir()]


def test_a_name_used_again_is_another_paper(office: Office, faxes: FolderReader, folder: Path) -> None:
    """Gateways begin to count anew; nothing that was taken is overwritten."""
    for pages in (1, 2):
        (folder / "fax0001.pdf").write_bytes(pdf(pages))
        faxes.take_all()
    assert 2 == len(office.done("GET", "/cases")["items"])
    assert {"fax0001.pdf", "fax0001-2.pdf"} == {path.name for path in (folder / "taken").iterdir()}


def test_numbers_are_found_wherever_a_gateway_writes_them() -> None:
    """Ours is the line that we have; the other is the sender's."""
    assert ("+6635241234", "+6622884049") == fax_numbers("FAX 02-288-4049 <- 035-241-234 (2 pages) 05/10/2026 09:15")
    assert (None, None) == fax_numbers("20261005091500", "no number")


def test_scans_are_read_where_the_program_is(desk: Desk, tmp_path: Path) -> None:
    """What it prints is the text; a program that fails or hangs keeps nothing back."""
    program = tmp_path / "ocr"
    program.write_text("#!/bin/sh\necho 'ขอ ทราบ การโอนเงิน'\n", "utf-8")
    program.chmod(0o755)
    assert (2, "ขอทราบการโอนเงิน") == _read(tiff(2), program)
    program.write_text("#!/bin/sh\nexec sleep 60\n", "utf-8")
    assert (2, "") == _read(tiff(2), program)
    assert (1, "") == _read(pdf(), tmp_path / "missing")
    assert desk.ocr_command is None


def _read(content: bytes, program: Path) -> tuple[int | None, str]:
    scan = read_scan(content, ocr_command=str(program), ocr_timeout=timedelta(seconds=1))
    return scan.pages, scan.text


def test_the_file_beside_a_fax_tells_its_numbers(office: Office, faxes: FolderReader, folder: Path) -> None:
    """Where a gateway writes them there, they count before what the name says."""
    (folder / "fax.pdf").write_bytes(pdf())
    told = {"sender_number": "035-241-234", "received_on_number": "02-288-4049"}
    (folder / "fax.json").write_text(json.dumps(told), "utf-8")
    faxes.take_all()
    evidence = only_case(office)["evidence"]
    assert ("+6635241234", "+6622884049") == (evidence["sender_number"], evidence["received_on_number"])
