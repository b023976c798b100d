"""Decisions on where a case went, and past cases for a trial of rules."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon.records import Case, RoutingRecord, RoutingRules
from servicekit.database import Query

_routings = Query(
    sa.select(
        RoutingRecord.topic,
        RoutingRecord.work_group,
        RoutingRecord.method,
        RoutingRecord.confidence,
        RoutingRecord.abstained,
        RoutingRecord.terms,
        RoutingRecord.proposals,
        RoutingRecord.reason,
        RoutingRecord.decided_by,
        RoutingRecord.decided_at,
        RoutingRecord.rules_version,
        RoutingRecord.model_version,
    )
    .where(RoutingRecord.case_id == sa.bindparam("case_id"))
    .order_by(RoutingRecord.decided_at, RoutingRecord.id)
)
_past_cases = Query(
    sa.select(
        Case.id, Case.case_number, Case.subject, Case.details, Case.topic, Case.work_group, Case.client_id,
        RoutingRecord.method,
    )
    .join(RoutingRecord, RoutingRecord.id == Case.routing_id)
    .order_by(Case.received_at.desc(), Case.id.desc())
    .limit(sa.bindparam("limit", type_=sa.Integer))
)  # fmt: skip
_saved = Query(
    sa.select(RoutingRules.saved_at, RoutingRules.saved_by, RoutingRules.note).where(
        RoutingRules.version == sa.bindparam("version")
    )
)


def routings_of(session: Session, case_id: UUID) -> Sequence[Any]:
    """Every decision on a case, oldest first; the last one is in force."""
    return _routings.all(session, case_id=case_id)


def past_cases(session: Session, *, limit: int) -> Sequence[Any]:
    """The newest cases with what was decided of them."""
    return _past_cases.all(session, limit=limit)


def saving_of(session: Session, version: int) -> Any:  # noqa: ANN401  # a row, or None for the first rules
    """By whom and when a version of the rules was saved."""
    return _saved.first(session, version=version)
