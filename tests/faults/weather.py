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

SKEW = timedelta(minutes=10)
_ALWAYS, _IN_A_STORM = 0.15, 0.6
"""How many requests on a line suffer a fault."""

_UNHEARD = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name IN ('exchange announcer', 'exchange listener')
"""


@dataclass(frozen=True)
class Trouble:
    """Something that goes wrong, and how it is put right. Two troubles of one `place` do not go together."""

    name: str
    place: str
    strike: Callable[[], object]
    repair: Callable[[], object] = field(default=lambda: None)


@dataclass
class Weather:
    """All that can go wrong, two things at a time. `clusters` and `disk` are what the databases stand on."""

    pair: Pair
    clusters: Mapping[str, KillableCluster]
    disk: SmallDisk | None
    seed: str
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311  # to be repeated, not to be secret
        self._coming: list[Trouble] = []

    def begin(self, *, slow_seconds: float) -> None:
        """From now on requests suffer, in both directions."""
        for number, line in enumerate(self._lines):
            line.slow_seconds = slow_seconds
            line.faults = Faults(list(Fault), share=_ALWAYS, seed=f"{self.seed}/{number}")

    def round(self, *, longest_seconds: float) -> None:
        """Two things go wrong for a while, each kind before any comes again; then they are right for as long."""
        struck: list[Trouble] = []
        for _ in range(2):
            trouble = self._next({it.place for it in struck})
            struck.append(trouble)
            self.happened[trouble.name] += 1
            trouble.strike()
        lasts = self._chance.uniform(0, longest_seconds)
        time.sleep(lasts)
        for trouble in sorted(struck, key=lambda it: "database" not in it.place):  # services need theirs to get ready
            trouble.repair()
        self.pair.centre_process.wait_until_ready()
        self.pair.office_process.wait_until_ready()
        self._resume()
        time.sleep(lasts)

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
        self._coming.remove(possible[0])
        return possible[0]

    @property
    def _troubles(self) -> Sequence[Trouble]:
        pair = self.pair
        processes: Sequence[tuple[str, Process]] = (
            ("centre's service", pair.centre_process),
            ("office's service", pair.office_process),
            ("centre's relay", pair.centre_relay),
            ("office's relay", pair.office_relay),
        )
        troubles = [
            Trouble("storm on the lines", "lines", partial(self._blow, _IN_A_STORM), partial(self._blow, _ALWAYS))
        ]
        for name, process in processes:
            troubles.append(Trouble(f"killed: {name}", name, process.kill, process.start))
            for way, skew in (("ahead", SKEW), ("behind", -SKEW)):
                off, right = partial(_restart, process, skew), partial(_restart, process, timedelta(0))
                troubles.append(Trouble(f"clock 10 minutes {way}: {name}", name, off, right))
        for side, url in (("centre", pair.centre_database), ("office", pair.office_database)):
            cluster = self.clusters[side]
            troubles.append(
                Trouble(f"killed: {side}'s PostgreSQL", f"{side}'s database", cluster.kill, cluster.start_again)
            )
            troubles.append(Trouble(f"wake-ups lost: {side}", f"{side}'s database", partial(_go_unheard, url)))
        if self.disk is not None:
            troubles.append(Trouble("full disk: office", "office's database", self.disk.fill, self.disk.make_room))
        return troubles

    def _blow(self, share: float) -> None:
        for line in self._lines:
            line.faults.share = share


def _restart(process: Process, skew: timedelta) -> None:
    process.kill()
    process.start(skew=skew)


def _go_unheard(url: str) -> None:
    """Cut the connections on which relays are told that there is something to send."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_UNHEARD)
