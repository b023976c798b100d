"""The demonstration plays on the real services: the story, and files of complaints."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from devstack.demo.complaints_file import read_rows
from devstack.demo.playing_rows import FilePlay
from devstack.demo.story import StepFailed, Story
from devstack.testing.acting import CENTRE_CHANNELS
from devstack.testing.pair import Pair

SUBJECTS = ("ขอให้ตรวจสอบการทุจริต", "ขอวาระการประชุม", "ถนนเป็นหลุม")


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def screen(said: io.StringIO) -> Console:
    return Console(file=said, width=200)


def complaints_file(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([("channel", "subject", "details", "received_at"), *rows])
    return path


def results(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_story_is_told_to_its_end(pair: Pair, screen: Console, said: io.StringIO) -> None:
    """All nine channels and all five groups are seen, and the summary shows every complaint and case as answered."""
    story = Story(pair.centre, pair.office, screen)
    story.play()
    told = said.getvalue()
    for complaint in story.complaints:
        assert complaint.complaint["tracking_number"] in told
    for group in ("กสป.", "กสร.", "กบท.", "กตผ.", "กวค."):
        assert group in told
    assert {told.outcome for told in story.complaints} == {"สำนักงานตอบ", "ตอบจากคลังความรู้", "ส่งคืน แล้วศูนย์ตอบ"}
    assert pair.exchange_faults() == []


def test_a_step_that_does_not_happen_ends_the_story(pair: Pair, screen: Console) -> None:
    """The story reads back what it did: an office that routes nothing to some group is found out."""
    story = Story(pair.centre, pair.office, screen)
    story.complaints = story.complaints[:1]
    story.cases = []
    with pytest.raises(StepFailed, match=r"กวค\."):
        story.play()


def test_a_file_is_taken_in_once_however_often_it_is_run(
    pair: Pair, screen: Console, said: io.StringIO, tmp_path: Path
) -> None:
    """Every good row ends somewhere, with a reason; bad ones are listed; a second run finds all of it done."""
    good = [(CENTRE_CHANNELS[n % 4], f"{SUBJECTS[n % 3]} ที่ {n} {tmp_path.name}", "รายละเอียด", "") for n in range(24)]
    bad = [("pigeon", "ทางอื่น", "รายละเอียด", ""), ("letter", "ปีพุทธศักราช", "รายละเอียด", "2569-01-05T09:00:00+07:00")]
    path = complaints_file(tmp_path / "complaints.csv", *good[:12], *bad, *good[12:])
    play = FilePlay(pair.centre, pair.office, screen)
    before = pair.centre.read("officer", "/v1/complaints", count="true")["total"]
    assert play.play(read_rows(path), tmp_path / "first.csv")
    assert play.play(read_rows(path), tmp_path / "second.csv")
    after = pair.centre.read("officer", "/v1/complaints", count="true")["total"]
    assert after - before == len(good)
    first, second = results(tmp_path / "first.csv"), results(tmp_path / "second.csv")
    assert [row["tracking_number"] for row in first] == [row["tracking_number"] for row in second]
    assert [row["row"] for row in first if not row["where"]] == ["14", "15"]
    assert all(row["why"] for row in first)
    assert {"กตผ. ตรวจสอบและติดตามผล", "กบท. บริหารจัดการทั่วไป", "สำนักงาน: รอคนคัดแยก"} <= {row["where"] for row in first}
    assert "24 จาก 26 แถวเรียบร้อย" in said.getvalue()
    assert pair.exchange_faults() == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["--against", "{missing}"], "No such file"), (["{wrong}", "--against", "{run}"], "ไม่มีคอลัมน์ channel, details")],
)
def test_the_command_says_in_words_why_it_cannot_play(
    pair: Pair, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    """No traceback: a sentence, and status 1."""
    run, wrong = tmp_path / "run.json", tmp_path / "wrong.csv"
    run.write_text(json.dumps(pair.run), "utf-8")
    wrong.write_text("subject\nเรื่อง\n", "utf-8")
    words = [it.format(missing=tmp_path / "missing.json", run=run, wrong=wrong) for it in arguments]
    ended = subprocess.run(
        [sys.executable, "-m", "devstack", "demo", *words],
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert ended.returncode == 1
    assert reason in ended.stderr
    assert "Traceback" not in ended.stderr
