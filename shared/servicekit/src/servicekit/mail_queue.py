"""Mails that are owed: written down in the transaction of the change that they tell of, and sent until they are taken.

The queue keeps what a mail is about and not what it says: that is written when it is sent, so no second copy of
personal data has to be erased. A mail is sent at least once. Should a process be killed between the server's yes and
our writing it down, it is sent again under the same Message-ID, by which mail programs know it for the same.

Any number of postmen may work on one database: what one has claimed it holds by a lease.
"""

import random
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Final
from uuid import UUID, uuid4

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from servicekit import mail
from servicekit.backoff import backoff_seconds
from servicekit.clock import utc_now
from servicekit.database import Query, Sessions
from servicekit.ids import uuid7
from servicekit.mail import Mail, MailDeferred, MailRefused, MailServer
from servicekit.problems import describe

RETRIED_FOR: Final = timedelta(days=3)

log = structlog.get_logger(__name__)

metadata = sa.MetaData()
"""The queue's table. A service gives it to alembic beside its own, and makes it by `creation_1` in a migration."""

owed_mails = sa.Table(
    "owed_mails",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),  # The Message-ID is made of it.
    sa.Column("about", sa.Uuid, nullable=False),  # The service's own record; it writes the mail from that.
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("owed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),  # While leased: when the lease ends.
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("lease", sa.Uuid),
    sa.Column("settled_at", sa.DateTime(timezone=True)),
    sa.Column("last_problem", sa.Text),
)


def creation_1() -> tuple[str, ...]:
    """The statements that make the queue. Frozen: later changes are later functions."""
    return (
        """
        CREATE TABLE owed_mails (
            id uuid PRIMARY KEY,
            about uuid NOT NULL,
            state text NOT NULL,
            owed_at timestamptz NOT NULL,
            due_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            attempts integer NOT NULL,
            lease uuid,
            settled_at timestamptz,
            last_problem text,
            CONSTRAINT state_known CHECK (state IN ('owed', 'sent', 'refused', 'given_up', 'dropped')),
            CONSTRAINT settled_has_its_moment CHECK ((state = 'owed') = (settled_at IS NULL)),
            CONSTRAINT leased_is_owed CHECK (lease IS NULL OR state = 'owed'),
            CONSTRAINT attempts_not_negative CHECK (attempts >= 0)
        )
        """,
        "CREATE INDEX ix_owed_mails_due_at ON owed_mails (due_at, id) WHERE state = 'owed'",
        "CREATE INDEX ix_owed_mails_about ON owed_mails (about)",
    )


def removal_1() -> tuple[str, ...]:
    """The statements that undo `creation_1`."""
    return ("DROP TABLE owed_mails",)


class MailState(StrEnum):
    """What became of an owed mail."""

    OWED = "owed"
    SENT = "sent"
    """The server has taken it."""
    REFUSED = "refused"
    """The server will never take it."""
    GIVEN_UP = "given_up"
    """It was not taken in `RETRIED_FOR`."""
    DROPPED = "dropped"
    """There was nothing more to say when it was to be written."""


class Round(Enum):
    """What one round did."""

    IDLE = "idle"
    """No mail is due."""
    SETTLED = "settled"
    """One mail was sent, refused, dropped or put off; more may be due."""
    SERVER_DOWN = "server_down"
    """No mail can be sent now."""


@dataclass(frozen=True, slots=True)
class _Claimed:
    id: UUID
    about: UUID
    owed_at: datetime
    attempts: int
    lease: UUID


Writer = Callable[[Session, UUID, datetime], Mail | None]
"""Writes the mail about a record; None when there is nothing more to say."""

Settler = Callable[[Session, UUID, MailState, str | None, datetime], None]
"""Is told what became of the mail about a record, and of a problem, in the transaction that keeps it."""


def owe_mail(session: Session, *, about: UUID, now: datetime) -> UUID:
    """Owe a mail about a record, in the caller's transaction; the mail's id. Never waits for the network."""
    id_ = uuid7()
    _OWE.run(session, id=id_, about=about, now=now, expires_at=now + RETRIED_FOR)
    return id_


def owe_mail_again(session: Session, *, about: UUID, now: datetime) -> bool:
    """Send what was refused or given up once more, under the same Message-ID; False where there is no such mail."""
    return _AGAIN.run(session, about=about, now=now, expires_at=now + RETRIED_FOR) > 0


def drop_mails(session: Session, about: Collection[UUID], *, now: datetime) -> None:
    """Send no more mails about these records, which are erased; what servers said of earlier ones goes, too."""
    _DROP.run(session, about=list(about), now=now)


