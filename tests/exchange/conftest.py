"""Two parties, each with its own database, keys and HTTP service on a loopback port."""

import contextlib
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import UUID

import pytest
import sqlalchemy as sa
import uvicorn
from alembic.migration import MigrationContext
from alembic.operations import Operations
from fastapi import Depends, FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Receive, Scope, Send

import exchange
from exchange import (
    Effects,
    Exchange,
    ExchangeMetrics,
    OwnKeys,
    Peer,
    Relay,
    RelaySettings,
    exchange_router,
    generate_keys,
    keys_router,
    owe,
)
from exchange.migrations import STEPS
from schemas import TYPES, Message, sample
from schemas import Wire as Body
from servicekit.database import Sessions, make_engine, make_read_sessions, make_sessions
from servicekit.identity import Actor
from servicekit.ids import uuid7
from servicekit.problems import DomainError, Problem, install_problems
from servicekit.testing import Databases, Template, databases
from servicekit.words import Words

__all__ = ["databases"]

T = TypeVar("T")

NOW = datetime(2026, 10, 5, 2, 20, tzinfo=UTC)


class NotAcceptable(DomainError):
    """What a handler of these tests raises when a message says so."""


PROBLEMS = {
    **exchange.PROBLEMS,
    NotAcceptable: Problem(
        "not-acceptable",
        HTTPStatus.CONFLICT,
        Words("รับไม่ได้ในสถานะนี้", "Not in this state"),
        Words("ติดต่อ {whom}", "Ask {whom}"),
    ),
}


def migrate(url: str) -> None:
    """The exchange's tables, and one that the handlers of these tests write to."""
    engine = make_engine(url, pool_size=1)
    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        for step in STEPS:
            step.upgrade(operations)
        connection.execute(
            sa.text("CREATE TABLE effects (position serial PRIMARY KEY, message_id uuid, subject uuid, said text)")
        )
    engine.dispose()


@pytest.fixture(scope="session")
def template(databases: Databases) -> Template:
    return databases.template("exchange", migrate)


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> None:
        self.now += timedelta(**parts)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def record(session: Session, message: Message, body: Body, now: datetime) -> None:
    """The effect of a message in these tests: a row. Its text may ask for trouble."""
    said = getattr(body, "reason", None) or getattr(body, "text", "")
    session.execute(
        sa.text("INSERT INTO effects (message_id, subject, said) VALUES (:id, :subject, :said)"),
        {"id": message.id, "subject": message.subject, "said": said},
    )
    if said == "reply":
        owe(session, saying("ก"), to=message.source, subject=message.subject, now=now)
    if said == "refuse":
        raise NotAcceptable("as asked", whom="กสป.")
    if said == "crash":
        raise ZeroDivisionError("a secret that nobody may log")
    if said == "break":
        session.execute(sa.text("SELECT 1/0"))
    if said == "kill":
        session.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))


HANDLERS = dict.fromkeys((name for name in TYPES if name != "referral.void.v1"), record)


@dataclass
class Party:
    """One side: what it needs to owe, to send and to take."""

    code: str
    url: str
    engine: sa.Engine
    sessions: Sessions
    exchange: Exchange
    registry: CollectorRegistry
    metrics: ExchangeMetrics
    effects: Effects
    app: FastAPI
    relays: list[Relay] = field(default_factory=list)

    def owes(
        self, said: str = "ก", *, to: str = "chumchon", subject: UUID | None = None, now: datetime = NOW
    ) -> tuple[UUID, UUID]:
        """Owe one message that says this; its subject and its id."""
        subject = subject or uuid7()
        with self.sessions.begin() as session:
            return subject, owe(session, saying(said), to=to, subject=subject, now=now)

    def relay(
        self, clock: Callable[[], datetime] | None = None, *, batch_messages: int = 50, poll_seconds: float = 2.0
    ) -> Relay:
        made = Relay(
            self.exchange,
            self.sessions,
            self.metrics,
            RelaySettings(batch_messages=batch_messages, poll_seconds=poll_seconds),
            clock=clock,
        )
        self.relays.append(made)
        return made

    def peer(self, code: str = "chumchon") -> Peer:
        return self.exchange.peers[code]

    def sql(self, statement: str, **values: object) -> list[Any]:
        with self.engine.begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return list(result.all()) if result.returns_rows else []

    def states(self) -> list[str]:
        return [row.state for row in self.sql("SELECT state FROM exchange_outbox ORDER BY id")]

    def said(self) -> list[str]:
        """What the messages said whose effects are there, in the order in which they were applied."""
        return [row.said for row in self.sql("SELECT said FROM effects ORDER BY position")]


def saying(text: str) -> Body:
    data = sample("referral.withdrawn.v1")["data"] | {"reason": text}
    return TYPES["referral.withdrawn.v1"].body.model_validate(data)


def free_socket() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


