"""What people have confirmed or corrected of where cases go: what the model learns from, and machines are judged by.

A case is a confirmation of its topic when a person decided the topic, or when its group accepted it and nobody has sent
it elsewhere since. What was returned to the Centre, or closed, as not ours is one of `OTHER`. What was closed for
another reason says nothing, confirmed or not: spam has no topic, and a duplicate's words are there already. Whatever is
undone (handed back, rerouted, reopened) ceases to be one by itself: nothing is copied.
"""

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chumchon.codes import ClosureReason
from chumchon.journey import State
from chumchon.records import Case, RoutingRecord
from chumchon.routing.rules import Method
from chumchon.work_groups import OTHER
from schemas.bodies import ReturnReason

_not_ours = sa.or_(
    sa.and_(Case.state == State.RETURNED, Case.return_reason == ReturnReason.NOT_OURS),
    sa.and_(Case.state == State.CLOSED, Case.closure_reason == ClosureReason.NOT_OURS),
)
_ours = sa.and_(
    Case.state != State.RETURNED,
    Case.state != State.CLOSED,
    Case.topic.is_not(None),
    sa.or_(Case.accepted_at.is_not(None), RoutingRecord.method == Method.PERSON),
)

label = sa.case((_not_ours, sa.literal(OTHER)), else_=Case.topic).label("label")
"""The topic that people stand by, or `OTHER`."""

work_group = sa.case((_not_ours, None), else_=Case.work_group).label("work_group")
"""That of the label; null for `OTHER`."""

confirmations: sa.Select[Any] = (
    sa.select(Case.id, Case.subject, Case.details, label, work_group)
    .join(RoutingRecord, RoutingRecord.id == Case.routing_id)
    .where(sa.or_(_not_ours, _ours), Case.erased_at.is_(None))
)
"""Rows of id, subject, details, label and work group of every confirmed case whose words are still there."""

unconfirmed: sa.Select[UUID, str, str] = (
    sa.select(Case.id, Case.subject, Case.details)
    .join(RoutingRecord, RoutingRecord.id == Case.routing_id)
    .where(sa.not_(sa.or_(_not_ours, _ours)), Case.state != State.CLOSED, Case.erased_at.is_(None))
)
"""Rows of id, subject and details of cases of which nobody has said where they belong, and that keep their words."""
