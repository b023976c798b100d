"""Reminders: each rung of the ladder that an open deadline reaches is made once, and sent once.

A reminder is unique by its step, its deadline and its rung, whoever makes it. That it is claimed is committed before it
is sent, so no second worker sends it; should a worker die while sending, it stays claimed and unsent, for a person to
look at: a second message would be worse than a late one.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from center1111.clock.queries import open_deadlines
from center1111.codes import Step
from center1111.deadlines import Deadlines
from center1111.records import Complaint, Referral, Reminder
from servicekit.clock import utc_now
from servicekit.database import Query, Sessions

MOST_ATTEMPTS: Final = 5
_CLAIMED_AT_ONCE: Final = 100
_MOMENT: Final = sa.DateTime(timezone=True)
_EVER_SINCE: Final = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger(__name__)

Send = Callable[[Any], None]
"""Sends one reminder: a row of `id`, `step`, `due_at`, `rung`, `to`, `tracking_number`, `referral_number`.

It raises where it could not, and the reminder is sent again later; `id` names it for ever.
"""

_open = open_deadlines(frozenset(Step))
_made = (
    sa.exists()
    .where(
        Reminder.complaint_id == _open.c.complaint_id,
        sa.type_coerce(Reminder.step, sa.Text) == _open.c.step,
        Reminder.due_at == _open.c.due_at,
        Reminder.rung == sa.bindparam("rung", type_=sa.Text),
        Reminder.referral_id.is_not_distinct_from(_open.c.referral_id),
    )
    .correlate(_open)
)
_MAKE = Query(
    insert(Reminder)
    .from_select(
        ["id", "step", "complaint_id", "referral_id", "due_at", "rung", "to", "made_at", "attempts"],
        sa.select(
            sa.func.gen_random_uuid(),
            _open.c.step,
            _open.c.complaint_id,
            _open.c.referral_id,
            _open.c.due_at,
            sa.bindparam("rung", type_=sa.Text),
            sa.bindparam("to", type_=sa.Text),
            sa.bindparam("now", type_=_MOMENT),
            sa.literal_column("0"),
        ).where(
            _open.c.due_at > sa.bindparam("after", type_=_MOMENT),
            _open.c.due_at <= sa.bindparam("until", type_=_MOMENT),
            sa.not_(_made),
        ),
    )
    .on_conflict_do_nothing()
)

_waiting = (
    sa.select(Reminder.id)
    .where(Reminder.claimed_at.is_(None), Reminder.attempts < sa.literal_column(str(MOST_ATTEMPTS)))
    .order_by(Reminder.made_at, Reminder.id)
    .limit(sa.literal_column(str(_CLAIMED_AT_ONCE)))
    .with_for_update(skip_locked=True)
    .cte("waiting")
)
_claimed = (
    sa.update(Reminder)
    .where(Reminder.id == _waiting.c.id)
    .values(claimed_at=sa.bindparam("now", type_=_MOMENT), attempts=Reminder.attempts + sa.literal_column("1"))
    .returning(
        *(getattr(Reminder, name) for name in ("id", "step", "complaint_id", "referral_id", "due_at", "rung", "to"))
    )
    .cte("claimed")
)
_CLAIM = Query(
    sa.select(
        *(_claimed.c[name] for name in ("id", "step", "due_at", "rung", "to")),
        Complaint.tracking_number,
        Referral.number.label("referral_number"),
    )
    .join(Complaint, Complaint.id == _claimed.c.complaint_id)
    .outerjoin(Referral, Referral.id == _claimed.c.referral_id)
    .order_by(_claimed.c.due_at, _claimed.c.id)
)
_reminder_id = sa.bindparam("reminder_id", type_=sa.Uuid)
_SENT = Query(
    sa.update(Reminder)
    .where(Reminder.id == _reminder_id)
    .values(sent_at=sa.bindparam("sent", type_=_MOMENT), failure=sa.null())
)
_NOT_SENT = Query(
    sa.update(Reminder)
    .where(Reminder.id == _reminder_id)
    .values(claimed_at=sa.null(), failure=sa.bindparam("why", type_=sa.Text))
)


def log_reminder(reminder: Any) -> None:  # noqa: ANN401  # a row
    """Send a reminder to the log, where there is no other way: officers find it in the list of reminders anyway."""
    log.info(
        "reminder",
        step=reminder.step,
        rung=reminder.rung,
        to=reminder.to,
        due_at=reminder.due_at.isoformat(),
        number=reminder.referral_number or reminder.tracking_number,
    )


def make_reminders(session: Session, deadlines: Deadlines, *, now: datetime) -> int:
    """Make the reminder of the highest rung that each open deadline has reached; how many are new."""
    ladder = sorted(deadlines.ladder, key=lambda rung: rung.working_days)
    reached = [(rung, deadlines.reached(rung, now)) for rung in ladder]
    made = 0
    for (rung, until), after in zip(reached, [*(until for _, until in reached[1:]), _EVER_SINCE], strict=True):
        made += _MAKE.run(session, rung=rung.name, to=rung.to, now=now, until=until, after=after)
    return made


def send_reminders(sessions: Sessions, send: Send, *, now: datetime) -> int:
    """Send what was made and nobody has claimed; how many were sent."""
    sent = 0
    while True:
        with sessions.begin() as session:
            claimed = _CLAIM.all(session, now=now)
        failed = 0
        for reminder in claimed:
            try:
                send(reminder)
            except Exception as error:  # noqa: BLE001  # whatever keeps it from being sent is kept beside it
                failed += 1
                log.warning("reminder not sent", reminder=str(reminder.id), error=type(error).__name__)
                with sessions.begin() as session:
                    _NOT_SENT.run(session, reminder_id=reminder.id, why=type(error).__name__)
            else:
                with sessions.begin() as session:
                    _SENT.run(session, reminder_id=reminder.id, sent=utc_now())
        sent += len(claimed) - failed
        if failed or len(claimed) < _CLAIMED_AT_ONCE:  # what failed waits for the next look
            return sent


def remind(sessions: Sessions, deadlines: Deadlines, send: Send, *, now: datetime) -> int:
    """Make and send what is due; how many were sent. Any number of workers may do this at once."""
    with sessions.begin() as session:
        make_reminders(session, deadlines, now=now)
    return send_reminders(sessions, send, now=now)


class Reminding:
    """A worker that looks again and again until it is told to stop."""

    def __init__(
        self, sessions: Sessions, deadlines: Deadlines, *, every_seconds: float, send: Send = log_reminder
    ) -> None:
        self._sessions = sessions
        self._deadlines = deadlines
        self._every_seconds = every_seconds
        self._send = send

    def run(self, stop: threading.Event) -> None:
        """Look, until the event is set. What goes wrong is logged, and tried again at the next look."""
        while not stop.is_set():
            try:
                remind(self._sessions, self._deadlines, self._send, now=utc_now())
            except sa.exc.SQLAlchemyError as error:
                log.error("reminders stand still", error=type(error).__name__)  # noqa: TRY400  # no trace needed
            stop.wait(self._every_seconds)
