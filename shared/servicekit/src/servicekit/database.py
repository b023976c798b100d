"""Sessions on PostgreSQL, and one fast way to run a statement inside them.

SQLAlchemy's session owns the transaction; its run time for executing statements costs several times what the driver
does, so hot paths run Core statements that were compiled once, on the driver's own cursor (`Query`).
"""

import operator
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar, cast

import orjson
import psycopg
import sqlalchemy as sa
from psycopg.rows import namedtuple_row
from psycopg.types.json import set_json_dumps, set_json_loads
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

IDLE_SECONDS_BEFORE_PING = 3.0
"""A pooled connection that has rested longer is tried before use: the server may have been restarted meanwhile."""

_Cursor: TypeAlias = psycopg.Cursor[Any]
_Found = TypeVar("_Found")
_ALL: Callable[[_Cursor], list[Any]] = psycopg.Cursor.fetchall
_NEXT: Callable[[_Cursor], Any] = psycopg.Cursor.fetchone
_ROWCOUNT: Callable[[_Cursor], int] = operator.attrgetter("rowcount")

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy's dialects are not annotated
_NUMBERED = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # as above


class ReadSession(Session):
    """A session for reading: each statement sees the newest committed state, and the database refuses changes."""


Sessions = sessionmaker[Session]
ReadSessions = sessionmaker[ReadSession]


def make_engine(url: str, *, pool_size: int = 10, name: str = "servicekit", read_only: bool = False) -> sa.Engine:
    """An engine for `postgresql://…` (or `postgresql+psycopg://…`), speaking UTC.

    With `read_only` it runs each statement by itself (no BEGIN and COMMIT to wait for), and PostgreSQL refuses
    any change; such an engine may point to a read replica.

    The connection that was used last is taken first: it has what is asked often at hand, and need not be tried.
    """
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        pool_use_lifo=True,
        hide_parameters=True,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        isolation_level="AUTOCOMMIT" if read_only else "READ COMMITTED",
        connect_args={
            "application_name": name,
            "connect_timeout": 5,
            "options": "-c timezone=UTC" + (" -c default_transaction_read_only=on" if read_only else ""),
        },
    )
    sa.event.listen(engine, "connect", _on_connect)
    sa.event.listen(engine, "checkin", _on_checkin)
    sa.event.listen(engine, "checkout", _on_checkout)
    return engine


def make_sessions(engine: sa.Engine) -> Sessions:
    """Sessions that write; objects stay readable after the commit.

    What only looks, again and again, ends by a commit too (`sessions.begin()`): at a rollback the driver forgets the
    statements that the connection has prepared, and the server plans them anew.
    """
    return sessionmaker(engine, class_=Session, expire_on_commit=False)


def make_read_sessions(engine: sa.Engine) -> ReadSessions:
    """Sessions that read, on an engine made with `read_only`."""
    return sessionmaker(engine, class_=ReadSession, expire_on_commit=False, autoflush=False)


@contextmanager
def connected(url: str, *, name: str, pool_size: int = 1) -> Iterator[Sessions]:
    """Sessions that write, for a command: their connections are closed at the end."""
    engine = make_engine(url, pool_size=pool_size, name=name)
    try:
        yield make_sessions(engine)
    finally:
        engine.dispose()


