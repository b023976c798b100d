"""The development stack: one PostgreSQL, both services on their own databases, keys and tokens for each role."""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import httpx2

from devstack.processes import Program, Supervisor
from servicekit import development_issuer
from servicekit.embedded import Server, running_server

HOST = "127.0.0.1"
READY_SECONDS = 60.0
_POLL_SECONDS = 0.05
_DEATHS_BEFORE_GIVING_UP = 3

WORK_GROUPS = ("information", "participation", "administration", "audit", "academic")
CENTER_ROLES = ("intake", "verifier", "officer", "km_editor", "supervisor", "auditor", "operator", "admin")
OFFICE_ROLES = (
    "registrar",
    *(f"{role}.{group}" for role in ("group_officer", "group_head") for group in WORK_GROUPS),
    "director",
    "auditor",
    "operator",
    "admin",
)
AGENCY_CLIENT = "agency_client"

Say = Callable[[str], None]


class StackError(Exception):
    """The stack cannot run; the message says in plain words why and what to do."""


@dataclass(frozen=True)
class Service:
    """One service as the stack runs it: `command` followed by `migrate`, `sample`, `serve` or `relay`."""

    code: str
    name: str
    port: int
    port_option: str
    roles: tuple[str, ...]
    command: tuple[str, ...]

    @property
    def url(self) -> str:
        """Its base URL, without /v1."""
        return f"http://{HOST}:{self.port}"


def our_services(port_center: int, port_office: int) -> tuple[Service, Service]:
    """The Centre and the Office, as modules of this Python."""
    return (
        Service(
            code="center1111",
            name="Centre 1111",
            port=port_center,
            port_option="--port-center",
            roles=(*CENTER_ROLES, AGENCY_CLIENT),
            command=(sys.executable, "-m", "center1111"),
        ),
        Service(
            code="chumchon",
            name="Office",
            port=port_office,
            port_option="--port-office",
            roles=(*OFFICE_ROLES, AGENCY_CLIENT),
            command=(sys.executable, "-m", "chumchon"),
        ),
    )


