"""Programs that are kept running: started, started again when they die, stopped together, never left behind."""

import fcntl
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from servicekit import guard

SHORT_LIFE_SECONDS = 5.0
"""A program that dies younger than this waits a little before it is started again, each time longer."""

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0


class Program(NamedTuple):
    """A command and its whole environment; the name is for people and for its log."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


class Supervisor:
    """Keeps programs running inside a `with`, from `start` on.

    Each runs under a guard in a session of its own, so that a terminal's Ctrl-C does not reach it before us, and
    so that it is stopped even if we are killed. Entering waits for those that a killed predecessor left in `data`.
    """

    def __init__(self, programs: Sequence[Program], *, data: Path, say: Callable[[str], None]) -> None:
        self.deaths: Counter[str] = Counter()
        """How often each program has died."""
        self._programs = programs
        self._logs = data / "logs"
        self._lifelines = data / "lifelines"
        self._say = say
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._locks = ExitStack()

    def __enter__(self) -> Self:
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lifelines.mkdir(parents=True, exist_ok=True)
        for program in self._programs:
            lifeline = self._locks.enter_context((self._lifelines / program.name).open("ab"))
            fcntl.flock(lifeline, fcntl.LOCK_SH)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._locks.close()  # the guards see nobody who needs their programs, and stop them
        for thread in self._threads:
            thread.join()

    def start(self) -> None:
        """Start them all. The logs of last time are kept beside the new ones."""
        for program in self._programs:
            log = self.log(program.name)
            if log.exists():
                log.replace(log.with_suffix(".log.previous"))
            thread = threading.Thread(target=self._keep_running, args=(program,), name=program.name)
            self._threads.append(thread)
            thread.start()

    def log(self, name: str) -> Path:
        """The file that a program's output goes to."""
        return self._logs / f"{name}.log"

    def _keep_running(self, program: Program) -> None:
        pause = 0.0
        while not self._stopping.is_set():
            began = time.monotonic()
            status = self._run_once(program)
            if self._stopping.is_set():
                return
            self.deaths[program.name] += 1
            lived = time.monotonic() - began
            pause = pause_after(pause, lived_seconds=lived)
            when = f"in {pause:g} s" if pause else "now"
            self._say(
                f"{program.name} {_how_it_ended(status)}; it is started again {when}. Its log: {self.log(program.name)}"
            )
            self._stopping.wait(pause)

    def _run_once(self, program: Program) -> int:
        with self.log(program.name).open("ab") as log:
            process = subprocess.Popen(
                guard.guarded(program.command, self._lifelines / program.name, stop_signal=signal.SIGTERM),
                env=program.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return process.wait()


def pause_after(previous_seconds: float, *, lived_seconds: float) -> float:
    """Seconds to wait before a program is started again, after the previous pause and its short or long life."""
    if lived_seconds >= SHORT_LIFE_SECONDS:
        return 0.0
    return min(LONGEST_PAUSE_SECONDS, max(FIRST_PAUSE_SECONDS, 2 * previous_seconds))


def _how_it_ended(status: int) -> str:
    ended_by = {int(number): name for name, number in signal.Signals.__members__.items()}
    name = ended_by.get(status - guard.SIGNALLED if status > guard.SIGNALLED else -status)
    return f"was ended by {name}" if name else f"ended with exit status {status}"
