"""Sending: whatever the network and the peer do, every message arrives once and in order, or stands in a list."""

import base64
import hashlib
import random
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import httpx2
import orjson
import psycopg
import pytest
import sqlalchemy as sa
from starlette.types import ASGIApp, Receive, Scope, Send

from exchange import Peer, Relay, RelaySettings, owe, routes, take
from exchange.delivering import Courier, Delivered, Undelivered
from exchange.keys import public_keys
from exchange.operating import pause, redeliver, resume
from exchange.relay import _CLAIM, Round
from servicekit.ids import uuid7

from .conftest import NOW, Clock, Event, Parties, Party, Wire, after_applying, answering, eventually, saying, served


def test_messages_arrive_in_the_order_of_their_subject(centre: Party, office: Party) -> None:
    """A batch carries several subjects; each arrives in order, and every message has its proof."""
    one, other = uuid7(), uuid7()
    for n in range(10):
        centre.owes(f"หนึ่ง {n}", subject=one)
        centre.owes(f"สอง {n}", subject=other)
    assert Round.SENT is centre.relay().round(centre.peer())
    assert ["delivered"] * 20 == centre.states()
    said = office.said()
    for name in ("หนึ่ง", "สอง"):
        assert [f"{name} {n}" for n in range(10)] == [it for it in said if it.startswith(name)]
    (proofs,) = centre.sql("SELECT count(*) FROM exchange_outbox JOIN exchange_proofs p ON p.id = proof_id")
    assert 20 == proofs.count


def test_a_batch_is_bounded_and_continues_in_order(centre: Party, office: Party, wire: Wire) -> None:
    """A subject longer than a batch goes out in several, none before the one that it follows."""
    subject = uuid7()
    for n in range(7):
        centre.owes(str(n), subject=subject)
    relay = centre.relay(batch_messages=3)
    assert [Round.SENT] * 3 + [Round.IDLE] == [relay.round(centre.peer()) for _ in range(4)]
    assert [str(n) for n in range(7)] == office.said()
    assert 3 == len(wire.sizes)


def test_a_batch_stays_under_a_mebibyte(centre: Party, office: Party, wire: Wire) -> None:
    """Long messages are sent in more requests instead of in too large ones."""
    for _ in range(40):
        centre.owes("ก" * 19_000)
    relay = centre.relay()
    rounds = eventually(lambda: relay.round(centre.peer()) is Round.IDLE)
    assert rounds
    assert ["delivered"] * 40 == centre.states()
    assert 1024 * 1024 >= max(wire.sizes)
    assert 3 == len(wire.sizes)
    assert 40 == len(office.said())


def test_what_a_killed_relay_had_claimed_moves_again(centre: Party, office: Party, clock: Clock) -> None:
    """Within 15 seconds another relay sends it; the one that was killed had not sent, or had: both end the same."""
    centre.owes("ก", now=clock())
    killed = centre.relay(clock)
    assert killed._claim(centre.peer()) is not None  # noqa: SLF001  # what a relay did before it was killed
    other = centre.relay(clock)
    assert Round.IDLE is other.round(centre.peer())
    clock.advance(seconds=13)
    assert Round.SENT is other.round(centre.peer())
    assert (["ก"], ["delivered"]) == (office.said(), centre.states())


def test_a_relay_killed_after_sending_does_no_harm(centre: Party, office: Party, clock: Clock, wire: Wire) -> None:
    """The office has the messages already: the receipts say duplicate, and nothing is done twice."""
    centre.owes("ก", now=clock())
    wire.faults = [after_applying(lambda _event: None)]
    relay = centre.relay(clock)
    assert Round.FAILED is relay.round(centre.peer())
    assert (["ก"], ["queued"]) == (office.said(), centre.states())
    clock.advance(seconds=13)
    assert Round.SENT is relay.round(centre.peer())
    assert (["ก"], ["delivered"]) == (office.said(), centre.states())
    assert ["duplicate"] == [row.disposition for row in centre.sql("SELECT disposition FROM exchange_outbox")]


