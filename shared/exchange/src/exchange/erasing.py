"""Erasure of personal data: of the messages about a subject on this side, and of the copy that a peer has.

A message keeps its id, type, place in the order, time, receipt, and the digest of what was first sent; its body
becomes the erased form (`schemas.erased`). So ledgers stay equal, and a repeated original is still a duplicate. A
service erases its own records, then its messages (`erase_messages`), and owes the peer `personal_data.erased.v1`
(`owe_erasure`) or the confirmation of the peer's own (`confirm_erasure`), all in one transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import orjson
import sqlalchemy as sa
from pydantic import Field, ValidationError
from sqlalchemy.orm import Session

from exchange.canonical import canonical
from exchange.outbox import let_it_be_claimed, owe
from schemas import (
    ERASURE_CONFIRMED,
    TYPES,
    JsonObject,
    Message,
    PersonalDataErased,
    PersonalDataErasureConfirmed,
    Whose,
    erased,
)
from servicekit.database import Query
from servicekit.fields import View
from servicekit.problems import DomainError, Problem
from servicekit.words import Words

_ERASED_NOW: Final = "exchange erased"


class ErasureNotAsked(DomainError):
    """The message confirms an erasure that this party has not asked for, or has forgotten."""


class ThirdPartyErasure(DomainError):
    """The personal data are those of somebody who is only spoken of: a person has to look."""


PROBLEMS: Final = {
    ErasureNotAsked: Problem(
        "erasure-not-asked",
        HTTPStatus.CONFLICT,
        Words("ไม่พบคำขอลบข้อมูลที่ยืนยันมา", "The erasure that is confirmed was not asked for"),
        Words("โปรดตรวจสอบเลขที่ข้อความที่ยืนยัน", "Compare the id of the message that is confirmed."),
    ),
    ThirdPartyErasure: Problem(
        "erasure-of-a-third-party",
        HTTPStatus.CONFLICT,
        Words("ข้อมูลของบุคคลที่สามต้องให้เจ้าหน้าที่ลบ", "A third party's data must be taken out by a person"),
        Words(
            "โปรดแก้ไขข้อความในเรื่อง แล้วแจ้งผู้ส่ง จากนั้นปิดรายการนี้พร้อมเหตุผล",
            "Correct the record's texts, tell the sender, then dismiss this message with the reason.",
        ),
    ),
}


class Confirmation(View):
    """A party that was told to erase its copy, and when it said that it has."""

    party: str
    number: str = Field(description="The referral's number.")
    told_at: datetime
    confirmed_at: datetime | None = Field(description="Null while the party has not confirmed.")


def erased_content(content: str, digest: str) -> str:
    """A message as it is kept and sent from its erasure on, as canonical JSON.

    A body that its type does not allow, or of an unknown type, goes as a whole.
    """
    sent: JsonObject = orjson.loads(content)
    try:
        message = Message.model_validate(sent)
    except ValidationError:
        return canonical({"id": sent["id"], "data": {}, "eraseddigest": digest}).decode()
    kept = message.model_copy(update={"eraseddigest": digest})
    shown = kept.model_dump(mode="json", exclude_none=True, exclude={"data"})
    return canonical(shown | {"data": _erased_body(message)}).decode()


def _erased_body(message: Message) -> JsonObject:
    kind = TYPES.get(message.type)
    if kind is None:
        return {}
    try:
        return erased(kind.body.model_validate(message.data)).model_dump(mode="json")
    except ValidationError:
        return {}


Referred = Mapping[UUID, str]
"""The referrals of one record: the peer of each, by the subject of its messages."""


def lock_subjects(session: Session, referred: Referred) -> None:
    """Let no message about these subjects be taken until the transaction ends.

    Before the record itself is locked: whoever takes a message locks in this order, too.
    """
    _LOCK.run(session, **_places(referred))


def erase_messages(session: Session, referred: Referred, *, now: datetime) -> None:
    """Erase what was exchanged about these subjects, with the files that peers had described.

    What is still queued goes out in its erased form, and what still comes is kept in it. In the caller's transaction.
    """
    places = _places(referred)
    _MARK.run(session, **places, now=now)
    session.info[_ERASED_NOW] = True  # messages of the batch that is being taken are written after their effects
    let_it_be_claimed(session)
    _rewrite(session, _REWRITE_SENT, _SENT.all(session, **places), now=now)
    for peer in sorted(set(referred.values())):
        erase_received(session, peer, [one for one in referred if referred[one] == peer], now=now)
    _DROP_FILES.run(session, **places)


def erase_received(session: Session, source: str, subjects: Collection[UUID], *, now: datetime) -> None:
    """Erase the messages received from a peer about these subjects."""
    rows = _TAKEN.all(session, source=source, subjects=list(subjects), names=[f"%{one}%" for one in subjects])
    _rewrite(session, _REWRITE_TAKEN, rows, now=now, source=source)


def erase_what_came_late(
    session: Session, source: str, subjects: Sequence[UUID], *, known: Collection[UUID], now: datetime
) -> None:
    """Erase messages that were just written about subjects `known` to be erased, or erased in this transaction."""
    if session.info.pop(_ERASED_NOW, False):
        known = {row.subject for row in _MARKED.all(session, source=source, subjects=list(subjects))}
    if known:
        erase_received(session, source, known, now=now)


def owe_erasure(session: Session, body: PersonalDataErased, *, to: str, subject: UUID, now: datetime) -> UUID:
    """Owe a peer the word that it shall erase its copy too, and wait for its confirmation; the message's id."""
    message_id = owe(session, body, to=to, subject=subject, now=now)
    _TOLD.run(session, peer=to, subject=subject, message_id=message_id, number=body.referral_number, now=now)
    return message_id


