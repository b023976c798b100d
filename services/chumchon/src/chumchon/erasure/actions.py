"""Erasing personal data: by a person of the Office, because the Centre has erased, and once more after a restore.

What stays: numbers, codes, states, moments, who worked on it, province and district, and the store of questions, from
which the person was taken out when it was answered. What goes: everything else. docs/adr/0020 decides it by table.
"""

import secrets
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from chumchon.journey import ENDED, Move, Origin
from chumchon.records import Case, CaseErasure, CaseFile, Delivery, ReceivedMail, Referral, case_search
from chumchon.steps import (
    EVERYTHING,
    CaseNotFound,
    Sight,
    advance,
    case_to_change,
    ends_for,
    locked_case,
    referral_of,
)
from exchange.erasing import (
    confirm_erasure,
    erase_messages,
    lock_subjects,
    owe_erasure,
    recall_erasure,
    refuse_third_party,
)
from schemas import ERASED_TEXT, ErasureGround, Message, PersonalDataErased, Whose
from servicekit.database import Query
from servicekit.files.forgetting import forget_later
from servicekit.idempotency import erase_answers
from servicekit.mail_queue import drop_mails
from servicekit.problems import DomainError
from servicekit.versions import Versions
from thaikit.search import remove_documents

log = structlog.get_logger(__name__)

RECOVERY: Final = "recovery"
"""Who did it, in the history of a case: the Office's own messages, learnt again after a restore."""

_HASH_BYTES: Final = 32

_case_of: Final = sa.select(Referral.case_id)


class NotAtItsEnd(DomainError):
    """Somebody still works on the case."""


def erase(
    session: Session,
    case_id: UUID,
    *,
    basis: ErasureGround,
    note: str | None,
    sight: Sight = EVERYTHING,
    versions: Versions = None,
    by: str,
    now: datetime,
) -> None:
    """Erase a case that is at its end, and owe the Centre, where it had referred it, the word to do the same.

    Raises:
        NotAtItsEnd: it is not answered, returned, withdrawn or closed.
        CaseNotFound, Erased, VersionMismatch: as `steps` tells.
    """
    referred = session.execute(sa.select(Referral.id, Referral.party).where(Referral.case_id == case_id)).all()
    lock_subjects(session, {row.id: row.party for row in referred})
    case = case_to_change(session, case_id, sight=sight, versions=versions)
    _erase(session, case, basis=basis, note=note, by=by, now=now)
    referral = referral_of(session, case)
    if referral is not None:
        body = PersonalDataErased(
            referral_number=referral.number,
            tracking_number=referral.complaint_number,
            case_number=case.case_number,
            whose=Whose.COMPLAINANT,
            legal_basis=basis,
            erased_at=now,
        )
        owe_erasure(session, body, to=referral.party, subject=referral.id, now=now)


def erase_as_told(session: Session, message: Message, body: PersonalDataErased, now: datetime) -> None:
    """The Centre has erased its copy: the Office erases its own, and confirms.

    A referral of which no case was made is erased as far as its messages go.

    Raises:
        NotAtItsEnd: the case must come to its end first; then the message is applied again.
        ThirdPartyErasure: it is for people to do.
    """
    refuse_third_party(body)
    case_id = session.scalar(_case_of.where(Referral.id == message.subject, Referral.party == message.source))
    case = None if case_id is None else locked_case(session, case_id)
    if case is None:
        erase_messages(session, {message.subject: message.source}, now=now)
    elif case.erased_at is None:
        _erase(session, case, basis=body.legal_basis, note=None, by=message.source, now=now)
    confirm_erasure(session, message, body, case_number=case.case_number if case else None, now=now)


def erase_again(session: Session, message: Message, body: PersonalDataErased, now: datetime) -> None:
    """The Office was restored from before an erasure, and learns from the Centre that it had told of it.

    Raises:
        NotAtItsEnd: its end is not on record again yet.
        CaseNotFound: nor is the case.
    """
    recall_erasure(session, message, body)
    case_id = session.scalar(_case_of.where(Referral.id == message.subject))
    if case_id is None:
        raise CaseNotFound
    case = locked_case(session, case_id)
    if case.erased_at is None:
        _erase(session, case, basis=body.legal_basis, note=None, by=RECOVERY, now=now)


