"""Histories: two parties on real databases, between them a network and a clock that obey a seed.

Everything that is under test is real: outbox, relays, leases, inbox, operators' acts, PostgreSQL. Simulated are the
line between them, the time, and who is killed when. The same choices play the same history.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from unittest import mock
from uuid import UUID

import httpx2
import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from exchange import (
    Effects,
    Exchange,
    ExchangeMetrics,
    Peer,
    Relay,
    RelaySettings,
    ledger,
    operating,
    owe,
    read_batch,
    relay,
    take,
)
from exchange.delivering import Courier, Delivered, Failure, Undelivered
from exchange.listing import incoming_messages, outgoing_messages
from exchange.relay import Round
from exchange.signing import Proof
from schemas import BATCH_BYTES, TYPES, Direction, LedgerBy, LedgerEntry, Message, Receipt, Receipts, Wire
from servicekit.database import Query, Sessions

from ..exchange.conftest import PROBLEMS, Clock, NotAcceptable, saying  # noqa: TID252  # tests are no package

BEGIN = datetime(2020, 1, 6, tzinfo=UTC)
"""Long before the machine's own clock, which no history may depend on."""
LEASE_SECONDS = 12.0
SMALL_BATCH_BYTES = 1500
"""Two or three messages: in some histories a request carries no more, and the rest of what was claimed stays."""
OPERATOR = "operator"
EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
_EFFECT = Query(sa.text("INSERT INTO effects (message_id, subject, said) VALUES (:id, :subject, :said)"))


class KilledError(BaseException):
    """The relay was killed just there: nothing of it goes on."""


class _DoomedSession(Session):
    """Of a process that is killed just before it commits."""


@sa.event.listens_for(_DoomedSession, "before_commit")
def _kill(_session: Session) -> None:
    raise KilledError


class Step(NamedTuple):
    """One step of a history: what is done on which side; the number decides all else that happens in it.

    So a history without some of its steps is much the same, and one that breaks the promise can be made shorter.
    """

    act: str
    side: int
    number: int


ACTS = (
    *("owe",) * 5,
    *("hand over",) * 3,
    "owe and roll back",
    *("relay",) * 10,
    *("wait",) * 5,
    *("repeat",) * 2,
    *("operate",) * 3,
    "turn defective",
)
"""What may be done, each as often as it is to happen."""


class Owed(NamedTuple):
    """A message whose transaction was committed."""

    id: UUID
    subject: UUID
    sequence: int
    said: str


@dataclass
class Side:
    """One party: its database, its relays, and what it has owed so far."""

    code: str
    other: str
    engine: sa.Engine
    sessions: Sessions
    exchange: Exchange
    metrics: ExchangeMetrics
    doomed_sessions: Sessions = field(init=False)
    relays: list[Relay] = field(default_factory=list)
    owed: list[Owed] = field(default_factory=list)
    effects: Effects = field(default_factory=lambda: Effects({}))

    def __post_init__(self) -> None:
        self.doomed_sessions = sessionmaker(self.engine, class_=_DoomedSession)
        self.exchange.enrol(self.doomed_sessions)

    @property
    def peer(self) -> Peer:
        """The other party."""
        return self.exchange.peers[self.other]

    def sql(self, statement: str, **values: object) -> list[Any]:
        """The rows of a statement."""
        with self.engine.begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return list(result.all()) if result.returns_rows else []


@dataclass
class Tally:
    """What all histories were made of."""

    histories: int = 0
    messages: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)


