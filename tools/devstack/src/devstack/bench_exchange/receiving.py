"""The receiving side of the benchmark, a process of its own: the exchange's inbox, and the floor beside it.

Both write the same row into the same table; the exchange's effect also writes the record's history, and is applied to
many at once, as the Office's is. The floor is what one would write without any promise: a FastAPI route that takes one
unsigned record, inserts it with psycopg on a connection that stays open, commits, and answers 201.
"""

import gc
import queue
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg
import sqlalchemy as sa
import uvicorn
from fastapi import Depends, FastAPI
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from sqlalchemy.orm import Session

import exchange
from devstack.ports import HOST
from exchange import Effects, Exchange, ExchangeMetrics, OwnKeys, Peer, exchange_router
from exchange.keys import Jwks
from schemas import TYPES, Message, Wire
from servicekit.database import Query, make_engine, make_read_sessions, make_sessions
from servicekit.observing import configure_logging
from servicekit.problems import install_problems

RECEIVER = "bench_receiver"
SENDER = "bench_sender"
FLOOR_CONNECTIONS = 8
CREATE_EFFECTS = """
    CREATE TABLE effects (id uuid PRIMARY KEY, subject text NOT NULL, details text NOT NULL);
    CREATE TABLE history (
        id uuid REFERENCES effects, at timestamptz NOT NULL, action text NOT NULL, PRIMARY KEY (id, at)
    )
"""

_INSERT = "INSERT INTO effects (id, subject, details) VALUES (%(id)s, %(subject)s, %(details)s)"
_EFFECTS = Query(
    sa.text("""
        WITH record AS MATERIALIZED (
            SELECT * FROM json_to_recordset(CAST(:records AS json)) AS record (id uuid, subject text, details text)
        ), told AS (
            INSERT INTO history (id, at, action) SELECT id, :now, 'opened' FROM record
        )
        INSERT INTO effects (id, subject, details) SELECT id, subject, details FROM record
    """)
)


class Record(BaseModel):
    """What the floor carries: as much text as the exchange's message."""

    id: UUID
    subject: str
    details: str


@dataclass(frozen=True, slots=True)
class Receiver:
    """What the process needs to know: where it is, its database, its keys, and the sender's."""

    port: int
    database_url: str
    keys: Jwks
    sender_url: str
    sender_keys: Jwks

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{HOST}:{self.port}"


def effects(session: Session, messages: Sequence[tuple[Message, Any]], now: datetime) -> None:
    """A record and its first line of history for each message."""
    records = [{"id": message.id, "subject": body.subject, "details": body.details} for message, body in messages]
    _EFFECTS.run(session, records=orjson.dumps(records).decode(), now=now)


def effect(session: Session, message: Message, body: Any, now: datetime) -> None:  # noqa: ANN401  # as handlers take it
    """The same for one message."""
    effects(session, [(message, body)], now)


def receive(receiver: Receiver) -> None:
    """Serve both until the process is terminated; as the services do, without looking for garbage among the modules."""
    gc.freeze()
    configure_logging(RECEIVER, "ERROR")
    uvicorn.run(make_app(receiver), host=HOST, port=receiver.port, log_config=None, access_log=False)


def make_app(receiver: Receiver) -> FastAPI:
    """The exchange under /v1, and the floor at /floor."""
    engine = make_engine(receiver.database_url)
    app = FastAPI()
    app.state.sessions = make_sessions(engine)
    app.state.read_sessions = make_read_sessions(engine)
    install_problems(app, exchange.PROBLEMS)
    sender = Peer(SENDER, receiver.sender_url, receiver.sender_keys)
    party = Exchange.between(RECEIVER, receiver.url, OwnKeys(receiver.keys), [sender])
    app.include_router(
        exchange_router(
            party,
            Effects(dict.fromkeys(TYPES, effect), bulk=dict.fromkeys(TYPES, effects)),
            operators=Depends(lambda: None),
            metrics=ExchangeMetrics(CollectorRegistry()),
        ),
        prefix="/v1",
    )
    connections: queue.LifoQueue[psycopg.Connection[Any]] = queue.LifoQueue()
    for _ in range(FLOOR_CONNECTIONS):
        connections.put(psycopg.connect(receiver.database_url))

    @app.post("/floor", status_code=201)
    def post_record(record: Record) -> dict[str, str]:
        connection = connections.get()
        try:
            connection.execute(_INSERT, {"id": record.id, "subject": record.subject, "details": record.details})
            connection.commit()
        finally:
            connections.put(connection)
        return {"id": str(record.id)}

    return app


def body_of(number: int, sample: Wire) -> Wire:
    """The sample with a subject of its own."""
    return sample.model_copy(update={"subject": f"เรื่องที่ {number}"})