class Slow(Courier):
    """A courier that lets others work between the answer and its record."""

    meanwhile: Callable[[], None]

    def send(self, peer: Peer, request: httpx2.Request, *, now: datetime) -> Delivered | Undelivered:
        """Send, and then let the others work."""
        answer = super().send(peer, request, now=now)
        self.meanwhile()
        return answer


def test_a_late_relay_changes_nothing(centre: Party, office: Party, clock: Clock, wire: Wire) -> None:
    """A relay whose lease ended finds its token gone: what the other recorded stands."""
    centre.owes("ก", now=clock())
    slow = Slow(centre.exchange, timeout_seconds=9)
    late = Relay(centre.exchange, centre.sessions, centre.metrics, clock=clock, courier=slow)
    other = centre.relay(clock)

    def overtake() -> None:
        clock.advance(seconds=13)
        assert Round.SENT is other.round(centre.peer())

    slow.meanwhile = overtake
    wire.faults = [answering(500)]
    assert Round.FAILED is late.round(centre.peer())
    late.close()
    (row,) = centre.sql("SELECT state, attempts, disposition FROM exchange_outbox")
    assert ("delivered", 0, "applied") == tuple(row)
    assert ["ก"] == office.said()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"<html>",
        b'{"receipts": [',
        b'{"receipts": {}}',
        b'{"receipts": [{"id": 1}]}',
        b"\xff",
        b"x" * 5_000_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_nonsense_answer_is_no_answer(centre: Party, office: Party, clock: Clock, wire: Wire, body: bytes) -> None:
    """Whatever comes instead of signed receipts: the message stays queued, and is sent again."""
    centre.owes("ก", now=clock())
    wire.faults = [answering(200, body, {"content-type": "application/json"})]
    relay = centre.relay(clock)
    assert Round.FAILED is relay.round(centre.peer())
    assert ["queued"] == centre.states()
    clock.advance(seconds=2)
    assert Round.SENT is relay.round(centre.peer())
    assert ["ก"] == office.said()


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event | {"headers": [(n, v) for n, v in event.get("headers", []) if n != b"signature"]},
        lambda event: event | {"body": event["body"].replace(b"quarantined", b"applied")} if "body" in event else event,
        lambda event: event | {"status": 201} if "status" in event else event,
    ],
    ids=["unsigned", "altered", "another status"],
)
def test_receipts_that_are_not_the_peers_are_no_answer(
    centre: Party, office: Party, clock: Clock, wire: Wire, change: Callable[[Event], Event]
) -> None:
    """Receipts count only with the peer's signature over exactly them."""
    centre.owes("refuse", now=clock())
    wire.faults = [after_applying(change)]
    assert Round.FAILED is centre.relay(clock).round(centre.peer())
    assert ["queued"] == centre.states()
    assert [] == centre.sql("SELECT 1 FROM exchange_proofs")
    assert [] == office.said()


