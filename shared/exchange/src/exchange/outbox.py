"""Owing a message: it is written in the transaction of the change that it tells of, or neither is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, SessionTransaction

from exchange.canonical import canonical, digest_of
from exchange.tables import outbox, outgoing
from exchange.waking import Bell
from schemas import BATCH_BYTES, Message, Wire, type_of
from servicekit.database import Query, Sessions
from servicekit.ids import uuid7
from servicekit.observing import current_request_id

RETRIED_FOR = timedelta(days=7)
MESSAGE_BYTES = BATCH_BYTES - len(b'{"messages":[]}')
"""A message larger than this fits into no batch."""

_SENDER = "exchange sender"
_OWED = "exchange owed"


class MessageTooLargeError(ValueError):
    """The message is larger than any batch. Long texts are bounded, so this is a fault of its maker."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who owes: this party's code, and the bell that wakes its relays."""

    party: str
    bell: Bell


def enrol(sessions: Sessions, sender: Sender) -> None:
    """Let the transactions of `sessions` owe messages; the bell rings after each commit of one that did."""
    sessions.configure(info={_SENDER: sender})
    sa.event.listen(sessions, "after_transaction_end", _ring)


def owe(
    session: Session,
    body: Wire,
    *,
    to: str,
    subject: UUID,
    now: datetime,
    sequence: int | None = None,
) -> UUID:
    """Owe `to` a message about `subject`, in the caller's transaction; the message's id.

    Messages of one subject are sent in the order in which their transactions commit: the row of the subject's counter
    stays locked until then. Never waits for the network.

    Args:
        session: of sessions that were enrolled.
        body: of one of the registered types.
        to: the peer's code.
        subject: the referral's id.
        now: shown to people as the message's time, and the beginning of its 7 days.
        sequence: only for a tombstone: that of the message for which it stands.
    """
    sender: Sender = session.info[_SENDER]
    if sequence is None:
        sequence = _NEXT_SEQUENCE.scalar(session, peer=to, subject=subject)
    kind = type_of(body)
    message = Message.model_validate(
        {
            "id": uuid7(),
            "source": sender.party,
            "type": kind.name,
            "subject": subject,
            "sequence": sequence,
            "time": now,
            "data": body.model_dump(mode="json"),
            "requestid": current_request_id(),
        }
    )
    content = canonical(message.model_dump(mode="json", exclude_none=True, exclude={"data"}) | {"data": message.data})
    if len(content) > MESSAGE_BYTES:
        raise MessageTooLargeError(
            f"A message of type {kind.name} has {len(content)} bytes, more than {MESSAGE_BYTES}."
        )
    _OWE.run(
        session,
        id=message.id,
        peer=to,
        subject=subject,
        sequence=sequence,
        type=kind.name,
        content=content.decode(),
        digest=digest_of(content),
        request_id=message.requestid,
        now=now,
        expires_at=now + RETRIED_FOR,
    )
    session.info[_OWED] = True
    return message.id


def wake_after_commit(session: Session) -> None:
    """Ring the bell once this transaction is over: for changes of what is due that owe nothing new."""
    session.info[_OWED] = True


def _ring(session: Session, transaction: SessionTransaction) -> None:
    """Ring when the outermost transaction has ended; after a rollback relays just find nothing."""
    if transaction.parent is None and session.info.pop(_OWED, False):
        sender: Sender = session.info[_SENDER]
        sender.bell.ring()


_NEXT_SEQUENCE = Query(
    insert(outgoing)
    .values(peer=sa.bindparam("peer"), subject=sa.bindparam("subject"), last_sequence=1)
    .on_conflict_do_update(index_elements=["peer", "subject"], set_={"last_sequence": outgoing.c.last_sequence + 1})
    .returning(outgoing.c.last_sequence)
)

# Due at once: by the database's clock where this machine's is ahead of it, as relays go by that.
_OWE = Query(
    insert(outbox).values(
        id=sa.bindparam("id"),
        peer=sa.bindparam("peer"),
        subject=sa.bindparam("subject"),
        sequence=sa.bindparam("sequence"),
        type=sa.bindparam("type"),
        content=sa.bindparam("content"),
        digest=sa.bindparam("digest"),
        request_id=sa.bindparam("request_id"),
        owed_at=sa.bindparam("now"),
        due_at=sa.func.least(sa.bindparam("now", type_=outbox.c.due_at.type), sa.func.clock_timestamp()),
        expires_at=sa.bindparam("expires_at"),
    )
)
