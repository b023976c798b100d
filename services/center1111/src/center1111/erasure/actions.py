"""Erasing personal data: by an officer, because an agency has erased, and once more after a restore.

What stays: numbers, codes, states, moments, officers, province and district, so that reports count as before. What
goes: everything that the complainant wrote or that was written about them. docs/adr/0020 decides it table by table.
"""

import secrets
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from center1111 import steps, tellings
from center1111.journey import ENDED, Move, State
from center1111.records import Answer, Attachment, Complaint, ComplaintErasure, Delivery, Referral
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

log = structlog.get_logger(__name__)

_DIGEST_BYTES: Final = 32


class NotAtItsEnd(DomainError):
    """Somebody still works on the complaint."""


def erase(
    session: Session,
    complaint_id: UUID,
    *,
    basis: ErasureGround,
    note: str | None,
    wanted: Versions,
    by: str,
    now: datetime,
) -> None:
    """Erase a complaint that is at its end, and owe every agency that had it the word to do the same.

    Raises:
        NotAtItsEnd: it is not closed, refused or withdrawn.
        ComplaintNotFound, Erased, VersionMismatch: as `steps` tells.
    """
    lock_subjects(session, _referred(session, complaint_id))
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    _erase(session, complaint, basis=basis, note=note, by=by, now=now)
    for referral in _referrals(session, complaint_id):
        _tell(session, complaint, referral, basis=basis, now=now)


def erase_as_told(session: Session, message: Message, body: PersonalDataErased, now: datetime) -> None:
    """An agency has erased its copy: the Centre erases its own, tells other agencies, and confirms.

    Raises:
        NotAtItsEnd: the complaint must come to its end first; then the message is applied again.
        ThirdPartyErasure, ReferralNotFound: as their names say.
    """
    refuse_third_party(body)
    complaint = _complaint_of(session, message.subject, to=message.source)
    if complaint.erased_at is None:
        _erase(session, complaint, basis=body.legal_basis, note=None, by=message.source, now=now)
        for referral in _referrals(session, complaint.id):
            if referral.id != message.subject:
                _tell(session, complaint, referral, basis=body.legal_basis, now=now)
    confirm_erasure(session, message, body, case_number=None, now=now)


def erase_again(session: Session, message: Message, body: PersonalDataErased, now: datetime) -> None:
    """The Centre was restored from before an erasure, and learns from an agency that it had told of it.

    A complaint that messages alone brought back is ended first: how it had ended, no message tells.

    Raises:
        NotAtItsEnd: it is with an agency, as far as is known by now.
        ReferralNotFound: it is not on record again yet.
    """
    recall_erasure(session, message, body)
    complaint = _complaint_of(session, message.subject)
    if complaint.erased_at is not None:
        return
    if complaint.state is State.ANSWERED:
        steps.advance(session, complaint, Move.CLOSE, by=steps.RECOVERY, now=now)
        complaint.closed_at = now
    elif complaint.state in {State.RECEIVED, State.VERIFIED}:
        steps.advance(session, complaint, Move.WITHDRAW, by=steps.RECOVERY, now=now)
    _erase(session, complaint, basis=body.legal_basis, note=None, by=steps.RECOVERY, now=now)


def _erase(session: Session, complaint: Complaint, *, basis: str, note: str | None, by: str, now: datetime) -> None:
    if complaint.state not in ENDED:
        raise NotAtItsEnd(state=complaint.state)
    tellings.call_off(session, complaint.id, now=now)
    steps.advance(session, complaint, Move.ERASE, by=by, now=now)
    session.add(ComplaintErasure(complaint_id=complaint.id, erased_at=now, erased_by=by, basis=basis, note=note))
    _erase_record(complaint, now=now)
    session.flush()
    _erase_copies(session, complaint, now=now)
    for statement in _STATEMENTS:
        statement.run(session, complaint=complaint.id, text=ERASED_TEXT, now=now, by=by)
    for one in (complaint.id, *(row.other for row in _UNLINKED.all(session, complaint=complaint.id))):
        _ALLOW.run(session, allowed=str(one))
        (_ERASE_NOTES if one == complaint.id else _ERASE_UNLINKING).run(session, complaint=complaint.id, of=one)
    _ALLOW.run(session, allowed="")
    erase_messages(session, _referred(session, complaint.id), now=now)
    log.info("personal data erased", complaint=str(complaint.id), basis=basis)
    session.expire_all()


def _erase_record(complaint: Complaint, *, now: datetime) -> None:
    complaint.subject = complaint.details = ERASED_TEXT
    complaint.search_text = ""
    complaint.text_sketch = []
    complaint.subdistrict = complaint.community = None
    complaint.evidence = {}
    complaint.verification_note = None
    complaint.repeat_writer = False
    # A digest that no secret has: to the complainant it is as if there were no such complaint.
    complaint.tracking_secret_digest = secrets.token_bytes(_DIGEST_BYTES)
    complaint.erased_at = now