def test_a_missing_receipt_is_no_answer_for_its_message_alone(
    parties: Parties, centre: Party, office: Party, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other messages of the batch are done; the one without a receipt is sent again."""
    for n in range(3):
        centre.owes(str(n), now=clock())
    whole = take
    monkeypatch.setattr(routes, "take", lambda *a, **k: whole(*a, **k)[1:])
    relay = centre.relay(clock)
    assert Round.SENT is relay.round(centre.peer())
    assert ["delivered", "delivered", "queued"] == sorted(centre.states())
    monkeypatch.undo()
    clock.advance(seconds=2)
    assert Round.SENT is relay.round(centre.peer())
    assert ["delivered"] * 3 == centre.states()
    assert {"0", "1", "2"} == set(office.said())
    assert parties.office is office


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_busy_peer_is_tried_again(centre: Party, office: Party, clock: Clock, wire: Wire, status: int) -> None:
    """These statuses mean later: after at most a second the first time."""
    centre.owes("ก", now=clock())
    wire.faults = [answering(status)]
    relay = centre.relay(clock)
    assert Round.FAILED is relay.round(centre.peer())
    clock.advance(seconds=1)
    assert Round.SENT is relay.round(centre.peer())
    assert ["ก"] == office.said()


def test_retry_after_is_honoured(centre: Party, office: Party, clock: Clock, wire: Wire) -> None:
    """Nothing at all is sent before the time that the peer asked for."""
    centre.owes("ก", now=clock())
    wire.faults = [answering(429, headers={"retry-after": "120"})]
    relay = centre.relay(clock)
    assert Round.FAILED is relay.round(centre.peer())
    clock.advance(seconds=119)
    centre.owes("ข", now=clock())
    assert Round.IDLE is relay.round(centre.peer())
    clock.advance(seconds=1)
    assert Round.SENT is relay.round(centre.peer())
    assert Round.SENT is relay.round(centre.peer())
    assert {"ก", "ข"} == set(office.said())


def test_one_probe_goes_out_while_the_peer_does_not_answer(parties: Parties, clock: Clock) -> None:
    """Not the whole backlog, and not from every relay; when it answers again, all goes out at once."""
    centre, office = parties.centre, parties.office
    for n in range(30):
        centre.owes(str(n), now=clock())
    parties.listeners["chumchon"].close()  # nobody listens there any more
    relays = [centre.relay(clock) for _ in range(4)]
    assert Round.FAILED is relays[0].round(centre.peer())
    for _ in range(5):
        clock.advance(seconds=61)
        tried = [relay._claim(centre.peer()) for relay in relays]  # noqa: SLF001  # counts what would be sent
        (probe,) = [dispatch for dispatch in tried if dispatch]
        assert 1 == len(probe.batch)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(office.url.rpartition(":")[2])))
    with served(office.app, listener):
        clock.advance(seconds=61)
        assert Round.SENT is relays[0].round(centre.peer())
        assert Round.SENT is relays[1].round(centre.peer())
    assert ["delivered"] * 30 == centre.states()


def test_a_message_is_dead_after_seven_days(centre: Party, office: Party, clock: Clock, wire: Wire) -> None:
    """It is kept, holds its own subject and no other, and goes out on an operator's word."""
    subject, message_id = centre.owes("ก", now=clock())
    centre.owes("ข", subject=subject, now=clock())
    relay = centre.relay(clock, batch_messages=1)
    wire.faults = [answering(500), answering(500)]
    assert Round.FAILED is relay.round(centre.peer())
    clock.advance(days=7)
    assert Round.FAILED is relay.round(centre.peer())
    assert ["dead", "queued"] == centre.states()
    clock.advance(hours=1)
    centre.owes("ค", now=clock())
    assert [Round.SENT, Round.IDLE] == [relay.round(centre.peer()) for _ in range(2)]
    assert ["ค"] == office.said()
    with centre.sessions.begin() as session:
        redeliver(session, message_id, by="นิดา", now=clock())
    assert [Round.SENT, Round.SENT, Round.IDLE] == [relay.round(centre.peer()) for _ in range(3)]
    assert ["ค", "ก", "ข"] == office.said()


def test_a_poisonous_message_holds_back_its_own_subject_alone(
    centre: Party, office: Party, clock: Clock, wire: Wire
) -> None:
    """A peer that fails over one message of a batch gets the others all the same."""
    poison, _ = centre.owes("พิษ", now=clock())
    centre.owes("หลังพิษ", subject=poison, now=clock())
    for n in range(5):
        centre.owes(str(n), now=clock())

    async def poisoned(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        event = await receive()
        events = [event]
        while event.get("more_body"):
            event = await receive()
            events.append(event)
        if "พิษ".encode() in b"".join(it["body"] for it in events):
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:

            async def again() -> Event:
                return events.pop(0)

            await app(scope, again, send)

    wire.faults = [poisoned] * 50
    relay = centre.relay(clock)
    for _ in range(20):
        relay.round(centre.peer())
        clock.advance(seconds=61)
    assert {str(n) for n in range(5)} == set(office.said())
    assert 2 == centre.states().count("queued")


def test_a_413_halves_the_batch(centre: Party, office: Party, clock: Clock, wire: Wire) -> None:
    """Less is sent at once until it fits; later the batch grows again."""
    for n in range(8):
        centre.owes(str(n), now=clock())
    wire.faults = [answering(413), answering(413)]
    relay = centre.relay(clock)
    rounds = [relay.round(centre.peer()) for _ in range(6)]
    assert [Round.FAILED, Round.FAILED, Round.SENT, Round.SENT, Round.SENT, Round.IDLE] == rounds
    assert {str(n) for n in range(8)} == set(office.said())
    (row,) = centre.sql("SELECT batch_limit, failures FROM exchange_peers")
    assert (4, 0) == tuple(row)


def test_a_message_that_is_too_large_alone_is_dead(centre: Party, wire: Wire, clock: Clock) -> None:
    """Halving ends at one: it is put on the list instead of being sent for ever."""
    centre.owes("ก", now=clock())
    wire.faults = [answering(413)]
    assert Round.FAILED is centre.relay(clock).round(centre.peer())
    assert ["dead"] == centre.states()


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 415, 422])
def test_a_peer_that_refuses_is_paused_and_probed_slowly(
    centre: Party, office: Party, clock: Clock, wire: Wire, status: int
) -> None:
    """It is alarmed and shown; when a probe gets through, everything goes on by itself."""
    for n in range(3):
        centre.owes(str(n), now=clock())
    wire.faults = [answering(status, headers={"location": "http://127.0.0.1:9/"})]
    relay = centre.relay(clock)
    assert Round.FAILED is relay.round(centre.peer())
    (row,) = centre.sql("SELECT pause, pause_reason FROM exchange_peers")
    assert ("refused", f"HTTP {status}") == tuple(row)
    clock.advance(seconds=16)
    assert [Round.SENT] * 3 + [Round.IDLE] == [relay.round(centre.peer()) for _ in range(4)]
    (row,) = centre.sql("SELECT pause, paused_at, failures FROM exchange_peers")
    assert (None, None, 0) == tuple(row)
    assert {"0", "1", "2"} == set(office.said())


