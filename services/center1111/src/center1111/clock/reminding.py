"""Reminders: each rung of the ladder that an open deadline reaches is made once, and told once.

A reminder is unique by its step, its deadline and its rung, whoever makes it. Those that one look makes for a role are
told by one mail, which is owed in the transaction that makes them; a role without an address finds them in the list.
"""

import threading
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session

from center1111.clock.queries import open_deadlines
from center1111.codes import Sending, Step
from center1111.deadlines import Deadlines
from center1111.records import Reminder
from servicekit.clock import utc_now
from servicekit.database import Query, Sessions
from servicekit.ids import uuid7
from servicekit.mail_queue import owe_mail

_MOMENT: Final = sa.DateTime(timezone=True)
_EVER_SINCE: Final = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger(__name__)

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
        ["id", "step", "complaint_id", "referral_id", "due_at", "rung", "to", "made_at", "sending", "mail"],
        sa.select(
            sa.func.gen_random_uuid(),
            _open.c.step,
            _open.c.complaint_id,
            _open.c.referral_id,
            _open.c.due_at,
            sa.bindparam("rung", type_=sa.Text),
            sa.bindparam("to", type_=sa.Text),
            sa.bindparam("now", type_=_MOMENT),
            sa.bindparam("sending", type_=sa.Text),
            sa.bindparam("mail", type_=sa.Uuid),
        ).where(
            _open.c.step == sa.any_(sa.bindparam("steps", type_=ARRAY(sa.Text))),
            _open.c.due_at > sa.bindparam("after", type_=_MOMENT),
            _open.c.due_at <= sa.bindparam("until", type_=_MOMENT),
            sa.not_(_made),
        ),
    )
    .on_conflict_do_nothing()
)


def make_reminders(session: Session, deadlines: Deadlines, *, addressed: Collection[str], now: datetime) -> int:
    """Make the reminder of the highest rung that each open deadline has reached; how many are new.

    The roles that are `addressed` are owed a mail each, in the caller's transaction, if there is any for them.
    """
    ladder = sorted(deadlines.ladder, key=lambda rung: rung.working_days)
    reached = [(rung, deadlines.reached(rung, now)) for rung in ladder]
    mails: dict[str, UUID] = {rung.to: uuid7() for rung in ladder if rung.to in addressed}
    made: Counter[str] = Counter()
    for (rung, until), after in zip(reached, [*(until for _, until in reached[1:]), _EVER_SINCE], strict=True):
        mail = mails.get(rung.to)
        sending = Sending.LISTED if mail is None else Sending.WAITING
        made[rung.to] += _MAKE.run(
            session,
            rung=rung.name,
            to=rung.to,
            steps=sorted(deadlines.reminded(rung)),
            now=now,
            until=until,
            after=after,
            sending=sending,
            mail=mail,
        )
    for role, mail in mails.items():
        if made[role]:
            owe_mail(session, about=mail, now=now)
    return made.total()


class Reminding:
    """A worker that looks again and again until it is told to stop. Any number of them may look at once."""

    def __init__(
        self, sessions: Sessions, deadlines: Deadlines, *, addressed: Collection[str], every_seconds: float
    ) -> None:
        """`addressed` are the roles to which mails are sent."""
        self._sessions = sessions
        self._deadlines = deadlines
        self._addressed = addressed
        self._every_seconds = every_seconds

    def run(self, stop: threading.Event) -> None:
        """Look, until the event is set. What goes wrong is logged, and tried again at the next look."""
        while not stop.is_set():
            try:
                with self._sessions.begin() as session:
                    made = make_reminders(session, self._deadlines, addressed=self._addressed, now=utc_now())
            except sa.exc.SQLAlchemyError as error:
                log.error("reminders stand still", error=type(error).__name__)  # noqa: TRY400  # no trace needed
            else:
                if made:
                    log.info("reminders made", count=made)
            stop.wait(self._every_seconds)
