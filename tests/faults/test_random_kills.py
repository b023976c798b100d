"""The promise under fire: complaints are referred and answered while the Office and a database are killed at random.

The short form runs with all tests. The long form: `FAULT_COMPLAINTS=240 FAULT_ROUNDS=12 pytest tests/faults`.
`FAULT_SEED` repeats a run's choices; what the machine's timing adds to them differs each time.
"""

import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from devstack.demo.people import Json, Office, Refused
from devstack.testing.acting import CENTRE_CHANNELS, answer, complaint_by, refer
from devstack.testing.databases import KillableCluster, migrate, templates
from devstack.testing.pair import Pair, running_pair
from servicekit.testing import Databases, eventually

COMPLAINTS = int(os.environ.get("FAULT_COMPLAINTS", "60"))
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))
SEED = os.environ.get("FAULT_SEED") or f"{random.SystemRandom().getrandbits(32):08x}"
COUNTERS = 4
"""Officers who refer complaints at the same time."""

SUBJECTS = (
    "ขอให้ตรวจสอบการทุจริตของกรรมการ",
    "ยังไม่ได้รับการโอนเงินงวดที่สอง",
    "ขอวาระการประชุมและรายงานการประชุม",
    "ลืมรหัสผ่าน เข้าเว็บไซต์ไม่ได้",
    "ขอวิทยากรและหลักสูตรการฝึกอบรม",
    "ถนนหน้าหมู่บ้านเป็นหลุม",
)


@pytest.fixture
def centre_cluster(tmp_path: Path) -> Iterator[KillableCluster]:
    """A PostgreSQL of the Centre's own, so that killing it disturbs no other test."""
    with KillableCluster(tmp_path / "postgres") as cluster:
        yield cluster


@pytest.fixture
def pair(centre_cluster: KillableCluster, databases: Databases, tmp_path: Path) -> Iterator[Pair]:
    centre = centre_cluster.create_database("center1111")
    migrate("center1111", centre)
    with templates(databases).office.clone() as office, running_pair(centre, office, tmp_path / "pair") as running:
        yield running


def clerk_answers_everything(office: Office, stop: threading.Event) -> None:
    """Answer each open case, whatever dies meanwhile; what was begun is gone on with."""
    while not stop.is_set():
        with suppress(Refused, httpx2.TransportError):
            for case in office.items("registrar", "/v1/cases", state="new,routed,accepted"):
                with suppress(Refused):  # a call that was cut off may have been carried out
                    answer(office, case, f"คำตอบของ {case['case_number']}")
        stop.wait(0.2)


@contextmanager
def working(office: Office) -> Iterator[None]:
    """A clerk at work in the background."""
    stop = threading.Event()
    clerk = threading.Thread(target=clerk_answers_everything, args=(office, stop), name="clerk")
    clerk.start()
    try:
        yield
    finally:
        stop.set()
        clerk.join()


def refer_some(pair: Pair, first: int, count: int) -> Iterator[tuple[Json, Json]]:
    """Refer so many complaints, from several counters at once; yields each when it is done."""
    with ThreadPoolExecutor(COUNTERS) as counters:
        yield from counters.map(
            lambda n: refer(
                pair.centre,
                complaint_by(CENTRE_CHANNELS[n % len(CENTRE_CHANNELS)], f"{SUBJECTS[n % len(SUBJECTS)]} เรื่องที่ {n}"),
            ),
            range(first, first + count),
        )


def test_everything_is_answered_once_although_everything_is_killed(
    pair: Pair, centre_cluster: KillableCluster, record_property: Callable[[str, object], None]
) -> None:
    """Each complaint ends answered with the answer to it; each referral has one case; no message is lost or doubled."""
    record_property("seed", SEED)
    chance = random.Random(SEED)  # noqa: S311  # to be repeated, not to be secret
    a_round = COMPLAINTS // ROUNDS
    round_of_the_database = chance.randrange(ROUNDS)
    referred: list[tuple[Json, Json]] = []
    with working(pair.office):
        for number in range(ROUNDS):
            kill_office_after = chance.randrange(a_round)
            kill_database_after = chance.randrange(a_round) if number == round_of_the_database else None
            for done, one in enumerate(refer_some(pair, number * a_round, a_round)):
                referred.append(one)
                if done == kill_office_after:
                    pair.office_process.kill()
                if done == kill_database_after:
                    centre_cluster.kill_and_restart()
            pair.office_process.start()
            pair.office_process.wait_until_ready()
        eventually(lambda: all_answered(pair, referred), within_seconds=60 + COMPLAINTS)
    assert pair.exchange_faults() == [], f"seed {SEED}"
    answers = {}
    for complaint, referral in referred:
        (case,) = pair.office.items("registrar", "/v1/cases", referral=referral["id"])
        seen = pair.centre.referral(referral["id"])
        answers[complaint["tracking_number"]] = seen["answer"]["text"]
        assert case["case_number"] == seen["case_number"]
        assert seen["answer"]["text"] == f"คำตอบของ {case['case_number']}"
        assert pair.centre.complaint(complaint["id"])["state"] == "answered"
    assert a_round * ROUNDS == len(set(answers.values())) == len(list(pair.office.items("registrar", "/v1/cases")))


def all_answered(pair: Pair, referred: list[tuple[Json, Json]]) -> bool:
    """Whether the Centre has an answer to every referral."""
    states = Counter(it["state"] for it in pair.centre.items("officer", "/v1/referrals"))
    return states == {"answered": len(referred)}