def test_an_operators_pause_stops_everything(centre: Party, office: Party, clock: Clock) -> None:
    """Not even a probe goes out until a person resumes."""
    centre.owes("ก", now=clock())
    relay = centre.relay(clock)
    relay.round(centre.peer())
    with centre.sessions.begin() as session:
        pause(session, "chumchon", reason="ซ่อมบำรุง", by="นิดา", now=clock())
    centre.owes("ข", now=clock())
    clock.advance(days=30)
    assert Round.IDLE is relay.round(centre.peer())
    with centre.sessions.begin() as session:
        resume(session, "chumchon", by="นิดา", now=clock())
    assert Round.SENT is relay.round(centre.peer())
    assert ["ก", "ข"] == office.said()


def test_a_conflict_is_dead_and_holds_its_subject(centre: Party, office: Party, clock: Clock) -> None:
    """The peer has other content under this id: a person must look."""
    subject, message_id = centre.owes("ก", now=clock())
    relay = centre.relay(clock)
    relay.round(centre.peer())
    content = centre.sql("SELECT content FROM exchange_outbox")[0].content
    changed = content.replace('"ก"', '"ข"')
    digest = hashlib.sha256(changed.encode()).hexdigest()
    centre.sql(
        "UPDATE exchange_outbox SET content = :content, digest = :digest, state = 'queued'",
        content=changed,
        digest=digest,
    )
    centre.owes("ค", subject=subject, now=clock())
    assert [Round.SENT, Round.IDLE] == [relay.round(centre.peer()) for _ in range(2)]
    rows = centre.sql("SELECT id, state, disposition FROM exchange_outbox ORDER BY sequence")
    assert [(message_id, "dead", "conflict")] == [tuple(rows[0])]
    assert {"ก", "ค"} >= set(office.said())


def test_a_quarantined_message_is_delivered_with_its_reason(centre: Party, office: Party, clock: Clock) -> None:
    """The sender is done, and shows why the other side could not apply it; the next of its subject follows."""
    subject, _ = centre.owes("refuse", now=clock())
    centre.owes("ข", subject=subject, now=clock())
    assert Round.SENT is centre.relay(clock).round(centre.peer())
    rows = centre.sql("SELECT state, disposition, receipt_problem FROM exchange_outbox ORDER BY sequence")
    assert ["quarantined", "applied"] == [row.disposition for row in rows]
    assert "/problems/not-acceptable" == rows[0].receipt_problem["type"]
    assert ["ข"] == office.said()


