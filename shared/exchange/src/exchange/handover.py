"""Handing what a transaction owes straight to a relay of the same process.

While a relay waits for work, one transaction at a time may write what it owes as claimed already, under a lease that it
reserves here. Just before its commit it hands that over: the relay makes the request ready meanwhile, and sends it once
the commit is known, without asking the database first.

Everything else is as with any claim. Should the process be killed in between, or the commit take long, the lease ends,
and another relay claims the messages. Where nobody stands by, or anything else speaks against it, they are written
unclaimed, and claimed like all others.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from schemas import BATCH_BYTES

_BATCH = len(b'{"messages":[]}')


class Owed(NamedTuple):
    """A message as it was written to the outbox."""

    id: UUID
    subject: UUID
    sequence: int
    type: str
    content: str
    digest: str


@dataclass(frozen=True, slots=True)
class Terms:
    """On which a relay stands by: how long a lease is, how many messages it takes at once, and a clock for tests."""

    lease_seconds: float
    at_most: int
    clock: Callable[[], datetime] | None = None


@dataclass(slots=True)
class Reservation:
    """A lease that one transaction has of the relay to one peer, and what it writes with it.

    `handed` is set when the relay may begin: nothing is added from then on.
    """

    peer: str
    terms: Terms
    lease: UUID = field(default_factory=uuid4)
    messages: list[Owed] = field(default_factory=list)
    handed: bool = False
    _bytes: int = _BATCH
    _begun: float = field(default_factory=time.monotonic)
    _is_over: threading.Event = field(default_factory=threading.Event)
    _committed: bool = False

    def has_room(self, size: int) -> bool:
        """Whether one request can carry a message of so many bytes, too."""
        return len(self.messages) < self.terms.at_most and self._bytes + size + 1 <= BATCH_BYTES

    def add(self, owed: Owed, size: int) -> None:
        """This message was written with the lease, too."""
        self.messages.append(owed)
        self._bytes += size + 1

    def end(self, *, committed: bool) -> None:
        """The transaction is over."""
        self._committed = committed
        self._is_over.set()

    def is_committed(self, within_seconds: float) -> bool:
        """Whether the transaction was committed before so much of the lease was over; waits to see."""
        left = self._begun + within_seconds - time.monotonic()
        return left > 0 and self._is_over.wait(left) and self._committed


class Handover:
    """Where transactions and relays of one process meet. Thread-safe; one reservation at a time for each peer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standing_by: dict[str, Terms] = {}
        self._reserved: dict[str, Reservation] = {}

    @contextmanager
    def standing_by(self, peer: str, terms: Terms) -> Iterator[None]:
        """A relay to this peer waits for work inside."""
        with self._lock:
            self._standing_by[peer] = terms
        try:
            yield
        finally:
            with self._lock:
                self._standing_by.pop(peer, None)

    def reserve(self, peer: str) -> Reservation | None:
        """A lease for what is owed to this peer; None where it is to be claimed like all else.

        To be followed by `hand` or not, and by `end` in any case.
        """
        with self._lock:
            terms = self._standing_by.get(peer)
            if terms is None or peer in self._reserved:
                return None
            reservation = self._reserved[peer] = Reservation(peer, terms)
            return reservation

    def hand(self, reservation: Reservation) -> None:
        """The transaction is about to commit: the relay may make ready what is in it."""
        with self._lock:
            reservation.handed = True

    def end(self, reservation: Reservation, *, committed: bool) -> None:
        """The transaction is over; if it was committed, what it handed over is to be sent."""
        reservation.end(committed=committed)
        with self._lock:
            if not (committed and reservation.handed) and self._reserved.get(reservation.peer) is reservation:
                del self._reserved[reservation.peer]

    def has(self, peer: str) -> bool:
        """Whether something was handed over that nobody has taken."""
        reservation = self._reserved.get(peer)
        return reservation is not None and reservation.handed

    def take(self, peer: str) -> Reservation | None:
        """What was handed over, which is now the caller's to send."""
        with self._lock:
            return self._reserved.pop(peer) if self.has(peer) else None
