"""What every stage does with a case: see whether it may, lock it, move it, and write its history."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon import journey
from chumchon.journey import ENDED, Move, MoveNotAllowed, Origin, State, moves_of_people
from chumchon.records import Case, HistoryEntry, Referral
from servicekit.identity import Actor
from servicekit.problems import DomainError
from servicekit.versions import Versions, check_version

REGISTRAR = "registrar"
GROUP_OFFICER = "group_officer"
GROUP_HEAD = "group_head"
DIRECTOR = "director"
AUDITOR = "auditor"
OPERATOR = "operator"
AGENCY_CLIENT = "agency_client"

SEE_ALL = (REGISTRAR, DIRECTOR, AUDITOR)
OFFICERS = (REGISTRAR, GROUP_OFFICER, GROUP_HEAD, DIRECTOR, AUDITOR)
"""Those who read cases; a group's people only their group's."""


class CaseNotFound(DomainError):
    """There is no such case, or the caller may not know of it."""


class Erased(DomainError):
    """The case's personal data are erased; it stays as it is."""


class MoveRefused(DomainError):
    """The case's state does not allow what was asked."""

    def __init__(self, case: Case, move: Move) -> None:
        possible = ", ".join(moves_for(case))
        super().__init__(f"A case that is {case.state} cannot {move}.", state=case.state, move=move, possible=possible)


class Referred(DomainError):
    """The Centre referred the case, and has the last word on it."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Which cases somebody may see: all, those of one work group, or those that one agency filed."""

    everything: bool
    work_group: str | None
    client_id: str | None

    @property
    def from_outside(self) -> bool:
        """Whether it is an agency's, who follows a case but reads nothing of the Office's own work on it."""
        return self.client_id is not None

    def includes(self, *, work_group: str | None, client_id: str | None) -> bool:
        """Whether a case of this work group, filed by this agency, is to be seen."""
        return (
            self.everything
            or (self.work_group is not None and self.work_group == work_group)
            or (self.client_id is not None and self.client_id == client_id)
        )


EVERYTHING = Sight(everything=True, work_group=None, client_id=None)
"""The sight of the exchange, which brings what the Centre says of its own referrals."""


def sight_of(actor: Actor) -> Sight:
    """What an actor may see."""
    return Sight(
        everything=actor.has(*SEE_ALL),
        work_group=actor.work_group if actor.has(GROUP_OFFICER, GROUP_HEAD) else None,
        client_id=actor.client_id if actor.is_agency_client else None,
    )


def case_to_change(session: Session, case_id: UUID, *, sight: Sight = EVERYTHING, versions: Versions = None) -> Case:
    """The case, locked until the transaction ends.

    Raises:
        CaseNotFound: there is none, or not in `sight`.
        Erased: its personal data are erased.
        VersionMismatch: it is not at one of `versions` any more.
    """
    case = locked_case(session, case_id)
    if not sight.includes(work_group=case.work_group, client_id=case.client_id):
        raise CaseNotFound
    if case.erased_at is not None:
        raise Erased
    check_version(case.version, versions)
    return case


def locked_case(session: Session, case_id: UUID) -> Case:
    """The case, erased or not, locked until the transaction ends.

    Raises:
        CaseNotFound: there is none.
    """
    case = session.get(Case, case_id, with_for_update=True)
    if case is None:
        raise CaseNotFound
    return case


def is_erased(session: Session, case_id: UUID) -> bool:
    """Whether the case's personal data are erased."""
    return session.scalar(sa.select(Case.erased_at).where(Case.id == case_id)) is not None


def advance(session: Session, case: Case, move: Move, *, by: str, now: datetime, note: str | None = None) -> None:
    """Move the case and write its history, in the caller's transaction.

    Raises:
        MoveRefused: its state does not allow it.
    """
    before = State(case.state)
    case.state = state_after(case, move)
    case.version += 1
    session.add(
        HistoryEntry(case_id=case.id, at=now, by=by, action=move, from_state=before, to_state=case.state, note=note)
    )


def state_after(case: Case, move: Move) -> State:
    """Where a move would lead the case.

    Raises:
        MoveRefused: its state does not allow it.
    """
    try:
        return journey.after(State(case.state), move)
    except MoveNotAllowed as error:
        raise MoveRefused(case, move) from error


def moves_for(case: Case) -> tuple[Move, ...]:
    """What a person can do with the case as it stands, each in its own role."""
    return moves_of_people(State(case.state), Origin(case.origin), in_triage=case.work_group is None)


def ends_for(case: Case) -> tuple[Move, ...]:
    """By which of these a person can bring an open case to its end."""
    return tuple(move for move in moves_for(case) if journey.after(State(case.state), move) in ENDED)


def refuse_referred(case: Case) -> None:
    """See that the case came by a channel of our own.

    Raises:
        Referred: the Centre referred it.
    """
    if case.origin == Origin.REFERRAL:
        raise Referred


def tell_who_works_on_it(case: Case, *, by: str, now: datetime) -> None:
    """Mark the case as one about which something has come in, until who works on it says that they read it.

    Before a group has accepted it there is nobody to be told: who accepts it reads all of it. What is closed nobody is
    to accept, so that it is marked all the same: the complainant may have a word on that.
    """
    if (case.accepted_at is not None or case.state == State.CLOSED) and case.news_at is None and by != case.officer:
        case.news_at = now


def referral_of(session: Session, case: Case) -> Referral | None:
    """The referral by which the case came; None for a case of a channel of our own."""
    return session.scalar(sa.select(Referral).where(Referral.case_id == case.id))
