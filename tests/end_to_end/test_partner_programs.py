"""The two programs for partner agencies, run as they run them: against the real Office, and beside the real Centre."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from devstack.ports import HOST, free_ports
from devstack.testing.acting import complaint_by
from devstack.testing.databases import Templates
from devstack.testing.pair import Pair, running_pair
from devstack.testing.processes import Process
from servicekit.testing import eventually

CHECK, SIMULATOR = (str(Path(sys.executable).with_name(f"exchange-{name}")) for name in ("check", "simulator"))
AGENCY = "second_office"
REFERRALS = 8


@dataclass
class Trial:
    """An Office that knows the checking party, and a Centre that knows an agency whose line is bad."""

    pair: Pair
    keys: Path
    agency_url: str


def check(url: str, keys: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `exchange-check` as a process."""
    return subprocess.run((CHECK, url, "--keys", str(keys), *options), check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def trial(migrated: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    folder = tmp_path_factory.mktemp("partner")
    (port,) = free_ports(1)
    agency_url, keys = f"http://{HOST}:{port}", folder / "check.keys.json"
    made = check("http://127.0.0.1:1", keys)
    assert 2 == made.returncode
    published = json.loads(made.stdout.splitlines()[1])
    peers = json.dumps({"exchange_check": {"url": "http://127.0.0.1:1", "jwks": published}})
    words = ("--code", AGENCY, "--port", str(port), "--keys", str(folder / "agency.keys.json"))
    faults = ("--all", "--share", "0.5", "--slow-seconds", "0.5")
    with (
        migrated.centre.clone() as centre,
        migrated.office.clone() as office,
        running_pair(
            centre, office, folder / "pair", more_agencies={AGENCY: agency_url}, settings={"CHUMCHON_PEERS": peers}
        ) as pair,
    ):
        agency = Process(AGENCY, (SIMULATOR, f"center1111={pair.centre.url}", *words, *faults), os.environ, folder)
        agency.start()
        try:
            yield Trial(pair, keys, agency_url)
        finally:
            agency.kill()


def test_the_office_keeps_all_promises_that_the_check_looks_at(trial: Trial) -> None:
    """`exchange-check` finds nothing broken at the real Office, says so in words and as JSON, and ends with 0."""
    told = check(trial.pair.office.url, trial.keys)
    assert (0, "") == (told.returncode, told.stderr), told.stdout
    assert "29 of 29 promises kept." in told.stdout
    found = json.loads(check(trial.pair.office.url, trial.keys, "--json", "--only", "early_message_is_held").stdout)
    assert [("early_message_is_held", None)] == [(it["check"], it["problem"]) for it in found]


def test_whom_nobody_knows_is_told_what_is_broken(trial: Trial, tmp_path: Path) -> None:
    """A party that the Office does not know is refused, so that its promises count as broken: 1."""
    stranger = tmp_path / "stranger.keys.json"
    assert 2 == check(trial.pair.office.url, stranger).returncode
    told = check(trial.pair.office.url, stranger, "--only", "good_message_is_taken")
    assert 1 == told.returncode
    assert "BROKEN" in told.stdout


def test_a_centre_gets_everything_through_to_a_partner_with_all_faults(trial: Trial) -> None:
    """`exchange-simulator --all` answers each referral in the end, applied once, and tells which faults happened."""
    centre = trial.pair.centre
    referred = []
    for number in range(REFERRALS):
        registered = centre.register(complaint_by("hotline", f"ถนนหน้าหมู่บ้านเป็นหลุม {number}"))
        centre.verify(registered["id"])
        body = {"to": AGENCY, "question": "ขอให้พิจารณาตอบผู้ร้อง"}
        referred.append(centre.change("officer", "POST", f"/v1/complaints/{registered['id']}/referrals", body))
    for referral in referred:
        eventually(lambda of=referral["id"]: centre.referral(of)["state"] == "answered", within_seconds=240)  # type: ignore[misc]
    state = httpx2.get(f"{trial.agency_url}/simulator", trust_env=False).json()
    applied = [it["subject"] for it in state["applied"] if it["type"] == "referral.sent.v1"]
    assert sorted(it["id"] for it in referred) == sorted(applied)
    assert state["faults"]
