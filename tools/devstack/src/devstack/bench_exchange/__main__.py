"""Measure the exchange beside its floor, in one run: records per second, latency, idle load, recovery, a backlog.

Everything is on: signatures on both ways, SQLAlchemy's sessions, outbox, inbox, effects, receipts with their proofs;
PostgreSQL syncs each commit to disk. The floor is `devstack.bench_exchange.receiving`: one plain POST and one commit a
record. What is compared was measured in turns, as the machine's mood would decide otherwise.
"""

import contextlib
import gc
import json
import multiprocessing
import operator
import os
import queue
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, LiteralString, cast
from uuid import UUID

import httpx2
import psycopg
import sqlalchemy as sa
import typer
from alembic.migration import MigrationContext
from alembic.operations import Operations
from prometheus_client import CollectorRegistry
from rich.console import Console

from devstack.bench_exchange.receiving import CREATE_EFFECTS, RECEIVER, SENDER, Receiver, body_of, receive
from devstack.ports import HOST, free_ports
from devstack.stack import environment_of, our_services
from devstack.testing.databases import migrate
from devstack.testing.processes import ServiceProcess
from exchange import Exchange, ExchangeMetrics, OwnKeys, Peer, Relay, RelaySettings, generate_keys, owe, write_keys
from exchange.migrations import STEPS
from exchange.parties import Peer as Party
from schemas import ReferralSent, sample
from servicekit import development_issuer
from servicekit.database import Sessions, make_engine, make_sessions
from servicekit.embedded import Cluster, Server
from servicekit.ids import uuid7
from servicekit.observing import configure_logging
from servicekit.testing import eventually

BATCH = 50
ROUNDS = 5
IDLE_SECONDS = 20.0
LATENCY_PAUSE_SECONDS = 0.03
LOOK_SECONDS = 0.05

TIMES_THE_FLOOR = 6.0
TIMES_A_DIRECT_POST = 2.0
IDLE_TRANSACTIONS_PER_SECOND = 1.0
ABANDONED_FOR_SECONDS = 15.0
BACKLOG_GROWTH_MIB = 32.0
NEW_REFERRAL_SECONDS = 10.0

screen = Console()
SAMPLE = ReferralSent.model_validate(sample("referral.sent.v1")["data"])