class Line(Courier):
    """The network from one side to the other, at the mercy of the history."""

    def __init__(self, history: "History", sender: Side, receiver: Side) -> None:
        self._history = history
        self._sender = sender
        self._receiver = receiver

    def prepare(self, peer: Peer, contents: Sequence[str], *, now: datetime) -> httpx2.Request:
        """The request, unsigned: no signature is looked at here."""
        del now
        return httpx2.Request("POST", peer.messages_url, content=_batch(*contents))

    def send(self, _peer: Peer, request: httpx2.Request, *, now: datetime) -> Delivered | Undelivered:
        """Bring the messages over, unless the history has other plans."""
        del now
        history = self._history
        messages = orjson.loads(request.content)["messages"]
        contents = [orjson.dumps(message).decode() for message in messages]
        history.watch_order(self._sender, messages)
        history.watch_rest(self._sender, messages)
        fault = history.fault(*_NOT_ARRIVED, *_ARRIVED)
        if fault == "half of them taken":
            contents = contents[: (len(contents) + 1) // 2]
        body = _batch(*contents)
        if fault in _NOT_ARRIVED:
            return self._not_arrived(fault, body)
        if fault == "last one first":
            for content in reversed(contents):
                history.take(self._receiver, self._sender, _batch(content))
            return Undelivered(Failure.FAILED, "RemoteProtocolError")
        return self._arrived(fault, body)

    def _arrived(self, fault: str, body: bytes) -> Delivered | Undelivered:
        history = self._history
        receipts = history.take(self._receiver, self._sender, body)
        match fault:
            case "answer lost":
                return Undelivered(Failure.FAILED, "RemoteProtocolError")
            case "repeated later":
                history.late.append((self._receiver, self._sender, body))
            case "half of the receipts":
                receipts = receipts[: len(receipts) // 2]
            case "killed after sending":
                raise KilledError
            case "lease outlived" | "lease outlived, answer lost":
                history.clock.advance(seconds=LEASE_SECONDS + 1)
                history.relay(self._sender, 1)
                if fault != "lease outlived":
                    return Undelivered(Failure.FAILED, "ReadTimeout")
        return Delivered({it.id: it for it in receipts}, Receipts(receipts=tuple(receipts)).model_dump_json(), _PROOF)

    def _not_arrived(self, fault: str, body: bytes) -> Undelivered:
        if fault == "killed before sending":
            raise KilledError
        if fault == "failed before its commit":
            self._history.take(self._receiver, self._sender, body, crashing=True)
        return Undelivered(_NOT_ARRIVED[fault], fault, asked_seconds=float(self._history.chance.choice((0, 0, 1, 90))))

    def close(self) -> None:
        """There is nothing to close."""


def _batch(*contents: str) -> bytes:
    return b'{"messages":[' + ",".join(contents).encode() + b"]}"


_PROOF = Proof("key", "base", "signature")
_NOT_ARRIVED = {
    "request lost": Failure.FAILED,
    "not connected": Failure.UNREACHABLE,
    "busy": Failure.BUSY,
    "refused": Failure.REFUSED,
    "too large": Failure.TOO_LARGE,
    "failed before its commit": Failure.BUSY,
    "killed before sending": Failure.FAILED,
}
_ARRIVED = (
    "answer lost",
    "last one first",
    "repeated later",
    "half of them taken",
    "half of the receipts",
    "killed after sending",
    "lease outlived",
    "lease outlived, answer lost",
)


class History:
    """One history. `play` it, then ask `faults_found`."""

    def __init__(self, beginning: int, centre: Side, office: Side, tally: Tally) -> None:
        """`beginning` decides what is there when it begins, as each step's number decides what happens in it."""
        self.chance = random.Random(beginning)  # noqa: S311  # to be repeated, not to be secret
        self.clock = Clock(BEGIN)
        self.late: list[tuple[Side, Side, bytes]] = []
        self._sides = (centre, office)
        self._tally = tally
        self._batch_bytes = self.chance.choice((BATCH_BYTES, SMALL_BATCH_BYTES))
        self._rough = True
        self._defective = False
        self._subjects = [self.new_id() for _ in range(self.chance.randint(1, 3))]
        self._applied_again: set[UUID] = set()
        self._broken: list[str] = []
        self._delivered: dict[str, set[UUID]] = {centre.code: set(), office.code: set()}
        for side, other in ((centre, office), (office, centre)):
            side.owed.clear()
            side.effects = Effects(dict.fromkeys(TYPES, self._effect), PROBLEMS)
            for table in ("effects", "exchange_outbox", "exchange_proofs", "exchange_outgoing", "exchange_peers"):
                side.sql(f"DELETE FROM {table}")  # noqa: S608  # constants
            side.sql("DELETE FROM exchange_inbox")
            side.sql("DELETE FROM exchange_incoming")
            side.relays = [
                Relay(
                    side.exchange,
                    side.sessions,
                    side.metrics,
                    RelaySettings(batch_messages=self.chance.choice((1, 2, 5, 50)), lease_seconds=LEASE_SECONDS),
                    clock=self.clock,
                    rng=self.chance,
                    courier=Line(self, side, other),
                )
                for _ in range(2)
            ]

    def new_id(self) -> UUID:
        """An id that depends on the choices alone."""
        return UUID(int=(self.chance.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62)) | 7 << 76 | 2 << 62)

    def fault(self, *kinds: str) -> str:
        """One of these faults, or "" for none; the network is calm at the end of a history."""
        if not self._rough or self.chance.random() < 0.5:
            return ""
        kind = self.chance.choice(kinds)
        self._tally.faults[kind] += 1
        return kind

    def play(self, steps: Sequence[Step]) -> None:
        """These steps in rough weather, then calm until nothing moves any more."""
        acts: Mapping[str, Callable[[Side], None]] = {
            "owe": self._owe,
            "owe and roll back": self._owe_and_roll_back,
            "hand over": self._hand_over,
            "relay": self._relay,
            "wait": self._wait,
            "repeat": self._repeat,
            "operate": self._operate,
            "turn defective": self._turn_defective,
        }
        for step in steps:
            self.chance.seed(step.number)
            acts[step.act](self._sides[step.side])
        self._calm_down()
        self._tally.histories += 1
        self._tally.messages += sum(len(side.owed) for side in self._sides)

    def take(self, receiver: Side, sender: Side, body: bytes, *, crashing: bool = False) -> Sequence[Receipt]:
        """The receiver takes a batch; `crashing` ends it just before its commit."""
        arrivals = read_batch(body, sender.code)
        sessions = receiver.doomed_sessions if crashing else receiver.sessions
        with suppress(KilledError):
            return take(sessions, arrivals, source=sender.code, effects=receiver.effects, now=self.clock())
        return ()

    def relay(self, side: Side, which: int, *, handed: bool = False) -> Round | None:
        """One round of one of its relays, of what was handed over or of what is due; None when it was killed."""
        chosen = side.relays[which]
        try:
            with mock.patch.object(relay, "BATCH_BYTES", self._batch_bytes):
                return chosen.round_of_handed(side.peer) if handed else chosen.round(side.peer)
        except KilledError:
            return None
        finally:
            now = _delivered(side)
            if forgotten := self._delivered[side.code] - now:
                self._broken.append(f"{side.code} forgot that it had delivered {forgotten}")
            self._delivered[side.code] = now

    def watch_order(self, sender: Side, messages: Sequence[Mapping[str, Any]]) -> None:
        """A message goes out only after, or together with, those before it of its subject."""
        together = {(it["subject"], it["sequence"]) for it in messages}
        for row in sender.sql("SELECT subject, sequence FROM exchange_outbox WHERE state IN ('queued', 'dead')"):
            for it in messages:
                earlier = it["subject"] == str(row.subject) and it["sequence"] > row.sequence
                if earlier and (str(row.subject), row.sequence) not in together:
                    self._broken.append(f"{sender.code}'s {it['sequence']} of {it['subject']} before {row.sequence}")

    def watch_rest(self, sender: Side, messages: Sequence[Mapping[str, Any]]) -> None:
        """Count how often more was claimed than one request carries."""
        (claimed,) = sender.sql(
            "SELECT count(*) AS them FROM exchange_outbox"
            " WHERE state = 'queued' AND lease = (SELECT lease FROM exchange_outbox WHERE id = :first)",
            first=messages[0]["id"],
        )
        self._tally.faults["more claimed than fits"] += claimed.them > len(messages)

    def _effect(self, session: Session, message: Message, body: Any, _now: datetime) -> None:  # noqa: ANN401
        said = getattr(body, "reason", "")
        _EFFECT.run(session, id=message.id, subject=message.subject, said=said)
        if "refuse" in said:
            raise NotAcceptable("as asked", whom="กสป.")
        if self._defective and "delicate" in said:
            raise ZeroDivisionError

    def _owe(self, side: Side) -> None:
        with side.sessions.begin() as session:
            made = [self._owe_one(session, side) for _ in range(self.chance.randint(1, 4))]
        side.owed += made

    def _hand_over(self, side: Side) -> None:
        """The same, while a relay stands by; which may be killed before it sends what is handed over."""
        which = self.chance.randrange(2)
        with side.relays[which].standing_by(side.peer):
            self._owe(side)
        if self.fault("killed with what was handed over"):
            if handed := side.exchange.handover.take(side.other):
                side.exchange.handover.close(handed)
        else:
            self.relay(side, which, handed=True)

    def _owe_one(self, session: Session, side: Side) -> Owed:
        said = self.chance.choice(("ก", "ข", "refuse", "delicate")) + str(self.chance.getrandbits(16))
        subject = self.chance.choice(self._subjects)
        body: Wire = saying(said)
        identity = owe(session, body, to=side.other, subject=subject, now=self.clock())
        row = session.execute(sa.text("SELECT sequence FROM exchange_outbox WHERE id = :id"), {"id": identity}).one()
        return Owed(identity, subject, row.sequence, said)

    def _owe_and_roll_back(self, side: Side) -> None:
        self._tally.faults["rolled back"] += 1
        standing_by = side.relays[0].standing_by(side.peer) if self.chance.random() < 0.5 else nullcontext()
        with standing_by, side.sessions() as session:
            self._owe_one(session, side)
            if self.chance.random() < 0.5:
                with suppress(sa.exc.DBAPIError):
                    session.execute(sa.text("SELECT 1 / 0"))
                session.commit()  # which the server answers by rolling back
            else:
                session.rollback()
        self.relay(side, 0, handed=True)

    def _relay(self, side: Side) -> None:
        self.relay(side, self.chance.randrange(2))

    def _wait(self, _side: Side) -> None:
        parts = (timedelta(seconds=1), timedelta(seconds=20), timedelta(minutes=2), timedelta(hours=2))
        waited = self.chance.choice(parts) if self.chance.random() < 0.8 else timedelta(days=8)
        self.clock.now += waited

    def _repeat(self, _side: Side) -> None:
        """What the network kept back arrives once more, long after."""
        if self.late:
            receiver, sender, body = self.late.pop(self.chance.randrange(len(self.late)))
            self.take(receiver, sender, body)

    def _turn_defective(self, _side: Side) -> None:
        self._defective = not self._defective
        self._tally.faults["defect of a service"] += self._defective

    def _operate(self, side: Side) -> None:
        """What an operator may do, wherever there is something to do it to."""
        act = self.chance.choice(_OPERATORS_ACTS)
        with side.sessions.begin() as session, suppress(operating.PeerNotFound):
            if self._operate_on(session, side, act):
                self._tally.faults[f"operator: {act}"] += 1

    def _operate_on(self, session: Session, side: Side, act: str) -> bool:
        done: dict[str, Any] = {"by": OPERATOR, "now": self.clock()}
        match act:
            case "pause":
                operating.pause(session, side.other, reason="ทดสอบ", **done)
            case "resume":
                operating.resume(session, side.other, **done)
            case "redeliver all":
                return bool(operating.redeliver_all(session, side.other, **done))
            case "redeliver" | "give up":
                dead = outgoing_messages(session, states=["dead"], limit=100)
                if not dead:
                    return False
                chosen = self.chance.choice(dead).id
                if act == "redeliver":
                    operating.redeliver(session, chosen, **done)
                else:
                    operating.give_up(session, chosen, reason="ทดสอบ", **done)
            case _:
                quarantined = incoming_messages(session, states=["quarantined"], limit=100)
                if not quarantined:
                    return False
                chosen = self.chance.choice(quarantined).id
                if act == "dismiss":
                    operating.dismiss(session, side.other, chosen, reason="ทดสอบ", **done)
                else:
                    self._try_again(session, side, chosen)
        return True

    def _calm_down(self) -> None:
        """The network heals, defects are mended, operators do their work, and everything moves until it is done."""
        self._rough = self._defective = False
        while self.late:
            self._repeat(self._sides[0])
        for side in self._sides:
            with side.sessions.begin() as session, suppress(operating.PeerNotFound):
                operating.resume(session, side.other, by=OPERATOR, now=self.clock())
        for _ in range(200):
            self.clock.advance(minutes=20)
            busy = False
            for side in self._sides:
                while (done := self.relay(side, 0)) is Round.SENT:
                    busy = True
                busy = busy or done is Round.FAILED
                with side.sessions.begin() as session:
                    busy = bool(operating.redeliver_all(session, side.other, by=OPERATOR, now=self.clock())) or busy
            if not busy and not any(
                side.sql("SELECT FROM exchange_outbox WHERE state='queued'") for side in self._sides
            ):
                break
        for side in self._sides:
            self._apply_again(side)

    def _apply_again(self, side: Side) -> None:
        """An operator tries each quarantined message once more."""
        with side.sessions.begin() as session:
            for row in reversed(incoming_messages(session, states=["quarantined"], limit=1000)):
                self._try_again(session, side, row.id)

    def _try_again(self, session: Session, side: Side, identity: UUID) -> None:
        refused = operating.apply_again(
            session, side.other, identity, side.effects, reason="แก้ไขแล้ว", by=OPERATOR, now=self.clock()
        )
        if refused is None:
            self._applied_again.add(identity)

    def faults_found(self) -> Iterator[str]:
        """What speaks against the promise, in both directions."""
        centre, office = self._sides
        yield from self._broken
        for sender, receiver in ((centre, office), (office, centre)):
            yield from self._between(sender, receiver)
            yield from self._ledgers_of(sender, receiver)

    def _ledgers_of(self, sender: Side, receiver: Side) -> Iterator[str]:
        """Both ledgers say the same, but for what a person gave up although it had arrived."""
        sent = _ledger(sender, receiver.code, Direction.SENT)
        given_up = {row.id for row in sender.sql("SELECT id FROM exchange_outbox WHERE state = 'void'")}
        received = _ledger(receiver, sender.code, Direction.RECEIVED)
        if sent != {identity: digest for identity, digest in received.items() if identity not in given_up}:
            yield f"the ledgers of what {sender.code} sent differ: {sent} and {received}"
        elif sent == received and _days(sender, Direction.SENT) != _days(receiver, Direction.RECEIVED):
            yield f"the ledgers of what {sender.code} sent hold the same messages, and their days differ"

    def _between(self, sender: Side, receiver: Side) -> Iterator[str]:
        sent = {row.id: row for row in sender.sql("SELECT id, state, disposition FROM exchange_outbox")}
        taken = {row.id: row for row in receiver.sql("SELECT id, state, problem FROM exchange_inbox")}
        yield from (
            f"{sender.code}'s message {identity} is held for ever"
            for identity, it in taken.items()
            if it.state == "held"
        )
        effects = receiver.sql("SELECT message_id, subject, said FROM effects ORDER BY position")
        count = Counter(row.message_id for row in effects)
        owed = {it.id: it for it in sender.owed}
        for it in sender.owed:
            ours, theirs = sent.get(it.id), taken.get(it.id)
            name = f"{sender.code}'s message {it.sequence} ({it.said})"
            end = (ours and ours.state, theirs and theirs.state)
            self._tally.ends[f"{end[0]}, {end[1] or 'never arrived'}"] += 1
            if end not in _RIGHT_ENDS:
                yield f"{name} ended {end}"
            elif count[it.id] != (end[1] == "applied"):
                yield f"{name} is {end[1]} and has {count[it.id]} effects"
            elif theirs and theirs.state in {"quarantined", "dismissed"} and not theirs.problem:
                yield f"{name} is {theirs.state} and nobody knows why"
        yield from (f"{sender.code} never owed {identity}" for identity in count.keys() - owed.keys() - sent.keys())
        for subject in self._subjects:
            order = [
                owed[row.message_id].sequence
                for row in effects
                if row.subject == subject and row.message_id in owed and row.message_id not in self._applied_again
            ]
            if order != sorted(order):
                yield f"of {subject} the effects came in the order {order}"
            last = max(
                (it for it in sender.owed if it.subject == subject and self._counts(it, taken)), default=None, key=_at
            )
            shown = [
                row.said
                for row in effects
                if row.subject == subject and row.message_id in owed and row.message_id not in self._applied_again
            ]
            if last is not None and shown[-1] != last.said:
                yield f"of {subject} {receiver.code} shows {shown[-1]}, and not {last.said}"

    def _counts(self, it: Owed, taken: dict[UUID, Any]) -> bool:
        return it.id in taken and taken[it.id].state == "applied" and it.id not in self._applied_again


def _delivered(side: Side) -> set[UUID]:
    return {row.id for row in side.sql("SELECT id FROM exchange_outbox WHERE state = 'delivered'")}


def _ledger(side: Side, peer: str, direction: Direction) -> dict[UUID, str]:
    """The digests of what went one way, as the side's ledger tells them by message."""
    since, until = EVER
    with side.sessions() as session:
        found: Sequence[LedgerEntry] = ledger.entries(session, peer, since=since, until=until, after=None, limit=10_000)
    return {it.id: it.digest for it in found if it.direction is direction}


def _days(side: Side, direction: Direction) -> list[tuple[datetime, int, str]]:
    """The days in which messages went one way, with count and digest, as the side's ledger tells them."""
    since, until = EVER
    with side.sessions() as session:
        found = ledger.periods(session, side.other, since=since, until=until, by=LedgerBy.DAY)
    return [(it.start, it.messages, it.digest) for it in found if it.direction is direction]


_OPERATORS_ACTS = ("pause", "resume", "redeliver", "redeliver all", *("give up",) * 3, "apply again", "dismiss")
_RIGHT_ENDS = {
    ("delivered", "applied"),
    ("delivered", "quarantined"),
    ("delivered", "dismissed"),
    ("void", "applied"),  # given up by a person although it had arrived: the tombstone stands in the list
    ("void", "quarantined"),
    ("void", "dismissed"),
    ("void", None),
}


def _at(it: Owed) -> int:
    return it.sequence
