"""Decisions on where a case went, the rules by which it went there, and past cases for a trial of others."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon.confirmations import confirmations
from chumchon.filters import NEWEST
from chumchon.records import Case, RoutingRecord, RoutingRules
from chumchon.routing.rules import Rules, first_rules
from chumchon.rulebook import FIRST_VERSION
from servicekit.database import Query
from servicekit.problems import DomainError

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
_truth = confirmations.subquery("truth")
_past_cases = Query(
    sa.select(
        Case.id, Case.case_number, Case.subject, Case.details, Case.work_group, Case.client_id,
        _truth.c.id.is_not(None).label("confirmed"),
        _truth.c.work_group.label("confirmed_group"),
    )
    .outerjoin(_truth, _truth.c.id == Case.id)
    .order_by(Case.received_at.desc(), Case.id.desc())
    .limit(sa.bindparam("limit", type_=sa.Integer))
)  # fmt: skip
_SAVED: Sequence[Any] = (RoutingRules.version, RoutingRules.saved_at, RoutingRules.saved_by, RoutingRules.note)
_versions = Query(
    sa.select(*_SAVED)
    .where(RoutingRules.version < sa.bindparam("before"))
    .order_by(RoutingRules.version.desc())
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_version = Query(sa.select(*_SAVED, RoutingRules.rules).where(RoutingRules.version == sa.bindparam("version")))


class RulesNotFound(DomainError):
    """There is no such version of the rules."""


class SavedRules(NamedTuple):
    """By whom and when a version of the rules was saved; nobody saved the first."""

    version: int
    saved_at: datetime | None
    saved_by: str | None
    note: str | None


_FIRST = SavedRules(FIRST_VERSION, None, None, None)


def routings_of(session: Session, case_id: UUID) -> Sequence[Any]:
    """Every decision on a case, oldest first; the last one is in force."""
    return _routings.all(session, case_id=case_id)


def past_cases(session: Session, *, limit: int) -> Sequence[Any]:
    """The newest cases, and where those belong of which people have said so."""
    return _past_cases.all(session, limit=limit)


def find_versions(session: Session, *, before: int, limit: int) -> Sequence[SavedRules]:
    """Versions of the rules below `before`, newest first; the last is that with which the Office begins."""
    found = [SavedRules(*row) for row in _versions.all(session, before=before, limit=limit)]
    return [*found, _FIRST] if len(found) < limit and before > FIRST_VERSION else found


def rules_of(session: Session, version: int) -> tuple[SavedRules, Rules]:
    """One version of the rules, and by whom and when it was saved.

    Raises:
        RulesNotFound: there is none of this version.
    """
    if version == FIRST_VERSION:
        return _FIRST, first_rules()
    row = _version.first(session, version=version) if FIRST_VERSION < version < NEWEST else None
    if row is None:
        raise RulesNotFound
    *saved, rules = row
    return SavedRules(*saved), Rules.of_stored(rules)
