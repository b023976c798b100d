"""Opening a case, whatever it comes from, and correcting its record."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import psycopg.errors
import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon import journey
from chumchon.intake.bodies import CaseContent, CorrectedCase, NewCase, NewPublicCase
from chumchon.journey import Move, Origin, State
from chumchon.records import Case, Complainant, HistoryEntry, Referral, RoutingRecord
from chumchon.routing.rules import Routing, route
from chumchon.rulebook import routing_basis
from chumchon.steps import advance, referral_of
from chumchon.tracking import NUMBER_PREFIX, hash_secret, new_secret
from schemas.bodies import ReferralAmended, ReferralSent
from servicekit.database import Query
from servicekit.ids import uuid7
from servicekit.problems import DomainError
from thaikit.calendar import bangkok_date, buddhist_year
from thaikit.numbers import with_check_character


class MailAlreadyRecorded(DomainError):
    """A mail with this Message-ID is a case already."""


class RecordIsTheCentres(DomainError):
    """The record of a referred case is corrected by the Centre, which tells us."""


class ReferralAlreadyOpened(DomainError):
    """A referral with this id is a case already."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A case that was just opened; the secret is shown once, and kept only as a digest."""

    id: UUID
    case_number: str
    secret: str


def register_case(
    session: Session, new: NewCase | NewPublicCase, *, by: str, client_id: str | None, due_at: datetime, now: datetime
) -> Opened:
    """Record a case from a channel of our own, and route it, in the caller's transaction.

    Raises:
        MailAlreadyRecorded: its mail is a case already.
    """
    secret = new_secret()
    case = {
        **_content(new),
        "origin": Origin.CHANNEL,
        "channel": new.channel,
        "evidence": new.evidence.model_dump(mode="json"),
        "received_at": received_at_of(new, now),
        "due_at": due_at,
        "recorded_by": by,
        "client_id": client_id,
        "secret_hash": hash_secret(secret),
    }
    complainant = new.complainant.model_dump() if new.complainant else None
    try:
        (opened,) = _open(session, [_NewCase(case, complainant, referral=None)], now=now)
    except psycopg.errors.UniqueViolation as error:
        if error.diag.constraint_name == "cases_message_id":
            raise MailAlreadyRecorded from error
        raise
    return Opened(opened[0], opened[1], secret)


def open_referred_case(session: Session, referral_id: UUID, sent: ReferralSent, *, party: str, now: datetime) -> UUID:
    """Open the case that a party refers to us, and route it, in the caller's transaction; its id.

    Raises:
        ReferralAlreadyOpened: there is one for this referral.
    """
    return open_referred_cases(session, [(referral_id, sent)], party=party, now=now)[0]


def open_referred_cases(
    session: Session, referrals: Sequence[tuple[UUID, ReferralSent]], *, party: str, now: datetime
) -> list[UUID]:
    """Open the cases of several referrals, all or none, in a few statements; their ids.

    Raises:
        ReferralAlreadyOpened: there is one for one of them.
    """
    try:
        opened = _open(session, [_referred(*referral, party=party, now=now) for referral in referrals], now=now)
    except psycopg.errors.UniqueViolation as error:
        raise ReferralAlreadyOpened from error
    return [case_id for case_id, _ in opened]


def _referred(referral_id: UUID, sent: ReferralSent, *, party: str, now: datetime) -> "_NewCase":
    place = sent.place.model_dump() if sent.place else {}
    case = {
        "kind": sent.kind,
        "subject": sent.subject,
        "details": sent.details,
        **{part: place.get(part) for part in ("province", "district", "subdistrict", "community")},
        "confidential": sent.confidential,
        "origin": Origin.REFERRAL,
        "channel": None,
        "evidence": None,
        "received_at": now,
        "due_at": sent.due_at,
        "recorded_by": party,
        "client_id": None,
        "secret_hash": None,
    }
    referral = {
        "id": referral_id,
        "number": sent.referral_number,
        "party": party,
        "complaint_number": sent.tracking_number,
        "channel": sent.channel,
        "question": sent.question,
        "attachments": [attachment.model_dump(mode="json") for attachment in sent.attachments],
        "path": [step.model_dump(mode="json") for step in sent.path],
    }
    return _NewCase(case, complainant=sent.complainant.model_dump() if sent.complainant else None, referral=referral)


