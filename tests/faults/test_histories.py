"""The promise over thousands of generated histories: hypothesis chooses the steps of each.

The short form runs with all tests. The long form: `FAULT_HISTORIES=3000 pytest tests/faults`; `FAULT_SEED` repeats it.
A history that breaks the promise is made as short as it can be, and shown.
"""

import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from exchange import Exchange, ExchangeMetrics, OwnKeys, Peer, generate_keys
from servicekit.database import make_engine, make_sessions
from servicekit.testing import Databases

from ..exchange.conftest import migrate  # noqa: TID252  # tests are no package
from .history import ACTS, History, Side, Step, Tally

HISTORIES = int(os.environ.get("FAULT_HISTORIES", "25"))
SEED = os.environ.get("FAULT_SEED") or f"{random.SystemRandom().getrandbits(32):08x}"
EVENLY = st.integers(0, 2**32 - 1)
STEPS = st.lists(st.builds(Step, st.sampled_from(ACTS), st.integers(0, 1), EVENLY), min_size=10, max_size=40)
CODES = ("center1111", "chumchon")


@pytest.fixture(scope="module")
def sides(databases: Databases) -> Iterator[tuple[Side, Side]]:
    """Both parties, on databases that all histories share one after the other."""
    template = databases.template("exchange", migrate)
    keys = {code: OwnKeys(generate_keys()) for code in CODES}
    with ExitStack() as exits:
        made = []
        for code, other in (CODES, CODES[::-1]):
            engine = make_engine(exits.enter_context(template.clone()), pool_size=4)
            exits.callback(engine.dispose)
            sessions = make_sessions(engine)
            peers = [Peer(other, f"http://{other}.example", keys[other].published)]
            exchange = Exchange.between(code, f"http://{code}.example", keys[code], peers)
            exits.callback(exchange.close)
            exchange.enrol(sessions)
            metrics = ExchangeMetrics(CollectorRegistry())
            made.append(Side(code, other, engine, sessions, exchange, metrics))
        yield made[0], made[1]


def test_no_history_loses_doubles_or_reorders_anything(
    sides: tuple[Side, Side], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the network, the clock, kills, defects and operators do: applied once, in order, or in a list."""
    tally = Tally()
    began = time.monotonic()

    @seed(int(SEED, 16))
    @settings(
        max_examples=HISTORIES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(EVENLY, STEPS)
    def play(beginning: int, steps: Sequence[Step]) -> None:
        history = History(beginning, *sides, tally)
        history.play(steps)
        assert [] == list(history.faults_found())

    play()
    with capsys.disabled():
        print(  # noqa: T201  # what was tried is the result of this test
            f"\n{tally.histories} histories (FAULT_SEED={SEED}) in {time.monotonic() - began:.0f} s,"
            f" {tally.faults.total()} faults of {len(tally.faults)} kinds, {tally.messages} messages:"
            " 0 lost, 0 doubled, 0 out of order, ledgers equal"
            f"\n  ends: {dict(tally.ends.most_common())}\n  faults: {dict(tally.faults.most_common())}"
        )


def test_the_same_choices_play_the_same_history(sides: tuple[Side, Side]) -> None:
    """A seed repeats a history to the last fault and the last end."""
    told = []
    for _ in range(2):
        tally = Tally()
        chance = random.Random(SEED)  # noqa: S311  # to be repeated
        history = History(chance.getrandbits(32), *sides, tally)
        history.play([Step(chance.choice(ACTS), chance.randrange(2), chance.getrandbits(32)) for _ in range(30)])
        assert [] == list(history.faults_found())
        told.append(tally)
    assert told[0] == told[1]
