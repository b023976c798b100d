"""The mail that reminds a role of deadlines: numbers, steps and days, and nothing of what the complaints are about."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from center1111.codes import CODE_LISTS, Sending, Standing
from center1111.deadlines import due_day
from center1111.records import Complaint, Referral, Reminder
from servicekit.mail import Mail
from servicekit.mail_queue import MailState, owe_mail_again
from servicekit.problems import DomainError
from thaikit.calendar import long_date

NAMED: Final = 200
"""So many deadlines a mail names; of the others it tells how many they are."""

_SENDING: Final[Mapping[MailState, Sending]] = {
    MailState.SENT: Sending.SENT,
    MailState.REFUSED: Sending.FAILED,
    MailState.GIVEN_UP: Sending.FAILED,
    MailState.DROPPED: Sending.LISTED,
}


class ReminderNotFound(DomainError):
    """There is no such reminder."""


class ReminderNotFailed(DomainError):
    """Its mail was sent, is under way, or was never owed."""


def write_reminders(session: Session, mail_id: UUID, addresses: Mapping[str, str], now: datetime) -> Mail | None:
    """The mail with all reminders that it is to tell; None where their role has no address any more."""
    told = sa.select(Reminder).where(Reminder.mail == mail_id)
    count = session.scalar(sa.select(sa.func.count()).select_from(told.subquery())) or 0
    rows = session.execute(
        sa.select(Reminder.to, Reminder.step, Reminder.due_at, Complaint.tracking_number, Referral.number)
        .join(Complaint, Complaint.id == Reminder.complaint_id)
        .outerjoin(Referral, Referral.id == Reminder.referral_id)
        .where(Reminder.mail == mail_id)
        .order_by(Reminder.due_at, Reminder.id)
        .limit(NAMED)
    ).all()
    address = addresses.get(rows[0].to) if rows else None
    if address is None:
        return None
    return Mail(
        to=address,
        subject=f"แจ้งเตือนกำหนดเวลาเรื่องร้องทุกข์ {count:,} รายการ · Deadlines of complaints: {count:,}",
        text=_text(rows, count, now),
    )


def settle_reminders(session: Session, mail_id: UUID, state: MailState, problem: str | None, now: datetime) -> None:
    """Write down what became of the mail, with each reminder that it told."""
    sending = _SENDING[state]
    session.execute(
        sa.update(Reminder)
        .where(Reminder.mail == mail_id)
        .values(
            sending=sending,
            sent_at=now if sending is Sending.SENT else None,
            failure=(problem or state) if sending is Sending.FAILED else None,
        )
    )


def retry_reminders(session: Session, reminder_id: UUID, *, now: datetime) -> None:
    """Send once more, under its Message-ID, the mail that told of this reminder and failed: with all that it tells.

    Raises:
        ReminderNotFound: there is no such reminder.
        ReminderNotFailed: no mail of it has failed.
    """
    reminder = session.get(Reminder, reminder_id)
    if reminder is None:
        raise ReminderNotFound
    told = sa.select(Reminder).where(Reminder.mail == reminder.mail).order_by(Reminder.id).with_for_update()
    together = [] if reminder.mail is None else session.scalars(told.execution_options(populate_existing=True)).all()
    if reminder.mail is None or reminder.sending is not Sending.FAILED:
        raise ReminderNotFailed
    for one in together:
        one.sending, one.failure = Sending.WAITING, None
    owe_mail_again(session, about=reminder.mail, now=now)
    session.flush()


def _text(rows: Sequence[Any], count: int, now: datetime) -> str:
    parts = []
    for standing in (Standing.OVERDUE, Standing.NEAR_DUE):
        lines = [_line(row) for row in rows if (row.due_at <= now) == (standing is Standing.OVERDUE)]
        if lines:
            said = CODE_LISTS["deadline_standings"][standing].label
            parts.append("\n".join([f"{said.th} · {said.en}", *lines]))
    if count > len(rows):
        more = count - len(rows)
        parts.append(f"และอีก {more:,} รายการ โปรดดูในระบบ · And {more:,} more: see the list of reminders.")
    parts.append("ข้อความนี้ส่งโดยอัตโนมัติ ส่งครั้งเดียวต่อรายการ · Sent by itself, once for each of these.")
    return "\n\n".join(parts) + "\n"


def _line(row: Any) -> str:  # noqa: ANN401  # a row
    step, day = CODE_LISTS["deadline_steps"][row.step].label, due_day(row.due_at)
    return (
        f"- {row.number or row.tracking_number}\n"
        f"  {step.th}: ครบกำหนด {long_date(day)}\n"
        f"  {step.en}: due on {day.isoformat()}"
    )
