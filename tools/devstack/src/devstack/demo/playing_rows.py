"""Takes the rows of a file through the Centre: in, verified, then answered from the knowledge base or referred."""

import csv
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from itertools import islice
from pathlib import Path

import httpx2
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from devstack.demo.complaints_file import Row
from devstack.demo.judging import ALIKE, likeness
from devstack.demo.labels import STATES, WORK_GROUPS
from devstack.demo.people import CONNECTIONS, POLL_SECONDS, Centre, Json, NotInTime, Office, Refused
from devstack.demo.story import why_routed
from servicekit.clock import utc_now
from thaikit.calendar import bangkok_date

WORKERS = CONNECTIONS // 2
"""Rows on their way at once: enough to keep two cores busy, too few to fill the services' database pools."""

QUIET_SECONDS = 60.0
"""How long no row may make progress at the Office before its waiting is given up."""

ROWS_ON_SCREEN = 50
"""A file with more rows is summed up on the screen; the results file has each row in any case."""

REASONS_SHOWN = 3
REFERRALS_ASKED_AT_ONCE = 50

QUESTION = "ขอให้พิจารณาและแจ้งคำตอบเพื่อตอบผู้ร้อง"


@dataclass
class Outcome:
    """Where one row went, and why."""

    row: Row
    tracking_number: str = ""
    referral_id: str = ""
    case_number: str = ""
    where: str = ""
    why: str = ""
    fault: str = ""
    """Why the row was refused: something in it must be corrected."""
    failure: str = ""
    """What went wrong with a good row: running the file again continues."""


