"""Taking in a mail: one change of the database, whatever it brings, and never twice."""

import hashlib
import io
import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chumchon.answering.actions import deliver, record_failure, reply
from chumchon.arrivals.queries import MailHasItsCase, MailUnreadable
from chumchon.channels.desk import Desk, not_later, subject_of, text_of
from chumchon.channels.mails import Mail, Nature, UnreadableMail, read_mail, without_quotation
from chumchon.channels.scans import Scan, fax_numbers, read_scan
from chumchon.channels.tags import without_tag
from chumchon.channels.threads import bounced_delivery, case_answered
from chumchon.codes import DeliveryKind, FileKind, MailOutcome, MailReason
from chumchon.files import KeptFile, add_files, keep_file
from chumchon.intake.actions import Opened, register_case
from chumchon.intake.bodies import NewCase, NewComplainant
from chumchon.intake.evidence import EmailEvidence, FaxEvidence
from chumchon.journey import Channel
from chumchon.records import Case, MailPlace, ReceivedMail
from chumchon.steps import case_to_change, is_erased
from schemas.bodies import Kind
from servicekit.database import Query
from servicekit.files.forgetting import forget_later
from servicekit.ids import uuid7
from thaikit.calendar import bangkok_date, long_date
from thaikit.names import person_name

READER: Final = "mail-reader"
"""Who recorded what came by mail."""

COMPLAINANT: Final = "complainant"

ACKNOWLEDGED_A_DAY: Final = 5
"""More mails of one address in a day are taken in and not acknowledged: perhaps nobody reads there but a program."""

