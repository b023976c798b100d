"""Regular work beside requests and relays: a job is done by one process at a time, and does no harm if repeated."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from servicekit.clock import utc_now
from servicekit.database import Query, Sessions
from servicekit.problems import describe

log = structlog.get_logger(__name__)

LOOK_SECONDS = 15.0
"""How often a process looks whether a job is due."""

LEASE = timedelta(minutes=10)
"""Until when the others leave a job to the process that has begun it."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do regularly. `next_after` says when it is due again; `at_once`, whether its first time is now."""

    name: str
    work: Callable[[], object]
    next_after: Callable[[datetime], datetime]
    at_once: bool = True


def every(interval: timedelta) -> Callable[[datetime], datetime]:
    """Due again so long after it was done."""
    return lambda done_at: done_at + interval


def nightly(hour_utc: int) -> Callable[[datetime], datetime]:
    """Due again at the next such hour (UTC)."""

    def following(done_at: datetime) -> datetime:
        tonight = done_at.replace(hour=hour_utc, minute=0, second=0, microsecond=0)
        return tonight if tonight > done_at else tonight + timedelta(days=1)

    return following


class Jobs:
    """Does the jobs of one party. Run it in any number of processes."""

    def __init__(self, sessions: Sessions, jobs: Sequence[Job], *, clock: Callable[[], datetime] | None = None) -> None:
        """`clock` is for tests: without it, times are this machine's."""
        self._sessions = sessions
        self._jobs = jobs
        self._clock = clock or utc_now
        self._entered: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        while not stop.wait(LOOK_SECONDS):
            for job in self._jobs:
                if not stop.is_set():
                    self._look(job)

    def do_what_is_due(self) -> list[str]:
        """Do each job that is due now; their names."""
        return [job.name for job in self._jobs if self._look(job)]

    def _look(self, job: Job) -> bool:
        """Whether it was due and is done. One that fails is tried again when its lease ends."""
        try:
            with self._sessions.begin() as session:
                now = self._clock()
                if job.name not in self._entered:
                    first = now if job.at_once else job.next_after(now)
                    _ENTER.run(session, name=job.name, due_at=first)
                claimed = _CLAIM.run(session, name=job.name, now=now, until=now + LEASE)
            self._entered.add(job.name)
            if not claimed:
                return False
            job.work()
            with self._sessions.begin() as session:
                _DONE.run(session, name=job.name, due_at=job.next_after(self._clock()))
        except Exception as error:  # noqa: BLE001  # whatever it was: the other jobs go on, and this one next time
            log.error("job failed", job=job.name, **describe(error))  # noqa: TRY400  # its text may quote a message
            return False
        return True


_ENTER = Query(sa.text("INSERT INTO exchange_jobs (name, due_at) VALUES (:name, :due_at) ON CONFLICT DO NOTHING"))
_CLAIM = Query(sa.text("UPDATE exchange_jobs SET due_at = :until WHERE name = :name AND due_at <= :now"))
_DONE = Query(sa.text("UPDATE exchange_jobs SET due_at = :due_at WHERE name = :name"))
