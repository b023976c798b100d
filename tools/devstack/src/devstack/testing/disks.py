"""A small disk under one table of a database, which a test can fill."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

_PIECE = 64 * 1024


class NoSmallDiskError(Exception):
    """None can be had here; the message says why."""


class SmallDisk:
    """A disk that can be filled, and be given room again."""

    def __init__(self, path: Path) -> None:
        self._filler = path / "filler"

    def fill(self) -> None:
        """Leave no room on it."""
        with self._filler.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(bytes(_PIECE)):
                pass

    def make_room(self) -> None:
        """Take away what fills it."""
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(database_url: str, table: str, *, mebibytes: int) -> Iterator[SmallDisk]:
    """A disk of that size that holds this table and nothing else; the table is emptied at the end.

    Raises:
        NoSmallDiskError: this is not root, or PostgreSQL runs on another machine.
    """
    path = Path("/tmp") / f"small-disk-{uuid4().hex[:8]}"  # noqa: S108  # PostgreSQL's account has to reach it
    path.mkdir()
    try:
        size = f"size={mebibytes}m"
        mount = ("mount", "-t", "tmpfs", "-o", size, "tmpfs", str(path))
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            raise NoSmallDiskError("a small disk can be mounted by root alone")
        try:
            with _tablespace(database_url, table, path):
                yield SmallDisk(path)
        finally:
            # Connections may still hold files that are gone.
            subprocess.run(("umount", "--lazy", str(path)), check=True)
    finally:
        path.rmdir()


@contextlib.contextmanager
def _tablespace(database_url: str, table: str, path: Path) -> Iterator[None]:
    name, moved = sql.Identifier(path.name.replace("-", "_")), sql.Identifier(table)
    with psycopg.connect(database_url, autocommit=True) as connection:
        (data,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        try:
            owner = Path(data).stat()
        except OSError:
            raise NoSmallDiskError("the PostgreSQL of these tests runs on another machine") from None
        os.chown(path, owner.st_uid, owner.st_gid)
        connection.execute(sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(name, sql.Literal(str(path))))
        connection.execute(sql.SQL("ALTER TABLE {} SET TABLESPACE {}").format(moved, name))
    try:
        yield
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("TRUNCATE {}").format(moved))
            connection.execute(sql.SQL("ALTER TABLE {} SET TABLESPACE pg_default").format(moved))
            connection.execute("CHECKPOINT")
            connection.execute(sql.SQL("DROP TABLESPACE {}").format(name))
