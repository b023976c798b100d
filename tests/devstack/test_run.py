"""`devstack run` with fake services on a real PostgreSQL: what it starts, restarts, stops, and says."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from servicekit.testing import Databases, eventually

FAKE_STACK = Path(__file__).with_name("fake_stack.py")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@dataclass
class FakeStack:
    """A folder, two codes and two ports; any number of runs of them, in the terminal's place."""

    folder: Path
    server_url: str | None
    center: str
    office: str
    ports: tuple[int, int]
    introduction: str = ""

    @property
    def run_file(self) -> Path:
        """Where URLs and tokens are."""
        return self.folder / "data" / "run.json"

    @contextmanager
    def started(self, *options: str) -> Iterator[subprocess.Popen[str]]:
        """A run, not necessarily ready, in a session of its own as a terminal gives it; killed at the end."""
        words = (self.folder / "data", self.center, self.ports[0], self.office, self.ports[1], *options)
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        if self.server_url:
            environment["DATABASE_URL"] = self.server_url
        with subprocess.Popen(
            [sys.executable, str(FAKE_STACK), *map(str, words)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    @contextmanager
    def running(self, *options: str) -> Iterator[subprocess.Popen[str]]:
        """A run that is ready and has said so; what it said is `introduction`."""
        with self.started(*options) as process:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("Ctrl-C"):
                    break
            self.introduction = "".join(lines)
            assert self.run_file.exists(), self.introduction
            yield process

    def done(self) -> list[tuple[str, str, int]]:
        """What the services did so far: code, command or `stopped`, process."""
        journal = self.folder / "journal"
        lines = journal.read_text().splitlines() if journal.exists() else []
        return [(code, what, int(pid)) for code, what, pid in map(str.split, lines)]

    def counted(self) -> Counter[str]:
        """How often the services did what."""
        return Counter(what for _, what, _ in self.done())

    def pids(self, what: str) -> list[int]:
        """The processes that did something, in order."""
        return [pid for _, did, pid in self.done() if did == what]


@pytest.fixture
def stack(tmp_path: Path, databases: Databases) -> Iterator[FakeStack]:
    """Two fake services of unlike codes, on the databases of this test run."""
    unlike = uuid4().hex[:8]
    center, office = f"center{unlike}", f"office{unlike}"
    yield FakeStack(tmp_path, databases.server.base, center, office, (free_port(), free_port()))
    databases.server.drop_database(center)
    databases.server.drop_database(office)


def stopped_by(process: subprocess.Popen[str], sign: signal.Signals = signal.SIGINT) -> str:
    """The whole output of a run that is asked to stop."""
    os.killpg(process.pid, sign)  # as a terminal does it
    said, _ = process.communicate(timeout=30)
    return said


def test_it_starts_both_and_says_where_they_are(stack: FakeStack) -> None:
    """Databases, migrations, the sample, both services; URLs and tokens on screen and in run.json."""
    with stack.running() as process:
        assert Counter(migrate=2, sample=2, serve=2) == stack.counted()
        running = json.loads(stack.run_file.read_text())
        assert {stack.center, stack.office} == set(running)
        assert f"http://127.0.0.1:{stack.ports[0]}" == running[stack.center]["url"]
        assert 0o600 == stack.run_file.stat().st_mode & 0o777
        assert "Everything is stopped" in stopped_by(process)
    said = stack.introduction
    assert f"http://127.0.0.1:{stack.ports[1]}/v1" in said
    assert f"{stack.office.upper()}_GROUP_HEAD_AUDIT={running[stack.office]['tokens']['group_head.audit']}" in said


def test_tokens_say_who_one_is(stack: FakeStack) -> None:
    """Each role's token names its service, its role and what that role is bound to, and is valid for hours."""
    with stack.running():
        tokens = json.loads(stack.run_file.read_text())[stack.center]["tokens"]
        keys = KeySet.import_key_set(json.loads((stack.folder / "data/keys/issuer.public.json").read_text()))
    claims = {role: jwt.decode(token, keys, algorithms=["Ed25519"]).claims for role, token in tokens.items()}
    assert {"officer", "group_head.audit", "agency_client"} == set(claims)
    assert stack.center == claims["officer"]["aud"]
    assert (["group_head"], "audit") == (claims["group_head.audit"]["roles"], claims["group_head.audit"]["work_group"])
    assert claims["agency_client"]["client_id"]
    assert 12 * 3600 == claims["officer"]["exp"] - claims["officer"]["iat"]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_stops_everything_when_asked(stack: FakeStack, sign: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and a closed terminal stop the services gracefully; no process and no token stays."""
    with stack.running("--separate-relays") as process:
        eventually(lambda: stack.counted()["relay"] == 2)
        said = stopped_by(process, sign)
        assert 0 == process.returncode, said
    assert 4 == stack.counted()["stopped"]
    assert not any(map(is_alive, stack.pids("serve") + stack.pids("relay")))
    assert not stack.run_file.exists()


def test_services_stop_before_their_database(stack: FakeStack) -> None:
    """PostgreSQL goes last, so that the services can finish what they are at; nothing of it stays either."""
    stack.server_url = None
    with stack.running() as process:
        postgres = int((stack.folder / "data/postgres/data/postmaster.pid").read_text().splitlines()[0])
        stopped_by(process)
    assert 2 == stack.counted()["stopped"]
    assert not is_alive(postgres)
    assert "database system is shut down" in (stack.folder / "data/postgres/postgres.log").read_text()


def test_a_second_run_goes_on_where_the_first_stopped(stack: FakeStack) -> None:
    """The sample is loaded once, the keys stay; migrations are looked at each time."""
    issuer = stack.folder / "data/keys/issuer.json"
    with stack.running() as process:
        key = issuer.read_text()
        stopped_by(process)
    with stack.running():
        assert Counter(migrate=4, sample=2, serve=4, stopped=2) == stack.counted()
        assert key == issuer.read_text()


def test_a_service_that_dies_is_started_again_with_a_word(stack: FakeStack) -> None:
    """SIGKILL of a service costs nothing but the moment of its restart."""
    with stack.running() as process:
        (first,) = (pid for code, what, pid in stack.done() if (code, what) == (stack.office, "serve"))
        os.kill(first, signal.SIGKILL)
        eventually(lambda: stack.counted()["serve"] == 3)
        said = stopped_by(process)
    assert f"{stack.office} was ended by SIGKILL; it is started again" in said
    assert "logs" in said


def test_killing_the_runner_leaves_nothing_behind(stack: FakeStack) -> None:
    """After SIGKILL of the runner the services stop, and a new run can start at once."""
    with stack.running("--separate-relays") as process:
        process.kill()
        process.wait()
        stack.run_file.unlink()
        with stack.running():
            assert 4 == stack.counted()["serve"]
            first_ones = stack.pids("serve")[:2] + stack.pids("relay")
            assert not any(map(is_alive, first_ones))


def test_a_second_copy_is_told_about_the_first(stack: FakeStack) -> None:
    """Two runs in one folder: the second names the first and what to do, and disturbs nothing."""
    with stack.running() as first, stack.started() as second:
        said, _ = second.communicate(timeout=30)
        assert 1 == second.returncode
        assert f"running already, as process {first.pid}" in said
        assert "make tokens" in said
        assert "Traceback" not in said
        assert stack.run_file.exists()


def test_a_taken_port_is_named(stack: FakeStack) -> None:
    """Something else on a port: the message names the port and the option, and nothing is left running."""
    with socket.create_server(("127.0.0.1", stack.ports[1])), stack.started() as process:
        said, _ = process.communicate(timeout=30)
    assert 1 == process.returncode
    assert f"Port {stack.ports[1]}" in said
    assert f"--port-{stack.office}" in said
    assert "Traceback" not in said
    assert not stack.counted()


def test_a_service_that_cannot_start_is_shown_with_its_log(stack: FakeStack) -> None:
    """A service that dies again and again before it is ready ends the run, with the end of its log."""
    stack.center = f"broken{stack.center}"
    with stack.started() as process:
        said, _ = process.communicate(timeout=30)
    assert 1 == process.returncode
    assert f"The {stack.center} does not get ready" in said
    assert "I miss my settings" in said


def test_what_a_stack_keeps_can_be_forgotten(stack: FakeStack) -> None:
    """`devstack forget` removes everything of a stopped stack, and touches nothing of a running one."""
    words = [sys.executable, "-m", "devstack", "forget", "--data", str(stack.run_file.parent)]
    with stack.running() as process:
        refused = subprocess.run(words, check=False, capture_output=True, text=True)
        assert 1 == refused.returncode
        assert f"process {process.pid}" in refused.stderr
        assert stack.run_file.exists()
        stopped_by(process)
    subprocess.run(words, check=True)
    assert not stack.run_file.parent.exists()
