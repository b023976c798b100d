"""What a work group does with its cases: accept, return, ask, report, draft, answer."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon.answering.queries import last_group_of
from chumchon.answering.rules import DraftMissing, DraftRewritten, OwnDraft, drafter_of
from chumchon.codes import DeliveryKind, DeliveryState, FileKind, MessageKind
from chumchon.deadlines import Deadlines
from chumchon.journey import Channel, Move, State
from chumchon.question_store import keep_question
from chumchon.records import (
    Answer,
    Case,
    CaseFile,
    CaseMessage,
    Delivery,
    Draft,
)
from chumchon.steps import advance, referral_of, tell_who_works_on_it
from exchange.attachments import forget_unfetched
from exchange.outbox import owe
from schemas import Attachment
from schemas.bodies import (
    ReferralAccepted,
    ReferralAnswered,
    ReferralProgressed,
    ReferralQuestion,
    ReferralReturned,
    ReturnReason,
)
from servicekit.ids import uuid7
from servicekit.mail_queue import owe_mail
from servicekit.problems import DomainError


class NotReferred(DomainError):
    """Only what the Centre referred can be returned to it."""


class OwnDraftRefused(DomainError):
    """Who wrote the draft may not approve it."""


class DraftRequired(DomainError):
    """There is no draft by another person to approve."""


class DraftNotAsWritten(DomainError):
    """The text or the files to be approved are not the draft's, so that nobody else has seen them."""


class FileNotOfAnswer(DomainError):
    """The case has no such file that may go with its answer."""


class CaseTaken(DomainError):
    """Somebody else of the group works on it."""


class OfficerOfAnotherGroup(DomainError):
    """Who is to work on the case was last seen at work in another group, and could not see it."""


class DeliveryNotFound(DomainError):
    """There is no such delivery, or the caller may not know of it."""


class NothingToSend(DomainError):
    """The delivery was sent, shown or superseded already."""


def accept(session: Session, case: Case, *, by: str, now: datetime) -> None:
    """Take the case on, and owe the Centre its second acknowledgement where it referred the case."""
    advance(session, case, Move.ACCEPT, by=by, now=now)
    case.officer = by
    case.accepted_at = now
    case.news_at = None
    referral = referral_of(session, case)
    if referral is not None:
        body = ReferralAccepted(
            referral_number=referral.number,
            tracking_number=referral.complaint_number,
            case_number=case.case_number,
            work_group=case.work_group or "",
            topic=case.topic or "",
            due_at=case.due_at,
        )
        owe(session, body, to=referral.party, subject=referral.id, now=now)


def take(session: Session, case: Case, *, by: str, heads: bool, now: datetime) -> None:
    """Work on the case oneself, where nobody does; a head may take it from somebody (`heads`).

    Raises:
        CaseTaken: somebody else works on it.
    """
    if case.officer not in {None, by} and not heads:
        raise CaseTaken
    advance(session, case, Move.TAKE, by=by, now=now, note=case.officer)
    case.officer = by


def hand_over(session: Session, case: Case, *, to: str | None, note: str, by: str, heads: bool, now: datetime) -> None:
    """Let somebody else of the group work on the case, or nobody: then it waits in the group's queue again.

    No directory says who belongs to which group; where an officer last worked tells it. Who never did may get it.

    Raises:
        CaseTaken: it is somebody else's to hand over; a head may.
        OfficerOfAnotherGroup: `to` last worked in another group.
    """
    if case.officer != by and not heads:
        raise CaseTaken
    if to is not None and last_group_of(session, to) not in {None, case.work_group}:
        raise OfficerOfAnotherGroup
    advance(session, case, Move.HAND_OVER, by=by, now=now, note=note)
    case.officer = to


def read_news(case: Case) -> None:
    """Say that what came in about the case was read by who works on it."""
    if case.news_at is not None:
        case.news_at = None
        case.version += 1