def test_many_relays_deliver_each_message_once(centre: Party, office: Party, wire: Wire) -> None:
    """Five relays on one backlog share it: nothing twice, nothing out of order, nothing left."""
    subjects = [uuid7() for _ in range(40)]
    for n in range(5):
        for subject in subjects:
            centre.owes(str(n), subject=subject)
    relays = [centre.relay(batch_messages=7) for _ in range(5)]

    def drain(relay: Relay) -> None:
        while centre.sql("SELECT 1 FROM exchange_outbox WHERE state = 'queued' LIMIT 1"):
            relay.round(centre.peer())

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(drain, relays))
    assert ["delivered"] * 200 == centre.states()
    assert {"applied"} == {row.disposition for row in centre.sql("SELECT disposition FROM exchange_outbox")}
    rows = office.sql("SELECT subject, said FROM effects ORDER BY position")
    for subject in subjects:
        assert ["0", "1", "2", "3", "4"] == [row.said for row in rows if row.subject == subject]
    assert 40 > len(wire.sizes)


def test_a_running_relay_is_woken_by_the_commit(centre: Party, office: Party) -> None:
    """What is owed arrives at once, not with the next look; and the relay ends when it is told."""
    stop = threading.Event()
    relay = centre.relay(poll_seconds=60.0)
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    try:
        for n in range(5):
            centre.owes(str(n))
            expected = [str(it) for it in range(n + 1)]
            eventually(lambda expected=expected: expected == office.said(), seconds=5)  # type: ignore[misc]
    finally:
        stop.set()
        thread.join()
    assert ["delivered"] * 5 == eventually(centre.states)


def test_a_running_relay_outlives_its_database_connection(centre: Party, office: Party) -> None:
    """A connection that breaks costs a pause, and no message."""
    stop = threading.Event()
    relay = centre.relay(poll_seconds=0.05)
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    try:
        centre.owes("ก")
        eventually(lambda: office.said() == ["ก"])
        centre.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        eventually(lambda: _owed(centre))
        eventually(lambda: office.said() == ["ก", "ข"])
    finally:
        stop.set()
        thread.join()


def _owed(centre: Party) -> UUID | None:
    try:
        return centre.owes("ข")[1]
    except sa.exc.OperationalError:
        return None


def test_settings_that_break_the_promise_are_refused() -> None:
    """A batch over the limit, or a request longer than its lease, cannot be configured."""
    with pytest.raises(ValueError, match="batch_messages"):
        RelaySettings(batch_messages=101)
    with pytest.raises(ValueError, match="lease"):
        RelaySettings(timeout_seconds=12)


def test_backoff_of_a_message_grows(centre: Party, clock: Clock, wire: Wire) -> None:
    """Each failure waits longer on average, up to an hour."""
    centre.owes("ก", now=clock())
    relay = Relay(centre.exchange, centre.sessions, centre.metrics, clock=clock, rng=Most())
    wire.faults = [answering(500)] * 15
    waits = []
    for _ in range(14):
        assert Round.FAILED is relay.round(centre.peer())
        (row,) = centre.sql("SELECT due_at FROM exchange_outbox")
        waits.append((row.due_at - clock()).total_seconds())
        clock.advance(seconds=max(waits[-1], 61))
    relay.close()
    assert [min(2.0**n, 3600) for n in range(14)] == waits


class Most(random.Random):
    """The longest wait that the jitter allows."""

    def uniform(self, a: float, b: float) -> float:
        """The upper end."""
        assert a <= b
        return b


def test_the_proof_can_be_checked_by_anyone(centre: Party, office: Party) -> None:
    """The stored base, signature and receipts verify with the office's public key alone."""
    centre.owes("ก")
    centre.relay().round(centre.peer())
    (proof,) = centre.sql("SELECT * FROM exchange_proofs")
    key = public_keys(office.exchange.keys.published)[proof.key_id]
    key.verify(base64.b64decode(proof.signature.partition("=:")[2].rstrip(":")), proof.signature_base.encode())
    digest = base64.b64encode(hashlib.sha256(proof.content.encode()).digest()).decode()
    assert digest in proof.signature_base
    assert "applied" == orjson.loads(proof.content)["receipts"][0]["disposition"]


