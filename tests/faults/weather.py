"""What goes wrong around two real services, their relays, their databases and the lines between, chosen by a seed."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import psycopg

from devstack.demo.people import Service
from devstack.testing.databases import KillableCluster
from devstack.testing.disks import SmallDisk
from devstack.testing.line import Line
from devstack.testing.pair import Pair
from devstack.testing.processes import Process
from exchange.partner.simulating import Fault, Faults
from servicekit.testing import eventually

SKEW = timedelta(minutes=10)
_ALWAYS, _IN_A_STORM = 0.15, 0.6
"""How many requests on a line suffer a fault."""

_LISTENED = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'exchange listener'
"""
_UNHEARD = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name IN ('exchange announcer', 'exchange listener')
"""


@dataclass(frozen=True)
class Trouble:
    """Something that goes wrong, and how it is put right. Two troubles of one `place` do not go together.

    After `strike` the trouble may still be on its way: `felt` waits until it has come.
    """

    kind: str
    place: str
    strike: Callable[[], object]
    repair: Callable[[], object] = field(default=lambda: None)
    felt: Callable[[], object] = field(default=lambda: None)

    @property
    def name(self) -> str:
        """What goes wrong where."""
        return f"{self.kind}: {self.place}"

    @property
    def of_database(self) -> bool:
        """Whether processes cannot start while it lasts."""
        return "database" in self.place


@dataclass
class Weather:
    """All that can go wrong, some of it at a time. `clusters` and `disk` are what the databases stand on."""

    pair: Pair
    clusters: Mapping[str, KillableCluster]
    disk: SmallDisk | None
    seed: str
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311  # to be repeated, not to be secret
        self._coming: list[Trouble] = []
        self.kinds_to_come = {it.kind for it in self._troubles}
        """The kinds of trouble that no round has had yet."""

    def begin(self, *, slow_seconds: float) -> None:
        """From now on requests suffer, in both directions."""
        for number, line in enumerate(self._lines):
            line.slow_seconds = slow_seconds
            line.faults = Faults(list(Fault), share=_ALWAYS, seed=f"{self.seed}/{number}")

    def round(self, *, things: int, longest_seconds: float) -> float:
        """So many things go wrong for a while, then they are put right; how many seconds it lasted.

        Each thing comes before any comes again. Kinds that have not come yet go first, and of these what can go wrong
        in the fewest places; so they do not stand in each other's way for long.
        """
        struck: list[Trouble] = []
        for _ in range(things):
            struck.append(self._next({it.place for it in struck}))
        self.happened.update(it.name for it in struck)
        on_databases = [it for it in struck if it.of_database]
        elsewhere = [it for it in struck if not it.of_database]
        for trouble in elsewhere:
            trouble.strike()
        for trouble in elsewhere:
            trouble.felt()
        for trouble in on_databases:
            trouble.strike()
        lasts = self._chance.uniform(0, longest_seconds)
        time.sleep(lasts)
        for trouble in (*on_databases, *elsewhere):
            trouble.repair()
        self.pair.centre_process.wait_until_ready()
        self.pair.office_process.wait_until_ready()
        self._resume()
        return lasts

    def clear_up(self) -> None:
        """From now on nothing goes wrong."""
        for line in self._lines:
            self.happened.update({f"line: {fault.value}": count for fault, count in line.faults.happened.items()})
            line.faults = Faults(())
        self._resume()

    @property
    def _lines(self) -> Sequence[Line]:
        return [line for line in (self.pair.line, self.pair.line_back) if line]

    def _resume(self) -> None:
        """Operators see which peer is paused, as it refused what was stamped by a wrong clock, and let it go on."""
        services: Sequence[Service] = (self.pair.centre, self.pair.office)
        for service in services:
            for status in service.ask("operator", "GET", "/v1/exchange/status").json():
                if status["pause"]:
                    service.change("operator", "POST", f"/v1/exchange/peers/{status['peer']}/resumption", {})

    def _next(self, taken: set[str]) -> Trouble:
        while not (possible := [it for it in self._coming if it.place not in taken]):
            self._coming += self._chance.sample(self._troubles, len(self._troubles))
        kinds = Counter(it.kind for it in self._troubles)
        to_come = [it for it in possible if it.kind in self.kinds_to_come]
        chosen = min(to_come, key=lambda it: kinds[it.kind]) if to_come else possible[0]
        self._coming.remove(chosen)
        self.kinds_to_come.discard(chosen.kind)
        return chosen

    @property
    def _troubles(self) -> Sequence[Trouble]:
        pair = self.pair
        processes: Sequence[tuple[str, Process, Callable[[], object]]] = (
            ("centre's service", pair.centre_process, pair.centre_process.wait_until_ready),
            ("office's service", pair.office_process, pair.office_process.wait_until_ready),
            ("centre's relay", pair.centre_relay, partial(_wait_for_relay, pair.centre_database)),
            ("office's relay", pair.office_relay, partial(_wait_for_relay, pair.office_database)),
        )
        troubles = [Trouble("storm", "lines", partial(self._blow, _IN_A_STORM), partial(self._blow, _ALWAYS))]
        for name, process, working in processes:
            troubles.append(Trouble("killed", name, process.kill, process.start))
            for way, skew in (("ahead", SKEW), ("behind", -SKEW)):
                off, right = partial(_restart, process, skew), partial(_restart, process, timedelta(0))
                troubles.append(Trouble(f"clock 10 minutes {way}", name, off, right, working))
        for side, url in (("centre", pair.centre_database), ("office", pair.office_database)):
            cluster, place = self.clusters[side], f"{side}'s database"
            troubles.append(Trouble("PostgreSQL killed", place, cluster.kill, cluster.start_again))
            troubles.append(Trouble("wake-ups lost", place, partial(_go_unheard, url)))
        if self.disk is not None:
            troubles.append(Trouble("full disk", "office's database", self.disk.fill, self.disk.make_room))
        return troubles

    def _blow(self, share: float) -> None:
        for line in self._lines:
            line.faults.share = share


def _restart(process: Process, skew: timedelta) -> None:
    process.kill()
    process.start(skew=skew)


def _wait_for_relay(database_url: str) -> None:
    """Return when a relay works: it listens for what is owed."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        eventually(lambda: connection.execute(_LISTENED).fetchone())


def _go_unheard(url: str) -> None:
    """Cut the connections on which relays are told that there is something to send."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_UNHEARD)
