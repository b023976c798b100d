"""The promise under fire: both services, their relays and their databases as real processes, and a bad line between.

Complaints live their lives by HTTP while everything is killed, slowed, filled and misled at random. The short form runs
with all tests: two rounds of many things at once, among them each kind of trouble. The long form has fewer at a time,
and every trouble on both sides: `FAULT_ROUNDS=40 pytest tests/faults`. `FAULT_SEED` repeats a run's choices; what the
machine's timing adds to them differs each time.
"""

import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from devstack.testing.databases import KillableCluster, migrate
from devstack.testing.disks import NoSmallDiskError, small_disk
from devstack.testing.pair import Pair, running_pair
from servicekit.testing import eventually

from .judging import Verdict
from .lives import Lived, Village
from .weather import Weather

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "2"))
LONG = ROUNDS > 20
THINGS = 2 if LONG else 4
"""How many things go wrong at a time."""
SEED = os.environ.get("FAULT_SEED") or f"{random.SystemRandom().getrandbits(32):08x}"
PEOPLE = 6
"""Officers who see complaints through their lives at the same time."""

MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of our own is made there
DISK_MEBIBYTES = 48
LEAST_ACTS = 40
"""So much is done at least, however slow the machine is: what is not done in bad weather is done after it."""
ACTS_BETWEEN = 8
"""So much is done at least after each round of the short form."""
KILLED_SECONDS = 9.0
"""So much sooner than by itself the lease of a killed relay ends in the short form; those of others do not end."""

SETTLED_SECONDS = 300.0
SETTINGS = {"CENTER1111_PUBLIC_READ_RATE": "100000/minute"}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the databases lie: in memory if there is one, as killing processes does not harm what is there."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    made = Path(tempfile.mkdtemp(prefix="test-faults-", dir=MEMORY))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def weather(folder: Path, tmp_path: Path) -> Iterator[Weather]:
    """Both sides with a PostgreSQL, a service and a relay of their own, and lines that can be bent."""
    with ExitStack() as exits:
        clusters = {side: KillableCluster(folder / side) for side in ("centre", "office")}
        with ThreadPoolExecutor() as beginning:
            list(beginning.map(exits.enter_context, clusters.values()))
        centre = clusters["centre"].create_database("center1111")
        office = clusters["office"].create_database("chumchon")
        migrate("center1111", centre)
        migrate("chumchon", office)
        try:
            disk = exits.enter_context(small_disk(office, "exchange_inbox", mebibytes=DISK_MEBIBYTES))
        except NoSmallDiskError:  # only root can have one: elsewhere no disk gets full
            disk = None
        pair = exits.enter_context(
            running_pair(
                centre,
                office,
                tmp_path / "pair",
                with_line=True,
                with_line_back=True,
                centre_relays=False,
                office_relays=False,
                settings=SETTINGS,
            )
        )
        pair.centre_relay.start()
        pair.office_relay.start()
        yield Weather(pair, clusters, disk, SEED)


def live_on(village: Village, numbers: Iterator[int], stop: threading.Event) -> list[Lived]:
    """See one complaint after the other through its life, until it is time to stop."""
    lived = []
    while not stop.is_set():
        lived.append(village.live(next(numbers)))
    return lived


def nothing_is_owed(pair: Pair) -> bool:
    """Whether all is delivered."""
    return all(row["state"] != "queued" for side in ("centre", "office") for row in pair.outbox(side))


def wait_until(pair: Pair, is_so: Callable[[], bool]) -> None:
    """Return when it is so; a short run does not wait for the times at which things are tried again."""

    def look() -> bool:
        if not LONG:
            pair.let_time_pass()
        return is_so()

    if not LONG:
        pair.let_leases_age(KILLED_SECONDS)
    eventually(look, within_seconds=SETTLED_SECONDS)


def test_nothing_is_lost_although_everything_breaks(weather: Weather, capsys: pytest.CaptureFixture[str]) -> None:
    """Applied once and in order or listed with its reason; complainants see the Office's last word; ledgers equal."""
    pair, began = weather.pair, time.monotonic()
    village = Village(pair.centre, pair.office, SEED, pause_seconds=(0.1, 0.6) if LONG else (0.05, 0.3))
    numbers, stop = count(1), threading.Event()
    weather.begin(slow_seconds=10.0 if LONG else 1.0)
    with ThreadPoolExecutor(PEOPLE) as people:
        lives = [people.submit(live_on, village, numbers, stop) for _ in range(PEOPLE)]
        try:
            for _ in range(ROUNDS):
                time.sleep(weather.round(things=THINGS, longest_seconds=10.0 if LONG else 1.0))
                if not LONG:
                    wait_until(pair, partial(village.has_done, village.acts.total() + ACTS_BETWEEN))
            assert set() == weather.kinds_to_come
            weather.clear_up()
            wait_until(pair, partial(village.has_done, LEAST_ACTS))
        finally:
            stop.set()
        lived = [one for life in lives for one in life.result()]
    wait_until(pair, partial(nothing_is_owed, pair))
    verdict = Verdict(pair)
    assert [] == list(verdict.losses(lived)), f"FAULT_SEED={SEED}"
    with capsys.disabled():
        print(  # noqa: T201  # what was tried is the result of this test
            f"\n{len(lived)} complaints with {village.acts.total()} acts ({village.crossed} more crossed) and"
            f" {verdict.messages} messages in {time.monotonic() - began:.0f} s (FAULT_SEED={SEED}),"
            f" {weather.happened.total()} faults of {len(weather.happened)} kinds: 0 lost, 0 doubled, 0 out of order,"
            f" ledgers equal, each complainant sees the last answer\n  listed with a reason: {dict(verdict.listed)}"
            f"\n  acts: {dict(village.acts.most_common())}\n  faults: {dict(weather.happened.most_common())}"
        )
