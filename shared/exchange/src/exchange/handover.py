"""Handing what a transaction owes straight to a relay of the same process.

While a relay waits for work, one transaction at a time may write what it owes as claimed already, under a lease that it
reserves here. Just before its commit it hands that over: the relay makes the request ready meanwhile, and sends it once
the commit is known, without asking the database first.

Everything else is as with any claim. Should the process be killed in between, or the commit hang, the lease ends, and
another relay claims the messages. Where nobody stands by, or anything else speaks against it, they are written
unclaimed, and claimed like all others.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from schemas import BATCH_BYTES

_BATCH = len(b'{"messages":[]}')


class Claimed(NamedTuple):
    """A message that somebody is to send: its row in the outbox; `fresh` when it passes those that wait for longer."""

    id: UUID
    subject: UUID
    sequence: int
    type: str
    content: str
    digest: str
    attempts: int = 0
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Terms:
    """On which a relay stands by: how long a lease is, how many messages it takes at once, and a clock for tests."""

    lease_seconds: float
    at_most: int
    clock: Callable[[], datetime] | None = None


@dataclass(slots=True)
class Reservation:
    """A lease that one transaction has of the relay to one peer, and what it writes with it.

    Attributes:
        withheld: what was written is not to be handed over after all.
        handed: a relay may begin; nothing is added from then on.
        taken: a relay has begun.
        awaited: a relay has waited for the commit in vain.
        is_over: the transaction is, and `committed` tells how.
    """

    peer: str
    terms: Terms
    lease: UUID = field(default_factory=uuid4)
    messages: list[Claimed] = field(default_factory=list, repr=False)
    withheld: bool = False
    handed: bool = False
    taken: bool = False
    awaited: bool = False
    committed: bool = False
    is_over: threading.Event = field(default_factory=threading.Event)
    _bytes: int = _BATCH
    _begun: float = field(default_factory=time.monotonic)

    def takes(self, size: int) -> bool:
        """Whether a message of so many bytes may be written with the lease, too, and one request can carry it."""
        room = len(self.messages) < self.terms.at_most and self._bytes + size + 1 <= BATCH_BYTES
        return room and not self.handed and not self.withheld

    def add(self, message: Claimed, size: int) -> None:
        """This message was written with the lease, too."""
        self.messages.append(message)
        self._bytes += size + 1

    def age_seconds(self) -> float:
        """At most so much of the lease is over."""
        return time.monotonic() - self._begun


class Handover:
    """Where transactions and relays of one process meet. Thread-safe; one reservation at a time for each peer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._serving: Counter[str] = Counter()
        self._standing_by: dict[str, list[Terms]] = {}
        self._reserved: dict[str, Reservation] = {}

    @contextmanager
    def serving(self, peer: str) -> Iterator[None]:
        """A relay to this peer is at work inside: what is handed over is sent."""
        with self._lock:
            self._serving[peer] += 1
        try:
            yield
        finally:
            with self._lock:
                self._serving[peer] -= 1

    @contextmanager
    def standing_by(self, peer: str, terms: Terms) -> Iterator[None]:
        """A relay to this peer waits for work inside."""
        with self.serving(peer):
            with self._lock:
                self._standing_by.setdefault(peer, []).append(terms)
            try:
                yield
            finally:
                with self._lock:
                    self._standing_by[peer].remove(terms)

    def reserve(self, peer: str) -> Reservation | None:
        """A lease for what is owed to this peer; None where it is to be claimed like all else.

        To be followed by `hand` or not, and by `end` in any case. One that never was ended is forgotten with its lease.
        """
        with self._lock:
            waiting = self._standing_by.get(peer)
            before = self._reserved.get(peer)
            if not waiting or (before and before.age_seconds() < before.terms.lease_seconds):
                return None
            reservation = self._reserved[peer] = Reservation(peer, waiting[0])
            return reservation

    def hand(self, reservation: Reservation) -> bool:
        """Let the relay make ready what the transaction is about to commit; False when nobody is there to send it."""
        with self._lock:
            reservation.handed = self._serving[reservation.peer] > 0
            return reservation.handed

    def end(self, reservation: Reservation, *, committed: bool) -> None:
        """The transaction is over; if it was committed, what it handed over is to be sent."""
        reservation.committed = committed
        reservation.is_over.set()
        if not (committed and reservation.handed):
            self.close(reservation)

    def has(self, peer: str) -> bool:
        """Whether something is there to `take`. Without the lock: whoever hands over nudges those who wait."""
        reservation = self._reserved.get(peer)
        if reservation is None or not reservation.handed or reservation.taken:
            return False
        return reservation.is_over.is_set() or not reservation.awaited

    def take(self, peer: str) -> Reservation | None:
        """What was handed over, to be sent once it is committed; to be followed by `close` or `put_back`."""
        with self._lock:
            if not self.has(peer):
                return None
            self._reserved[peer].taken = True
            return self._reserved[peer]

    def put_back(self, reservation: Reservation) -> None:
        """Let it be taken again, when its transaction is over."""
        with self._lock:
            reservation.taken, reservation.awaited = False, True

    def close(self, reservation: Reservation) -> None:
        """Nothing more is to be done for it: another transaction may have the place."""
        with self._lock:
            if self._reserved.get(reservation.peer) is reservation:
                del self._reserved[reservation.peer]
