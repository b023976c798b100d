"""Mails to complainants: what is to be told, with the tag and the thread by which their replies find the case."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from chumchon.answering.actions import NothingToSend, record_failure, record_sending
from chumchon.channels.tags import Tags, without_tag
from chumchon.channels.threads import message_ids_of
from chumchon.codes import DeliveryKind, DeliveryState
from chumchon.records import Answer, Case, CaseFile, Complainant, Delivery
from servicekit.files.storing import FileStore, StoreUnavailable, key_of
from servicekit.mail import Attachment, Mail, MailDeferred, MailRefused
from servicekit.mail_queue import MailState, Writer

SENDER: Final = "mail-sender"
"""Who sent what went out by mail."""

MAX_REFERENCES: Final = 20
LONGEST_REFERENCE: Final = 75
"""A longer Message-ID does not fit on a line, and is not recognised by others once it is folded."""

_SUBJECTS: Final = {
    DeliveryKind.ANSWER: "คำตอบ",
    DeliveryKind.QUESTION: "ขอข้อมูลเพิ่มเติม",
    DeliveryKind.PROGRESS: "รายงานความคืบหน้า",
}
_TEXT: Final = """\
เรียน ท่านผู้ร้อง

{text}

หากท่านต้องการแจ้งข้อมูลเพิ่มเติม โปรดตอบกลับอีเมลฉบับนี้โดยคงหัวเรื่องไว้
To tell us more, reply to this mail and keep its subject.

สำนักงานเศรษฐกิจพอเพียงเพื่อยกระดับชุมชน (สพช.)
เลขที่เรื่อง {case_number}
"""


def writer(tags: Tags, store: FileStore | None, *, most_bytes: int) -> Writer:
    """Writes the mail of a delivery, from what the case says at that moment.

    Args:
        store: where the files of answers are kept, if they are.
        most_bytes: what the files of one mail may measure in all; with more, people have to find another way.
    """

    def write(session: Session, delivery_id: UUID, _now: datetime) -> Mail | None:
        delivery = session.get(Delivery, delivery_id)
        if delivery is None or delivery.state != DeliveryState.TO_SEND:
            return None  # somebody told the complainant, or a newer answer took its place
        case = session.get_one(Case, delivery.case_id)
        complainant = session.get(Complainant, case.id)
        address = (complainant.email if complainant else None) or (case.evidence or {}).get("from_address")
        if address is None:
            raise MailRefused("no address")
        return Mail(
            to=address,
            subject=f"{_subject(delivery, case)} {tags.tag(case.case_number)}",
            text=_TEXT.format(text=delivery.text, case_number=case.case_number),
            attachments=_attachments(session, delivery, store, most_bytes),
            headers=_thread(session, case) | _automatic(delivery),
        )

    return write


def settle(session: Session, delivery_id: UUID, state: MailState, problem: str | None, now: datetime) -> None:
    """Keep on the delivery what became of its mail."""
    if state is MailState.SENT:
        try:
            record_sending(session, delivery_id, note=None, by=SENDER, now=now)
        except NothingToSend:
            return  # somebody had told the complainant meanwhile, and said so
    elif state in {MailState.REFUSED, MailState.GIVEN_UP}:
        record_failure(session, delivery_id, note=f"ส่งอีเมลไม่ได้ ({problem})")


def _attachments(
    session: Session, delivery: Delivery, store: FileStore | None, most_bytes: int
) -> tuple[Attachment, ...]:
    """The files that go with an answer.

    Raises:
        MailRefused: they are too large together, or one of them is lost.
        MailDeferred: the store does not answer now.
    """
    if delivery.answer_version is None:
        return ()
    answer = session.get_one(Answer, (delivery.case_id, delivery.answer_version))
    files = [session.get_one(CaseFile, id_) for id_ in answer.files]
    if sum(file.bytes for file in files) > most_bytes:
        raise MailRefused("the files are too large for a mail")
    try:
        return tuple(Attachment(file.filename, _content(store, file), file.media_type) for file in files)
    except FileNotFoundError as error:
        raise MailRefused("a file is not where it should be") from error
    except StoreUnavailable as error:
        raise MailDeferred("the file store does not answer", server_is_down=False) from error


def _content(store: FileStore | None, file: CaseFile) -> bytes:
    if store is None:
        raise FileNotFoundError(file.sha256)
    return b"".join(store.read(key_of(file.sha256)))


def _subject(delivery: Delivery, case: Case) -> str:
    kind = DeliveryKind(delivery.kind)
    if kind is DeliveryKind.ACKNOWLEDGEMENT:
        # It quotes nothing: or strangers could let us send their words to whom they like.
        return "ได้รับเรื่องของท่านแล้ว"
    return f"{_SUBJECTS[kind]}: {without_tag(case.subject)}"


def _thread(session: Session, case: Case) -> dict[str, str]:
    """RFC 5322: by these, the complainant's mail program shows the answer beneath the question."""
    known = [found for found in message_ids_of(session, case.id) if len(found) <= LONGEST_REFERENCE]
    if not known:
        return {}
    return {"In-Reply-To": known[-1], "References": " ".join(known[-MAX_REFERENCES:])}


def _automatic(delivery: Delivery) -> dict[str, str]:
    """RFC 3834, and what a widespread mail system wants to be told beside it."""
    if delivery.kind == DeliveryKind.ACKNOWLEDGEMENT:
        return {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"}
    return {}
