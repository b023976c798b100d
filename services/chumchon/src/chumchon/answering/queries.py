"""What was told about a case, all versions of its answer, what is still to be sent, and who works in which group."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chumchon.cases import described_files
from chumchon.filters import Order, any_of
from chumchon.journey import OF_GROUPS
from chumchon.records import Answer, Case, CaseMessage, Delivery
from servicekit.database import Query
from servicekit.mail_queue import owed_mails

_messages = Query(
    sa.select(CaseMessage.kind, CaseMessage.text, CaseMessage.by, CaseMessage.at)
    .where(CaseMessage.case_id == sa.bindparam("case_id"))
    .order_by(CaseMessage.id)
)
_answers = Query(
    sa.select(
        Answer.version,
        Answer.text,
        described_files(Answer.files).label("files"),
        Answer.topic,
        Answer.work_group,
        Answer.drafted_by,
        Answer.approved_by,
        Answer.answered_at,
    )
    .where(Answer.case_id == sa.bindparam("case_id"))
    .order_by(Answer.version)
)
_DELIVERY: Sequence[Any] = (
    Delivery.id,
    Delivery.case_id,
    Case.case_number,
    Case.work_group,
    Delivery.kind,
    Delivery.answer_version,
    Delivery.channel,
    Delivery.state,
    Delivery.text,
    described_files(Answer.files).label("files"),
    Delivery.created_at,
    Delivery.sent_at,
    Delivery.sent_by,
    Delivery.note,
    Delivery.version,
    owed_mails.c.state.label("mail_state"),
    owed_mails.c.attempts.label("mail_attempts"),
    owed_mails.c.due_at.label("mail_due_at"),
    owed_mails.c.last_problem.label("mail_last_problem"),
)
_deliveries = (
    sa.select(*_DELIVERY)
    .join(Case, Case.id == Delivery.case_id)
    .outerjoin(Answer, sa.and_(Answer.case_id == Delivery.case_id, Answer.version == Delivery.answer_version))
    .outerjoin(owed_mails, owed_mails.c.about == Delivery.id)
)
_CONDITIONS: Mapping[str, sa.ColumnElement[bool]] = {
    "state": any_of(Delivery.state, "state"),
    "channel": any_of(Delivery.channel, "channel"),
    "kind": any_of(Delivery.kind, "kind"),
    "case_id": Delivery.case_id == sa.any_(sa.bindparam("case_id", type_=ARRAY(sa.Uuid))),
    "seen_work_group": Case.work_group == sa.bindparam("seen_work_group"),
}
_last_group = Query(
    sa.text("""
        SELECT routing.work_group
        FROM (
            SELECT case_id, at FROM case_history
            WHERE by = :officer AND action = ANY(CAST(:moves AS text[])) ORDER BY id DESC LIMIT 1
        ) AS last
        CROSS JOIN LATERAL (
            SELECT work_group FROM routings
            WHERE case_id = last.case_id AND decided_at <= last.at ORDER BY decided_at DESC, id DESC LIMIT 1
        ) AS routing
    """)
)
_one_delivery = Query(_deliveries.where(Delivery.id == sa.bindparam("id")))


def messages_of(session: Session, case_id: UUID) -> Sequence[Any]:
    """Progress, questions, replies, amendments and contests, oldest first."""
    return _messages.all(session, case_id=case_id)


def answers_of(session: Session, case_id: UUID) -> Sequence[Any]:
    """Every version of the answer, oldest first."""
    return _answers.all(session, case_id=case_id)


def delivery(session: Session, delivery_id: UUID) -> Any:  # noqa: ANN401  # a row, or None
    """One delivery with its case's number and group."""
    return _one_delivery.first(session, id=delivery_id)


def find_deliveries(
    session: Session, values: Mapping[str, Any], *, after: tuple[Any, UUID] | None, limit: int
) -> Sequence[Any]:
    """Deliveries, oldest first, at most `limit`."""
    position = {} if after is None else {"after_value": after[0], "after_id": after[1]}
    return _list(frozenset(values), after=after is not None).all(session, **values, **position, limit=limit)


@cache
def _list(names: frozenset[str], *, after: bool) -> Query:
    statement = _deliveries.where(*(_CONDITIONS[name] for name in sorted(names)))
    ordered = Order(Delivery.created_at, Delivery.id, descending=False).apply(statement, after=after)
    return Query(ordered.limit(sa.bindparam("limit", type_=sa.Integer)))


def last_group_of(session: Session, officer: str) -> str | None:
    """The work group in which an officer last did something to a case; None when they never did."""
    group: str | None = _last_group.scalar(session, officer=officer, moves=[str(move) for move in OF_GROUPS])
    return group
