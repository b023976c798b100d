"""What came to the mailbox, how its readers fare, and what waits to go out."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon.filters import Order, any_of
from chumchon.records import Case, ChannelReader, ReceivedMail
from servicekit.database import Query
from servicekit.mail_queue import owed_mails
from servicekit.problems import DomainError


class ReceivedMailNotFound(DomainError):
    """There is no such mail, or its original is not where it should be."""


class MailHasItsCase(DomainError):
    """A case was made of the mail already, or it joined one."""


class MailUnreadable(DomainError):
    """The mail says nothing that a case could be made of."""


_CONDITIONS: Mapping[str, sa.ColumnElement[bool]] = {
    "outcome": any_of(ReceivedMail.outcome, "outcome"),
    "reason": any_of(ReceivedMail.reason, "reason"),
    "from": ReceivedMail.taken_at >= sa.bindparam("from"),
    "to": ReceivedMail.taken_at < sa.bindparam("to"),
}
_SHOWN: Sequence[Any] = (
    ReceivedMail.id,
    ReceivedMail.taken_at,
    ReceivedMail.outcome,
    ReceivedMail.reason,
    ReceivedMail.case_id,
    Case.case_number,
    ReceivedMail.original,
)
_shown = sa.select(*_SHOWN).select_from(ReceivedMail).outerjoin(Case, Case.id == ReceivedMail.case_id)
_one = Query(_shown.where(ReceivedMail.id == sa.bindparam("id", type_=sa.Uuid)))
_readers = Query(sa.select(*ChannelReader.__table__.columns).order_by(ChannelReader.name))
_outgoing = Query(
    sa.select(
        sa.func.count().filter(owed_mails.c.state == sa.literal_column("'owed'")).label("owed"),
        sa.func.min(owed_mails.c.owed_at).filter(owed_mails.c.state == sa.literal_column("'owed'")).label("oldest_at"),
        sa.func.max(owed_mails.c.attempts).label("most_attempts"),
    ).where(owed_mails.c.state == sa.literal_column("'owed'"))
)


def mail(session: Session, mail_id: UUID) -> Any:  # noqa: ANN401  # a row
    """One mail that came.

    Raises:
        ReceivedMailNotFound: there is none.
    """
    found = _one.first(session, id=mail_id)
    if found is None:
        raise ReceivedMailNotFound
    return found


def find_mails(
    session: Session, values: Mapping[str, Any], *, after: tuple[Any, UUID] | None, limit: int
) -> Sequence[Any]:
    """Mails that came, newest first, at most `limit`."""
    position = {} if after is None else {"after_value": after[0], "after_id": after[1]}
    return _list(frozenset(values), after=after is not None).all(session, **values, **position, limit=limit)


def readers(session: Session) -> Sequence[Any]:
    """How each reader of the mailbox and the folders fares."""
    return _readers.all(session)


def outgoing(session: Session) -> Any:  # noqa: ANN401  # a row
    """How many mails wait to be sent, and since when the oldest does."""
    return _outgoing.first(session)


@cache
def _list(names: frozenset[str], *, after: bool) -> Query:
    statement = _shown.where(*(_CONDITIONS[name] for name in sorted(names)))
    ordered = Order(ReceivedMail.taken_at, ReceivedMail.id, descending=True).apply(statement, after=after)
    return Query(ordered.limit(sa.bindparam("limit", type_=sa.Integer)))
