"""Ending a case of the Office's own channels without an answer, and taking it up again."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from chumchon.answering.actions import contest, start_the_clock, supersede
from chumchon.codes import ClosureReason
from chumchon.deadlines import Deadlines
from chumchon.journey import Move, State
from chumchon.records import Case
from chumchon.steps import advance, refuse_referred
from servicekit.problems import DomainError, FieldError, InvalidInput
from servicekit.words import Words

NO_ORIGINAL = Words(
    "ต้องเป็นเรื่องอื่นที่มีอยู่ และไม่ได้ยุติเพราะซ้ำ", "It must be another case, which was not closed as a duplicate itself."
)


class AtWorkInItsGroup(DomainError):
    """A work group has accepted the case, so that its head decides whether it ends."""


def close(
    session: Session,
    case: Case,
    *,
    reason_code: ClosureReason,
    reason: str,
    duplicate_of: UUID | None,
    by: str,
    heads: bool,
    deadlines: Deadlines,
    now: datetime,
) -> None:
    """End the case without an answer: nothing about it is owed to anybody any more.

    Nobody looks at it after that, so an officer of the group does not do it alone; `heads` may, once it is accepted.

    Raises:
        Referred: the Centre referred it: it is returned there.
        AtWorkInItsGroup: it was accepted, and no head closes it.
        InvalidInput: it is no duplicate of `duplicate_of`.
        MoveRefused: it is at its end already.
    """
    refuse_referred(case)
    if case.state in {State.ACCEPTED, State.AWAITING_COMPLAINANT} and not heads:
        raise AtWorkInItsGroup
    original = None if duplicate_of is None else _original(session, case, duplicate_of)
    code = reason_code if original is None else f"{reason_code} {original.case_number}"
    advance(session, case, Move.CLOSE, by=by, now=now, note=f"{code}: {reason}")
    start_the_clock(case, deadlines, now=now)
    case.closure_reason, case.duplicate_of, case.news_at = reason_code, duplicate_of, None
    supersede(session, case)


def _original(session: Session, case: Case, case_id: UUID) -> Case:
    """The case that goes on in place of this one, kept as it is until the transaction ends.

    No two cases stand for each other, not even where two people close each as the other's duplicate at once.
    """
    original = None if case_id == case.id else session.get(Case, case_id, with_for_update={"read": True})
    if original is None or original.duplicate_of is not None:
        raise InvalidInput(FieldError("/duplicate_of", "no_original", NO_ORIGINAL))
    return original


def reopen(session: Session, case: Case, *, reason: str, by: str, now: datetime) -> None:
    """Take a closed case up again: its group accepts it anew, or it waits in triage where no group had it.

    It is due when it was before: that it was closed in error does not give the Office more time.

    Raises:
        Referred: the Centre referred it, so it was never closed here.
        MoveRefused: it is not closed.
    """
    refuse_referred(case)
    move = Move.REOPEN_IN_TRIAGE if case.work_group is None else Move.REOPEN
    advance(session, case, move, by=by, now=now, note=reason)
    case.closure_reason = case.duplicate_of = case.officer = case.accepted_at = case.news_at = None


def object_to_answer(
    session: Session, case: Case, reason: str, *, by: str, deadlines: Deadlines, now: datetime
) -> None:
    """Take up what the complainant says against an answer of ours, as the Centre does for what it referred.

    Raises:
        Referred: the Centre referred it, and contests its answers itself.
        MoveRefused: it is not answered.
    """
    refuse_referred(case)
    contest(session, case, reason, by=by, deadlines=deadlines, now=now)
