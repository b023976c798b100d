"""What every stage does with a complaint: lock it, move it as the journey allows, and write its history."""

from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from center1111.journey import (
    MOVES,
    REFERRAL_MOVES,
    UNANSWERED,
    Move,
    ReferralMove,
    possible_moves,
    possible_referral_moves,
)
from center1111.records import Answer, ClockStop, Complaint, HistoryEntry, Referral
from servicekit.ids import uuid7
from servicekit.problems import DomainError
from servicekit.versions import Versions, check_version

PARTY: Final = "center1111"
"""This party's code in the exchange, and the audience of its tokens."""


RECOVERY: Final = "recovery"
"""Who did it, in the history: the Centre's own messages, learnt again after a restore."""


class ComplaintNotFound(DomainError):
    """There is no such complaint, or none that the caller may see."""


class ChangedSince(DomainError):
    """Of many complaints this one is no longer as the list showed it."""


class ReferralNotFound(DomainError):
    """There is no such referral."""


class Erased(DomainError):
    """The complaint's personal data are erased; it stays as it is."""


class MoveNotAllowed(DomainError):
    """What was asked cannot be done in the present state."""


def complaint_to_change(session: Session, complaint_id: UUID, wanted: Versions = None) -> Complaint:
    """The complaint, locked until the transaction ends.

    Raises:
        ComplaintNotFound: there is none.
        Erased: its personal data are erased.
        VersionMismatch: it is not at one of the versions that the caller wants.
    """
    found = locked_complaint(session, complaint_id)
    if found.erased_at is not None:
        raise Erased
    check_version(found.version, wanted)
    return found


def locked_complaint(session: Session, complaint_id: UUID) -> Complaint:
    """The complaint, erased or not, locked until the transaction ends.

    Raises:
        ComplaintNotFound: there is none.
    """
    found = session.scalar(sa.select(Complaint).where(Complaint.id == complaint_id).with_for_update())
    if found is None:
        raise ComplaintNotFound
    return found


def referral_to_change(
    session: Session, referral_id: UUID, wanted: Versions = None, *, to: str | None = None
) -> tuple[Complaint, Referral]:
    """The referral and its complaint, both locked; the complaint first, as everywhere.

    Raises:
        ReferralNotFound: there is none, or none that was sent `to` that party.
        VersionMismatch: it is not at one of the versions that the caller wants.
    """
    sent = sa.select(Referral.complaint_id).where(Referral.id == referral_id)
    complaint_id = session.scalar(sent if to is None else sent.where(Referral.to == to))
    if complaint_id is None:
        raise ReferralNotFound
    complaint = complaint_to_change(session, complaint_id)
    referral = session.scalars(sa.select(Referral).where(Referral.id == referral_id).with_for_update()).one()
    check_version(referral.version, wanted)
    return complaint, referral


def advance(
    session: Session, complaint: Complaint, move: Move, *, by: str, now: datetime, note: str | None = None
) -> None:
    """Move the complaint and write it down.

    Raises:
        MoveNotAllowed: the journey knows no such move from its state.
    """
    before = complaint.state
    after = MOVES.get((before, move))
    if after is None:
        raise MoveNotAllowed(state=before, move=move, possible=", ".join(possible_moves(before)) or "-")
    complaint.state = after
    complaint.changed_at = now
    if complaint.clock_stopped_at is not None and after not in UNANSWERED:
        end_clock_stop(session, complaint, by=by, now=now)
    session.add(
        HistoryEntry(
            id=uuid7(),
            complaint_id=complaint.id,
            at=now,
            by=by,
            move=move,
            from_state=before,
            to_state=after,
            note=note,
        )
    )


def end_clock_stop(
    session: Session, complaint: Complaint, *, by: str, now: datetime, working_days: int | None = None
) -> None:
    """End the stop of the complaint's clock; `working_days` is by how many its deadlines were moved, if any is open."""
    complaint.clock_stopped_at = None
    ending = (
        sa.update(ClockStop)
        .where(ClockStop.complaint_id == complaint.id, ClockStop.restarted_at.is_(None))
        .values(restarted_at=now, restarted_by=by, working_days=working_days)
    )
    with session.no_autoflush:  # a complaint in the middle of a move would not pass the table's checks
        session.execute(ending)


def complainant_told(complaint: Complaint, *, now: datetime) -> None:
    """The complainant has been told the answer: what was due by `tell_due_at` is done."""
    complaint.told_at = now


def advance_referral(
    session: Session, referral: Referral, move: ReferralMove, *, by: str, now: datetime, note: str | None = None
) -> None:
    """Move the referral and write it down in its complaint's history.

    Raises:
        MoveNotAllowed: the journey knows no such move from its state.
    """
    before = referral.state
    after = REFERRAL_MOVES.get((before, move))
    if after is None:
        raise MoveNotAllowed(state=before, move=move, possible=", ".join(possible_referral_moves(before)) or "-")
    referral.state = after
    referral.changed_at = now
    session.add(
        HistoryEntry(
            id=uuid7(),
            complaint_id=referral.complaint_id,
            referral_id=referral.id,
            at=now,
            by=by,
            move=move,
            from_state=before,
            to_state=after,
            note=note,
        )
    )


def next_answer_version(session: Session, complaint_id: UUID) -> int:
    """The number of the next version of the answer to a complaint, which is locked."""
    last = session.scalar(sa.select(sa.func.max(Answer.version)).where(Answer.complaint_id == complaint_id))
    return (last or 0) + 1
