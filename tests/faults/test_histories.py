"""The promise over thousands of generated histories, each decided by its seed.

The short form runs with all tests. The long form: `FAULT_HISTORIES=2000 pytest tests/faults`; `FAULT_SEED` repeats it,
and a failure names the seed of its own history.
"""

import os
import random
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry

from exchange import Exchange, ExchangeMetrics, OwnKeys, Peer, generate_keys
from servicekit.database import make_engine, make_sessions
from servicekit.testing import Databases

from ..exchange.conftest import migrate  # noqa: TID252  # tests are no package
from .history import History, Side, Tally

HISTORIES = int(os.environ.get("FAULT_HISTORIES", "25"))
SEED = os.environ.get("FAULT_SEED") or f"{random.SystemRandom().getrandbits(32):08x}"
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
    for number in range(HISTORIES):
        seed = f"{SEED}/{number}"
        history = History(seed, *sides, tally)
        history.play()
        assert [] == list(history.faults_found()), f"history {seed}"
    with capsys.disabled():
        print(  # noqa: T201  # what was tried is the result of this test
            f"\n{tally.histories} histories (seed {SEED}), {tally.faults.total()} faults of {len(tally.faults)} kinds,"
            f" {tally.messages} messages: 0 lost, 0 doubled, 0 out of order; ends: {dict(tally.ends.most_common())}"
        )
