"""The receiver's rules in one small class, in memory: what a partner has to do with a batch, and nothing else."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from pydantic import ValidationError

from exchange.inbox import Arrival, read_batch
from exchange.refusals import INVALID_BODY, SEQUENCE_TAKEN, UNKNOWN_TYPE, faults, refusal
from schemas import TYPES, Disposition, Message, Receipt, ReceiptProblem


@dataclass(slots=True)
class Taken:
    """One message that was taken, and what became of it."""

    arrival: Arrival
    received_at: datetime
    disposition: Disposition
    problem: ReceiptProblem | None = None


@dataclass
class MemoryInbox:
    """Takes batches of one peer after another. `applied` holds the messages in the order in which they took effect."""

    taken: dict[tuple[str, UUID], Taken] = field(default_factory=dict)
    applied: list[Message] = field(default_factory=list)
    _reached: dict[tuple[str, UUID], int] = field(default_factory=dict)
    _held: dict[tuple[str, UUID, int], Taken] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def take(self, body: bytes, source: str) -> list[Receipt]:
        """A receipt for each message of a batch.

        Raises:
            MalformedBatch: it is no batch.
        """
        with self._lock:
            return [self.take_one(arrival, source) for arrival in in_order(read_batch(body, source))]

    def take_one(self, arrival: Arrival, source: str) -> Receipt:
        """What becomes of one message."""
        first = self.taken.get((source, arrival.id))
        if first is not None:
            same = first.arrival.digest == arrival.digest
            return _receipt(first, Disposition.DUPLICATE if same else Disposition.CONFLICT)
        it = Taken(arrival, datetime.now(UTC), Disposition.QUARANTINED, arrival.problem or self.refused(arrival))
        self.taken[source, arrival.id] = it
        message = arrival.message
        if message is not None and arrival.problem is None:
            self._place(it, message)
        return _receipt(it, it.disposition)

    def refused(self, arrival: Arrival) -> ReceiptProblem | None:
        """Why a readable message cannot be applied; it counts as taken for the order all the same."""
        kind = TYPES.get(arrival.message.type) if arrival.message else None
        if arrival.message is None or kind is None:
            return refusal(UNKNOWN_TYPE)
        try:
            kind.body.model_validate(arrival.message.data)
        except ValidationError as error:
            return refusal(INVALID_BODY, errors=faults(error, under="/data"))
        return None

    def _place(self, it: Taken, message: Message) -> None:
        subject = (message.source, message.subject)
        reached = self._reached.get(subject, 0)
        place = (*subject, message.sequence)
        if message.sequence <= reached or place in self._held:
            it.problem = refusal(SEQUENCE_TAKEN)
            return
        self._held[place] = it
        it.disposition = Disposition.HELD
        while (following := self._held.pop((*subject, reached + 1), None)) is not None:
            reached += 1
            self._settle(following)
        self._reached[subject] = reached

    def _settle(self, it: Taken) -> None:
        if it.problem is not None:
            it.disposition = Disposition.QUARANTINED
            return
        it.disposition = Disposition.APPLIED
        if it.arrival.message is not None:
            self.applied.append(it.arrival.message)


def in_order(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """By sequence, so that a batch in the wrong order leaves nothing waiting."""
    return sorted(arrivals, key=lambda it: it.message.sequence if it.message else 0)


def _receipt(it: Taken, disposition: Disposition) -> Receipt:
    return Receipt(
        id=it.arrival.id,
        disposition=disposition,
        received_at=it.received_at,
        digest=it.arrival.digest,
        problem=it.problem if disposition is Disposition.QUARANTINED else None,
    )