NO_SUBJECT: Final = "(ไม่มีหัวเรื่อง)"
NO_TEXT: Final = "(ไม่มีข้อความ โปรดดูไฟล์แนบและไฟล์ต้นฉบับ)"
UNREADABLE_SUBJECT: Final = "อีเมลที่ระบบอ่านไม่ได้"
UNREADABLE_TEXT: Final = "ระบบอ่านอีเมลฉบับนี้ไม่ได้ โปรดเปิดไฟล์ต้นฉบับ บันทึกข้อความแทนข้อความนี้ แล้วจ่ายเรื่องด้วยตนเอง\n\nสาเหตุ: {why}"
_COMPLAINING: Final = ("ร้องเรียน", "ร้องทุกข์")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mail lies: UIDs mean something only together with the mailbox's UIDVALIDITY (RFC 9051)."""

    mailbox: str
    uid_validity: int
    uid: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail that has arrived, with all its bytes kept already."""

    mail: Mail | None
    """None: it cannot be read."""
    trouble: str
    fingerprint: str
    original: KeptFile
    files: tuple[KeptFile, ...]
    fax: Scan | None
    received_at: datetime | None
    """When the mail server took it."""

    def given_up(self, trouble: str) -> "Arrival":
        """The same mail, as one that cannot be read."""
        return replace(self, mail=None, trouble=trouble, files=(), fax=None)


def receive(raw: bytes, desk: Desk, *, received_at: datetime | None, trouble: str | None = None) -> Arrival:
    """Read a mail and keep its bytes, before the transaction in which it is taken in.

    Args:
        trouble: why it is not even to be read.
    """
    original = keep_file(
        desk.store, FileKind.ORIGINAL, filename="original.eml", media_type="message/rfc822", file=io.BytesIO(raw)
    )
    try:
        mail = read_mail(raw) if trouble is None else None
    except UnreadableMail as error:
        mail, trouble = None, str(error)
    except Exception as error:  # noqa: BLE001  # no mail may stop the reading of the others, whatever it does to its reader
        mail, trouble = None, f"{type(error).__name__}"
    if mail is None:
        return Arrival(None, trouble or "", original.sha256, original, (), None, received_at)
    files = tuple(
        keep_file(
            desk.store,
            FileKind.ATTACHMENT,
            filename=file.filename,
            media_type=file.media_type,
            file=io.BytesIO(file.content),
        )
        for file in mail.attachments
    )
    fax = None
    if _is_fax(mail, desk) and mail.attachments:
        fax = read_scan(mail.attachments[0].content, ocr_command=desk.ocr_command, ocr_timeout=desk.ocr_timeout)
        files = (replace(files[0], kind=FileKind.SCAN, pages=fax.pages), *files[1:])
    return Arrival(mail, "", _fingerprint(mail, original, files), original, files, fax, received_at)


def outcome_at(session: Session, place: Place) -> MailOutcome | None:
    """What was made of the mail at this place; None if it was not taken in yet."""
    found = _known.scalar(session, mailbox=place.mailbox, uid_validity=place.uid_validity, uid=place.uid)
    return None if found is None else MailOutcome(found)


def take_mail(session: Session, arrival: Arrival, place: Place, desk: Desk, *, now: datetime) -> MailOutcome:
    """Do what the mail asks for, and remember that it was done, in the caller's transaction.

    Two readers may try it at once: the later one fails on the fingerprint's unique constraint, and finds the mail
    known when it tries again.
    """
    known = session.scalar(sa.select(ReceivedMail).where(ReceivedMail.fingerprint == arrival.fingerprint))
    if known is None:
        outcome, case_id = _effect(session, arrival, desk, now=now)
        of_no_person = arrival.mail if outcome in {MailOutcome.AUTOMATIC, MailOutcome.BOUNCE} else None
        if case_id is not None and is_erased(session, case_id):
            # A machine has answered what was sent before the erasure, and may quote it.
            forget_later(session, {arrival.original.sha256, *(file.sha256 for file in arrival.files)}, now=now)
            case_id = None
        known = ReceivedMail(
            id=uuid7(),
            fingerprint=arrival.fingerprint,
            message_id=arrival.mail.message_id if arrival.mail else None,
            outcome=outcome,
            reason=_reason(of_no_person, desk) if of_no_person else None,
            case_id=case_id,
            original=arrival.original.sha256,
            taken_at=now,
        )
        session.add(known)
        if case_id is not None:
            add_files(session, case_id, (arrival.original, *arrival.files), now=now)
        session.flush()
    session.execute(
        insert(MailPlace)
        .values(mailbox=place.mailbox, uid_validity=place.uid_validity, uid=place.uid, mail_id=known.id)
        .on_conflict_do_nothing()
    )
    return MailOutcome(known.outcome)


def _effect(session: Session, arrival: Arrival, desk: Desk, *, now: datetime) -> tuple[MailOutcome, UUID | None]:
    mail = arrival.mail
    if mail is None:
        return MailOutcome.UNREADABLE, _open_unreadable(session, arrival, desk, now=now).id
    if _is_fax(mail, desk):
        return MailOutcome.OPENED, _open_fax(session, arrival, mail, desk, now=now).id
    case_id = case_answered(session, mail, desk.tags)
    if mail.nature is Nature.BOUNCE:
        return MailOutcome.BOUNCE, _bounce(session, mail) or case_id
    if mail.nature is Nature.AUTOMATIC or _is_ours(mail, desk) or (mail.doubtful and case_id is not None):
        return MailOutcome.AUTOMATIC, case_id
    return _from_person(session, arrival, mail, case_id, desk, now=now)


def _reason(mail: Mail, desk: Desk) -> MailReason | None:
    """By what the mail was known to be no person's."""
    return mail.not_personal or (MailReason.OWN_ADDRESS if _is_ours(mail, desk) else mail.doubtful)


def open_after_all(
    session: Session, taken: ReceivedMail, arrival: Arrival, desk: Desk, *, by: str, now: datetime
) -> UUID:
    """Make a case of a mail that was taken for a machine's; nobody is told that it arrived.

    Raises:
        MailHasItsCase: it became a case, or joined one.
        MailUnreadable: there is nothing to make a case of but the original.
    """
    if taken.case_id is not None:
        raise MailHasItsCase
    if arrival.mail is None:
        raise MailUnreadable
    opened = _open_mail(session, arrival, arrival.mail, desk, by=by, now=now)
    add_files(session, opened.id, (arrival.original, *arrival.files), now=now)
    taken.outcome, taken.reason, taken.case_id = MailOutcome.OPENED, None, opened.id
    return opened.id