class Stack:
    """The services and everything they need, under the folder `data`."""

    def __init__(
        self, services: Sequence[Service], data: Path, *, separate_relays: bool = False, say: Say = print
    ) -> None:
        self.services = services
        self.data = data.absolute()
        self.run_file = self.data / "run.json"
        self._separate_relays = separate_relays
        self._say = say
        self._issuer_key = self.data / "keys" / "issuer.json"
        self._issuer_jwks = self.data / "keys" / "issuer.public.json"

    @contextmanager
    def running(self) -> Iterator[Supervisor]:
        """Start everything, in order, and yield when both services are ready; stop everything in reverse order.

        Raises:
            StackError: a second copy, a taken port, a service that does not start.
            EmbeddedPostgresError: PostgreSQL does not start.
        """
        with self._alone(), running_server(self.data / "postgres") as server:
            self._make_keys()
            environments = {service.code: self._environment(service, server) for service in self.services}
            with Supervisor(self._programs(environments), data=self.data, say=self._say) as supervisor:
                self._check_ports()
                self._migrate(server, environments)
                supervisor.start()
                self._load_samples(environments)  # while the services load what they need
                self._wait_until_ready(supervisor)
                write_secret_file(self.run_file, json.dumps(self.addresses_and_tokens(), indent=2))
                try:
                    yield supervisor
                finally:
                    self.run_file.unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove the databases, keys and logs.

        Raises:
            StackError: it is running.
        """
        if self.data.exists():
            with self._alone():
                shutil.rmtree(self.data)

    def addresses_and_tokens(self) -> dict[str, dict[str, object]]:
        """What `.data/run.json` holds: of each service its URL, and a new token for each role, valid for 12 hours."""
        return {
            service.code: {"url": service.url, "tokens": mint_tokens(self._issuer_key, service)}
            for service in self.services
        }

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise StackError(
                    f"The stack in {self.data} is running already, as process {lock.read()}.\n"
                    "Use that one: `make tokens` prints its URLs and tokens.\n"
                    "Or stop it first, with Ctrl-C in its terminal.\n"
                    "Or run a second one beside it, with --data, --port-center and --port-office of its own."
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def _make_keys(self) -> None:
        development_issuer.make_key_file(self._issuer_key)
        development_issuer.write_public_keys(self._issuer_key, self._issuer_jwks)
        for service in self.services:
            development_issuer.make_key_file(self._exchange_keys(service))

    def _exchange_keys(self, service: Service) -> Path:
        return self.data / "keys" / f"{service.code}.exchange.json"

    def _environment(self, service: Service, server: Server) -> Mapping[str, str]:
        files = {f"{service.code.upper()}_FILES_URL": (self.data / "files" / service.code).absolute().as_uri()}
        told = environment_of(
            service,
            database_url=server.url(service.code),
            public_url=service.url,
            peers={peer.code: peer.url for peer in self.services if peer is not service},
            issuer_jwks=self._issuer_jwks,
            exchange_keys=self._exchange_keys(service),
            relay_in_service=not self._separate_relays,
            attachments=self.data / "attachments" / service.code,
        )
        return {**files, **told}

    def _programs(self, environments: Mapping[str, Mapping[str, str]]) -> list[Program]:
        programs = [
            Program(service.code, (*service.command, "serve"), environments[service.code]) for service in self.services
        ]
        if self._separate_relays:
            programs += [
                Program(f"{service.code}-relay", (*service.command, "relay"), environments[service.code])
                for service in self.services
            ]
        return programs

    def _check_ports(self) -> None:
        with ExitStack() as probes:
            for service in self.services:
                probe = probes.enter_context(socket.socket())
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, service.port))
                    probe.listen()
                except OSError:
                    raise StackError(
                        f"Port {service.port} of this machine, meant for the {service.name}, is taken.\n"
                        f"Stop the program that listens there (`lsof -i :{service.port}` names it),\n"
                        f"or choose another port with {service.port_option}."
                    ) from None

    def _migrate(self, server: Server, environments: Mapping[str, Mapping[str, str]]) -> None:
        def migrate(service: Service) -> None:
            server.create_database(service.code, exist_ok=True)
            self._run(service, "migrate", environments[service.code])

        with ThreadPoolExecutor() as pool:
            list(pool.map(migrate, self.services))

    def _load_samples(self, environments: Mapping[str, Mapping[str, str]]) -> None:
        def load(service: Service) -> None:
            sampled = self.data / f"{service.code}.sampled"
            if not sampled.exists():
                self._run(service, "sample", environments[service.code])
                sampled.touch()

        with ThreadPoolExecutor() as pool:
            list(pool.map(load, self.services))

    def _run(self, service: Service, command: str, environment: Mapping[str, str]) -> None:
        words = [*service.command, command]
        done = subprocess.run(
            words, check=False, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        if done.returncode != 0:
            said = _tail(done.stdout + done.stderr)
            raise StackError(f"`{service.code} {command}` failed with status {done.returncode}:\n{said}")

    def _wait_until_ready(self, supervisor: Supervisor) -> None:
        give_up_at = time.monotonic() + READY_SECONDS
        with httpx2.Client(timeout=2.0, trust_env=False) as client:
            for service in self.services:
                while (problem := _unready(client, service)) is not None:
                    deaths = supervisor.deaths[service.code]
                    if deaths >= _DEATHS_BEFORE_GIVING_UP or time.monotonic() > give_up_at:
                        log = supervisor.log(service.code)
                        raise StackError(
                            f"The {service.name} does not get ready: {problem}\n"
                            f"Its log, {log}, ends with:\n{_tail(log.read_text('utf-8', 'replace'))}"
                        )
                    time.sleep(_POLL_SECONDS)


def environment_of(
    service: Service,
    *,
    database_url: str,
    public_url: str,
    peers: Mapping[str, str],
    issuer_jwks: Path,
    exchange_keys: Path,
    relay_in_service: bool,
    attachments: Path,
) -> Mapping[str, str]:
    """Our own environment, with the settings of a service that trusts the development issuer.

    Args:
        public_url: the base URL by which its peers reach it.
        peers: the base URLs of its peers by their codes.
        attachments: the folder in which it keeps attached files.
    """
    settings = {
        "DATABASE_URL": database_url,
        "HOST": HOST,
        "PORT": str(service.port),
        "PUBLIC_URL": public_url,
        "ENVIRONMENT": "development",
        "ISSUER": development_issuer.ISSUER,
        "ISSUER_JWKS": str(issuer_jwks),
        "EXCHANGE_KEYS_FILE": str(exchange_keys),
        "PEERS": json.dumps({code: {"url": url} for code, url in peers.items()}),
        "RELAY_IN_SERVICE": str(relay_in_service).lower(),
        "ATTACHMENTS_URL": attachments.absolute().as_uri(),
    }
    return os.environ | {f"{service.code.upper()}_{name}": value for name, value in settings.items()}


def mint_tokens(issuer_key: Path, service: Service) -> dict[str, str]:
    """A token of the development issuer for each role of a service."""
    tokens = {}
    for name in service.roles:
        role, _, work_group = name.partition(".")
        tokens[name] = development_issuer.mint(
            issuer_key,
            audience=service.code,
            subject=name,
            roles=[role],
            work_group=work_group or None,
            client_id="development-agency" if role == AGENCY_CLIENT else None,
        )
    return tokens


def write_secret_file(path: Path, text: str) -> None:
    """Write a file that only its owner may read, all at once."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600, exist_ok=False)
    new.write_text(text + "\n", "utf-8")
    new.replace(path)


def _unready(client: httpx2.Client, service: Service) -> str | None:
    """Why a service is not ready, or None."""
    try:
        answer = client.get(f"{service.url}/readyz")
    except httpx2.TransportError as error:
        return f"it does not answer ({error})"
    return None if answer.status_code == HTTPStatus.OK else answer.text


def _tail(text: str, *, lines: int = 20) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
