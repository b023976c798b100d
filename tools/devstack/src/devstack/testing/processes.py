"""Programs that tests kill by SIGKILL and start again."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from devstack.ports import HOST
from devstack.stack import Service
from devstack.testing.wrong_clock import with_clock_off_by
from servicekit import guard
from servicekit.testing import eventually

READY_SECONDS = 60.0


class Process:
    """One program, killed (SIGKILL) at will and started again; it dies with the test run at the latest."""

    def __init__(self, name: str, command: tuple[str, ...], environment: Mapping[str, str], folder: Path) -> None:
        self.log = folder / f"{name}.log"
        self._command = command
        self._environment = environment
        self._lifeline = folder / f"{name}.lifeline"
        self._running: subprocess.Popen[bytes] | None = None
        self._needed = contextlib.ExitStack()

    def start(self, *, skew: timedelta = timedelta(0)) -> None:
        """Start it, perhaps with a clock that is wrong by so much; it need not be ready yet."""
        if self._running is not None:
            raise RuntimeError(f"{self.log.stem} runs already")
        needed = self._needed.enter_context(self._lifeline.open("ab"))
        fcntl.flock(needed, fcntl.LOCK_SH)
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                guard.guarded(
                    with_clock_off_by(skew, self._command) if skew else self._command,
                    self._lifeline,
                    stop_signal=signal.SIGKILL,
                ),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill it by SIGKILL, as it stands; a process that does not run stays so."""
        if self._running is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait()
            self._running = None
        self._needed.close()

    def has_ended(self) -> bool:
        """Whether it ended by itself."""
        return self._running is not None and self._running.poll() is not None


class ServiceProcess(Process):
    """A service that serves HTTP."""

    def __init__(self, service: Service, environment: Mapping[str, str], folder: Path) -> None:
        super().__init__(service.code, (*service.command, "serve"), environment, folder)
        self._service = service

    @property
    def url(self) -> str:
        """Its base URL."""
        return self._service.url

    def start(self, *, skew: timedelta = timedelta(0)) -> None:
        """Start it as soon as its port is free: the kernel takes a moment to bury its killed predecessor."""
        eventually(self._port_is_free)
        super().start(skew=skew)

    def wait_until_ready(self) -> None:
        """Return when it says that it is ready."""
        eventually(self._is_ready, within_seconds=READY_SECONDS)

    def command(self, *arguments: str) -> str:
        """Run one of the service's other commands with its settings; what it says. It must end well."""
        done = subprocess.run(  # our own commands
            (*self._service.command, *arguments), env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{self._service.code} {' '.join(arguments)}: {done.stdout}{done.stderr}"[-4000:])
        return done.stdout

    def _port_is_free(self) -> bool:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, self._service.port))
            except OSError:
                return False
        return True

    def _is_ready(self) -> bool:
        if self.has_ended():
            raise RuntimeError(f"{self._service.code} ended: {self.log.read_text('utf-8', 'replace')[-2000:]}")
        # Not by httpx2, which reads all certificates first: the start of a service would pay for each question.
        asked = HTTPConnection(HOST, self._service.port, timeout=READY_SECONDS)
        try:
            asked.request("GET", "/readyz")
            return asked.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            asked.close()
