"""How readers fare, kept where every process of the Office can see it: whether mailbox and folders are still read."""

import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final, Literal

import sqlalchemy as sa
import structlog

from servicekit.clock import utc_now
from servicekit.database import Query, Sessions
from servicekit.problems import describe

REPORTED_EVERY: Final = timedelta(seconds=30)
"""A reader that goes on as it did says so no more often."""

log = structlog.get_logger(__name__)


class Report:
    """What one reader has to say of itself. It never fails: a database that is away is the reader's to notice."""

    def __init__(self, sessions: Sessions, name: str) -> None:
        self._sessions = sessions
        self._name = name
        self._taken = 0
        self._left = 0
        self._well_since: float | None = None

    def looked(self, *, taken: int, left: int, waiting: Literal["idle", "poll"]) -> None:
        """It has looked through everything there is: what it took in, and how much it had to leave."""
        self._taken += taken
        now = time.monotonic()
        as_before = taken == 0 and left == self._left and self._well_since is not None
        if as_before and now - (self._well_since or 0) < REPORTED_EVERY.total_seconds():
            return
        if self._say(_LOOKED, taken=self._taken, left_over=left, waiting=waiting):
            self._taken, self._left, self._well_since = 0, left, now

    def failed(self, error: Exception) -> None:
        """It could not look."""
        self._well_since = None
        self._say(_FAILED, problem=type(error).__name__)

    def _say(self, statement: Query, **said: object) -> bool:
        try:
            with self._sessions.begin() as session:
                statement.run(session, name=self._name, now=utc_now(), **said)
        except Exception as error:  # noqa: BLE001  # the reader itself meets it too, and tells
            log.warning("report not kept", **describe(error))
            return False
        return True


def begin(sessions: Sessions, names: Collection[str], *, now: datetime) -> None:
    """Say who reads from now on; who read before and does no more is forgotten, or it would seem silent for ever."""
    try:
        with sessions.begin() as session:
            _FORGET.run(session, names=[*names])
            for name in sorted(names):
                _BEGIN.run(session, name=name, now=now)
    except Exception as error:  # noqa: BLE001  # the readers start all the same, and wait for the database
        log.warning("report not kept", **describe(error))


_BEGIN = Query(
    sa.text("""
        INSERT INTO channel_readers (name, started_at, taken, left_over, failures) VALUES (:name, :now, 0, 0, 0)
        ON CONFLICT (name) DO UPDATE SET started_at = :now
    """)
)
_FORGET = Query(sa.text("DELETE FROM channel_readers WHERE name <> ALL (CAST(:names AS text[]))"))
_LOOKED = Query(
    sa.text("""
        INSERT INTO channel_readers (name, started_at, succeeded_at, waiting, taken, left_over, failures)
        VALUES (:name, :now, :now, :waiting, :taken, :left_over, 0)
        ON CONFLICT (name) DO UPDATE SET
            succeeded_at = :now, waiting = :waiting, taken = channel_readers.taken + :taken, left_over = :left_over,
            failures = 0
    """)
)
_FAILED = Query(
    sa.text("""
        INSERT INTO channel_readers (name, started_at, taken, left_over, failures, failed_at, problem)
        VALUES (:name, :now, 0, 0, 1, :now, :problem)
        ON CONFLICT (name) DO UPDATE SET
            failures = channel_readers.failures + 1, failed_at = :now, problem = :problem
    """)
)
