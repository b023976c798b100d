"""The recovery drill: one side is restored from an older backup, and catches up by feed and ledger."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from devstack.demo.people import Json, Refused
from devstack.testing.acting import answer, complaint_by, refer
from devstack.testing.databases import Templates
from devstack.testing.pair import Pair, running_pair
from devstack.testing.processes import ServiceProcess
from servicekit.embedded import Server, find_binaries
from servicekit.testing import Databases, eventually

SUBJECT = "ขอทราบระเบียบและหลักเกณฑ์การโอนเงินโครงการ"


@pytest.fixture
def drilled(migrated: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A pair of its own: a restore is nothing that other tests should see."""
    with (
        migrated.centre.clone() as centre,
        migrated.office.clone() as office,
        running_pair(centre, office, tmp_path_factory.mktemp("drill")) as running,
    ):
        yield running


class Backup:
    """What `pg_dump` wrote of a service's database while the service ran, and what `pg_restore` makes of it."""

    def __init__(self, server: Server, url: str, process: ServiceProcess, folder: Path) -> None:
        self._server, self._url, self._process = server, url, process
        self._file = folder / "backup.dump"
        self._programs = find_binaries().folder

    def take(self) -> None:
        """Write it; the service runs on."""
        self._run("pg_dump", "--format=custom", f"--file={self._file}", self._url)

    def restore(self) -> None:
        """Put it back in place of the database; the service is killed, and not started again."""
        self._process.kill()
        name = urlsplit(self._url).path.removeprefix("/")
        self._server.drop_database(name)
        self._server.create_database(name)
        self._run("pg_restore", "--exit-on-error", f"--dbname={self._url}", str(self._file))

    def _run(self, program: str, *words: str) -> None:
        subprocess.run((str(self._programs / program), *words), check=True)


def why_not_ready(process: ServiceProcess) -> str:
    """What a service that was started before it was recovered says to whoever asks whether it is ready."""

    def said() -> str | None:
        try:
            answer = httpx2.get(f"{process.url}/readyz", trust_env=False)
        except httpx2.TransportError:
            return None
        found: str = answer.json()["checks"]["exchange"]
        return found

    return eventually(said, within_seconds=60)


def equal(process: ServiceProcess, peer: str) -> bool:
    return "equal" in process.command("exchange", "reconcile", peer)


def case_of(pair: Pair, referral: Json) -> Json:
    return eventually(lambda: pair.office.case_of(referral["id"]))


def answered(pair: Pair, referral: Json) -> None:
    """See a referral to its answer, and the answer to the Centre."""
    answer(pair.office, case_of(pair, referral), "โอนภายใน 30 วัน")
    eventually(lambda: pair.centre.referral(referral["id"])["state"] == "answered")
    pair.wait_until_settled()


def test_the_office_restored_from_an_older_backup_catches_up(
    drilled: Pair, databases: Databases, tmp_path: Path
) -> None:
    """Cases that it had forgotten are there again, its answers too, and what it says next is taken by the Centre."""
    pair = drilled
    _, before = refer(pair.centre, complaint_by("letter", SUBJECT))
    eventually(lambda: pair.office.case_of(before["id"]))
    pair.wait_until_settled()
    backup = Backup(databases.server, pair.office_database, pair.office_process, tmp_path)
    backup.take()
    complaint, forgotten = refer(pair.centre, complaint_by("hotline", SUBJECT))
    for referral in (before, forgotten):
        answered(pair, referral)
    pair.wait_until_settled()
    backup.restore()

    assert "mended" in pair.office_process.command("exchange", "recover", "center1111")
    pair.office_process.start()
    pair.office_process.wait_until_ready()
    assert equal(pair.office_process, "center1111")
    assert equal(pair.centre_process, "chumchon")
    assert [] == pair.exchange_faults()
    for referral in (before, forgotten):
        case = case_of(pair, referral)
        assert ("answered", pair.centre.referral(referral["id"])["case_number"]) == (case["state"], case["case_number"])
    pair.office.answer(case_of(pair, forgotten), "โอนภายใน 15 วัน")
    corrected = eventually(
        lambda: it if (it := pair.centre.referral(forgotten["id"]))["answer"]["version"] == 2 else None
    )
    assert "โอนภายใน 15 วัน" == corrected["answer"]["text"]
    assert "answered" == pair.centre.complaint(complaint["id"])["state"]
    assert [] == pair.exchange_faults()


def test_the_centre_restored_from_an_older_backup_catches_up(
    drilled: Pair, databases: Databases, tmp_path: Path
) -> None:
    """Complaints that it had referred are there again with their answers, and no number is given twice."""
    pair = drilled
    _, before = refer(pair.centre, complaint_by("letter", SUBJECT))
    case_of(pair, before)
    pair.wait_until_settled()
    backup = Backup(databases.server, pair.centre_database, pair.centre_process, tmp_path)
    backup.take()
    complaint, forgotten = refer(pair.centre, complaint_by("hotline", SUBJECT))
    for referral in (before, forgotten):
        answered(pair, referral)
    backup.restore()

    pair.centre_process.start()  # too early, and harmless
    assert "run center1111 exchange recover chumchon" in why_not_ready(pair.centre_process)
    with pytest.raises(Refused, match="503"):
        pair.centre.amend(before["id"], "ชุมชนแจ้งเพิ่มเติม")
    assert "mended" in pair.centre_process.command("exchange", "recover", "chumchon")
    pair.centre_process.wait_until_ready()
    assert equal(pair.centre_process, "chumchon")
    assert equal(pair.office_process, "center1111")
    assert [] == pair.exchange_faults()
    for referral in (before, forgotten):
        found = pair.centre.referral(referral["id"])
        assert ("answered", "โอนภายใน 30 วัน") == (found["state"], found["answer"]["text"])
        assert case_of(pair, referral)["case_number"] == found["case_number"]
    again, later = refer(pair.centre, complaint_by("walk_in", SUBJECT))
    assert complaint["tracking_number"] < again["tracking_number"]
    answered(pair, later)
    assert [] == pair.exchange_faults()