def _erase_copies(session: Session, complaint: Complaint, *, now: datetime) -> None:
    """What stands outside of the complaint's own tables: its files, mails that are owed, answers given to requests."""
    deliveries = session.scalars(sa.select(Delivery.id).where(Delivery.complaint_id == complaint.id)).all()
    attachments = session.execute(
        sa.select(Attachment.id, Attachment.store_key).where(Attachment.complaint_id == complaint.id)
    ).all()
    answers = session.scalars(sa.select(Answer.id).where(Answer.complaint_id == complaint.id)).all()
    referrals = _referred(session, complaint.id)
    drop_mails(session, [complaint.id, *deliveries, *referrals], now=now)  # of refusals, answers, agencies' questions
    forget_later(session, [one.store_key for one in attachments if one.store_key is not None], now=now)
    ids = [complaint.id, *deliveries, *(one.id for one in attachments), *answers, *referrals]
    erase_answers(session, [complaint.tracking_number, *map(str, ids)])


def _tell(session: Session, complaint: Complaint, referral: Referral, *, basis: str, now: datetime) -> None:
    body = PersonalDataErased(
        referral_number=referral.number,
        tracking_number=complaint.tracking_number,
        case_number=referral.case_number,
        whose=Whose.COMPLAINANT,
        legal_basis=basis,
        erased_at=now,
    )
    owe_erasure(session, body, to=referral.to, subject=referral.id, now=now)


def _complaint_of(session: Session, referral_id: UUID, *, to: str | None = None) -> Complaint:
    sent = sa.select(Referral.complaint_id).where(Referral.id == referral_id)
    complaint_id = session.scalar(sent if to is None else sent.where(Referral.to == to))
    if complaint_id is None:
        raise steps.ReferralNotFound
    return steps.locked_complaint(session, complaint_id)


def _referrals(session: Session, complaint_id: UUID) -> list[Referral]:
    found = sa.select(Referral).where(Referral.complaint_id == complaint_id).order_by(Referral.ordinal)
    return list(session.scalars(found))


def _referred(session: Session, complaint_id: UUID) -> dict[UUID, str]:
    found = sa.select(Referral.id, Referral.to).where(Referral.complaint_id == complaint_id)
    return {row.id: row.to for row in session.execute(found)}


# Each takes what it needs of `complaint`, `text`, `now` and `by`. What a CHECK wants to be filled gets the text.
_STATEMENTS: Final = tuple(
    Query(sa.text(statement))
    for statement in (
        "DELETE FROM complainants WHERE complaint_id = :complaint",
        "DELETE FROM complainant_marks WHERE complaint_id = :complaint",
        "DELETE FROM attachments WHERE complaint_id = :complaint",
        "UPDATE complainant_messages SET text = :text WHERE complaint_id = :complaint",
        "UPDATE checklist_ticks SET note = NULL WHERE complaint_id = :complaint",
        "UPDATE feedback SET comment = NULL WHERE complaint_id = :complaint",
        "UPDATE answers SET text = :text WHERE complaint_id = :complaint",
        """
        UPDATE deliveries SET note = NULL, last_problem = CASE WHEN last_problem IS NOT NULL THEN :text END
        WHERE complaint_id = :complaint
        """,
        """
        UPDATE referrals
        SET question = :text, return_note = NULL, suggested_owner = NULL,
            withdrawal_reason = CASE WHEN withdrawal_reason IS NOT NULL THEN :text END
        WHERE complaint_id = :complaint
        """,
        """
        UPDATE clock_stops SET note = CASE WHEN reason = 'other' THEN :text END WHERE complaint_id = :complaint
        """,
        """
        UPDATE complaint_links
        SET note = NULL, removal_reason = CASE WHEN removal_reason IS NOT NULL THEN :text END
        WHERE :complaint IN (complaint_id, other_id)
        """,
        """
        UPDATE reopening_requests
        SET state = CASE state WHEN 'open' THEN 'declined' ELSE state END, reason = :text,
            decision = CASE WHEN decision IS NOT NULL THEN :text END,
            decided_at = coalesce(decided_at, :now), decided_by = coalesce(decided_by, :by)
        WHERE complaint_id = :complaint
        """,
        # What an editor drew from it and nobody has published was read by nobody else.
        """
        UPDATE article_versions SET question = :text, answer = :text, keywords = '{}'
        FROM articles JOIN referrals ON referrals.id = from_referral
        WHERE article_id = articles.id AND complaint_id = :complaint AND published_at IS NULL
        """,
        """
        UPDATE articles SET question = :text, answer = :text, keywords = '{}'
        FROM referrals
        WHERE referrals.id = from_referral AND complaint_id = :complaint
          AND published_number IS DISTINCT FROM articles.number
        """,
    )
)
_ALLOW: Final = Query(sa.text("SELECT set_config('erasure.of', :allowed, true)"))
_ERASE_NOTES: Final = Query(
    sa.text("UPDATE complaint_history SET note = NULL WHERE complaint_id = :of AND note IS NOT NULL")
)
# Why a link was taken back stands in the history of both complaints.
_BETWEEN: Final = "removed_at IS NOT NULL AND :complaint IN (complaint_id, other_id)"
_UNLINKED: Final = Query(
    sa.text(f"""
        SELECT DISTINCT CASE complaint_id WHEN :complaint THEN other_id ELSE complaint_id END AS other
        FROM complaint_links WHERE {_BETWEEN}
    """)  # noqa: S608  # our own text
)
_ERASE_UNLINKING: Final = Query(
    sa.text(f"""
        UPDATE complaint_history SET note = NULL
        WHERE complaint_id = :of AND move = 'unlink' AND at IN (
            SELECT removed_at FROM complaint_links WHERE {_BETWEEN} AND :of IN (complaint_id, other_id)
        )
    """)  # noqa: S608  # our own text
)