@dataclass(frozen=True, slots=True)
class Sender:
    """The sending side, in this process: its database, and the relay that sends what it owes."""

    database_url: str
    watch: psycopg.Connection[Any]
    sessions: Sessions
    exchange: Exchange
    metrics: ExchangeMetrics

    def owe(self, count: int, *, to: str) -> list[UUID]:
        """Owe so many messages, each about a subject of its own, in transactions of 50; their ids."""
        ids = []
        for start in range(0, count, BATCH):
            with self.sessions.begin() as session:
                ids += [
                    owe(session, body_of(start + n, SAMPLE), to=to, subject=uuid7(), now=datetime.now(UTC))
                    for n in range(min(BATCH, count - start))
                ]
        return ids

    @contextlib.contextmanager
    def relaying(self, *peers: str) -> Iterator[None]:
        """A relay at work for these peers, in threads of this process."""
        chosen = {code: self.exchange.peers[code] for code in peers}
        party = replace(self.exchange, peers=chosen)
        stop = threading.Event()
        relay = Relay(party, self.sessions, self.metrics, RelaySettings(batch_messages=BATCH))
        thread = threading.Thread(target=relay.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def queued(self, to: str) -> int:
        """How many messages are still to be sent."""
        count = "SELECT count(*) FROM exchange_outbox WHERE state = 'queued' AND peer = %s"
        return int(self.value(count, to))

    def value(self, statement: LiteralString, *values: object) -> Any:  # noqa: ANN401  # what the statement selects
        """The one value that a statement finds."""
        row = self.watch.execute(statement, values).fetchone()
        return row and row[0]


@dataclass(frozen=True, slots=True)
class Office:
    """The real Office, a process of its own, and its database."""

    code: str
    watch: psycopg.Connection[Any]

    def all_searchable(self) -> bool:
        """Whether the search knows every case."""
        return self.watch.execute("SELECT FROM cases WHERE search_stale LIMIT 1").fetchone() is None


def create(server: Server, name: str) -> str:
    """A database with the exchange's tables, and the one that effects are written to; its URL."""
    server.create_database(name)
    engine = make_engine(server.url(name), pool_size=1)
    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        for step in STEPS:
            step.upgrade(operations)
        connection.execute(sa.text(CREATE_EFFECTS))
    engine.dispose()
    return server.url(name)


def post_directly(url: str, count: int, clients: int) -> None:
    """The floor: each client posts one record after the other, on a connection that stays open."""
    left: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(count):
        left.put(number)

    def work() -> None:
        with httpx2.Client() as client, contextlib.suppress(queue.Empty):
            while True:
                post_one(client, url, uuid7(), left.get_nowait())

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def post_one(client: httpx2.Client, url: str, identity: UUID, number: int) -> None:
    """One record of the floor."""
    body = body_of(number, SAMPLE)
    record = {"id": str(identity), "subject": f"เรื่องที่ {number}", "details": cast("ReferralSent", body).details}
    client.post(f"{url}/floor", json=record).raise_for_status()


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def judge(what: str, *, met: bool) -> None:
    """Print a figure that has a target, and whether it meets it."""
    screen.print(f"  {what}   {'met' if met else 'MISSED'}", highlight=False)


def throughput(sender: Sender, receiver: Receiver, office: Office, records: int) -> None:
    """Records per second, in turns: floor with one client and with four, the exchange, the real Office.

    The target is the exchange's. The Office routes each record by content while it opens a case, which has no target.
    Of the Office's cases also how many a second were searchable, which they are some time after they are open; the
    next turn begins when all of them are.
    """
    floor = "floor, 1 client"
    engine, cases, searchable = "exchange, record and history", "exchange, the Office's cases", "… until searchable"
    rates: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, clients in ((floor, 1), ("floor, 4 clients", 4)):
            took = seconds(partial(post_directly, receiver.url, records // 10, clients))
            rates.setdefault(name, []).append(records // 10 / took)
        for name, peer in ((engine, RECEIVER), (cases, office.code)):
            ids = sender.owe(records, to=peer)
            took = seconds(partial(drain, sender, peer))
            rates.setdefault(name, []).append(under_way(sender, ids))
        took += seconds(partial(until, office.all_searchable))
        rates.setdefault(searchable, []).append(records / took)
    for name, found in rates.items():
        rate = statistics.median(found)
        times = statistics.median(map(operator.truediv, found, rates[floor]))
        line = f"{name:<30} {rate:7.0f} records/s   {times:4.1f} x the floor"
        if name == engine:
            judge(f"{line} (target: {TIMES_THE_FLOOR:g})", met=times >= TIMES_THE_FLOOR)
        else:
            screen.print(f"  {line}", highlight=False)


def drain(sender: Sender, peer: str) -> None:
    """Send all that is owed."""
    with sender.relaying(peer):
        until(lambda: sender.queued(peer) == 0)


def under_way(sender: Sender, ids: Sequence[UUID]) -> float:
    """Records a second of a relay at work: from the first receipts to the last, by the database's clock.

    What a relay does once when it starts, as asking its peer whether anything was forgotten, is not counted.
    """
    return float(
        sender.value(
            """
            SELECT count(*) FILTER (WHERE settled_at > first) / extract(epoch FROM max(settled_at) - min(first))
            FROM exchange_outbox CROSS JOIN (SELECT min(settled_at) AS first FROM exchange_outbox WHERE id = ANY(%s))
            WHERE id = ANY(%s)
            """,
            list(ids),
            list(ids),
        )
    )


def until(look: Callable[[], bool]) -> None:
    """Wait for it, looking so seldom that it costs nothing."""
    while not look():
        time.sleep(LOOK_SECONDS)


def latency(sender: Sender, receiver: Receiver, count: int) -> None:
    """From the sender's commit to the receiver's, one record at a time, in turns with a direct POST.

    Both by the times that PostgreSQL itself gave the commits (`track_commit_timestamp`), on one clock.
    """
    direct, exchanged = [], []
    with sender.relaying(RECEIVER), httpx2.Client() as client:
        for number in range(count):
            identity = uuid7()
            with sender.sessions.begin() as session:
                session.execute(
                    sa.text("INSERT INTO effects (id, subject, details) VALUES (:id, '', '')"), {"id": identity}
                )
            post_one(client, receiver.url, identity, number)
            direct.append(identity)
            time.sleep(LATENCY_PAUSE_SECONDS)
            with sender.sessions.begin() as session:
                identity = owe(session, body_of(number, SAMPLE), to=RECEIVER, subject=uuid7(), now=datetime.now(UTC))
                session.execute(
                    sa.text("INSERT INTO effects (id, subject, details) VALUES (:id, '', '')"), {"id": identity}
                )
            exchanged.append(identity)
            time.sleep(LATENCY_PAUSE_SECONDS)
        eventually(lambda: sender.queued(RECEIVER) == 0)
    floor, ours = (milliseconds(sender, receiver, ids) for ids in (direct, exchanged))
    for name, figures in (("direct POST", floor), ("exchange", ours)):
        p50, p95 = statistics.median(figures), statistics.quantiles(figures, n=20)[18]
        screen.print(f"  {name:<30} p50 {p50:6.2f} ms   p95 {p95:6.2f} ms")
    times = statistics.median(ours) / statistics.median(floor)
    judge(f"p50 is {times:.2f} x a direct POST's (target: {TIMES_A_DIRECT_POST:g})", met=times <= TIMES_A_DIRECT_POST)


def milliseconds(sender: Sender, receiver: Receiver, ids: Sequence[UUID]) -> list[float]:
    """From commit to commit, for each of these records."""
    committed: list[dict[UUID, datetime]] = []
    for url in (sender.database_url, receiver.database_url):
        with psycopg.connect(url) as connection:
            rows = connection.execute(
                "SELECT id, pg_xact_commit_timestamp(xmin) FROM effects WHERE id = ANY(%s)", [list(ids)]
            ).fetchall()
        committed.append(dict(rows))
    return [(committed[1][it] - committed[0][it]).total_seconds() * 1000 for it in ids]


def idle(sender: Sender, office: Office) -> None:
    """What an idle relay asks of its database, and the whole idle Office of its own.

    Both are vacuumed first: autovacuum, which would do so some time after the load, counts its transactions there too.
    """
    for watch in (sender.watch, office.watch):
        watch.execute("VACUUM (ANALYZE)")
    with sender.relaying(RECEIVER):
        eventually(lambda: sender.queued(RECEIVER) == 0)
        time.sleep(IDLE_SECONDS)  # until all connections have told what they did before
        before = [transactions(sender.watch), transactions(office.watch)]
        time.sleep(IDLE_SECONDS)
        relay, service = (
            (transactions(watch) - done - 1) / IDLE_SECONDS
            for watch, done in zip((sender.watch, office.watch), before, strict=True)
        )
    judge(
        f"{relay:.2f} transactions/s on the database of an idle relay (target: {IDLE_TRANSACTIONS_PER_SECOND:g})",
        met=relay <= IDLE_TRANSACTIONS_PER_SECOND,
    )
    screen.print(f"  {service:.2f} transactions/s on the database of the idle Office, indexing and alarms included")


def transactions(watch: psycopg.Connection[Any]) -> int:
    """How many the database has seen."""
    row = watch.execute(
        "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    ).fetchone()
    return row[0] if row else 0


def abandoned(sender: Sender) -> None:
    """How soon messages move again that a killed relay had claimed."""
    sender.owe(BATCH, to=RECEIVER)
    claiming = multiprocessing.get_context("fork").Process(target=_claim_and_die, args=(sender,))
    claiming.start()
    claiming.join()
    took = seconds(lambda: drain(sender, RECEIVER))
    judge(
        f"{took:.1f} s until {BATCH} messages were delivered that a killed relay had claimed"
        f" (target: {ABANDONED_FOR_SECONDS:g})",
        met=took <= ABANDONED_FOR_SECONDS,
    )


def _claim_and_die(sender: Sender) -> None:
    """A relay that is killed between its claim and its request, in a forked process."""
    sessions = make_sessions(make_engine(sender.database_url))
    Relay(sender.exchange, sessions, sender.metrics, courier=cast("Any", _Deadly())).round(
        sender.exchange.peers[RECEIVER]
    )


class _Deadly:
    """A courier that does not live to send anything."""

    def deliver(self, _peer: Party, _contents: Sequence[str], *, now: datetime) -> None:
        del now
        os._exit(1)


def backlog(sender: Sender, messages: int) -> None:
    """A day's backlog drains in bounded memory, and new referrals pass meanwhile."""
    took = seconds(lambda: sender.owe(messages, to=RECEIVER))
    screen.print(f"  {messages:,} messages owed in {took:.0f} s")
    begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    passed: list[float] = []
    began = time.perf_counter()
    with sender.relaying(RECEIVER):
        while (left := sender.queued(RECEIVER)) > messages // 20:
            (identity,) = sender.owe(1, to=RECEIVER)
            passed.append(seconds(partial(until, partial(_is_delivered, sender, identity))))
            time.sleep(1)
        until(lambda: sender.queued(RECEIVER) == 0)
    took = time.perf_counter() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begun) / 1024
    judge(
        f"drained in {took:.0f} s ({messages / took:.0f}/s), the relay grew by {grown:.1f} MiB, {left} seen last"
        f" (target: {BACKLOG_GROWTH_MIB:g} MiB)",
        met=grown <= BACKLOG_GROWTH_MIB,
    )
    judge(
        f"new referrals meanwhile: {len(passed)}, p50 {statistics.median(passed):.2f} s, worst {max(passed):.2f} s"
        f" (target: {NEW_REFERRAL_SECONDS:g} s)",
        met=max(passed) <= NEW_REFERRAL_SECONDS,
    )


def _is_delivered(sender: Sender, identity: UUID) -> bool:
    return bool(sender.value("SELECT state = 'delivered' FROM exchange_outbox WHERE id = %s", identity))


@contextlib.contextmanager
def stage(folder: Path) -> Iterator[tuple[Sender, Receiver, Office]]:
    """PostgreSQL, the receiver and the real Office as processes, and the sender here."""
    cluster = Cluster(folder / "postgres", durable=True)
    with cluster.running() as server, psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    with contextlib.ExitStack() as exits:
        server = exits.enter_context(cluster.running())
        office = our_services(*free_ports(2))[1]
        own, theirs = generate_keys(), generate_keys()
        sender_url = f"http://{HOST}:1"
        receiver = Receiver(free_ports(1)[0], create(server, "receiver"), theirs, sender_url, OwnKeys(own).published)
        process = multiprocessing.get_context("spawn").Process(target=receive, args=(receiver,), daemon=True)
        process.start()
        exits.callback(process.join)
        exits.callback(process.terminate)

        server.create_database("office")
        migrate("chumchon", server.url("office"))
        office_keys, issuer = folder / "office.json", folder / "issuer.json"
        write_keys(office_keys, generate_keys())
        development_issuer.make_key_file(issuer)
        development_issuer.write_public_keys(issuer, folder / "issuer.public.json")
        environment = dict(
            environment_of(
                office,
                database_url=server.url("office"),
                public_url=office.url,
                peers={},
                issuer_jwks=folder / "issuer.public.json",
                exchange_keys=office_keys,
                relay_in_service=False,
                attachments=folder / "attachments",
            )
        )
        environment["CHUMCHON_PEERS"] = json.dumps({SENDER: {"url": sender_url, "jwks": dict(OwnKeys(own).published)}})
        service = ServiceProcess(office, environment, folder)
        exits.callback(service.kill)
        service.start()
        service.wait_until_ready()

        sender_database = create(server, "sender")
        engine = make_engine(sender_database, pool_size=20)
        exits.callback(engine.dispose)
        sessions = make_sessions(engine)
        peers = [
            Peer(RECEIVER, receiver.url, OwnKeys(theirs).published),
            Peer(office.code, office.url, OwnKeys.read(office_keys).published),
        ]
        party = Exchange.between(SENDER, sender_url, OwnKeys(own), peers)
        party.enrol(sessions)
        exits.callback(party.close)
        eventually(lambda: _answers(receiver.url))
        watch, watch_cases = (
            exits.enter_context(psycopg.connect(url, autocommit=True))
            for url in (sender_database, server.url("office"))
        )
        yield (
            Sender(sender_database, watch, sessions, party, ExchangeMetrics(CollectorRegistry())),
            receiver,
            Office(office.code, watch_cases),
        )


def _answers(url: str) -> bool:
    try:
        return bool(httpx2.get(url, trust_env=False).status_code)
    except httpx2.TransportError:
        return False


def main(
    *,
    records: Annotated[int, typer.Option(help="Records in each of the rounds.")] = 2000,
    singles: Annotated[int, typer.Option(help="Records of the latency measurement.")] = 200,
    messages: Annotated[int, typer.Option("--backlog", help="Messages of a day down; 0 leaves it out.")] = 100_000,
) -> None:
    """Print how fast the exchange is."""
    gc.freeze()  # as the services do, so that nobody looks for garbage among the modules
    configure_logging(SENDER, "ERROR")
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as (sender, receiver, office):
        load = os.getloadavg()[0]
        screen.print(f"{os.cpu_count()} CPUs, load {load:.1f}; PostgreSQL syncs every commit; batches of {BATCH}")
        screen.print("Records per second (medians of turns; against the floor of the same turn)")
        throughput(sender, receiver, office, records)
        screen.print("Latency from commit to commit, one record at a time")
        latency(sender, receiver, singles)
        screen.print("Idle")
        idle(sender, office)
        screen.print("A killed relay")
        abandoned(sender)
        if messages:
            screen.print("A backlog")
            backlog(sender, messages)


if __name__ == "__main__":
    typer.run(main)
