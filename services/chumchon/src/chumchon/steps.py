"""What every stage does with a case: see whether it may, lock it, move it, and write its history."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon import journey
from chumchon.journey import Move, MoveNotAllowed, State, moves_from
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

    def __init__(self, state: State, move: Move) -> None:
        possible = ", ".join(moves_from(state))
        super().__init__(f"A case that is {state} cannot {move}.", state=state, move=move, possible=possible)


@dataclass(frozen=True, slots=True)
class Sight:
    """Which cases somebody may see: all, those of one work group, or those that one agency filed."""

    everything: bool
    work_group: str | None
    client_id: str | None

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
    try:
        case.state = journey.after(before, move)
    except MoveNotAllowed as error:
        raise MoveRefused(error.state, error.move) from error
    case.version += 1
    session.add(
        HistoryEntry(case_id=case.id, at=now, by=by, action=move, from_state=before, to_state=case.state, note=note)
    )


def tell_who_works_on_it(case: Case, *, by: str, now: datetime) -> None:
    """Mark the case as one about which something has come in, until who works on it says that they read it.

    Before a group has accepted it there is nobody to be told: who accepts it reads all of it.
    """
    if case.accepted_at is not None and case.news_at is None and by != case.officer:
        case.news_at = now


def referral_of(session: Session, case: Case) -> Referral | None:
    """The referral by which the case came; None for a case of a channel of our own."""
    return session.scalar(sa.select(Referral).where(Referral.case_id == case.id))