def return_case(
    session: Session,
    case: Case,
    *,
    reason: ReturnReason,
    note: str | None,
    suggested_owner: str | None,
    by: str,
    now: datetime,
) -> None:
    """Hand a referred case back to the Centre: not ours to answer, and why.

    Raises:
        NotReferred: it came by a channel of our own, so there is nobody to return it to.
    """
    referral = referral_of(session, case)
    if referral is None:
        raise NotReferred
    advance(session, case, Move.RETURN, by=by, now=now, note=f"{reason}: {note}" if note else str(reason))
    case.return_reason = reason
    forget_unfetched(session, referral.id)
    body = ReferralReturned(
        referral_number=referral.number,
        tracking_number=referral.complaint_number,
        case_number=case.case_number,
        reason=reason,
        note=note,
        suggested_owner=suggested_owner,
    )
    owe(session, body, to=referral.party, subject=referral.id, now=now)


def report_progress(session: Session, case: Case, text: str, *, by: str, deadlines: Deadlines, now: datetime) -> None:
    """Tell how the case stands: the interim report that the law asks for, after which its limit begins anew."""
    advance(session, case, Move.REPORT_PROGRESS, by=by, now=now)
    case.due_at = max(case.due_at, deadlines.due_at(now))
    _note(session, case, MessageKind.PROGRESS, text, by=by, now=now)
    referral = referral_of(session, case)
    if referral is None:
        deliver(session, case, DeliveryKind.PROGRESS, text, now=now)
        return
    body = ReferralProgressed(
        referral_number=referral.number,
        tracking_number=referral.complaint_number,
        case_number=case.case_number,
        text=text,
        progressed_at=now,
    )
    owe(session, body, to=referral.party, subject=referral.id, now=now)


def ask(session: Session, case: Case, question: str, *, by: str, now: datetime) -> None:
    """Ask the complainant; the clock stands still until they reply."""
    advance(session, case, Move.ASK, by=by, now=now)
    case.stopped_at = now
    _note(session, case, MessageKind.QUESTION, question, by=by, now=now)
    referral = referral_of(session, case)
    if referral is None:
        deliver(session, case, DeliveryKind.QUESTION, question, now=now)
        return
    body = ReferralQuestion(
        referral_number=referral.number,
        tracking_number=referral.complaint_number,
        case_number=case.case_number,
        question=question,
        asked_at=now,
    )
    owe(session, body, to=referral.party, subject=referral.id, now=now)


def reply(session: Session, case: Case, text: str, *, by: str, deadlines: Deadlines, now: datetime) -> None:
    """Keep what the complainant tells; where it was asked for, the clock goes on and the deadline moves."""
    if case.state == State.AWAITING_COMPLAINANT:
        advance(session, case, Move.REPLY, by=by, now=now)
        start_the_clock(case, deadlines, now=now)
    else:
        advance(session, case, Move.AMEND, by=by, now=now)
    tell_who_works_on_it(case, by=by, now=now)
    _note(session, case, MessageKind.REPLY, text, by=by, now=now)


def start_the_clock(case: Case, deadlines: Deadlines, *, now: datetime) -> None:
    """Move the deadline by the working days for which the clock stood still."""
    if case.stopped_at is not None:
        case.due_at = deadlines.after_a_stop(case.due_at, stopped_at=case.stopped_at, now=now)
        case.stopped_at = None


def contest(session: Session, case: Case, reason: str, *, by: str, deadlines: Deadlines, now: datetime) -> None:
    """Open the case again, because the complainant does not accept the answer; its limit begins anew."""
    advance(session, case, Move.CONTEST, by=by, now=now)
    tell_who_works_on_it(case, by=by, now=now)
    case.answered_at = None
    case.due_at = max(case.due_at, deadlines.due_at(now))
    _note(session, case, MessageKind.CONTEST, reason, by=by, now=now)


def keep_information(session: Session, case: Case, text: str, *, by: str, now: datetime) -> None:
    """Keep what the Centre tells of a case later on."""
    _note(session, case, MessageKind.AMENDMENT, text, by=by, now=now)


def save_draft(
    session: Session, case: Case, text: str, *, files: Sequence[UUID] | None = None, by: str, now: datetime
) -> None:
    """Write the draft, in place of the one before; who wrote last is its author.

    Args:
        files: those that go with it; None leaves them as they were, in the draft or else in the answer in force.

    Raises:
        FileNotOfAnswer: one of `files` was not sent in for this case's answer.
    """
    advance(session, case, Move.DRAFT, by=by, now=now)
    draft = session.get(Draft, case.id)
    named = _files_named(session, case, files, draft)
    if draft is None:
        session.add(Draft(case_id=case.id, text=text, written_by=by, written_at=now, files=named))
    else:
        draft.text, draft.written_by, draft.written_at, draft.files = text, by, now, named


