"""Which case a mail belongs to: by what only somebody who got a mail of ours can know."""

import re
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chumchon.channels.charsets import decode
from chumchon.channels.mails import Mail
from chumchon.channels.tags import Tags
from chumchon.records import Case, Delivery, ReceivedMail
from servicekit.database import Query
from servicekit.mail_queue import owed_mails

_OURS: Final = re.compile(r"<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@[^<>\s]+>")
"""A Message-ID that we made, of a mail's own id: 74 of its bits are random, so nobody guesses one."""

_FINAL: Final = re.compile(r"\b5\.\d{1,3}\.\d{1,3}\b")
_FAILED: Final = re.compile(r"^action:\s*failed", re.IGNORECASE | re.MULTILINE)
MAX_IDS: Final = 50


@dataclass(frozen=True, slots=True)
class Bounced:
    """A mail of ours that came back for good."""

    delivery_id: UUID
    why: str


def case_answered(session: Session, mail: Mail, tags: Tags) -> UUID | None:
    """The case that a mail answers: by the Message-ID of a mail of ours, by a signed tag, or by its own thread.

    A Message-ID that somebody else made counts only for the address that wrote that mail: it is no secret.
    """
    ours = [UUID(found[1]) for answered in mail.answers[:MAX_IDS] if (found := _OURS.fullmatch(answered))]
    by_ours = _by_our_mails.first(session, ids=ours) if ours else None
    if by_ours is not None:
        return UUID(str(by_ours.case_id))
    number = tags.case_number(mail.subject)
    by_tag = _by_number.scalar(session, case_number=number) if number else None
    if by_tag is not None:
        return UUID(str(by_tag))
    if mail.answers and mail.from_address:
        own = _by_own_mails.scalar(session, ids=[*mail.answers[:MAX_IDS]], address=mail.from_address.lower())
        return UUID(str(own)) if own is not None else None
    return None


def bounced_delivery(session: Session, mail: Mail) -> Bounced | None:
    """The delivery that a bounce is about; None where it names none of ours, or tries on (RFC 3464: delayed)."""
    reports = [
        decode(file.content, None) for file in mail.attachments if file.media_type.startswith(("message/", "text/"))
    ]
    said = "\n".join((mail.text, *reports))
    final = _FINAL.search(said)
    if final is None and not _FAILED.search(said):
        return None
    ids = [UUID(found) for found in _OURS.findall(said)[:MAX_IDS]]
    found: Any = _by_our_mails.first(session, ids=ids) if ids else None
    return Bounced(found.delivery_id, f"ส่งไม่ถึงผู้รับ ({final[0] if final else 'failed'})") if found else None


def message_ids_of(session: Session, case_id: UUID) -> list[str]:
    """The Message-IDs of the mails that came about a case, oldest first."""
    return [row.message_id for row in _received.all(session, case_id=case_id)]


_by_our_mails = Query(
    sa.select(Delivery.id.label("delivery_id"), Delivery.case_id)
    .join(owed_mails, owed_mails.c.about == Delivery.id)
    .where(owed_mails.c.id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.Uuid))))
    .order_by(owed_mails.c.id.desc())
    .limit(1)
)
_by_number = Query(sa.select(Case.id).where(Case.case_number == sa.bindparam("case_number")))
_by_own_mails = Query(
    sa.select(ReceivedMail.case_id)
    .join(Case, Case.id == ReceivedMail.case_id)
    .where(
        ReceivedMail.message_id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.Text))),
        sa.func.lower(Case.evidence["from_address"].astext) == sa.bindparam("address"),
    )
    .order_by(ReceivedMail.id.desc())
    .limit(1)
)
_received = Query(
    sa.select(ReceivedMail.message_id)
    .where(ReceivedMail.case_id == sa.bindparam("case_id"), ReceivedMail.message_id.is_not(None))
    .order_by(ReceivedMail.id)
)
