"""Opening a case, whatever it comes from, and correcting its record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon.intake.bodies import CaseContent, CorrectedCase, NewCase, NewPublicCase
from chumchon.intake.opening import CaseToOpen, open_cases
from chumchon.journey import Move, Origin
from chumchon.question_store import follow_correction
from chumchon.records import Case, Complainant
from chumchon.steps import advance, referral_of
from chumchon.tracking import hash_secret, new_secret
from schemas.bodies import ReferralAmended, ReferralSent
from servicekit.database import taken_twice
from servicekit.problems import DomainError


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
    session: Session,
    new: NewCase | NewPublicCase,
    *,
    by: str,
    client_id: str | None,
    due_at: datetime,
    now: datetime,
    unread: bool = False,
) -> Opened:
    """Record a case from a channel of our own, and route it unless it is `unread`, in the caller's transaction.

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
        "secret_hash": f"\\x{hash_secret(secret).hex()}",
    }
    complainant = new.complainant.model_dump() if new.complainant else None
    try:
        (opened,) = open_cases(session, [CaseToOpen(case, complainant, referral=None, unread=unread)], now=now)
    except sa.exc.IntegrityError as error:
        if taken_twice(error) == "cases_message_id":
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
        opened = open_cases(session, [_referred(*referral, party=party, now=now) for referral in referrals], now=now)
    except sa.exc.IntegrityError as error:
        if taken_twice(error):
            raise ReferralAlreadyOpened from error
        raise
    return [case_id for case_id, _ in opened]


def _referred(referral_id: UUID, sent: ReferralSent, *, party: str, now: datetime) -> CaseToOpen:
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
    return CaseToOpen(case, complainant=sent.complainant.model_dump() if sent.complainant else None, referral=referral)


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
        follow_correction(session, case)


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
            told = corrections.complainant.model_dump()
            _replace_complainant(session, case.id, told if any(told.values()) else None)
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
    follow_correction(session, case)


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