def approve(
    session: Session,
    case: Case,
    text: str | None,
    *,
    files: Sequence[UUID] | None = None,
    by: str,
    draft_required: bool,
    deadlines: Deadlines,
    now: datetime,
) -> None:
    """Answer the case: keep question and answer, and owe the answer to whoever asked.

    A further answer to an answered case corrects it: a new version that supersedes the one before.

    Args:
        text: the answer's final words; None takes the draft as it is.
        files: those that go with it; None takes the draft's, or else those of the answer in force.

    Raises:
        FileNotOfAnswer: one of `files` was not sent in for this case's answer.
        OwnDraftRefused: the draft is the approver's own.
        DraftRequired: there is no draft, and it is required or no text was given.
        DraftNotAsWritten: the text or the files are not the draft's, and a draft is required.
    """
    draft = session.get(Draft, case.id)
    if draft is None and text is None:
        raise DraftRequired
    named = _files_named(session, case, files, draft)
    try:
        drafted_by = drafter_of(
            drafted_by=draft.written_by if draft else None,
            approver=by,
            draft_required=draft_required,
            rewritten=draft is not None and (text not in {None, draft.text} or named != draft.files),
        )
    except OwnDraft as error:
        raise OwnDraftRefused from error
    except DraftMissing as error:
        raise DraftRequired from error
    except DraftRewritten as error:
        raise DraftNotAsWritten from error
    words = text if text is not None or draft is None else draft.text
    advance(session, case, Move.CORRECT_ANSWER if case.state == State.ANSWERED else Move.ANSWER, by=by, now=now)
    if draft is not None:
        session.delete(draft)
    start_the_clock(case, deadlines, now=now)
    answer = Answer(
        version=case.answer_version + 1,
        text=words or "",
        files=named,
        drafted_by=drafted_by,
        approved_by=by,
        answered_at=now,
    )
    _add_answer(session, case, answer)
    _tell(session, case, answer, now=now)
    keep_question(session, case, answer)


def _files_named(session: Session, case: Case, files: Sequence[UUID] | None, draft: Draft | None) -> list[UUID]:
    if files is None:
        return list(draft.files) if draft is not None else _files_in_force(session, case)
    named = list(dict.fromkeys(files))
    known = session.scalars(sa.select(CaseFile.id).where(CaseFile.case_id == case.id, CaseFile.kind == FileKind.ANSWER))
    if not set(named) <= set(known):
        raise FileNotOfAnswer
    return named


def _files_in_force(session: Session, case: Case) -> list[UUID]:
    answer = session.get(Answer, (case.id, case.answer_version))
    return [] if answer is None else list(answer.files)


def recall_answer(
    session: Session,
    case: Case,
    text: str,
    *,
    files: Iterable[Attachment],
    version: int,
    answered_at: datetime,
    erased: bool,
    by: str,
    now: datetime,
) -> None:
    """Keep an answer that the Office had given and forgot when it was restored; nobody is told again.

    Its files are known again by the digests that were described; their bytes are kept apart from the database.
    One that comes back `erased` answers no question of the store.
    """
    if version <= case.answer_version:
        return
    named = []
    for file in files:
        named.append(file.id)
        if session.get(CaseFile, file.id) is None:
            described = file.model_dump(include={"id", "filename", "media_type", "bytes", "sha256"})
            session.add(CaseFile(**described, case_id=case.id, kind=FileKind.ANSWER, kept_at=now))
    advance(session, case, Move.CORRECT_ANSWER if case.state == State.ANSWERED else Move.ANSWER, by=by, now=now)
    case.stopped_at = None
    answer = Answer(version=version, text=text, files=named, drafted_by=by, approved_by=by, answered_at=answered_at)
    _add_answer(session, case, answer)
    if not erased:
        keep_question(session, case, answer)


def recall_note(session: Session, case: Case, kind: MessageKind, text: str, *, by: str, now: datetime) -> None:
    """Keep what the Office had told of a case and forgot when it was restored: progress, or a question."""
    advance(session, case, Move.ASK if kind is MessageKind.QUESTION else Move.REPORT_PROGRESS, by=by, now=now)
    if kind is MessageKind.QUESTION:
        case.stopped_at = now
    _note(session, case, kind, text, by=by, now=now)


