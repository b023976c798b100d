"""Owing a message: it is written in the transaction of the change that it tells of, or neither is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, SessionTransaction

from exchange.canonical import canonical, digest_of
from exchange.tables import outbox
from exchange.waking import Bell
from schemas import BATCH_BYTES, Message, Wire, type_of
from servicekit.database import Query, Sessions
from servicekit.ids import uuid7
from servicekit.observing import current_request_id
from servicekit.problems import DomainError, Problem
from servicekit.words import Words

RETRIED_FOR = timedelta(days=7)
MESSAGE_BYTES = BATCH_BYTES - len(b'{"messages":[]}')
"""A message larger than this fits into no batch."""

RECOVERING = "exchange recovering"
"""Set in the info of sessions that may owe messages although their peer waits for a recovery: the recovery's own."""

_SENDER = "exchange sender"
_OWED = "exchange owed"


class MessageTooLargeError(ValueError):
    """The message is larger than any batch. Long texts are bounded, so this is a fault of its maker."""


class RecoveryNeeded(DomainError):
    """The database was restored or moved, and what was sent since is not known: no sequence can be given yet."""


PROBLEMS: Mapping[type[DomainError], Problem] = {
    RecoveryNeeded: Problem(
        "exchange-recovery-needed",
        HTTPStatus.SERVICE_UNAVAILABLE,
        Words("ต้องกู้ข้อมูลการแลกเปลี่ยนก่อน", "The exchange has to be recovered first"),
        Words(
            "ฐานข้อมูลถูกกู้คืนหรือย้ายที่ ผู้ดูแลระบบต้องรันคำสั่ง exchange recover {peer} ก่อน",
            "The database was restored or moved: an operator has to run `exchange recover {peer}` first.",
        ),
    )
}


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

    Raises:
        RecoveryNeeded: the peer waits for a recovery.
    """
    sender: Sender = session.info[_SENDER]
    if sequence is None:
        recovering = session.info.get(RECOVERING, False)
        sequence = _NEXT_SEQUENCE.scalar(session, peer=to, subject=subject, recovering=recovering)
        if sequence is None:
            raise RecoveryNeeded(peer=to)
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
    sa.text("""
        INSERT INTO exchange_outgoing (peer, subject, last_sequence)
        SELECT :peer, CAST(:subject AS uuid), 1
        WHERE :recovering OR NOT EXISTS (SELECT FROM exchange_peers WHERE code = :peer AND pause = 'restored')
        ON CONFLICT (peer, subject) DO UPDATE SET last_sequence = exchange_outgoing.last_sequence + 1
        RETURNING last_sequence
    """)
)

# Due at once: by the database's clock where this machine's is ahead of it, as relays go by that.
_OWE = Query(
    sa.insert(outbox).values(
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
