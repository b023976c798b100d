"""Owing a message: it is written in the transaction of the change that it tells of, or neither is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import cast
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session, SessionTransaction

from exchange.canonical import canonical, digest_of
from exchange.handover import Claimed, Handover, Reservation
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

# A transaction that takes longer from its first message to its commit would leave too little of the lease.
_HANDED_WITHIN_SECONDS = 1.0

_SENDER = "exchange sender"
_OWED = "exchange owed"
_RESERVED = "exchange reserved"


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
    """Who owes: this party's code, the bell that wakes its relays, and where those of this process stand by."""

    party: str
    bell: Bell
    handover: Handover


def enrol(sessions: Sessions, sender: Sender) -> None:
    """Let the transactions of `sessions` owe messages; relays are woken after each commit of one that did."""
    sessions.configure(info={_SENDER: sender})
    sa.event.listen(sessions, "before_commit", _hand_over)
    sa.event.listen(sessions, "after_commit", _committed)
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
    reservation = None
    if sequence is None:
        recovering = session.info.get(RECOVERING, False)
        sequence = _NEXT_SEQUENCE.scalar(session, peer=to, subject=subject, recovering=recovering)
        if sequence is None:
            raise RecoveryNeeded(peer=to)
        reservation = _reservation(session, sender.handover, to)
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
    written = Claimed(message.id, subject, sequence, kind.name, content.decode(), digest_of(content))
    if reservation and not reservation.takes(len(content)):
        reservation = None
    is_claimed = _OWE.scalar(
        session,
        id=written.id,
        peer=to,
        subject=subject,
        sequence=sequence,
        type=written.type,
        content=written.content,
        digest=written.digest,
        request_id=message.requestid,
        now=now,
        expires_at=now + RETRIED_FOR,
        lease=reservation and reservation.lease,
        lease_seconds=reservation and reservation.terms.lease_seconds,
        leased_at=reservation and reservation.terms.clock and reservation.terms.clock(),
        already=len(reservation.messages) if reservation else 0,
    )
    if reservation and is_claimed:
        reservation.add(written, len(content))
    else:
        session.info[_OWED] = True
    return message.id


def _reservation(session: Session, handover: Handover, peer: str) -> Reservation | None:
    """This transaction's, if it may hand over what it owes; what a savepoint may undo is not handed over."""
    if session.in_nested_transaction():
        return None
    reserved: dict[str, Reservation] = session.info.setdefault(_RESERVED, {})
    if peer not in reserved and (made := handover.reserve(peer)):
        reserved[peer] = made
    return reserved.get(peer)


def let_it_be_claimed(session: Session) -> None:
    """Hand nothing over of what this transaction has owed so far, as it was changed since: relays are to read it."""
    for reservation in session.info.get(_RESERVED, {}).values():
        reservation.withheld = True  # and no more than that, as this may be under a savepoint


def wake_after_commit(session: Session) -> None:
    """Ring the bell once this transaction is over: for changes of what is due that owe nothing new."""
    session.info[_OWED] = True


def _hand_over(session: Session) -> None:
    """Let a relay make ready what the transaction owes, while it is committed; the end of a savepoint is no commit.

    After a statement that failed, the server would roll back where it is told to commit, and say that all went well.
    """
    reserved: dict[str, Reservation] = session.info.get(_RESERVED, {})
    if not reserved or session.in_nested_transaction():
        return
    sender: Sender = session.info[_SENDER]
    session.flush()  # whatever that waits for, the relay need not
    driver = cast("psycopg.Connection[object]", session.connection().connection.driver_connection)
    if driver.info.transaction_status is not psycopg.pq.TransactionStatus.INTRANS:
        _end(session, committed=False)
        return
    for peer, reservation in list(reserved.items()):
        in_time = not reservation.withheld and reservation.age_seconds() < _HANDED_WITHIN_SECONDS
        if reservation.messages and in_time and sender.handover.hand(reservation):
            sender.bell.nudge()
            continue
        if reservation.messages:
            _RELEASE.run(session, ids=[owed.id for owed in reservation.messages])
            session.info[_OWED] = True
        sender.handover.end(reserved.pop(peer), committed=False)


def _committed(session: Session) -> None:
    if session.in_nested_transaction():
        return
    sender: Sender = session.info[_SENDER]
    for reservation in session.info.get(_RESERVED, {}).values():
        # A savepoint was still open before the commit, which has ended it.
        if reservation.messages and not reservation.handed and not reservation.withheld:
            sender.handover.hand(reservation)
    _end(session, committed=True)


def _ring(session: Session, transaction: SessionTransaction) -> None:
    """Ring when the outermost transaction has ended; after a rollback relays just find nothing."""
    if transaction.parent is not None:
        return
    _end(session, committed=False)
    if session.info.pop(_OWED, False):
        sender: Sender = session.info[_SENDER]
        sender.bell.ring()


def _end(session: Session, *, committed: bool) -> None:
    """Tell relays what became of the transaction, where they were handed anything."""
    sender: Sender = session.info[_SENDER]
    reserved: dict[str, Reservation] = session.info.pop(_RESERVED, {})
    for reservation in reserved.values():
        sender.handover.end(reservation, committed=committed)
        sender.bell.nudge()


_NEXT_SEQUENCE = Query(
    sa.text("""
        INSERT INTO exchange_outgoing (peer, subject, last_sequence)
        SELECT :peer, CAST(:subject AS uuid), 1
        WHERE :recovering OR NOT EXISTS (SELECT FROM exchange_peers WHERE code = :peer AND pause = 'restored')
        ON CONFLICT (peer, subject) DO UPDATE SET last_sequence = exchange_outgoing.last_sequence + 1
        RETURNING last_sequence
    """)
)

# Due at once: by the database's clock where this machine's is ahead of it, as relays go by that. It is written as
# claimed where a relay would claim it now: nothing is wrong with the peer, and all that went before of its subject has
# arrived, or goes out with it.
_OWE = Query(
    sa.text("""
        INSERT INTO exchange_outbox (
            id, peer, subject, sequence, type, content, digest, request_id, owed_at, due_at, expires_at, lease,
            leased_until
        )
        SELECT CAST(:id AS uuid), :peer, CAST(:subject AS uuid), CAST(:sequence AS bigint), :type, :content, :digest,
               :request_id, CAST(:now AS timestamptz), least(CAST(:now AS timestamptz), clock_timestamp()),
               CAST(:expires_at AS timestamptz), CASE WHEN claimed THEN CAST(:lease AS uuid) END,
               CASE WHEN claimed THEN coalesce(CAST(:leased_at AS timestamptz), clock_timestamp())
                                      + make_interval(secs => :lease_seconds) END
        FROM (
            SELECT CAST(:lease AS uuid) IS NOT NULL
                AND EXISTS (
                    SELECT FROM exchange_peers
                    WHERE code = :peer AND failures = 0 AND pause IS NULL AND batch_limit > :already
                )
                AND NOT EXISTS (
                    SELECT FROM exchange_outbox
                    WHERE peer = :peer AND subject = CAST(:subject AS uuid) AND state IN ('queued', 'dead')
                      AND lease IS DISTINCT FROM CAST(:lease AS uuid)
                ) AS claimed
        )
        RETURNING lease IS NOT NULL
    """)
)
_RELEASE = Query(sa.text("UPDATE exchange_outbox SET lease = NULL WHERE id = ANY(CAST(:ids AS uuid[]))"))