class Postman:
    """Sends owed mails. Make as many as you like, in as many processes as you like."""

    def __init__(
        self,
        sessions: Sessions,
        server: MailServer,
        *,
        write: Writer,
        settle: Settler,
        poll_seconds: float = 2.0,
        longest_pause_seconds: float = 60.0,
        rng: random.Random | None = None,
    ) -> None:
        """`poll_seconds`: how often to look for mails; `longest_pause_seconds`: how seldom, with the server down."""
        self._sessions = sessions
        self._server = server
        self._write = write
        self._settle = settle
        self._poll_seconds = poll_seconds
        self._longest_pause_seconds = longest_pause_seconds
        self._lease_seconds = 10 * server.timeout_seconds  # a conversation has fewer steps, and each has its limit
        self._rng = rng or random.SystemRandom()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; ends after the mail that is under way."""
        failures = 0
        while not stop.is_set():
            try:
                done = self.round(utc_now())
            except Exception as error:  # noqa: BLE001  # whatever it was: the postman goes on, and its lease ends
                log.error("postman failed", **describe(error))  # noqa: TRY400  # a trace may quote a mail
                done = Round.SERVER_DOWN
            if done is Round.IDLE:
                stop.wait(self._poll_seconds)
            elif done is Round.SERVER_DOWN:
                failures += 1
                pause = backoff_seconds(failures, rng=self._rng, longest_seconds=self._longest_pause_seconds)
                stop.wait(max(pause, self._poll_seconds))
                continue
            failures = 0

    def round(self, now: datetime) -> Round:
        """Send the mail that is due longest, outside of any transaction, and write down what came of it."""
        lease = uuid4()
        with self._sessions.begin() as session:
            row = _CLAIM.first(session, now=now, lease=lease, leased_until=now + self._lease())
        if row is None:
            return Round.IDLE
        claimed = _Claimed(row.id, row.about, row.owed_at, row.attempts, lease)
        try:
            with self._sessions() as session:
                said = self._write(session, claimed.about, now)
            if said is not None:
                message = mail.write(said, sender=self._server.sender, id_=claimed.id, at=claimed.owed_at)
                mail.send(self._server, message)
        except MailRefused as error:
            self._record(claimed, MailState.REFUSED, str(error), now)
        except MailDeferred as error:
            self._put_off(claimed, error, now)
            if error.server_is_down:
                return Round.SERVER_DOWN
        else:
            self._record(claimed, MailState.DROPPED if said is None else MailState.SENT, None, now)
        return Round.SETTLED

    def _lease(self) -> timedelta:
        return timedelta(seconds=self._lease_seconds)

    def _record(self, claimed: _Claimed, state: MailState, problem: str | None, now: datetime) -> None:
        with self._sessions.begin() as session:
            settled = _SETTLE.run(session, id=claimed.id, lease=claimed.lease, state=state, problem=problem, now=now)
            if not settled:
                log.warning("mail's lease lost", mail_id=str(claimed.id))
                return
            self._settle(session, claimed.about, state, problem, now)
        tell = log.error if state is MailState.REFUSED else log.info
        tell("mail settled", mail_id=str(claimed.id), state=state, problem=problem)

    def _put_off(self, claimed: _Claimed, error: MailDeferred, now: datetime) -> None:
        # While the server is down all wait for it alike; only a mail that may itself be the reason waits longer.
        wait = 0.0 if error.server_is_down else backoff_seconds(claimed.attempts + 1, rng=self._rng)
        with self._sessions.begin() as session:
            state = _PUT_OFF.scalar(
                session,
                id=claimed.id,
                lease=claimed.lease,
                tried=int(not error.server_is_down),
                due_at=now + timedelta(seconds=wait),
                problem=str(error),
                now=now,
            )
            if state == MailState.GIVEN_UP:
                self._settle(session, claimed.about, MailState.GIVEN_UP, str(error), now)
        tell = log.error if state == MailState.GIVEN_UP else log.warning
        tell("mail not taken", mail_id=str(claimed.id), problem=str(error), state=state)


_OWE = Query(
    sa.text("""
        INSERT INTO owed_mails (id, about, state, owed_at, due_at, expires_at, attempts)
        VALUES (:id, :about, 'owed', :now, :now, :expires_at, 0)
    """)
)
_AGAIN = Query(
    sa.text("""
        UPDATE owed_mails
        SET state = 'owed', due_at = :now, expires_at = :expires_at, attempts = 0, settled_at = NULL
        WHERE about = :about AND state IN ('refused', 'given_up')
    """)
)
MAILS_WAITING = Query(
    sa.text("""
        SELECT count(*) AS depth, CAST(extract(epoch FROM now() - min(owed_at)) AS float8) AS oldest_seconds
        FROM owed_mails WHERE state = 'owed'
    """)
)
"""How many mails are owed, and for how long the oldest of them; for `queues.QueueCollector`."""

_DROP = Query(
    sa.text("""
        UPDATE owed_mails
        SET state = CASE state WHEN 'owed' THEN 'dropped' ELSE state END,
            settled_at = coalesce(settled_at, :now), lease = NULL, last_problem = NULL
        WHERE about = ANY(CAST(:about AS uuid[]))
    """)
)
_CLAIM = Query(
    sa.text("""
        UPDATE owed_mails SET lease = :lease, due_at = :leased_until
        WHERE id = (
            SELECT id FROM owed_mails WHERE state = 'owed' AND due_at <= :now
            ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
        )
        RETURNING id, about, owed_at, attempts
    """)
)
_SETTLE = Query(
    sa.text("""
        UPDATE owed_mails
        SET state = :state, settled_at = :now, lease = NULL, last_problem = coalesce(:problem, last_problem)
        WHERE id = :id AND lease = :lease
    """)
)
_PUT_OFF = Query(
    sa.text("""
        UPDATE owed_mails
        SET state = CASE WHEN expires_at <= :now THEN 'given_up' ELSE 'owed' END,
            settled_at = CASE WHEN expires_at <= :now THEN CAST(:now AS timestamptz) END,
            lease = NULL, due_at = :due_at, attempts = attempts + :tried, last_problem = :problem
        WHERE id = :id AND lease = :lease
        RETURNING state
    """)
)
