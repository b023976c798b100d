"""Who writes the Centre's mails: answers, questions and refusals to complainants, reminders to those who work here."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from center1111.clock.mails import settle_reminders, write_reminders
from center1111.clock.reminding import Reminding
from center1111.records import Complaint, Delivery, Referral
from center1111.referrals.mails import settle_question, write_question
from center1111.settings import Settings
from center1111.tellings import settle_mail, write_mail
from center1111.verification.mails import settle_refusal, write_refusal
from servicekit.database import Sessions
from servicekit.mail import Mail
from servicekit.mail_queue import MailState, Postman


def make_postman(sessions: Sessions, settings: Settings) -> Postman | None:
    """A postman on the Centre's database; None where the operator named no mail server."""
    server = settings.mail_server
    if server is None:
        return None
    head, addresses = settings.letterhead, settings.reminder_addresses

    def write(session: Session, about: UUID, now: datetime) -> Mail | None:
        if session.get(Delivery, about) is not None:
            return write_mail(session, about, head, now)
        if session.get(Referral, about) is not None:
            return write_question(session, about, head)
        if session.get(Complaint, about) is not None:
            return write_refusal(session, about, head)
        return write_reminders(session, about, addresses, now)

    return Postman(sessions, server, write=write, settle=_settle)


def make_reminding(sessions: Sessions, settings: Settings) -> Reminding:
    """A worker that reminds of deadlines, by mail where the operator named addresses."""
    return Reminding(
        sessions,
        settings.deadlines(),
        addressed=settings.reminder_addresses.keys(),
        every_seconds=settings.remind_every_seconds,
    )


def _settle(session: Session, about: UUID, state: MailState, problem: str | None, now: datetime) -> None:
    if session.get(Delivery, about) is not None:
        settle_mail(session, about, state, problem, now)
    elif session.get(Referral, about) is not None:
        settle_question(session, about, state, problem, now)
    elif session.get(Complaint, about) is not None:
        settle_refusal(session, about, state, problem, now)
    else:
        settle_reminders(session, about, state, problem, now)