def confirm_erasure(
    session: Session, message: Message, body: PersonalDataErased, *, case_number: str | None, now: datetime
) -> None:
    """Owe the confirmation of a peer's `personal_data.erased.v1`; once, however often it is applied."""
    if _CONFIRMED_BEFORE.scalar(
        session, peer=message.source, subject=message.subject, type=ERASURE_CONFIRMED, message_id=str(message.id)
    ):
        return
    confirmation = PersonalDataErasureConfirmed(
        referral_number=body.referral_number,
        tracking_number=body.tracking_number,
        case_number=case_number or body.case_number,
        message_id=message.id,
        erased_at=now,
    )
    owe(session, confirmation, to=message.source, subject=message.subject, now=now)


def refuse_third_party(body: PersonalDataErased) -> None:
    """Refuse what no program can do: to find out which words of a record speak of somebody else.

    Raises:
        ThirdPartyErasure: it is not the complainant's data.
    """
    if body.whose is not Whose.COMPLAINANT:
        raise ThirdPartyErasure


def record_confirmation(session: Session, message: Message, body: PersonalDataErasureConfirmed, now: datetime) -> None:
    """The handler of `personal_data.erasure_confirmed.v1`, the same on every side.

    Raises:
        ErasureNotAsked: this party has not asked for it.
    """
    if not _CONFIRM.run(session, peer=message.source, subject=message.subject, message_id=body.message_id, now=now):
        raise ErasureNotAsked


def recall_erasure(session: Session, message: Message, body: PersonalDataErased) -> None:
    """Wait again for the confirmation of our own message, learnt again after a restore."""
    _TOLD_AGAIN.run(session, id=message.id, number=body.referral_number)


def confirmations(session: Session, subjects: Collection[UUID]) -> list[Confirmation]:
    """Who was told to erase these subjects, in the order of the referrals."""
    return [Confirmation.model_validate(row) for row in _CONFIRMATIONS.all(session, subjects=list(subjects))]


def _places(referred: Referred) -> dict[str, list[UUID] | list[str]]:
    """In one order, so that two that lock the same ones cannot wait for each other."""
    subjects = sorted(referred)
    return {"peers": [referred[one] for one in subjects], "subjects": subjects}


def _rewrite(session: Session, statement: Query, rows: Sequence[Any], *, now: datetime, **where: str) -> None:
    rewritten = [{"id": row.id, "content": erased_content(row.content, row.digest)} for row in rows]
    if rewritten:
        statement.run(session, rows=orjson.dumps(rewritten).decode(), now=now, **where)