def _add_answer(session: Session, case: Case, answer: Answer) -> None:
    answer.case_id, answer.topic, answer.work_group = case.id, case.topic or "", case.work_group or ""
    case.answer_version = answer.version
    case.answered_at = case.answered_at or answer.answered_at
    session.add(answer)
    session.flush()


def _tell(session: Session, case: Case, answer: Answer, *, now: datetime) -> None:
    referral = referral_of(session, case)
    if referral is None:
        deliver(session, case, DeliveryKind.ANSWER, answer.text, answer_version=answer.version, now=now)
        return
    body = ReferralAnswered(
        referral_number=referral.number,
        tracking_number=referral.complaint_number,
        case_number=case.case_number,
        version=answer.version,
        text=answer.text,
        attachments=_described(session, answer.files),
        work_group=answer.work_group,
        answered_at=now,
    )
    owe(session, body, to=referral.party, subject=referral.id, now=now)


def _described(session: Session, files: Sequence[UUID]) -> tuple[Attachment, ...]:
    """The files' descriptors, in their order."""
    found = {
        file.id: Attachment(
            id=file.id, filename=file.filename, media_type=file.media_type, bytes=file.bytes, sha256=file.sha256
        )
        for file in session.scalars(sa.select(CaseFile).where(CaseFile.id.in_(files)))
    }
    return tuple(found[id_] for id_ in files)


def _note(session: Session, case: Case, kind: MessageKind, text: str, *, by: str, now: datetime) -> None:
    session.add(CaseMessage(id=uuid7(), case_id=case.id, kind=kind, text=text, by=by, at=now))


def deliver(
    session: Session, case: Case, kind: DeliveryKind, text: str, *, now: datetime, answer_version: int | None = None
) -> None:
    """What is to be told by the case's own channel, in the caller's transaction.

    The website shows it, a mail is owed; everything else somebody must send.
    """
    if kind is DeliveryKind.ANSWER:
        supersede(session, case, DeliveryKind.ANSWER)
    delivery = Delivery(
        id=uuid7(),
        case_id=case.id,
        kind=kind,
        answer_version=answer_version,
        text=text,
        channel=case.channel or "",
        state=DeliveryState.SHOWN if case.channel == Channel.WEBSITE else DeliveryState.TO_SEND,
        created_at=now,
        version=1,
    )
    session.add(delivery)
    if case.channel == Channel.EMAIL:
        owe_mail(session, about=delivery.id, now=now)


def supersede(session: Session, case: Case, *kinds: DeliveryKind) -> None:
    """Let nobody send what was not sent yet, of these kinds or of all; a mail that is owed is not written any more."""
    session.execute(
        sa.update(Delivery)
        .where(
            Delivery.case_id == case.id,
            Delivery.kind.in_(kinds or tuple(DeliveryKind)),
            Delivery.state.in_((DeliveryState.TO_SEND, DeliveryState.FAILED)),
        )
        .values(state=DeliveryState.SUPERSEDED, version=Delivery.version + 1)
    )


def record_sending(session: Session, delivery_id: UUID, *, note: str | None, by: str, now: datetime) -> Delivery:
    """Record that somebody told the complainant.

    Raises:
        DeliveryNotFound: there is no such delivery.
        NothingToSend: it was sent, shown or superseded already.
    """
    delivery = session.get(Delivery, delivery_id, with_for_update=True)
    if delivery is None:
        raise DeliveryNotFound
    if delivery.state not in {DeliveryState.TO_SEND, DeliveryState.FAILED}:
        raise NothingToSend
    delivery.state, delivery.sent_at, delivery.sent_by, delivery.note = DeliveryState.SENT, now, by, note
    delivery.version += 1
    return delivery


def record_failure(session: Session, delivery_id: UUID, *, note: str) -> Delivery:
    """Record that the complainant was not told, although a mail was sent or tried: somebody must find another way.

    Raises:
        DeliveryNotFound: there is no such delivery.
    """
    delivery = session.get(Delivery, delivery_id, with_for_update=True)
    if delivery is None:
        raise DeliveryNotFound
    if delivery.state in {DeliveryState.TO_SEND, DeliveryState.SENT}:
        delivery.state, delivery.sent_at, delivery.sent_by, delivery.note = DeliveryState.FAILED, None, None, note
        delivery.version += 1
    return delivery