def _from_person(
    session: Session, arrival: Arrival, mail: Mail, case_id: UUID | None, desk: Desk, *, now: datetime
) -> tuple[MailOutcome, UUID]:
    if case_id is not None and not is_erased(session, case_id):  # else it opens a case of its own
        text = text_of(without_quotation(mail.text), NO_TEXT)
        case = case_to_change(session, case_id)
        reply(session, case, text, by=COMPLAINANT, deadlines=desk.deadlines, now=now)
        return MailOutcome.REPLY, case_id
    recorded = _recorded_by_hand(session, mail)
    if recorded is not None:
        return MailOutcome.RECORDED, recorded
    opened = _open_mail(session, arrival, mail, desk, now=now)
    if desk.acknowledges and _is_to_be_acknowledged(session, mail, now=now):
        _acknowledge(session, opened, now=now)
    return MailOutcome.OPENED, opened.id


def _open_mail(
    session: Session, arrival: Arrival, mail: Mail, desk: Desk, *, by: str = READER, now: datetime
) -> Opened:
    name = person_name(mail.from_name)
    complainant = NewComplainant(
        title=name.title or None,
        first_name=name.first or None,
        last_name=name.last or None,
        email=mail.reply_to or mail.from_address,
    )
    subject = subject_of(without_tag(mail.subject), NO_SUBJECT)
    text = text_of(mail.text, NO_TEXT)
    complains = any(word in said for word in _COMPLAINING for said in (subject, text))
    new = NewCase(
        channel=Channel.EMAIL,
        kind=Kind.COMPLAINT if complains else Kind.INQUIRY,
        subject=subject,
        details=text,
        complainant=complainant,
        received_at=not_later(arrival.received_at, now),
        evidence=EmailEvidence(
            message_id=_message_id_of_its_own(session, arrival, mail), from_address=mail.from_address
        ),
    )
    return _register(session, new, desk, by=by, now=now)


def _open_fax(session: Session, arrival: Arrival, mail: Mail, desk: Desk, *, now: datetime) -> Opened:
    sender, line = fax_numbers(mail.subject, mail.text, *(file.filename for file in mail.attachments))
    received_at = not_later(arrival.received_at, now)
    scan = arrival.fax or Scan(None, "")
    new = fax_case(sender=sender, line=line, scan=scan, received_at=received_at)
    return _register(session, new, desk, unread=not scan.text, now=now)


def _open_unreadable(session: Session, arrival: Arrival, desk: Desk, *, now: datetime) -> Opened:
    new = NewCase(
        channel=Channel.EMAIL,
        kind=Kind.INQUIRY,
        subject=UNREADABLE_SUBJECT,
        details=UNREADABLE_TEXT.format(why=arrival.trouble),
        received_at=not_later(arrival.received_at, now),
        evidence=EmailEvidence(message_id=_made_up(arrival), from_address=None),
    )
    return _register(session, new, desk, unread=True, now=now)


def fax_case(*, sender: str | None, line: str | None, scan: Scan, received_at: datetime) -> NewCase:
    """A fax as a case: what was read on it, or a word that somebody has to."""
    day = long_date(bangkok_date(received_at))
    return NewCase(
        channel=Channel.FAX,
        kind=Kind.INQUIRY,
        subject=f"โทรสารวันที่ {day}",
        details=text_of(scan.text, NO_TEXT),
        received_at=received_at,
        evidence=FaxEvidence(sender_number=sender, received_on_number=line, pages=scan.pages),
    )


