"""`Query` runs compiled statements in the session's transaction, and broken connections heal."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from servicekit.database import (
    Query,
    ReadSession,
    Sessions,
    make_engine,
    make_read_sessions,
    make_sessions,
    taken_twice,
)

metadata = sa.MetaData()
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("body", JSONB, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True)),
)
insert = Query(sa.insert(notes).values(body=sa.bindparam("body"), at=sa.bindparam("at")).returning(notes))
bodies = Query(sa.select(notes.c.body).order_by(notes.c.id))
some = Query(sa.select(notes.c.id).where(notes.c.id == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.Integer)))))
AT = datetime(2026, 10, 1, 2, tzinfo=UTC)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """An engine on a database with notes."""
    engine = make_engine(database_url, pool_size=1)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: sa.Engine) -> Sessions:
    """Sessions on that engine."""
    return make_sessions(engine)


def test_values_come_back_as_they_went_in(sessions: Sessions) -> None:
    """JSON, times and lists pass through the driver's cursor with their types."""
    with sessions.begin() as session:
        row = insert.first(session, body={"คำ": [1, None]}, at=AT)
        assert row is not None
        assert (row.body, row.at) == ({"คำ": [1, None]}, AT)
        assert [(row.id,)] == some.all(session, ids=[row.id, 99])


def test_it_is_part_of_the_session_s_transaction(sessions: Sessions) -> None:
    """A rollback takes it back."""
    with sessions() as session:
        insert.run(session, body={}, at=AT)
        assert len(bodies.all(session)) == 1
        session.rollback()
        assert bodies.all(session) == []


def test_a_statement_that_cannot_be_compiled_once_is_refused() -> None:
    """`IN` of a list has as many parameters as the list: it must be written as `= ANY`."""
    with pytest.raises(ValueError, match="ANY"):
        Query(sa.select(notes).where(notes.c.id.in_(sa.bindparam("ids", expanding=True))))


@pytest.mark.usefixtures("engine")
def test_reading_sessions_cannot_write(database_url: str) -> None:
    """The database itself refuses, whatever the code says."""
    reading = make_engine(database_url, pool_size=1, read_only=True)
    with make_read_sessions(reading)() as session:
        assert isinstance(session, ReadSession)
        with pytest.raises(sa.exc.InternalError) as refused:
            insert.first(session, body={}, at=AT)
        assert isinstance(refused.value.orig, psycopg.errors.ReadOnlySqlTransaction)
    reading.dispose()


def test_a_connection_that_the_server_closed_is_replaced(sessions: Sessions, database_url: str) -> None:
    """After a restart of PostgreSQL one request may fail, the next works."""
    with sessions() as session:
        backend = session.scalar(sa.text("SELECT pg_backend_pid()"))
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
    with pytest.raises(sa.exc.OperationalError) as lost, sessions() as session:
        bodies.all(session)
    assert lost.value.connection_invalidated
    with sessions() as session:
        assert bodies.all(session) == []


def test_errors_are_those_of_sqlalchemy(sessions: Sessions) -> None:
    """Of one family, whichever way a statement is run; with the driver's error, and without what was written."""
    twice = Query(sa.insert(notes).values(id=1, body=sa.bindparam("body")))
    with sessions.begin() as session:
        twice.run(session, body={})
    with pytest.raises(sa.exc.IntegrityError) as caught, sessions.begin() as session:
        twice.run(session, body="ความลับ")
    assert "notes_pkey" == taken_twice(caught.value)
    assert caught.value.orig is caught.value.__cause__
    assert "ความลับ" not in str(caught.value)
    divided = Query(sa.select(sa.literal(1) / sa.bindparam("by", type_=sa.Integer)))
    with pytest.raises(sa.exc.DataError), sessions() as session:
        divided.scalar(session, by=0)


def test_another_broken_rule_is_not_taken_twice(sessions: Sessions) -> None:
    """Only what is there already is."""
    with pytest.raises(sa.exc.IntegrityError) as caught, sessions.begin() as session:
        Query(sa.insert(notes).values(body=sa.null())).run(session)
    assert None is taken_twice(caught.value)


def test_errors_never_carry_what_was_written(sessions: Sessions) -> None:
    """SQLAlchemy's messages hide the parameters: they are personal data."""
    with pytest.raises(sa.exc.DBAPIError) as caught, sessions() as session:
        session.execute(sa.text("SELECT CAST(:words AS integer) FROM notes, nowhere"), {"words": "ความลับ"})

    assert "ความลับ" not in str(caught.value)
