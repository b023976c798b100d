"""A full disk at the receiver: nothing is taken, nothing is lost, and all arrives when there is room again."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from exchange.relay import Round

from .conftest import Clock, Party


@pytest.fixture
def small_disk(office: Party) -> Iterator[Path]:
    """A disk of 4 MiB that holds the Office's inbox and nothing else."""
    disk = Path("/tmp") / f"small-disk-{uuid4().hex[:8]}"  # noqa: S108  # PostgreSQL's account has to reach it
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=False, capture_output=True)
    if mounted.returncode != 0:
        disk.rmdir()
        pytest.skip("a small disk can be mounted by root alone")
    name = sql.Identifier(disk.name.replace("-", "_"))
    server = office.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(server, autocommit=True) as connection:
            (data,) = connection.execute("SHOW data_directory").fetchone() or ("",)
            try:
                owner = Path(data).stat()
            except OSError:
                pytest.skip("the PostgreSQL of these tests runs on another machine")
            os.chown(disk, owner.st_uid, owner.st_gid)
            connection.execute(sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(name, sql.Literal(str(disk))))
            try:
                connection.execute(sql.SQL("ALTER TABLE exchange_inbox SET TABLESPACE {}").format(name))
                yield disk
            finally:
                connection.execute("TRUNCATE exchange_inbox")
                connection.execute("ALTER TABLE exchange_inbox SET TABLESPACE pg_default")
                connection.execute("CHECKPOINT")
                connection.execute(sql.SQL("DROP TABLESPACE {}").format(name))
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)  # connections still hold files that are gone
        disk.rmdir()


def test_a_full_disk_loses_nothing(centre: Party, office: Party, clock: Clock, small_disk: Path) -> None:
    """While its disk is full the Office answers 503 and applies nothing; then each message is applied once."""
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(bytes(5 * 1024 * 1024))
    said = [f"{n} {os.urandom(9000).hex()}" for n in range(20)]
    for it in said:
        centre.owes(it, now=clock())
    relay = centre.relay(clock)
    for _ in range(3):
        clock.advance(hours=2)
        assert Round.FAILED is relay.round(centre.peer())
    assert [] == office.said()
    assert {"queued"} == set(centre.states())
    filler.unlink()
    while "queued" in centre.states():
        clock.advance(hours=2)
        assert Round.SENT is relay.round(centre.peer())
    assert sorted(said) == sorted(office.said())
