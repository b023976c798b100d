"""Waking the relay as soon as something is owed, without ever talking to anyone inside a business transaction.

A wake-up may be lost; relays look by themselves every few seconds. So nothing here needs to be certain, only quick.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator

import psycopg
import sqlalchemy as sa
import structlog

from servicekit.alongside import beside
from servicekit.problems import describe

CHANNEL = "exchange_owed"
_RECONNECT_SECONDS = 2.0
_LISTEN_SECONDS = 0.5

_Work = Callable[[psycopg.Connection, threading.Event], None]

log = structlog.get_logger(__name__)


class Bell:
    """Rung after each commit that owes something; any number of threads wait for it, and none misses a ring."""

    def __init__(self) -> None:
        self._rung = threading.Condition()
        self._count = 0

    def ring(self) -> None:
        """Wake all who wait."""
        with self._rung:
            self._count += 1
            self._rung.notify_all()

    def nudge(self) -> None:
        """Let all who wait look whether what they wait for beside the bell has come."""
        with self._rung:
            self._rung.notify_all()

    def heard(self) -> int:
        """How often it rang so far: to be asked before looking for work, and passed to `wait`."""
        return self._count

    def wait(self, heard: int, timeout_seconds: float, *, beside: Callable[[], bool] = lambda: False) -> bool:
        """Wait until it rings once more than `heard` times, or until `beside`; False when neither was within the time.

        `beside` is asked again after each ring and each nudge.
        """
        with self._rung:
            return self._rung.wait_for(lambda: self._count != heard or beside(), timeout_seconds)


@contextlib.contextmanager
def announcing(bell: Bell, engine: sa.Engine) -> Iterator[None]:
    """Pass the bell's rings on to relays in other processes, by NOTIFY on a connection of its own.

    A NOTIFY inside the business transaction would serialise all commits on one lock of the server.
    """

    def announce(connection: psycopg.Connection, stop: threading.Event) -> None:
        heard = bell.heard()
        while not stop.is_set():
            if bell.wait(heard, _LISTEN_SECONDS):
                heard = bell.heard()
                connection.execute(f"NOTIFY {CHANNEL}")

    with _beside(engine, announce, name="exchange announcer"):
        yield


@contextlib.contextmanager
def listening(bell: Bell, engine: sa.Engine) -> Iterator[None]:
    """Ring the bell for what other processes announce."""

    def listen(connection: psycopg.Connection, stop: threading.Event) -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        bell.ring()  # for what was announced before we listened
        while not stop.is_set():
            for _ in connection.notifies(timeout=_LISTEN_SECONDS, stop_after=1):
                bell.ring()

    with _beside(engine, listen, name="exchange listener"):
        yield


@contextlib.contextmanager
def _beside(engine: sa.Engine, work: _Work, *, name: str) -> Iterator[None]:
    """A thread with an autocommit connection of its own, connected again when it breaks."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def run(stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                with psycopg.connect(url, autocommit=True, application_name=name) as connection:
                    work(connection, stop)
            except psycopg.OperationalError as error:
                log.warning("exchange wake-ups interrupted", **describe(error))
                stop.wait(_RECONNECT_SECONDS)

    with beside(run, name=name):
        yield
