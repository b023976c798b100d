"""The messages that this party sent and received, as operators see them: what they are, and why they stand there.

The content of messages is personal data and is not shown.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from pydantic import Field, JsonValue
from sqlalchemy.orm import Session

from exchange.operating import MessageNotFound
from exchange.tables import decisions, inbox, incoming, outbox, proofs
from servicekit.database import Query
from servicekit.fields import View

OutgoingState = Literal["queued", "delivered", "dead", "void"]
IncomingState = Literal["applied", "held", "quarantined", "dismissed"]


class Reason(View):
    """Why a message stands where it stands, and what can be done, in both languages."""

    th: str
    en: str


class OutgoingMessage(View):
    """A message that this party owes or has sent."""

    id: UUID
    peer: str
    type: str
    subject: UUID
    sequence: int
    state: OutgoingState
    owed_at: datetime
    due_at: datetime
    attempts: int
    expires_at: datetime
    last_problem: str | None
    disposition: str | None
    settled_at: datetime | None
    recalled_at: datetime | None = Field(description="When it was learnt of again after a restore.")
    erased_at: datetime | None = Field(description="Since when only its erased form is here.")
    request_id: str | None
    reason: Reason | None


class IncomingMessage(View):
    """A message that this party has taken."""

    id: UUID
    source: str
    type: str | None
    subject: UUID | None
    sequence: int | None
    state: IncomingState
    received_at: datetime
    settled_at: datetime | None
    problem: dict[str, JsonValue] | None
    note: str | None = Field(description="An operator's reason.")
    erased_at: datetime | None = Field(description="Since when only its erased form is here.")
    request_id: str | None
    reason: Reason | None


class Proof(View):
    """What a peer signed: anyone with its public key can check it again.

    The signature is Ed25519 over `signature_base` (RFC 9421), which holds the digest of `content`, the receipts.
    """

    peer: str
    recorded_at: datetime
    key_id: str
    signature_base: str
    signature: str
    content: str


class Decision(View):
    """What an operator decided."""

    id: UUID
    decided_at: datetime
    decided_by: str
    action: str
    peer: str
    message_id: UUID | None
    reason: str | None


def outgoing_messages(
    session: Session,
    *,
    limit: int,
    peer: str | None = None,
    states: Sequence[str] | None = None,
    subject: UUID | None = None,
    before: UUID | None = None,
) -> list[OutgoingMessage]:
    """Messages owed or sent, newest first; `before` is the last id of the page before."""
    rows = _OUTGOING.all(
        session, peer=peer, states=states and list(states), subject=subject, before=before, limit=limit
    )
    return [_outgoing(row) for row in rows]


def outgoing_message(session: Session, message_id: UUID) -> OutgoingMessage:
    """One of them.

    Raises:
        MessageNotFound: there is none of this id.
    """
    row = _OUTGOING_ONE.first(session, id=message_id)
    if row is None:
        raise MessageNotFound
    return _outgoing(row)


def incoming_messages(
    session: Session,
    *,
    limit: int,
    peer: str | None = None,
    states: Sequence[str] | None = None,
    subject: UUID | None = None,
    before: UUID | None = None,
) -> list[IncomingMessage]:
    """Messages received, newest first by their ids; `before` is the last id of the page before."""
    rows = _INCOMING.all(
        session, peer=peer, states=states and list(states), subject=subject, before=before, limit=limit
    )
    return [_incoming(row) for row in rows]


def incoming_message(session: Session, source: str, message_id: UUID) -> IncomingMessage:
    """One of them.

    Raises:
        MessageNotFound: the peer sent none of this id.
    """
    row = _INCOMING_ONE.first(session, source=source, id=message_id)
    if row is None:
        raise MessageNotFound
    return _incoming(row)


def proof_of(session: Session, message_id: UUID) -> Proof:
    """The peer's signed receipt of a message that was sent.

    Raises:
        MessageNotFound: there is none: it was not delivered, or never owed.
    """
    row = _PROOF.first(session, id=message_id)
    if row is None:
        raise MessageNotFound
    return Proof.model_validate(row)


def decisions_made(session: Session, *, limit: int, before: UUID | None = None) -> list[Decision]:
    """Operators' decisions, newest first; `before` is the last id of the page before."""
    return [Decision.model_validate(row) for row in _DECISIONS.all(session, before=before, limit=limit)]


def _outgoing(row: Any) -> OutgoingMessage:  # noqa: ANN401  # a row of _OUTGOING
    return OutgoingMessage.model_validate({**row._asdict(), "reason": _why_outgoing(row)})


def _incoming(row: Any) -> IncomingMessage:  # noqa: ANN401  # a row of _INCOMING
    return IncomingMessage.model_validate({**row._asdict(), "reason": _why_incoming(row)})


