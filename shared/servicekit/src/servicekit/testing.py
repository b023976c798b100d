"""Databases for tests, as pytest fixtures: one server a run, migrated once, and a fresh copy for every test.

In a `conftest.py`:

    from servicekit.testing import databases  # the fixture: a server shared by all workers of the run

    @pytest.fixture(scope="session")
    def centre_template(databases: Databases) -> Template:
        return databases.template("center1111", migrate)  # migrate(url) brings an empty database to the head

    @pytest.fixture
    def centre_url(centre_template: Template) -> Iterator[str]:
        with centre_template.clone() as url:
            yield url
"""

import contextlib
import fcntl
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from servicekit.embedded import Server, running_server

__all__ = ["Databases", "Template", "columns_of", "columns_with", "databases", "eventually"]

Found = TypeVar("Found")

_FIRST_POLL_SECONDS = 0.005
_LONGEST_POLL_SECONDS = 0.1
_MEMORY = Path("/dev/shm")  # noqa: S108  # each run makes a folder of its own there
_MEMORY_NEEDED_BYTES = 4 * 1024**3
_IN_MEMORY = "test-databases-"
_LEFT_AFTER_SECONDS = 600.0


def eventually(look: Callable[[], Found | None], *, within_seconds: float = 20.0) -> Found:
    """The first truthy thing that `look` returns: for what other processes will have done soon.

    It looks often at first, then less so, and leaves the processor to those who are waited for.
    What `look` raises is raised at once.

    Raises:
        AssertionError: nothing was found in time.
    """
    give_up_at = time.monotonic() + within_seconds
    pause = _FIRST_POLL_SECONDS
    while not (found := look()):
        assert time.monotonic() < give_up_at, f"nothing was found within {within_seconds:g} s"  # noqa: S101  # for tests
        time.sleep(pause)
        pause = min(_LONGEST_POLL_SECONDS, 1.5 * pause)
    return found


@dataclass(frozen=True)
class Template:
    """A migrated database that nobody connects to, so that it can be copied."""

    server: Server
    name: str

    @contextlib.contextmanager
    def clone(self) -> Iterator[str]:
        """The URL of a fresh copy, dropped at the end of the `with`.

        Raises:
            AssertionError: somebody was still connected then; left alone, that connection would be found as garbage
                one day and fail whatever test runs at that moment.
        """
        name = f"{self.name}_{uuid4().hex[:12]}"
        self.server.create_database(name, template=self.name)
        try:
            yield self.server.url(name)
        except BaseException:
            self.server.drop_database(name)
            raise
        try:
            self.server.drop_database(name, force=False)
        except psycopg.errors.ObjectInUse:
            self.server.drop_database(name)
            raise AssertionError(f"Connections to {name} were left open: dispose of their engine.") from None


@dataclass(frozen=True)
class Databases:
    """The server of this test run. `folder` is the run's own, seen by all its workers."""

    server: Server
    folder: Path

    def template(self, name: str, migrate: Callable[[str], None]) -> Template:
        """The template `name` of this run; whoever asks first makes it: `migrate(url)` of an empty database.

        `migrate` must close its connections. If it fails, the half-made database is dropped.
        """
        made = self.folder / f"{name}.template"
        with (self.folder / f"{name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                database = f"{name}_{uuid4().hex[:8]}"  # on a server given by DATABASE_URL we are not alone
                self.server.create_database(database)
                try:
                    migrate(self.server.url(database))
                except BaseException:
                    self.server.drop_database(database)
                    raise
                made.write_text(database, "utf-8")
        return Template(self.server, made.read_text("utf-8"))

    @contextlib.contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of an empty database, dropped at the end of the `with`: for tests of migrations."""
        with Template(self.server, "template1").clone() as url:
            yield url

    def drop_templates(self) -> None:
        """Drop the templates of this run: for its last worker."""
        for made in self.folder.glob("*.template"):
            self.server.drop_database(made.read_text("utf-8"))
            made.unlink()


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Databases]:
    """One PostgreSQL for the whole run, shared by its workers, started by the first test that needs one."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if hasattr(request.config, "workerinput") else base
    home = _home_of_server(folder)
    with running_server(home / "postgres", durable=False) as server, (home / "in-use.lock").open("ab") as in_use:
        fcntl.flock(in_use, fcntl.LOCK_SH)
        found = Databases(server, folder)
        yield found
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found.drop_templates()
    if home.parent == _MEMORY:
        _remove_unless_used(home)


def _home_of_server(folder: Path) -> Path:
    """Where the run's server lies: in memory where there is plenty, for there a database is made ten times faster.

    Whoever asks first decides for all workers of the run; what killed runs left in memory is removed.
    """
    decided = folder / "server.home"
    with (folder / "server.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not decided.exists():
            home = folder
            if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _MEMORY_NEEDED_BYTES:
                for left in _MEMORY.glob(f"{_IN_MEMORY}*"):
                    if left.stat().st_mtime < time.time() - _LEFT_AFTER_SECONDS:
                        _remove_unless_used(left)
                home = Path(tempfile.mkdtemp(prefix=_IN_MEMORY, dir=_MEMORY))
                home.chmod(0o711)  # where root runs the server as nobody, nobody has to get there
            decided.write_text(str(home), "utf-8")
    return Path(decided.read_text("utf-8"))


def _remove_unless_used(home: Path) -> None:
    with contextlib.suppress(OSError), (home / "in-use.lock").open("ab") as in_use:
        fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(home, ignore_errors=True)


def columns_of(session: Session) -> set[str]:
    """Every column of the database that can hold words (texts, JSON, bytes, lists), as `table.column`."""
    return {f"{row.table_name}.{row.column_name}" for row in session.execute(_WORDY)}


def columns_with(session: Session, *words: str) -> set[str]:
    """The columns in which one of these words stands, whatever its case, as `table.column`: a search of everything."""
    found = set()
    for row in session.execute(_WORDY).all():
        column, table = f'"{row.column_name}"', f'"{row.table_name}"'
        text = f"encode({column}, 'escape')" if row.data_type == "bytea" else f"CAST({column} AS text)"
        held = sa.text(f"SELECT EXISTS (SELECT FROM {table} WHERE {text} ILIKE ANY(CAST(:words AS text[])))")  # noqa: S608  # the catalogue's names
        if session.scalar(held, {"words": [f"%{word}%" for word in words]}):
            found.add(f"{row.table_name}.{row.column_name}")
    return found


_WORDY: Final = sa.text("""
    SELECT table_name, column_name, data_type FROM information_schema.columns JOIN information_schema.tables
    USING (table_catalog, table_schema, table_name)
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
      AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'bytea', 'ARRAY')
    ORDER BY table_name, ordinal_position
""")