def correct_case(session: Session, case: Case, corrected: CorrectedCase, *, by: str, now: datetime) -> None:
    """Correct what was recorded of a locked case of our own; its history names the fields, not what they held."""
    values = {**_content(corrected), "evidence": corrected.evidence.model_dump(mode="json")}
    changed = [name for name, value in values.items() if getattr(case, name) != value]
    for name in changed:
        setattr(case, name, values[name])
    case.search_stale = case.search_stale or not {"subject", "details"}.isdisjoint(changed)
    complainant = corrected.complainant.model_dump() if corrected.complainant else None
    if _replace_complainant(session, case.id, complainant):
        changed.append("complainant")
    if changed:
        advance(session, case, Move.CORRECT_RECORD, by=by, now=now, note=", ".join(changed))


def amend_case(session: Session, case: Case, amended: ReferralAmended, *, by: str, now: datetime) -> None:
    """Take over what the Centre corrected in the record of a case that it referred."""
    corrections = amended.corrections
    if corrections is not None:
        for name in ("kind", "subject", "details", "due_at"):
            if (value := getattr(corrections, name)) is not None:
                setattr(case, name, value)
                case.search_stale = True
        if corrections.place is not None:
            for name, value in corrections.place.model_dump().items():
                setattr(case, name, value)
        if corrections.complainant is not None:
            _replace_complainant(session, case.id, corrections.complainant.model_dump())
    referral = referral_of(session, case)
    if referral is not None:
        if corrections is not None and corrections.question is not None:
            referral.question = corrections.question
        if amended.attachments:
            known = {attachment["id"] for attachment in referral.attachments}
            added = [attachment.model_dump(mode="json") for attachment in amended.attachments]
            referral.attachments = [*referral.attachments, *(it for it in added if it["id"] not in known)]
    changed = [] if corrections is None else [name for name, value in corrections if value is not None]
    advance(session, case, Move.AMEND, by=by, now=now, note=", ".join(changed) or None)


def received_at_of(new: NewCase | NewPublicCase, now: datetime) -> datetime:
    """When the case came in: as it says, or now."""
    return (new.received_at if isinstance(new, NewCase) else None) or now


def _content(content: CaseContent) -> dict[str, Any]:
    place = content.place.model_dump() if content.place else {}
    return {
        "kind": content.kind,
        "subject": content.subject,
        "details": content.details,
        "confidential": content.confidential,
        **{part: place.get(part) for part in ("province", "district", "subdistrict", "community")},
    }


def _replace_complainant(session: Session, case_id: UUID, values: dict[str, Any] | None) -> bool:
    """Whether it made a difference."""
    present = session.get(Complainant, case_id)
    if present is None:
        if values is not None:
            session.add(Complainant(case_id=case_id, **values))
        return values is not None
    if values is None:
        session.delete(present)
        return True
    changed = {name: value for name, value in values.items() if getattr(present, name) != value}
    for name, value in changed.items():
        setattr(present, name, value)
    return bool(changed)


class _NewCase(NamedTuple):
    """What is written of a case before it is numbered and routed, by column."""

    case: Mapping[str, Any]
    complainant: Mapping[str, Any] | None
    referral: Mapping[str, Any] | None


def _open(session: Session, new: Sequence[_NewCase], *, now: datetime) -> list[tuple[UUID, str]]:
    """Number and route cases, and write each with its history in one statement; their ids and numbers."""
    basis = routing_basis(session)
    opened = []
    alike = defaultdict(list)  # what is written by the same statement goes to the server together
    for (case, complainant, referral), case_number in zip(new, _next_case_numbers(session, len(new), now), strict=True):
        routing = route(f"{case['subject']}\n{case['details']}", basis.rules, basis.model)
        case_id, routing_id = uuid7(), uuid7()
        values = {
            **_bound(
                "case",
                {
                    **case,
                    "id": case_id,
                    "case_number": case_number,
                    "recorded_at": now,
                    "state": State.NEW if routing.abstained else State.ROUTED,
                    "topic": routing.topic,
                    "work_group": routing.work_group,
                    "routing_id": routing_id,
                },
            ),
            **_bound(
                "routing",
                {
                    "id": routing_id,
                    "rules_version": basis.rules_version,
                    "model_version": basis.model_version,
                    **_routing_values(routing),
                },
            ),
            **_bound("complainant", complainant or {}),
            **_bound("referral", referral or {}),
        }
        statement = _opening(
            routed=not routing.abstained, complainant=complainant is not None, referral=referral is not None
        )
        alike[statement].append(values)
        opened.append((case_id, case_number))
    for statement, cases in alike.items():
        statement.run_many(session, cases)
    return opened