_PLACES: Final = "unnest(CAST(:peers AS text[]), CAST(:subjects AS uuid[])) AS places (peer, subject)"
_LOCK = Query(
    sa.text(f"""
        INSERT INTO exchange_incoming (source, subject) SELECT peer, subject FROM {_PLACES}
        ON CONFLICT (source, subject) DO UPDATE SET taken_sequence = exchange_incoming.taken_sequence
    """)  # noqa: S608  # our own text
)
_MARK = Query(
    sa.text(f"""
        INSERT INTO exchange_incoming (source, subject, erased_at)
        SELECT peer, subject, CAST(:now AS timestamptz) FROM {_PLACES}
        ON CONFLICT (source, subject)
        DO UPDATE SET erased_at = coalesce(exchange_incoming.erased_at, excluded.erased_at)
    """)  # noqa: S608  # our own text
)
_MARKED = Query(
    sa.text("""
        SELECT subject FROM exchange_incoming
        WHERE source = :source AND subject = ANY(CAST(:subjects AS uuid[])) AND erased_at IS NOT NULL
    """)
)
_SENT = Query(
    sa.text(f"""
        SELECT id, content, digest FROM exchange_outbox JOIN {_PLACES} USING (peer, subject)
        WHERE erased_at IS NULL ORDER BY id FOR UPDATE OF exchange_outbox
    """)  # noqa: S608  # our own text
)
_REWRITE_SENT = Query(
    sa.text("""
        UPDATE exchange_outbox SET content = new.content, erased_at = :now
        FROM json_to_recordset(CAST(:rows AS json)) AS new (id uuid, content text)
        WHERE exchange_outbox.id = new.id
    """)
)
_TAKEN = Query(
    sa.text("""
        SELECT id, content, digest FROM exchange_inbox
        WHERE source = :source AND erased_at IS NULL AND (
            subject = ANY(CAST(:subjects AS uuid[]))
            OR (subject IS NULL AND lower(content) LIKE ANY(CAST(:names AS text[])))
        )
        ORDER BY id FOR UPDATE
    """)
)
# An operator's note on it may speak of what it said.
_REWRITE_TAKEN = Query(
    sa.text("""
        UPDATE exchange_inbox SET content = new.content, erased_at = :now, note = NULL
        FROM json_to_recordset(CAST(:rows AS json)) AS new (id uuid, content text)
        WHERE exchange_inbox.id = new.id AND exchange_inbox.source = :source
    """)
)
_DROP_FILES = Query(
    sa.text(f"""
        DELETE FROM exchange_attachments AS file USING {_PLACES}
        WHERE file.peer = places.peer AND file.subject = places.subject
    """)  # noqa: S608  # our own text
)
_TOLD = Query(
    sa.text("""
        INSERT INTO exchange_erasures (peer, subject, message_id, number, told_at)
        VALUES (:peer, :subject, :message_id, :number, :now)
        ON CONFLICT (peer, subject) DO NOTHING
    """)
)
_TOLD_AGAIN = Query(
    sa.text("""
        INSERT INTO exchange_erasures (peer, subject, message_id, number, told_at)
        SELECT peer, subject, id, :number, owed_at FROM exchange_outbox WHERE id = :id
        ON CONFLICT (peer, subject) DO NOTHING
    """)
)
_CONFIRM = Query(
    sa.text("""
        UPDATE exchange_erasures SET confirmed_at = coalesce(confirmed_at, :now)
        WHERE peer = :peer AND subject = :subject AND message_id = :message_id
    """)
)
_CONFIRMED_BEFORE = Query(
    sa.text("""
        SELECT true FROM exchange_outbox
        WHERE peer = :peer AND subject = :subject AND type = :type AND state <> 'void'
          AND CAST(content AS jsonb) -> 'data' ->> 'message_id' = :message_id
    """)
)
_CONFIRMATIONS = Query(
    sa.text("""
        SELECT peer AS party, number, told_at, confirmed_at FROM exchange_erasures
        WHERE subject = ANY(CAST(:subjects AS uuid[])) ORDER BY number
    """)
)