def _erase(session: Session, case: Case, *, basis: str, note: str | None, by: str, now: datetime) -> None:
    if case.state not in ENDED:
        raise NotAtItsEnd(state=case.state, possible=", ".join(ends_for(case)))
    advance(session, case, Move.ERASE, by=by, now=now)
    session.add(CaseErasure(case_id=case.id, erased_at=now, erased_by=by, basis=basis, note=note))
    _erase_record(case, now=now)
    session.flush()
    referral = referral_of(session, case)
    _erase_copies(session, case, referral, now=now)
    for statement in _STATEMENTS:
        statement.run(session, case=case.id, text=ERASED_TEXT, now=now)
    if referral is not None:
        erase_messages(session, {referral.id: referral.party}, now=now)
    log.info("personal data erased", case=str(case.id), basis=basis)
    remove_documents(session, case_search, [case.id])  # last, because changes of the index wait for each other
    session.expire_all()


def _erase_record(case: Case, *, now: datetime) -> None:
    case.subject = case.details = ERASED_TEXT
    case.subdistrict = case.community = None
    case.search_stale = False
    if case.origin == Origin.CHANNEL:
        case.evidence = {}
        # A digest that no secret has: to the complainant it is as if there were no such case.
        case.secret_hash = secrets.token_bytes(_HASH_BYTES)
    case.erased_at = now


def _erase_copies(session: Session, case: Case, referral: Referral | None, *, now: datetime) -> None:
    """What stands outside of the case's own tables: its files, mails that are owed, answers given to requests."""
    deliveries = session.scalars(sa.select(Delivery.id).where(Delivery.case_id == case.id)).all()
    files = session.execute(sa.select(CaseFile.id, CaseFile.sha256).where(CaseFile.case_id == case.id)).all()
    originals = session.scalars(sa.select(ReceivedMail.original).where(ReceivedMail.case_id == case.id)).all()
    drop_mails(session, deliveries, now=now)
    forget_later(session, {*(file.sha256 for file in files), *originals}, now=now)
    ids = [case.id, *deliveries, *(file.id for file in files), *([referral.id] if referral else [])]
    erase_answers(session, [case.case_number, *map(str, ids)])


# Each takes what it needs of `case` and `text`.
_STATEMENTS: Final = tuple(
    Query(sa.text(statement))
    for statement in (
        "DELETE FROM complainants WHERE case_id = :case",
        "DELETE FROM drafts WHERE case_id = :case",
        "DELETE FROM case_files WHERE case_id = :case",
        "UPDATE case_messages SET text = :text WHERE case_id = :case",
        """
        UPDATE deliveries
        SET text = :text, note = NULL, version = version + 1,
            state = CASE WHEN state IN ('to_send', 'failed') THEN 'superseded' ELSE state END
        WHERE case_id = :case
        """,
        """
        UPDATE referrals
        SET question = :text, attachments = '[]',
            path = (SELECT coalesce(jsonb_agg(step - 'note'), '[]') FROM jsonb_array_elements(path) AS step)
        WHERE case_id = :case
        """,
        "UPDATE received_mails SET message_id = NULL WHERE case_id = :case",
        # Fax gateways name a file after who sent it. It was moved away when it was taken, so its name is known no more.
        "UPDATE taken_files SET name = CAST(case_id AS text) WHERE case_id = :case",
        "SELECT set_config('erasure.of', CAST(CAST(:case AS uuid) AS text), true)",
        "UPDATE case_history SET note = NULL WHERE case_id = :case AND note IS NOT NULL",
        "UPDATE answers SET text = :text WHERE case_id = :case",
        # The terms of rules are the Office's own; those of a model are pieces of what was written.
        """
        UPDATE routings
        SET reason = CASE WHEN reason IS NOT NULL THEN :text END,
            terms = CASE method WHEN 'model' THEN '[]' ELSE terms END
        WHERE case_id = :case
        """,
        "SELECT set_config('erasure.of', '', true)",
    )
)