class FilePlay:
    """Plays one file against a running stack. A second run of the same file continues, and doubles nothing."""

    def __init__(self, centre: Centre, office: Office, screen: Console) -> None:
        self._centre = centre
        self._office = office
        self._screen = screen
        self._today = bangkok_date(utc_now())

    def play(self, rows: Sequence[Row], results: Path) -> bool:
        """Take every row in and on, print where each went, write the same to `results`; whether no good row failed."""
        began = time.monotonic()
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._screen,
        ) as progress:
            outcomes = self._at_the_centre(rows, progress, progress.add_task("ศูนย์ 1111", total=len(rows)))
            referred = {outcome.referral_id: outcome for outcome in outcomes if outcome.referral_id}
            self._at_the_office(referred, progress, progress.add_task("สำนักงาน", total=len(referred)))
        self._report(outcomes, time.monotonic() - began)
        try:
            write_results(results, outcomes)
            self._screen.print(f"ผลของทุกแถว: {results}", highlight=False, soft_wrap=True)
        except OSError as error:
            self._screen.print(f"เขียนผลของทุกแถวลง {results} ไม่ได้: {error.strerror}", style="red", soft_wrap=True)
        return not any(outcome.failure for outcome in outcomes)

    def _at_the_centre(self, rows: Sequence[Row], progress: Progress, task: TaskID) -> list[Outcome]:
        outcomes = []
        with ThreadPoolExecutor(WORKERS) as pool:
            for done in as_completed([pool.submit(self._take_in, row) for row in rows]):
                outcomes.append(done.result())
                progress.advance(task)
        return sorted(outcomes, key=lambda outcome: outcome.row.number)

    def _take_in(self, row: Row) -> Outcome:
        outcome = Outcome(row, fault=row.fault or "")
        if not outcome.fault:
            try:
                complaint = self._register(row)
                outcome.tracking_number = complaint["tracking_number"]
            except Refused as refused:
                if refused.status == HTTPStatus.BAD_REQUEST:
                    outcome.fault = refused.reason
                else:
                    outcome.failure = str(refused)
            except httpx2.TransportError as error:
                outcome.failure = f"ศูนย์ 1111 ไม่ตอบ ({type(error).__name__})"
            else:
                self._take_on(outcome, complaint["id"])
        return outcome

    def _register(self, row: Row) -> Json:
        """Register the row; if an earlier run did, the same complaint as then.

        Keys are known for 24 hours, so that run may have been yesterday's.
        """
        try:
            return self._centre.register(row.complaint(self._today), key=row.key)
        except Refused as refused:
            if refused.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
            return self._centre.register(row.complaint(self._today - timedelta(days=1)), key=row.key)

    def _take_on(self, outcome: Outcome, complaint_id: str) -> None:
        try:
            complaint = self._verified(complaint_id)
            if complaint["state"] == "verified":
                self._answer_or_refer(outcome, complaint_id)
            else:
                self._where_it_is(outcome, complaint)
        except (Refused, httpx2.TransportError) as error:
            outcome.failure = str(error) or type(error).__name__

    def _verified(self, complaint_id: str) -> Json:
        """The complaint after its verification, or as it stands if an earlier run has verified it."""
        try:
            return self._centre.verify(complaint_id)
        except Refused as refused:
            if refused.status != HTTPStatus.CONFLICT:
                raise
            return self._centre.complaint(complaint_id)

    def _answer_or_refer(self, outcome: Outcome, complaint_id: str) -> None:
        best = next(iter(self._centre.suggestions(complaint_id)), None)
        if (
            best is not None
            and likeness(outcome.row.cells["subject"], best["question"], best["matched_words"]) >= ALIKE
        ):
            self._centre.answer(complaint_id, best["answer"], [best["id"]], key=f"{outcome.row.key}-answer")
            outcome.where = "ศูนย์ 1111 ตอบจากคลังความรู้"
            outcome.why = f"ตรงกับบทความ “{best['question']}”"
        else:
            referral = self._centre.refer(complaint_id, QUESTION, key=f"{outcome.row.key}-referral")
            outcome.referral_id = referral["id"]

    def _where_it_is(self, outcome: Outcome, complaint: Json) -> None:
        """Tell of a complaint that an earlier run has taken on already."""
        if complaint["referrals"]:
            outcome.referral_id = complaint["referrals"][-1]["id"]
        else:
            outcome.where = f"ศูนย์ 1111: {STATES.get(complaint['state'], complaint['state'])}"
            outcome.why = "จากการนำเข้าครั้งก่อน"

    def _at_the_office(self, waiting: dict[str, Outcome], progress: Progress, task: TaskID) -> None:
        """Find every referral's case, asking for those that are missing until all have come."""
        missing = dict(waiting)
        give_up_at = time.monotonic() + QUIET_SECONDS
        while missing:
            before = len(missing)
            for case in self._new_cases(missing):
                outcome = missing.pop(case["referral"]["id"])
                outcome.case_number = case["case_number"]
                outcome.where, outcome.why = _where_routed(case)
                progress.advance(task)
            if len(missing) < before:
                give_up_at = time.monotonic() + QUIET_SECONDS
            elif time.monotonic() > give_up_at:
                break
            elif missing:
                time.sleep(POLL_SECONDS)
        for outcome in missing.values():
            outcome.failure = str(NotInTime(f"{outcome.tracking_number} ยังไม่ถึงสำนักงาน"))

    def _new_cases(self, missing: dict[str, Outcome]) -> Iterator[Json]:
        """Those cases of the missing referrals that are there by now."""
        waiting = iter(list(missing))
        while ids := list(islice(waiting, REFERRALS_ASKED_AT_ONCE)):
            yield from self._office.items("registrar", "/v1/cases", referral=",".join(ids))

    def _report(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        good = [outcome for outcome in outcomes if outcome.where]
        if len(good) <= ROWS_ON_SCREEN:
            self._each_row(good)
        self._by_destination(good)
        self._troubles(
            "แถวที่รับไม่ได้ ต้องแก้ไขก่อน · Rows that were refused", [(it.row, it.fault) for it in outcomes if it.fault]
        )
        self._troubles(
            "แถวที่ยังไม่สำเร็จ สั่งซ้ำได้ · Rows that failed: run the same file again",
            [(it.row, it.failure) for it in outcomes if it.failure],
        )
        self._screen.print(
            f"{len(good)} จาก {len(outcomes)} แถวเรียบร้อยใน {seconds:.0f} วินาที"
            f" ({len(outcomes) / seconds:.0f} แถวต่อวินาที)",
            soft_wrap=True,
            highlight=False,
        )

    def _each_row(self, outcomes: Sequence[Outcome]) -> None:
        table = Table("แถว", "เลขที่ศูนย์ 1111", "เลขที่สำนักงาน", "ไปที่", "เพราะ", title="แต่ละเรื่อง · Each row")
        for it in outcomes:
            table.add_row(str(it.row.number), it.tracking_number, it.case_number, it.where, escape(it.why))
        self._screen.print(table)

    def _by_destination(self, outcomes: Sequence[Outcome]) -> None:
        table = Table("ไปที่", "เรื่อง", "ร้อยละ", "เพราะ (มากที่สุดก่อน)", title="สรุป · Where they went, and why")
        for where, count in Counter(it.where for it in outcomes).most_common():
            reasons = Counter(it.why for it in outcomes if it.where == where).most_common()
            shown = [f"{why} ({times})" for why, times in reasons[:REASONS_SHOWN]]
            more = [f"และอีก {len(reasons) - REASONS_SHOWN} เหตุผล"] if len(reasons) > REASONS_SHOWN else []
            table.add_row(where, str(count), f"{count / len(outcomes):.0%}", escape("\n".join(shown + more)))
        self._screen.print(table)

    def _troubles(self, title: str, troubles: Sequence[tuple[Row, str]]) -> None:
        if troubles:
            table = Table("แถว", "เรื่อง", "เหตุผล", title=title, style="red")
            for row, why in troubles:
                table.add_row(str(row.number), escape(row.cells["subject"][:60]), escape(why))
            self._screen.print(table)


def write_results(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write what became of each row, as a spreadsheet opens it (UTF-8 with its mark)."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(["row", "tracking_number", "case_number", "where", "why", "subject"])
        sheet.writerows(
            [
                it.row.number,
                it.tracking_number,
                it.case_number,
                it.where,
                it.fault or it.failure or it.why,
                it.row.cells["subject"],
            ]
            for it in outcomes
        )


def _where_routed(case: Json) -> tuple[str, str]:
    """Where the Office's routing has sent a case, and why, in words."""
    if case["work_group"] is None:
        return "สำนักงาน: รอคนคัดแยก", "เนื้อหาไม่ชัดพอ"
    return WORK_GROUPS[case["work_group"]], why_routed(case["routing"])
