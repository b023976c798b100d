"""Referring a complaint to an agency, taking in what the agency says of it, and telling it what changes."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

import schemas
from center1111 import agencies, complainants, steps, tellings
from center1111.codes import AnswerOrigin
from center1111.deadlines import Deadlines
from center1111.journey import Move, ReferralMove, ReferralState, ReopeningState, State
from center1111.records import Answer, Complaint, HistoryEntry, Referral
from center1111.referrals.mails import owe_question
from schemas import ReturnReason
from servicekit.ids import uuid7
from servicekit.problems import DomainError, FieldError, InvalidInput
from servicekit.versions import Versions
from servicekit.words import Words

_UNKNOWN_AGENCY: Final = FieldError(
    "/to",
    "unknown_agency",
    Words("ไม่ใช่หน่วยงานที่เชื่อมต่อกับศูนย์", "It is not the code of an agency that the Centre exchanges with."),
)


RETURNS_BEFORE_INSISTING: Final = 2
"""Who refers a returned complaint anew has read the return, and insists; after so many it goes round in circles."""


class ReturnedBefore(DomainError):
    """This agency has returned the complaint again and again; it is sent there once more only if a person says so."""


class AnswerSuperseded(DomainError):
    """A later or the same version of the answer is on record."""


def refer(
    session: Session,
    complaint_id: UUID,
    *,
    to: str,
    question: str,
    insist: bool,
    known: Collection[str],
    wanted: Versions,
    deadlines: Deadlines,
    by: str,
    now: datetime,
) -> tuple[Complaint, Referral]:
    """Record the referral and owe the agency its message, in the caller's transaction.

    Raises:
        InvalidInput: `to` is none of the `known` agencies.
        ReturnedBefore: it returned this complaint twice or more, and nobody insists.
        ComplaintNotFound, VersionMismatch, MoveNotAllowed: as `steps` tells.
    """
    if to not in known:
        raise InvalidInput(_UNKNOWN_AGENCY)
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.REFER, by=by, now=now, note=question)
    earlier = session.scalars(
        sa.select(Referral).where(Referral.complaint_id == complaint_id).order_by(Referral.ordinal)
    ).all()
    returns = sum(one.to == to and one.state is ReferralState.RETURNED for one in earlier)
    if returns >= RETURNS_BEFORE_INSISTING and not insist:
        raise ReturnedBefore(agency=to)
    ordinal = len(earlier) + 1
    referral = Referral(
        id=uuid7(),
        complaint_id=complaint_id,
        ordinal=ordinal,
        number=f"{complaint.tracking_number}/{ordinal}",
        to=to,
        question=question,
        state=ReferralState.QUEUED,
        referred_at=now,
        referred_by=by,
        due_at=deadlines.referral_due(now),
        changed_at=now,
    )
    session.add(referral)
    session.flush()
    session.add(
        HistoryEntry(
            id=uuid7(),
            complaint_id=complaint_id,
            referral_id=referral.id,
            at=now,
            by=by,
            move=ReferralMove.SEND,
            to_state=ReferralState.QUEUED,
            note=question,
        )
    )
    complainant = agencies.complainant_of(session, complaint)
    record = _record(complaint, complainant, referral, earlier, agencies.attachments(session, complaint_id))
    agencies.owe_to_agency(session, referral, record, now=now)
    return complaint, referral


def withdraw_referral(
    session: Session,
    referral_id: UUID,
    *,
    reason: str,
    wanted: Versions,
    deadlines: Deadlines,
    by: str,
    now: datetime,
) -> Referral:
    """Take the complaint back from the agency before it has answered.

    Raises:
        ReferralNotFound, VersionMismatch, MoveNotAllowed: as `steps` tells.
    """
    complaint, referral = steps.referral_to_change(session, referral_id, wanted)
    agencies.withdraw(session, complaint, referral, reason=reason, deadlines=deadlines, by=by, now=now)
    return referral


def contest_answer(
    session: Session,
    referral_id: UUID,
    *,
    reason: str,
    wanted: Versions,
    deadlines: Deadlines,
    by: str,
    now: datetime,
) -> Referral:
    """Tell the agency why the complainant does not accept its answer; the complaint is with it again.

    As after any reopening, the limits begin anew, what was not told yet of the answer is told no more, and a
    complainant's request is granted.

    Raises:
        ReferralNotFound, VersionMismatch, MoveNotAllowed: as `steps` tells.
    """
    complaint, referral = steps.referral_to_change(session, referral_id, wanted)
    steps.advance_referral(session, referral, ReferralMove.CONTEST, by=by, now=now, note=reason)
    referral.due_at = deadlines.referral_due(now)
    if complaint.state is not State.VERIFIED:
        steps.advance(session, complaint, Move.REOPEN, by=by, now=now, note=reason)
        complaint.closed_at = None
        complaint.due_at = deadlines.answer_due(now)
        tellings.call_off(session, complaint.id, now=now)
        complainants.decide_on_request(session, complaint.id, ReopeningState.GRANTED, decision=reason, by=by, now=now)
    steps.advance(session, complaint, Move.REFER, by=by, now=now, note=reason)
    body = schemas.ReferralContested(
        **agencies.numbers(complaint, referral), reason=reason, answer_version=referral.answer_version
    )
    agencies.owe_to_agency(session, referral, body, now=now)
    return referral


def amend_referral(
    session: Session,
    referral_id: UUID,
    *,
    information: str,
    wanted: Versions,
    deadlines: Deadlines,
    by: str,
    now: datetime,
) -> Referral:
    """Tell the agency what has become known since; it answers an open question of the agency.

    Raises:
        ReferralNotFound, VersionMismatch, MoveNotAllowed: as `steps` tells.
    """
    complaint, referral = steps.referral_to_change(session, referral_id, wanted)
    agencies.amend(session, complaint, referral, information=information, deadlines=deadlines, by=by, now=now)
    return referral


def record_acceptance(
    session: Session,
    referral_id: UUID,
    *,
    agency: str,
    case_number: str,
    work_group: str,
    topic: str,
    due_at: datetime,
    deadlines: Deadlines,
    now: datetime,
) -> None:
    """The agency has taken the referral on; when it reroutes the case, it says so again with another group.

    Raises:
        ReferralNotFound, MoveNotAllowed: as `steps` tells.
    """
    complaint, referral = steps.referral_to_change(session, referral_id, to=agency)
    agencies.advance(
        session, complaint, referral, ReferralMove.ACCEPT, deadlines=deadlines, by=agency, now=now, note=case_number
    )
    referral.accepted_at = referral.accepted_at or now
    referral.case_number = case_number
    referral.work_group = complaint.work_group = work_group
    referral.topic = topic
    referral.agency_due_at = due_at
    complaint.changed_at = now


def record_return(
    session: Session,
    referral_id: UUID,
    *,
    agency: str,
    reason: ReturnReason,
    note: str | None,
    suggested_owner: str | None,
    deadlines: Deadlines,
    now: datetime,
) -> None:
    """The agency hands the referral back; the complaint is the Centre's again.

    Raises:
        ReferralNotFound, MoveNotAllowed: as `steps` tells.
    """
    complaint, referral = steps.referral_to_change(session, referral_id, to=agency)
    why = reason if note is None else f"{reason}: {note}"
    agencies.advance(
        session, complaint, referral, ReferralMove.RETURN, deadlines=deadlines, by=agency, now=now, note=why
    )
    referral.returned_at = now
    referral.return_reason = reason
    referral.return_note = note
    referral.suggested_owner = suggested_owner
    steps.advance(session, complaint, Move.TAKE_BACK, by=agency, now=now, note=why)
    complaint.work_group = None


def record_progress(
    session: Session, referral_id: UUID, *, agency: str, text: str, deadlines: Deadlines, now: datetime
) -> None:
    """The agency's interim answer: the legal interim report, so the limits to answer begin anew.

    Source: the deadline settings. Where the clock stands, they begin from the moment at which it was stopped.

    Raises:
        ReferralNotFound, MoveNotAllowed: as `steps` tells.
    """
    complaint, referral = steps.referral_to_change(session, referral_id, to=agency)
    agencies.advance(
        session, complaint, referral, ReferralMove.PROGRESS, deadlines=deadlines, by=agency, now=now, note=text
    )
    reported_at = complaint.clock_stopped_at or now
    complaint.due_at = max(complaint.due_at, deadlines.answer_due(reported_at))
    referral.due_at = max(referral.due_at, deadlines.referral_due(reported_at))
    complaint.changed_at = now


def record_question(
    session: Session, referral_id: UUID, *, agency: str, question: str, deadlines: Deadlines, now: datetime
) -> None:
    """What the agency must still know from the complainant: the clock stands still until an amendment tells it.

    The complainant sees the question online, and is sent it by mail if they left an address.

    Raises:
        ReferralNotFound, MoveNotAllowed: as `steps` tells.
    """
    complaint, referral = steps.referral_to_change(session, referral_id, to=agency)
    agencies.advance(
        session, complaint, referral, ReferralMove.ASK, deadlines=deadlines, by=agency, now=now, note=question
    )
    complaint.changed_at = now
    owe_question(session, complaint, referral, now=now)


def record_answer(
    session: Session,
    referral_id: UUID,
    *,
    agency: str,
    case_number: str,
    version: int,
    text: str,
    work_group: str,
    answered_at: datetime,
    deadlines: Deadlines,
    now: datetime,
) -> None:
    """The agency's answer, or a later version of it, becomes the complaint's answer, and is to be told.

    What was told of an earlier version stays on record as told; the telling of this one says that it corrects it.

    Raises:
        AnswerSuperseded: this version, or a later one, is on record.
        ReferralNotFound, MoveNotAllowed: as `steps` tells.
    """
    complaint, referral = steps.referral_to_change(session, referral_id, to=agency)
    if version <= (referral.answer_version or 0):
        raise AnswerSuperseded(version=version)
    told = complaint.told_at is not None and referral.answer_version is not None
    note = f"แทนคำตอบฉบับที่ {referral.answer_version} ซึ่งแจ้งผู้ร้องไปแล้ว ต้องแจ้งอีกครั้ง" if told else None
    agencies.advance(
        session, complaint, referral, ReferralMove.ANSWER, deadlines=deadlines, by=agency, now=now, note=note
    )
    referral.case_number = case_number
    referral.work_group = work_group
    referral.answered_at = answered_at
    referral.answer_version = version
    given = Answer(
        id=uuid7(),
        complaint_id=complaint.id,
        version=steps.next_answer_version(session, complaint.id),
        origin=AnswerOrigin.REFERRAL,
        text=text,
        answered_at=answered_at,
        answered_by=agency,
        recorded_at=now,
        referral_id=referral_id,
        referral_version=version,
        work_group=work_group,
    )
    session.add(given)
    if complaint.state is State.REFERRED:
        steps.advance(session, complaint, Move.RECORD_ANSWER, by=agency, now=now)
    complaint.changed_at = now
    complaint.answered_at = answered_at
    complaint.answer_origin = AnswerOrigin.REFERRAL
    complaint.tell_due_at = deadlines.tell_due(now)
    complaint.told_at = None
    complaint.work_group = work_group
    session.flush()
    if complaint.state in {State.ANSWERED, State.CLOSED}:
        tellings.owe_telling(session, complaint, given, now=now)


def _record(
    complaint: Complaint,
    complainant: schemas.Complainant | None,
    referral: Referral,
    earlier: Sequence[Referral],
    attachments: tuple[schemas.Attachment, ...],
) -> schemas.ReferralSent:
    place = agencies.place_of(complaint)
    return schemas.ReferralSent(
        referral_number=referral.number,
        tracking_number=complaint.tracking_number,
        channel=complaint.channel,
        kind=complaint.kind,
        subject=complaint.subject,
        details=complaint.details,
        place=place if place != schemas.Place() else None,
        confidential=complaint.confidential,
        complainant=complainant,
        received_at=complaint.received_at,
        due_at=referral.due_at,
        question=referral.question,
        attachments=attachments,
        path=tuple(
            schemas.EarlierReferral(
                referral_number=one.number,
                to=one.to,
                referred_at=one.referred_at,
                returned_at=one.returned_at,
                reason=one.return_reason,
                note=one.return_note,
            )
            for one in earlier
        ),
    )
