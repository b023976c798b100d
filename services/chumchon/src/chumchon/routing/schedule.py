"""Training now and then, by one of the services that share a database, in a process of its own.

In a process of its own, because training takes a core for up to a minute and loads what the service never needs; by one
of them, because the one that moves the schedule's time on is the one that trains.
"""

import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from chumchon.records import TrainingSchedule
from servicekit.clock import utc_now
from servicekit.database import Query, Sessions
from servicekit.problems import describe

COMMAND: Final = (sys.executable, "-m", "chumchon", "train")
LOOK_EVERY_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.5

log = structlog.get_logger(__name__)

_claim = Query(
    sa.update(TrainingSchedule)
    .where(TrainingSchedule.due_at <= sa.bindparam("now"))
    .values(due_at=sa.bindparam("next"))
)


def claim_training(session: Session, *, every: timedelta, now: datetime) -> bool:
    """Whether it is time to train, and the caller's turn: of several that ask at once, one is told so."""
    return _claim.run(session, now=now, next=now + every) == 1


def run_training(
    sessions: Sessions,
    stop: threading.Event,
    *,
    every: timedelta,
    command: Sequence[str] = COMMAND,
    look_every: float = LOOK_EVERY_SECONDS,
) -> None:
    """Run the training command whenever it is due, until `stop` is set, which ends it too."""
    while not stop.is_set():
        try:
            with sessions.begin() as session:
                due = claim_training(session, every=every, now=utc_now())
            if due:
                _run(command, stop)
        except Exception as error:  # noqa: BLE001  # whatever it was: the next time may do better
            log.error("routing model not trained", **describe(error))  # noqa: TRY400  # a traceback may quote a case
        stop.wait(look_every)


def _run(command: Sequence[str], stop: threading.Event) -> None:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603  # our own command
        while process.poll() is None:
            if stop.wait(_POLL_SECONDS):
                process.terminate()
        said = process.stdout.read().strip() if process.stdout else ""
    log.info("routing model trained", exit_code=process.returncode, said=said)