def _register(
    session: Session, new: NewCase, desk: Desk, *, by: str = READER, unread: bool = False, now: datetime
) -> Opened:
    due_at = desk.deadlines.due_at(new.received_at or now)
    return register_case(session, new, by=by, client_id=None, due_at=due_at, now=now, unread=unread)


def _recorded_by_hand(session: Session, mail: Mail) -> UUID | None:
    """The case that somebody recorded of this very mail before the reader saw it."""
    if mail.message_id is None or _mails_with_id.scalar(session, message_id=mail.message_id) is not None:
        return None
    case_id: UUID | None = _case_of_mail.scalar(session, message_id=mail.message_id)
    return case_id


def _message_id_of_its_own(session: Session, arrival: Arrival, mail: Mail) -> str:
    """The mail's Message-ID; another, where it has none or one that another mail had before it."""
    if mail.message_id is None or _case_of_mail.scalar(session, message_id=mail.message_id) is not None:
        return _made_up(arrival)
    return mail.message_id


def _made_up(arrival: Arrival) -> str:
    return f"<{arrival.fingerprint}@no-message-id.invalid>"


def _bounce(session: Session, mail: Mail) -> UUID | None:
    """The case of a mail of ours that came back for good; its delivery failed."""
    bounced = bounced_delivery(session, mail)
    if bounced is None:
        return None
    return record_failure(session, bounced.delivery_id, note=bounced.why).case_id


def _is_to_be_acknowledged(session: Session, mail: Mail, *, now: datetime) -> bool:
    if not mail.may_be_acknowledged or mail.from_address is None:
        return False
    recent = _recent_cases.scalar(session, address=mail.from_address.lower(), since=now - timedelta(days=1))
    return int(recent or 0) <= ACKNOWLEDGED_A_DAY


def _acknowledge(session: Session, opened: Opened, *, now: datetime) -> None:
    case = session.get_one(Case, opened.id)
    due_on = long_date(bangkok_date(case.due_at - timedelta(microseconds=1)))  # `due_at` is the moment after that day
    deliver(
        session,
        case,
        DeliveryKind.ACKNOWLEDGEMENT,
        f"สำนักงานได้รับเรื่องของท่านแล้ว เลขที่เรื่อง {case.case_number} และจะตอบภายในวันที่ {due_on}",
        now=now,
    )


def _is_ours(mail: Mail, desk: Desk) -> bool:
    return (mail.from_address or "").lower() in desk.own_addresses


def _is_fax(mail: Mail, desk: Desk) -> bool:
    return (mail.from_address or "").lower() in desk.fax_gateways


def _fingerprint(mail: Mail, original: KeptFile, files: tuple[KeptFile, ...]) -> str:
    """The same for copies that came by several ways: what was added on the way does not count."""
    if mail.message_id is None:
        return original.sha256
    said = [
        mail.message_id,
        mail.from_address,
        mail.sent_at.isoformat() if mail.sent_at else None,
        mail.subject,
        mail.text,
        *(file.sha256 for file in files),
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


_known = Query(
    sa.select(ReceivedMail.outcome)
    .join(MailPlace, MailPlace.mail_id == ReceivedMail.id)
    .where(
        MailPlace.mailbox == sa.bindparam("mailbox"),
        MailPlace.uid_validity == sa.bindparam("uid_validity"),
        MailPlace.uid == sa.bindparam("uid"),
    )
)
_mails_with_id = Query(sa.select(ReceivedMail.id).where(ReceivedMail.message_id == sa.bindparam("message_id")).limit(1))
_case_of_mail = Query(
    sa.select(Case.id).where(
        Case.channel == Channel.EMAIL, Case.evidence["message_id"].astext == sa.bindparam("message_id")
    )
)
_recent_cases = Query(
    sa.select(sa.func.count()).where(
        Case.channel == Channel.EMAIL,
        sa.func.lower(Case.evidence["from_address"].astext) == sa.bindparam("address"),
        Case.recorded_at >= sa.bindparam("since"),
    )
)
