"""What an operator may do with messages that cannot go on by themselves. Every decision keeps its reason."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from exchange.inbox import Effects, apply_again_to
from exchange.outbox import RETRIED_FOR, owe, wake_after_commit
from exchange.tables import decisions, inbox, outbox, peers
from schemas import ReceiptProblem, ReferralVoid
from servicekit.database import Query
from servicekit.ids import uuid7
from servicekit.problems import DomainError, Problem
from servicekit.words import Words


class MessageNotFound(DomainError):
    """There is no such message, or it is not in a state in which this can be done."""


class PeerNotFound(DomainError):
    """Nothing was ever sent to a peer of this code, or it waits for a recovery, which alone lets it go on."""


PROBLEMS: Mapping[type[DomainError], Problem] = {
    MessageNotFound: Problem(
        "exchange-message-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบข้อความในสถานะนี้", "There is no such message in that state"),
        Words("โปรดดูรายการข้อความล่าสุด", "Look at the present list of messages."),
    ),
    PeerNotFound: Problem(
        "exchange-peer-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบคู่แลกเปลี่ยน หรือรอการกู้ข้อมูล", "There is no such peer, or it waits for a recovery"),
        Words(
            "โปรดตรวจสอบรหัสของคู่แลกเปลี่ยน หรือรันคำสั่ง exchange recover",
            "Compare the peer's code with the configuration, or run `exchange recover`.",
        ),
    ),
}


def redeliver(session: Session, message_id: UUID, *, by: str, now: datetime, reason: str | None = None) -> None:
    """Send a dead message again, for another 7 days.

    Raises:
        MessageNotFound: it is not dead.
    """
    peer = _REDELIVER.scalar(session, id=message_id, now=now, expires_at=now + RETRIED_FOR)
    if peer is None:
        raise MessageNotFound
    _decide(session, "redeliver", peer, message_id, reason=reason, by=by, now=now)
    wake_after_commit(session)


def redeliver_all(session: Session, peer: str, *, by: str, now: datetime, reason: str | None = None) -> int:
    """Send all dead messages of a peer again, save those that conflict; how many."""
    count = _REDELIVER_ALL.run(session, peer=peer, now=now, expires_at=now + RETRIED_FOR)
    if count:
        _decide(session, "redeliver_all", peer, None, reason=reason, by=by, now=now)
        wake_after_commit(session)
    return count


def give_up(session: Session, message_id: UUID, *, reason: str, by: str, now: datetime) -> UUID:
    """Give a dead message up: a tombstone with the reason takes its place in the order; the tombstone's id.

    Raises:
        MessageNotFound: it is not dead.
    """
    row = _GIVE_UP.first(session, id=message_id, now=now)
    if row is None:
        raise MessageNotFound
    _decide(session, "give_up", row.peer, message_id, reason=reason, by=by, now=now)
    tombstone = ReferralVoid(reason=reason, message_id=message_id, message_type=row.type)
    return owe(session, tombstone, to=row.peer, subject=row.subject, sequence=row.sequence, now=now)


def apply_again(
    session: Session, source: str, message_id: UUID, effects: Effects, *, reason: str, by: str, now: datetime
) -> ReceiptProblem | None:
    """Try a quarantined message once more; None when it is applied now, else why it is still not.

    Raises:
        MessageNotFound: it is not quarantined.
    """
    row = _QUARANTINED.first(session, source=source, id=message_id)
    if row is None:
        raise MessageNotFound
    problem = apply_again_to(session, row.content, source, effects, now)
    _SETTLE.run(
        session,
        source=source,
        id=message_id,
        state="quarantined" if problem else "applied",
        problem=problem.model_dump(mode="json", exclude_none=True) if problem else None,
        note=reason,
        now=now,
    )
    _decide(session, "apply_again", source, message_id, reason=reason, by=by, now=now)
    return problem


def dismiss(session: Session, source: str, message_id: UUID, *, reason: str, by: str, now: datetime) -> None:
    """Set a quarantined message aside for good. Its problem stays on record.

    Raises:
        MessageNotFound: it is not quarantined.
    """
    row = _QUARANTINED.first(session, source=source, id=message_id)
    if row is None:
        raise MessageNotFound
    _SETTLE.run(session, source=source, id=message_id, state="dismissed", problem=row.problem, note=reason, now=now)
    _decide(session, "dismiss", source, message_id, reason=reason, by=by, now=now)


def pause(session: Session, peer: str, *, reason: str, by: str, now: datetime) -> None:
    """Send nothing to the peer until `resume`. Requests under way end; what it sends is taken.

    Raises:
        PeerNotFound: there is no such peer.
    """
    if not _PAUSE.run(session, peer=peer, reason=reason, now=now):
        raise PeerNotFound
    _decide(session, "pause", peer, None, reason=reason, by=by, now=now)


def resume(session: Session, peer: str, *, by: str, now: datetime, reason: str | None = None) -> None:
    """Send to the peer again, at once, whatever had paused it.

    Raises:
        PeerNotFound: there is no such peer.
    """
    if not _RESUME.run(session, peer=peer):
        raise PeerNotFound
    _decide(session, "resume", peer, None, reason=reason, by=by, now=now)
    wake_after_commit(session)


def _decide(
    session: Session,
    action: str,
    peer: str,
    message_id: UUID | None,
    *,
    reason: str | None,
    by: str,
    now: datetime,
) -> None:
    _DECIDE.run(session, id=uuid7(), now=now, by=by, action=action, peer=peer, message_id=message_id, reason=reason)


_DECIDE = Query(
    sa.insert(decisions).values(
        id=sa.bindparam("id"),
        decided_at=sa.bindparam("now"),
        decided_by=sa.bindparam("by"),
        action=sa.bindparam("action"),
        peer=sa.bindparam("peer"),
        message_id=sa.bindparam("message_id"),
        reason=sa.bindparam("reason"),
    )
)
_AGAIN = {
    "state": "queued",
    "due_at": sa.bindparam("now"),
    "expires_at": sa.bindparam("expires_at"),
    "attempts": 0,
    "settled_at": None,
    "disposition": None,
    "receipt_problem": None,
    "proof_id": None,
}
_REDELIVER = Query(
    sa.update(outbox)
    .where(outbox.c.id == sa.bindparam("id"), outbox.c.state == "dead")
    .values(_AGAIN)
    .returning(outbox.c.peer)
)
_REDELIVER_ALL = Query(
    sa.update(outbox)
    .where(outbox.c.peer == sa.bindparam("peer"), outbox.c.state == "dead", outbox.c.disposition.is_(None))
    .values(_AGAIN)
)
_GIVE_UP = Query(
    sa.update(outbox)
    .where(outbox.c.id == sa.bindparam("id"), outbox.c.state == "dead")
    .values(state="void", settled_at=sa.bindparam("now"))
    .returning(outbox.c.peer, outbox.c.subject, outbox.c.sequence, outbox.c.type)
)
_QUARANTINED = Query(
    sa.select(inbox.c.content, inbox.c.problem)
    .where(inbox.c.source == sa.bindparam("source"), inbox.c.id == sa.bindparam("id"), inbox.c.state == "quarantined")
    .with_for_update()
)
_SETTLE = Query(
    sa.update(inbox)
    .where(inbox.c.source == sa.bindparam("source"), inbox.c.id == sa.bindparam("id"))
    .values(
        state=sa.bindparam("state"),
        problem=sa.bindparam("problem"),
        note=sa.bindparam("note"),
        settled_at=sa.bindparam("now"),
    )
)
_NOT_RESTORED = peers.c.pause.is_distinct_from("restored")
_PAUSE = Query(
    sa.update(peers)
    .where(peers.c.code == sa.bindparam("peer"), _NOT_RESTORED)
    .values(pause="operator", paused_at=sa.bindparam("now"), pause_reason=sa.bindparam("reason"))
)
_RESUME = Query(
    sa.update(peers)
    .where(peers.c.code == sa.bindparam("peer"), _NOT_RESTORED)
    .values(pause=None, paused_at=None, pause_reason=None, failures=0, silent_since=None, next_attempt_at=None)
)