@contextlib.contextmanager
def served(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    """Run an application under uvicorn in a thread."""
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    eventually(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def eventually(look: Callable[[], T], seconds: float = 20.0) -> T:
    """What `look` returns, as soon as that is true."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, "it did not happen in time"
        threading.Event().wait(0.01)
    return found


@dataclass
class Parties:
    centre: Party
    office: Party
    listeners: dict[str, socket.socket]


CODES = ("center1111", "chumchon")


@pytest.fixture(scope="session")
def engines(template: Template) -> Iterator[dict[str, sa.Engine]]:
    """A database for each party, for all tests of this worker: `parties` hands them out empty."""
    with contextlib.ExitStack() as stack:
        made = {}
        for code in CODES:
            made[code] = make_engine(stack.enter_context(template.clone()), pool_size=20)
            stack.callback(made[code].dispose)
        yield made


@pytest.fixture
def parties(engines: dict[str, sa.Engine]) -> Iterator[Parties]:
    """The Centre and the Office, not yet served."""
    keys = {code: OwnKeys(generate_keys()) for code in CODES}
    listeners = {code: free_socket() for code in CODES}
    urls = {code: f"http://127.0.0.1:{listener.getsockname()[1]}" for code, listener in listeners.items()}
    made = {}
    for code in CODES:
        peers = [Peer(other, urls[other], keys[other].published) for other in CODES if other != code]
        made[code] = party(code, urls[code], engines[code], keys[code], peers)
        made[code].sql(f"TRUNCATE effects, {', '.join(exchange.metadata.tables)} RESTART IDENTITY")
    yield Parties(made["center1111"], made["chumchon"], listeners)
    for it in made.values():
        for relay in it.relays:
            relay.close()
        it.exchange.close()
    for listener in listeners.values():
        listener.close()


class Files:
    """The files of both parties in these tests."""

    def __init__(self) -> None:
        self.contents: dict[tuple[UUID, str], bytes] = {}

    def read(self, _session: Session, attachment_id: UUID, *, peer: str) -> bytes | None:
        return self.contents.get((attachment_id, peer))


FILES = Files()


def the_operator() -> Actor:
    """Who asks for the operators' routes in these tests."""
    return Actor("นิดา", frozenset({"operator"}))


def party(code: str, url: str, engine: sa.Engine, keys: OwnKeys, peers: list[Peer]) -> Party:
    sessions = make_sessions(engine)
    it = Exchange.between(code, url, keys, peers)
    it.enrol(sessions)
    registry = CollectorRegistry()
    metrics = ExchangeMetrics(registry)
    effects = Effects(HANDLERS, PROBLEMS)
    app = FastAPI()
    app.state.sessions = sessions
    app.state.read_sessions = make_read_sessions(engine)
    install_problems(app, PROBLEMS)
    app.include_router(
        exchange_router(it, effects, operators=Depends(the_operator), metrics=metrics, source=FILES), prefix="/v1"
    )
    app.include_router(keys_router(it))
    return Party(code, url, engine, sessions, it, registry, metrics, effects, app)


Fault = Callable[[Scope, Receive, Send, ASGIApp], Awaitable[None]]
Event = MutableMapping[str, Any]


class Wire:
    """What stands between the relay and the Office: answers with the scripted faults first, then passes all on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.faults: list[Fault] = []
        self.sizes: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.sizes.append(int(dict(scope["headers"]).get(b"content-length", 0)))
        await (self.faults.pop(0) if self.faults else pass_on)(scope, receive, send, self.app)


async def pass_on(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
    await app(scope, receive, send)


def answering(status: int, body: bytes = b"{}", headers: dict[str, str] | None = None) -> Fault:
    """The Office does not see the request; this is answered instead."""

    async def fault(_scope: Scope, receive: Receive, send: Send, _app: ASGIApp) -> None:
        while (await receive()).get("more_body"):
            pass
        sent = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": body})

    return fault


def after_applying(change: Callable[[Event], Event | None]) -> Fault:
    """The Office takes the messages; `change` alters what it sends, or drops it (None) and cuts the connection."""

    async def fault(scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        async def altered(event: Event) -> None:
            changed = change(event)
            if changed is None:
                raise ConnectionAbortedError
            await send(changed)

        with contextlib.suppress(ConnectionAbortedError):
            await app(scope, receive, altered)

    return fault


@pytest.fixture
def centre(parties: Parties) -> Party:
    return parties.centre


@pytest.fixture
def wire(parties: Parties) -> Iterator[Wire]:
    """The Office, served over HTTP behind faults."""
    it = Wire(parties.office.app)
    with served(it, parties.listeners["chumchon"]):
        yield it


@pytest.fixture
def office(parties: Parties, wire: Wire) -> Party:
    """The Office, served over HTTP."""
    assert wire.app is parties.office.app
    return parties.office
