"""Deciding by hand where a case goes, and changing the rules by which that is decided at the opening."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from chumchon.journey import Move, State
from chumchon.records import Case, RoutingRecord, RoutingRules
from chumchon.routing.rules import BrokenRules, Method, rules_from
from chumchon.rulebook import routing_basis
from chumchon.steps import advance
from chumchon.work_groups import Topic, work_group_of
from servicekit.ids import uuid7
from servicekit.problems import FieldError, InvalidInput, VersionMismatch
from servicekit.uniqueness import or_taken
from servicekit.versions import Versions, check_version


def route_case(session: Session, case: Case, topic: Topic, *, reason: str, by: str, now: datetime) -> None:
    """A person decides the topic: from triage, in place of another, or within the same group."""
    work_group = work_group_of(topic)
    if case.state == State.NEW:
        move = Move.ROUTE
    else:
        move = Move.CHANGE_TOPIC if work_group == case.work_group else Move.REROUTE
    advance(session, case, move, by=by, now=now, note=reason)
    if move is not Move.CHANGE_TOPIC:
        case.officer = case.accepted_at = case.news_at = None
    case.topic, case.work_group = topic, work_group
    _decide(session, case, topic, reason=reason, by=by, now=now)


def hand_back(session: Session, case: Case, *, reason: str, by: str, now: datetime) -> None:
    """The group hands the case back to triage, without knowing whose it is."""
    advance(session, case, Move.HAND_BACK, by=by, now=now, note=reason)
    case.topic = case.work_group = case.officer = case.accepted_at = case.news_at = None
    _decide(session, case, None, reason=reason, by=by, now=now)


def _decide(session: Session, case: Case, topic: Topic | None, *, reason: str, by: str, now: datetime) -> None:
    routing = RoutingRecord(
        id=uuid7(),
        case_id=case.id,
        decided_at=now,
        decided_by=by,
        method=Method.PERSON,
        topic=topic,
        work_group=None if topic is None else work_group_of(topic),
        confidence=0.0 if topic is None else 1.0,
        abstained=topic is None,
        terms=[],
        proposals=[],
        reason=reason,
    )
    session.add(routing)
    session.flush()
    case.routing_id = routing.id


def save_rules(
    session: Session, rules: dict[str, Any], *, note: str | None, versions: Versions, by: str, now: datetime
) -> int:
    """Save a new version of the rules, in force from the next case on; the version.

    Raises:
        InvalidInput: they are broken; every fault is named.
        VersionMismatch: somebody saved others meanwhile.
    """
    try:
        valid = rules_from(rules)
    except BrokenRules as error:
        raise broken(error) from error
    present = routing_basis(session).rules_version
    check_version(present, versions)
    with or_taken(session, VersionMismatch()):  # by somebody who saves at the same moment
        session.add(
            RoutingRules(id=uuid7(), version=present + 1, rules=valid.as_data(), saved_at=now, saved_by=by, note=note)
        )
    return present + 1


def broken(error: BrokenRules) -> InvalidInput:
    """Broken rules as bad input: each fault by its place in `rules`."""
    return InvalidInput(*(FieldError(f"/rules{fault.pointer}", fault.code, fault.detail) for fault in error.faults))