def _why_outgoing(row: Any) -> Reason | None:  # noqa: ANN401  # as above
    if row.disposition == "conflict":
        return Reason(
            th="ผู้รับมีข้อความรหัสเดียวกันแต่เนื้อหาต่างกัน โปรดกระทบยอดกับผู้รับ แล้วยกเลิกข้อความนี้",
            en="The peer has another message with this id: reconcile with it, then give this one up.",
        )
    if row.disposition == "quarantined" and row.receipt_problem:
        problem = row.receipt_problem
        return Reason(
            th=f"ผู้รับรับไว้แต่ดำเนินการไม่ได้: {problem['title']}. {problem.get('detail') or ''}".strip(),
            en=f"The peer took it but cannot apply it: {problem['title_en']}. {problem.get('detail_en') or ''}".strip(),
        )
    if row.state == "dead":
        return Reason(
            th=f"ส่งไม่สำเร็จและหยุดพยายามแล้ว ({row.last_problem}) โปรดแก้สาเหตุแล้วส่งใหม่ หรือยกเลิกข้อความ",
            en=f"It could not be delivered and is no longer tried ({row.last_problem}):"
            " mend the cause and send it again, or give it up.",
        )
    if row.state == "queued" and row.last_problem:
        return Reason(
            th=f"ยังส่งไม่สำเร็จ ({row.last_problem}) ระบบจะลองใหม่เอง",
            en=f"Not delivered yet ({row.last_problem}); it is tried again by itself.",
        )
    return None


def _why_incoming(row: Any) -> Reason | None:  # noqa: ANN401  # as above
    if row.state == "held":
        return Reason(
            th=f"รอข้อความลำดับก่อนหน้าของเรื่องนี้ (ลำดับ {row.missing}) ระบบจะดำเนินการเองเมื่อได้รับ",
            en=f"It waits for sequence {row.missing} of its subject, and is applied when that comes.",
        )
    if row.problem:
        return Reason(
            th=f"{row.problem['title']}. {row.problem.get('detail') or ''}".strip(),
            en=f"{row.problem['title_en']}. {row.problem.get('detail_en') or ''}".strip(),
        )
    return None


def _matching(table: sa.Table, peer: sa.Column[str]) -> list[sa.ColumnElement[bool]]:
    """The filters that both lists have; one that is null filters nothing."""
    wanted_peer = sa.bindparam("peer", type_=sa.Text)
    subject = sa.bindparam("subject", type_=sa.Uuid)
    before = sa.bindparam("before", type_=sa.Uuid)
    states = sa.cast(sa.bindparam("states"), sa.ARRAY(sa.Text))
    return [
        sa.or_(sa.cast(wanted_peer, sa.Text).is_(None), peer == wanted_peer),
        sa.or_(sa.cast(subject, sa.Uuid).is_(None), table.c.subject == subject),
        sa.or_(sa.cast(before, sa.Uuid).is_(None), table.c.id < before),
        sa.or_(states.is_(None), table.c.state == sa.any_(states)),
    ]


_SENT = sa.select(
    *(outbox.c[name] for name in OutgoingMessage.model_fields if name != "reason"), outbox.c.receipt_problem
)
_OUTGOING = Query(
    _SENT.where(*_matching(outbox, outbox.c.peer))
    .order_by(outbox.c.id.desc())
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_OUTGOING_ONE = Query(_SENT.where(outbox.c.id == sa.bindparam("id")))
_TAKEN = sa.select(
    *(inbox.c[name] for name in IncomingMessage.model_fields if name != "reason"),
    sa.select(incoming.c.taken_sequence + 1)
    .where(incoming.c.source == inbox.c.source, incoming.c.subject == inbox.c.subject)
    .scalar_subquery()
    .label("missing"),
)
_INCOMING = Query(
    _TAKEN.where(*_matching(inbox, inbox.c.source))
    .order_by(inbox.c.id.desc(), inbox.c.source)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_INCOMING_ONE = Query(_TAKEN.where(inbox.c.source == sa.bindparam("source"), inbox.c.id == sa.bindparam("id")))
_PROOF = Query(
    sa.select(*(proofs.c[name] for name in Proof.model_fields))
    .join(outbox, outbox.c.proof_id == proofs.c.id)
    .where(outbox.c.id == sa.bindparam("id"))
)
_DECISIONS = Query(
    sa.select(decisions)
    .where(
        sa.or_(
            sa.cast(sa.bindparam("before", type_=sa.Uuid), sa.Uuid).is_(None),
            decisions.c.id < sa.bindparam("before", type_=sa.Uuid),
        )
    )
    .order_by(decisions.c.id.desc())
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