def test_new_messages_pass_a_backlog(centre: Party, office: Party, clock: Clock) -> None:
    """The first request after a long outage carries the newest of today too, and mostly the oldest."""
    for n in range(120):
        centre.owes(f"เก่า {n}", now=clock())
        clock.advance(seconds=1)
    centre.owes("ใหม่", now=clock())
    assert Round.SENT is centre.relay(clock, batch_messages=50).round(centre.peer())
    said = set(office.said())
    assert "ใหม่" in said
    assert {f"เก่า {n}" for n in range(40)} <= said
    relay = centre.relay(clock)
    while relay.round(centre.peer()) is Round.SENT:
        pass
    assert 121 == len(set(office.said())) == len(office.said())


def test_what_does_not_fit_keeps_its_place(centre: Party, office: Party, clock: Clock) -> None:
    """Of a claim of more than 1 MiB the newest and the oldest go; what stays is due as it was before."""
    for n in range(30):
        centre.owes(f"{n:02} " + "ก" * 19_900, now=clock())
        clock.advance(seconds=1)
    relay = centre.relay(clock)
    assert Round.SENT is relay.round(centre.peer())
    said = {it.split()[0] for it in office.said()}
    assert {"00", "29"} <= said
    assert len(said) < 30
    assert [] == centre.sql("SELECT FROM exchange_outbox WHERE state = 'queued' AND due_at <> owed_at")
    assert Round.SENT is relay.round(centre.peer())
    assert 30 == len(office.said())


def test_a_backlog_is_sent_by_several_requests_at_once(centre: Party, office: Party) -> None:
    """While there is more than one request can carry, neither side waits for the other."""
    first = threading.Lock()
    together = threading.Event()

    class Meeting(Courier):
        def send(self, peer: Peer, request: httpx2.Request, *, now: datetime) -> Delivered | Undelivered:
            if not first.acquire(blocking=False):
                together.set()
                return super().send(peer, request, now=now)
            try:
                together.wait(5)  # for another request, which is made while this one is under way
                return super().send(peer, request, now=now)
            finally:
                first.release()

    courier = Meeting(centre.exchange, timeout_seconds=9.0)
    for n in range(20):
        centre.owes(str(n))
    relay = Relay(centre.exchange, centre.sessions, centre.metrics, RelaySettings(batch_messages=5), courier=courier)
    stop = threading.Event()
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    eventually(lambda: len(office.said()) == 20)
    stop.set()
    thread.join()
    assert together.is_set()


def test_a_claim_reads_no_more_of_a_long_backlog(centre: Party) -> None:
    """Even before PostgreSQL's statistics know of the backlog, a claim costs what it takes, not what waits."""

    def pages_read() -> int:
        claim = {"peer": "chumchon", "now": None, "at_most": 10, "probe": True, "lease": uuid7(), "lease_seconds": 12.0}
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {_CLAIM.sql}"
        with centre.engine.connect() as connection:  # rolled back at the end
            cursor = psycopg.RawCursor(cast("psycopg.Connection[Any]", connection.connection.driver_connection))
            row = cursor.execute(explain, [claim[name] for name in _CLAIM._names]).fetchone()  # noqa: SLF001  # as relays run it
            assert row is not None
        assert 10 == row[0][0]["Plan"]["Actual Rows"]
        return int(row[0][0]["Plan"]["Shared Hit Blocks"])

    def owe_more(count: int) -> None:
        with centre.sessions.begin() as session:
            for _ in range(count):
                owe(session, saying("ก"), to="chumchon", subject=uuid7(), now=NOW)

    assert Round.IDLE is centre.relay().round(centre.peer())  # which registers the peer
    owe_more(150)
    of_few = pages_read()
    owe_more(850)
    assert pages_read() < 2 * of_few
