"""Migrated databases of both services, and a PostgreSQL that can be killed."""

import contextlib
import os
import signal
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Self

from servicekit.embedded import Cluster
from servicekit.migrating import upgrade
from servicekit.testing import Databases, Template


@dataclass(frozen=True)
class Templates:
    """Migrated databases of both services."""

    centre: Template
    office: Template


def migrate(service: str, database_url: str) -> None:
    """Bring an empty database to the head of a service's own migrations."""
    upgrade(Path(str(files(service)), "migrations"), database_url)


def templates(databases: Databases) -> Templates:
    """The run's migrated databases, made by the services' own migrations."""
    return Templates(
        databases.template("end_to_end_center1111", partial(migrate, "center1111")),
        databases.template("end_to_end_chumchon", partial(migrate, "chumchon")),
    )


class KillableCluster:
    """A PostgreSQL of a test's own, which can be killed as a power cut would, and is then started again.

    It keeps its port, so that what was connected to it can connect again.
    """

    def __init__(self, path: Path) -> None:
        self._cluster = Cluster(path, durable=True)
        self._pid_file = path / "data" / "postmaster.pid"
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._server = self._running.enter_context(self._cluster.running())
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def create_database(self, name: str) -> str:
        """The URL of a new database."""
        self._server.create_database(name)
        return self._server.url(name)

    def kill(self) -> None:
        """Kill the server by SIGKILL, as it stands."""
        os.kill(int(self._pid_file.read_text("ascii").split()[0]), signal.SIGKILL)
        self._running.close()

    def start_again(self) -> None:
        """Return when it has recovered from its log and is ready again.

        Raises:
            RuntimeError: another program has got its port meanwhile.
        """
        server = self._running.enter_context(self._cluster.running())
        if server != self._server:
            raise RuntimeError("PostgreSQL had to take another port")