class Query:
    """A Core statement, compiled once and run on the driver's cursor inside the session's transaction.

    Parameters are the statement's `bindparam` names, passed by keyword. Rows are named tuples of what the driver makes
    of the columns: `UUID`, aware `datetime` in UTC, decoded JSON. Lists go in as `= ANY(:values)`; a statement with
    `IN` of a list cannot be compiled once and is refused.

    Errors are SQLAlchemy's own (`sqlalchemy.exc.IntegrityError` and so on), as from `session.execute`: the driver's is
    their `orig`.

    With `plan_for_values` PostgreSQL plans it for the values of each run, as is right where these decide which index
    is good; else it soon keeps one plan for all.
    """

    __slots__ = ("_constants", "_names", "_prepare", "_processors", "sql")

    def __init__(self, statement: sa.Executable, *, plan_for_values: bool = False) -> None:
        self._prepare = False if plan_for_values else None
        compiled = cast("Any", statement).compile(dialect=_NUMBERED)
        if compiled.post_compile_params or compiled.literal_execute_params:
            raise ValueError("A Query takes no expanding parameters: compare with ANY(:values) instead of IN.")
        self.sql: str = compiled.string
        self._names: Sequence[str] = tuple(compiled.positiontup or ())
        self._constants: Mapping[str, Any] = {
            name: value for name, value in compiled.params.items() if not compiled.binds[name].required
        }
        self._processors: Mapping[str, Any] = compiled._bind_processors  # noqa: SLF001  # the only way to type values

    def all(self, session: Session, **values: object) -> list[Any]:
        """All rows."""
        return self._run(session, values, _ALL)

    def first(self, session: Session, **values: object) -> Any | None:  # noqa: ANN401  # rows are as wide as the query
        """The first row, or None."""
        return self._run(session, values, _NEXT)

    def scalar(self, session: Session, **values: object) -> Any | None:  # noqa: ANN401  # as above
        """The first column of the first row, or None."""
        row = self._run(session, values, _NEXT)
        return None if row is None else row[0]

    def run(self, session: Session, **values: object) -> int:
        """Run it for its effect; the number of rows it touched."""
        return self._run(session, values, _ROWCOUNT)

    def _run(self, session: Session, values: Mapping[str, object], found: Callable[[_Cursor], _Found]) -> _Found:
        cursor = _cursor(session)
        bound = self._bound(values)
        try:
            return found(cursor.execute(self.sql, bound, prepare=self._prepare))
        except psycopg.Error as error:
            raise self._failed(session, cursor, error) from error

    def _failed(self, session: Session, cursor: _Cursor, error: psycopg.Error) -> Exception:
        """The driver's error as SQLAlchemy tells it; a broken connection goes back to no pool."""
        broken = cursor.connection.broken
        if broken:
            session.connection().invalidate()
        return sa.exc.DBAPIError.instance(
            self.sql,
            None,  # no parameters: they may be personal data
            error,
            psycopg.Error,
            hide_parameters=True,
            connection_invalidated=broken,
            dialect=_DIALECT,
        )

    def _bound(self, values: Mapping[str, object]) -> list[object]:
        bound = {**self._constants, **values}
        for name, process in self._processors.items():
            bound[name] = process(bound[name])
        return [bound[name] for name in self._names]


def taken_twice(error: sa.exc.IntegrityError) -> str | None:
    """The name of the constraint or index by which there is such a row already; None if it is another rule."""
    found = error.orig
    return found.diag.constraint_name if isinstance(found, psycopg.errors.UniqueViolation) else None


def _cursor(session: Session) -> _Cursor:
    """A cursor that takes `$1, $2 …` as the server does: the driver would translate long statements on every run."""
    if session.autoflush:
        session.flush()
    connection = session.connection().connection.driver_connection
    return psycopg.RawCursor(cast("psycopg.Connection[Any]", connection), row_factory=namedtuple_row)


def _on_connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    driver = cast("psycopg.Connection[Any]", connection)
    set_json_loads(orjson.loads, driver)
    set_json_dumps(orjson.dumps, driver)


def _on_checkin(_connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    entry.info["rested_since"] = time.monotonic()


def _on_checkout(connection: DBAPIConnection, entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
    rested_since = entry.info.get("rested_since")
    if rested_since is None or time.monotonic() - rested_since < IDLE_SECONDS_BEFORE_PING:
        return
    try:
        _DIALECT.do_ping(connection)  # type: ignore[no-untyped-call]  # as above
    except psycopg.Error as error:
        raise sa.exc.DisconnectionError from error
