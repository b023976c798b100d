"""Telling complainants of answers: owed with each answer, carried out by officers or by mail, and written down.

Below the stages, as answers come in two of them: those that the Centre gives itself, and those of agencies.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.orm import Session

from center1111 import steps
from center1111.codes import Means
from center1111.fields import WITHHELD
from center1111.journey import DELIVERY_MOVES, DeliveryMove, DeliveryState, Move, possible_delivery_moves
from center1111.letterhead import Letterhead, Telling, full_name, letter_telling, mail_telling
from center1111.means import means_for
from center1111.records import Answer, Complainant, Complaint, Delivery
from letters import to_pdf
from servicekit.database import Query
from servicekit.ids import uuid7
from servicekit.mail import Attachment, Mail
from servicekit.mail_queue import MailState, owe_mail, owe_mail_again
from servicekit.problems import DomainError
from servicekit.versions import Versions, check_version
from thaikit.calendar import bangkok_date, buddhist_year

BY_MAIL: Final = "mail"
"""Who told, when a mail server took the mail."""

BY_WEBSITE: Final = "website"
"""Who told, when the answer is shown to whoever has number and secret."""

_NEEDS: Final[Mapping[Means, str]] = {Means.LETTER: "address", Means.EMAIL: "email", Means.TELEPHONE: "phone"}
_WITH_A_LETTER: Final = (Means.LETTER, Means.EMAIL)
_UNTOLD: Final = (DeliveryState.TO_SEND, DeliveryState.FAILED)
_LETTER_SERIAL: Final = Query(sa.select(sa.func.nextval(sa.cast(sa.bindparam("sequence", type_=sa.Text), REGCLASS))))


class DeliveryNotFound(DomainError):
    """There is no such telling of an answer."""


class CannotBeReached(DomainError):
    """The complainant left nothing with us that this means needs."""


class BeingTold(DomainError):
    """The answer is being told by this means already."""


def owe_telling(session: Session, complaint: Complaint, answer: Answer, *, now: datetime) -> Delivery:
    """Owe the complainant, in the caller's transaction, this answer by the means that suits.

    What was still to be told of earlier versions is called off; if one of them was told, this one corrects it.
    """
    call_off(session, complaint.id, now=now)
    complainant = session.get(Complainant, complaint.id)
    return _owe(session, complaint, answer, means_for(complaint.channel, _reached_by(complaint, complainant)), now=now)


def owe_by_means(session: Session, complaint: Complaint, answer: Answer, means: Means, *, now: datetime) -> Delivery:
    """Owe the answer in force by a means of an officer's choice.

    Raises:
        CannotBeReached: the complainant left no address, e-mail address or telephone number.
        BeingTold: it is owed by this means already.
    """
    if means in _NEEDS and means not in _reached_by(complaint, session.get(Complainant, complaint.id)):
        raise CannotBeReached
    owed = session.scalar(
        sa.select(Delivery.id).where(
            Delivery.answer_id == answer.id, Delivery.means == means, Delivery.state.in_(_UNTOLD)
        )
    )
    if owed is not None:
        raise BeingTold
    return _owe(session, complaint, answer, means, now=now)


def call_off(session: Session, complaint_id: UUID, *, now: datetime) -> None:
    """Tell no more of what the complaint was answered so far. The complaint is locked."""
    untold = sa.select(Delivery).where(Delivery.complaint_id == complaint_id, Delivery.state.in_(_UNTOLD))
    for delivery in session.scalars(untold.with_for_update()):
        advance(delivery, DeliveryMove.CALL_OFF, now=now)


def delivery_to_change(session: Session, delivery_id: UUID, wanted: Versions = None) -> tuple[Complaint, Delivery]:
    """The telling and its complaint, both locked; the complaint first, as everywhere.

    Raises:
        DeliveryNotFound: there is none.
        VersionMismatch: it is not at one of the versions that the caller wants.
    """
    complaint_id = session.scalar(sa.select(Delivery.complaint_id).where(Delivery.id == delivery_id))
    if complaint_id is None:
        raise DeliveryNotFound
    complaint = steps.complaint_to_change(session, complaint_id)
    delivery = session.scalars(sa.select(Delivery).where(Delivery.id == delivery_id).with_for_update()).one()
    check_version(delivery.version, wanted)
    return complaint, delivery


def advance(delivery: Delivery, move: DeliveryMove, *, now: datetime) -> None:
    """Move the telling.

    Raises:
        MoveNotAllowed: the journey knows no such move from its state.
    """
    after = DELIVERY_MOVES.get((delivery.state, move))
    if after is None:
        possible = ", ".join(possible_delivery_moves(delivery.state)) or "-"
        raise steps.MoveNotAllowed(state=delivery.state, move=move, possible=possible)
    delivery.state = after
    delivery.changed_at = now


def tell(
    session: Session, complaint: Complaint, delivery: Delivery, *, note: str | None, by: str, now: datetime
) -> None:
    """Write down that the complainant was told.

    Raises:
        MoveNotAllowed: as `advance` tells.
    """
    advance(delivery, DeliveryMove.TELL, now=now)
    delivery.told_at, delivery.told_by, delivery.note = now, by, note
    session.execute(
        sa.update(Answer).where(Answer.id == delivery.answer_id, Answer.told_at.is_(None)).values(told_at=now)
    )
    if complaint.told_at is None:
        steps.complainant_told(complaint, now=now)
    said = delivery.means if note is None else f"{delivery.means}: {note}"
    steps.advance(session, complaint, Move.TELL, by=by, now=now, note=said)


def retry(session: Session, delivery: Delivery, *, now: datetime) -> None:
    """Try again what failed; a mail keeps its Message-ID.

    Raises:
        MoveNotAllowed: as `advance` tells.
    """
    advance(delivery, DeliveryMove.RETRY, now=now)
    if delivery.means is Means.EMAIL:
        owe_mail_again(session, about=delivery.id, now=now)


def letter_of(session: Session, delivery: Delivery, head: Letterhead, *, on: datetime) -> bytes:
    """The letter as PDF; dated on the day on which it was told, else on the day of `on` in Bangkok."""
    assert delivery.letter_serial is not None  # noqa: S101  # as the table checks
    telling, _ = _telling(session, delivery)
    day = bangkok_date(delivery.told_at or on)
    return to_pdf(letter_telling(head, telling, serial=delivery.letter_serial, on=day))


def write_mail(session: Session, delivery_id: UUID, head: Letterhead, now: datetime) -> Mail | None:
    """The mail that tells of an answer, its letter attached; None when it is no longer to be told."""
    delivery = session.get(Delivery, delivery_id)
    if delivery is None or delivery.state is not DeliveryState.TO_SEND:
        return None
    telling, email = _telling(session, delivery)
    if email is None:  # it was erased since
        return None
    mail = mail_telling(head, telling, to=email)
    letter = Attachment(f"{telling.tracking_number}.pdf", letter_of(session, delivery, head, on=now))
    return Mail(mail.to, mail.subject, mail.text, (letter,))


def settle_mail(session: Session, delivery_id: UUID, state: MailState, problem: str | None, now: datetime) -> None:
    """Write down what became of a mail."""
    complaint, delivery = delivery_to_change(session, delivery_id)
    if state is MailState.SENT and delivery.state is not DeliveryState.TOLD:
        tell(session, complaint, delivery, note=None, by=BY_MAIL, now=now)
    elif state in {MailState.REFUSED, MailState.GIVEN_UP} and delivery.state is DeliveryState.TO_SEND:
        advance(delivery, DeliveryMove.FAIL, now=now)
        delivery.last_problem = problem or state


def _owe(session: Session, complaint: Complaint, answer: Answer, means: Means, *, now: datetime) -> Delivery:
    told_before = sa.select(Answer.id).where(
        Answer.complaint_id == answer.complaint_id, Answer.id != answer.id, Answer.told_at.is_not(None)
    )
    year = letter_year(now) if means in _WITH_A_LETTER else None
    delivery = Delivery(
        id=uuid7(),
        complaint_id=answer.complaint_id,
        answer_id=answer.id,
        means=means,
        state=DeliveryState.TO_SEND,
        corrects=session.scalar(sa.select(told_before.exists())),
        letter_year=year,
        letter_serial=None if year is None else _LETTER_SERIAL.scalar(session, sequence=f"letter_serials_{year}"),
        owed_at=now,
        changed_at=now,
    )
    session.add(delivery)
    if means is Means.ONLINE:  # whoever has number and secret sees it from now on
        tell(session, complaint, delivery, note=None, by=BY_WEBSITE, now=now)
    if means is Means.EMAIL:
        owe_mail(session, about=delivery.id, now=now)
    session.flush()
    return delivery


def letter_year(now: datetime) -> int:
    """The Buddhist year of whose register of outgoing letters a letter's number is.

    Source: Regulation of the Office of the Prime Minister on Correspondence, B.E. 2526: numbers run through a calendar
    year and begin anew with the next.
    """
    return buddhist_year(bangkok_date(now))


def _reached_by(complaint: Complaint, complainant: Complainant | None) -> set[Means]:
    reached = {means for means, needed in _NEEDS.items() if getattr(complainant, needed, None)}
    if complaint.evidence.get("caller_number", WITHHELD) != WITHHELD:
        reached.add(Means.TELEPHONE)
    return {*reached, Means.COUNTER, Means.ONLINE}


def _telling(session: Session, delivery: Delivery) -> tuple[Telling, str | None]:
    """What the complainant is told, and their e-mail address."""
    complaint, answer, complainant = session.execute(
        sa.select(Complaint, Answer, Complainant)
        .join(Answer, Answer.complaint_id == Complaint.id)
        .outerjoin(Complainant, Complainant.complaint_id == Complaint.id)
        .where(Answer.id == delivery.answer_id)
    ).one()
    telling = Telling(
        tracking_number=complaint.tracking_number,
        subject=complaint.subject,
        received_at=complaint.received_at,
        complainant=full_name(
            *(getattr(complainant, name, None) for name in ("title", "first_name", "last_name")),
        ),
        answer=answer.text,
        corrects=delivery.corrects,
    )
    return telling, getattr(complainant, "email", None)
