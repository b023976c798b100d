"""What every party does regularly.

It looks after what waits and tells of it, fetches attachments, forgets kept answers, and compares ledgers nightly.
"""

import threading
from collections.abc import Container, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta

from exchange.alarms import Watch, look
from exchange.attachments import Fetcher
from exchange.inbox import Effects
from exchange.jobs import Job, Jobs, every, nightly
from exchange.notifying import Tell, tell_of_alarms
from exchange.parties import Exchange
from exchange.reconciling import Reconciler
from servicekit.clock import utc_now
from servicekit.database import Sessions
from servicekit.idempotency import FORGET_EVERY, forget_expired

LOOK_EVERY = timedelta(minutes=1)
FETCH_EVERY = timedelta(seconds=10)
NIGHT_HOUR_UTC = 19
"""02:00 in Bangkok."""

COMPARED_BACK = timedelta(days=35)


class NotComparedError(Exception):
    """A peer's ledger could not be had: the comparison is tried again soon."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What there is to look after: the service's watches and jobs, the days off, and the ways to tell people."""

    watches: Sequence[Watch]
    holidays: Container[date]
    ways: Sequence[Tell] = field(default=())
    jobs: Sequence[Job] = field(default=())

    def look(self, sessions: Sessions) -> None:
        """Raise, end and remind; then tell of it."""
        with sessions.begin() as session:
            look(session, self.watches, self.holidays, now=utc_now())
        tell_of_alarms(sessions, self.watches, self.ways)


def compare_with_all(exchange: Exchange, sessions: Sessions, effects: Effects) -> None:
    """Compare ledgers with every peer.

    Raises:
        NotComparedError: one of them could not be compared with; the others were.
    """
    reconciler = Reconciler(exchange, sessions, effects)
    try:
        since = utc_now() - COMPARED_BACK
        failed = [
            peer.code for peer in exchange.peers.values() if reconciler.reconcile(peer, since=since).outcome == "failed"
        ]
    finally:
        reconciler.close()
    if failed:
        raise NotComparedError(", ".join(failed))


def run_upkeep(exchange: Exchange, sessions: Sessions, effects: Effects, plan: Upkeep, stop: threading.Event) -> None:
    """Do the regular work until `stop` is set; any number of processes may."""
    with closing(Fetcher(exchange, sessions)) as fetcher:
        jobs = [
            Job("attachments", fetcher.fetch_what_is_due, every(FETCH_EVERY)),
            Job("watch", lambda: plan.look(sessions), every(LOOK_EVERY)),
            Job("expired answers", lambda: forget_expired(sessions, now=utc_now()), every(FORGET_EVERY)),
            Job(
                "reconcile",
                lambda: compare_with_all(exchange, sessions, effects),
                nightly(NIGHT_HOUR_UTC),
                at_once=False,
            ),
            *plan.jobs,
        ]
        Jobs(sessions, jobs).run(stop)