def _routing_values(routing: Routing) -> dict[str, Any]:
    return {
        "method": routing.method,
        "confidence": routing.confidence,
        "abstained": routing.abstained,
        "terms": [asdict(term) for term in routing.terms],
        "proposals": [asdict(proposal) for proposal in routing.proposals],
    }


def _next_case_numbers(session: Session, count: int, now: datetime) -> list[str]:
    year = buddhist_year(bangkok_date(now))
    drawn = _next_numbers.all(session, sequence=f"case_numbers_{year}", count=count)
    return [f"{NUMBER_PREFIX}-{with_check_character(f'{year}-{row.number:06}')}" for row in drawn]


_next_numbers = Query(
    sa.text("SELECT nextval(CAST(:sequence AS text)) AS number FROM generate_series(1, CAST(:count AS int))")
)

_AT_THE_OPENING = {
    "officer": None,
    "accepted_at": None,
    "answered_at": None,
    "stopped_at": None,
    "answer_version": 0,
    "return_reason": None,
    "erased_at": None,
    "search_stale": True,
    "version": 1,
}


def _bound(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}_{name}": value for name, value in values.items()}


def _values(table: sa.Table, prefix: str, **known: Any) -> dict[str, Any]:  # noqa: ANN401  # constants and parameters
    return {
        column.name: known.get(column.name, sa.bindparam(f"{prefix}_{column.name}", type_=column.type))
        if column.name in known or column.name not in _AT_THE_OPENING
        else _AT_THE_OPENING[column.name]
        for column in table.columns
    }


@cache
def _opening(*, routed: bool, complainant: bool, referral: bool) -> Query:
    """The statement that writes a new case with all that belongs to it: one round trip instead of five.

    Foreign keys are checked at its end, so the order of its parts does not matter.
    """
    cases, histories, routings = (_table(record) for record in (Case, HistoryEntry, RoutingRecord))
    case_id: sa.BindParameter[Any] = sa.bindparam("case_id", type_=sa.Uuid)
    now: sa.BindParameter[Any] = sa.bindparam("case_recorded_at")
    state: sa.BindParameter[Any] = sa.bindparam("case_state")
    history = {"case_id": case_id, "at": now, "by": sa.bindparam("case_recorded_by"), "note": None}
    entries = [{**history, "action": journey.OPENED, "from_state": None, "to_state": State.NEW}]
    if routed:
        entries.append(
            {**history, "action": Move.ROUTE, "from_state": State.NEW, "to_state": journey.after(State.NEW, Move.ROUTE)}
        )
    decision = _values(
        routings,
        "routing",
        case_id=case_id,
        decided_at=now,
        decided_by=None,
        reason=None,
        topic=sa.bindparam("case_topic"),
        work_group=sa.bindparam("case_work_group"),
    )
    parts = [sa.insert(histories).values(entries), sa.insert(routings).values(decision)]
    if complainant:
        parts.append(
            sa.insert(_table(Complainant)).values(_values(_table(Complainant), "complainant", case_id=case_id))
        )
    if referral:
        parts.append(sa.insert(_table(Referral)).values(_values(_table(Referral), "referral", case_id=case_id)))
    opening = sa.insert(cases).values(_values(cases, "case", id=case_id, recorded_at=now, state=state))
    return Query(opening.add_cte(*(part.cte(f"part_{at}") for at, part in enumerate(parts))))


def _table(record: type[Any]) -> sa.Table:
    table = record.__table__
    assert isinstance(table, sa.Table)  # noqa: S101  # declared as one
    return table
