"""Verifying, refusing and referring many complaints at once, each with its own result, and a preview that is exact.

Each complaint is done in a savepoint: one that cannot be done leaves the others alone. A dry run does the very same and
then takes all of it back, so what it shows is what would happen now.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Final
from uuid import UUID

import sqlalchemy as sa
from fastapi import Request
from pydantic import AfterValidator, ConfigDict, Field
from sqlalchemy.orm import Session

from center1111.deadlines import Due
from center1111.journey import State
from center1111.records import Complaint
from center1111.referrals.actions import refer
from center1111.referrals.routes import Agencies, NewReferral
from center1111.roles import CaseOfficer, Verifier
from center1111.steps import ChangedSince
from center1111.verification.actions import verify
from center1111.verification.routes import NewVerification, RequiredChecks
from servicekit.clock import Now
from servicekit.fields import Body, View, refused
from servicekit.problems import DomainError, ProblemView, VersionMismatch, problem_of
from servicekit.routes import Router, Transaction
from servicekit.versions import Versions
from servicekit.words import Words

router = Router(tags=["complaints"])

AT_ONCE: Final = 100


class Chosen(Body):
    """One of the complaints; with its version it is only done if nobody has changed it since."""

    id: UUID
    version: int | None = Field(None, ge=1, strict=True)


def _once_each(chosen: tuple[Chosen, ...]) -> tuple[Chosen, ...]:
    if not chosen:
        raise refused("required", Words("ระบุอย่างน้อยหนึ่งเรื่อง", "At least one complaint is named."))
    if len({one.id for one in chosen}) < len(chosen):
        raise refused("complaint_twice", Words("มีเรื่องซ้ำในรายการ", "A complaint stands in the list twice."))
    return chosen


Complaints = Annotated[tuple[Chosen, ...], Field(max_length=AT_ONCE), AfterValidator(_once_each)]
DryRun = Annotated[bool, Field(strict=True, description="Show what would happen, and change nothing.")]


class BulkVerification(NewVerification):
    """The same outcome for many complaints."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "outcome": "accepted",
                    "complaints": [{"id": "019a5f0e-7c00-7000-8000-000000000001", "version": 1}],
                    "dry_run": True,
                }
            ]
        }
    )

    complaints: Complaints
    dry_run: DryRun = False


class BulkReferral(NewReferral):
    """The same agency and question for many complaints."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "to": "chumchon",
                    "question": "ขอทราบกำหนดโอนเงินงวดที่สองของแต่ละชุมชน",
                    "complaints": [{"id": "019a5f0e-7c00-7000-8000-000000000001", "version": 2}],
                    "dry_run": True,
                }
            ]
        }
    )

    complaints: Complaints
    dry_run: DryRun = False


class Result(View):
    """What became of one complaint: its state before and after, or why it could not be done."""

    id: UUID
    tracking_number: str | None = Field(description="null when there is no such complaint.")
    state_before: State | None
    state_after: State | None
    problem: ProblemView | None


class Results(View):
    """One result for each complaint, in the order asked for."""

    dry_run: bool
    done: int
    refused: int
    results: list[Result]


@router.post("/complaints/bulk-verification", summary="Accept or refuse many complaints")
def post_bulk_verification(
    new: BulkVerification,
    *,
    session: Transaction,
    now: Now,
    required: RequiredChecks,
    actor: Verifier,
    request: Request,
) -> Results:
    """At most 100. Those that cannot be done are told, and the others are done."""

    def do(complaint_id: UUID, wanted: Versions) -> None:
        verify(
            session,
            complaint_id,
            ground=new.ground,
            note=new.note,
            required=required,
            wanted=wanted,
            by=actor.subject,
            now=now,
        )

    return _each(session, request, new.complaints, do, dry_run=new.dry_run)


@router.post("/complaints/bulk-referral", summary="Refer many complaints to an agency")
def post_bulk_referral(
    new: BulkReferral,
    *,
    session: Transaction,
    now: Now,
    due: Due,
    agencies: Agencies,
    actor: CaseOfficer,
    request: Request,
) -> Results:
    """At most 100, each a referral of its own with the same question."""

    def do(complaint_id: UUID, wanted: Versions) -> None:
        refer(
            session,
            complaint_id,
            to=new.to,
            question=new.question,
            insist=new.insist,
            known=agencies,
            wanted=wanted,
            deadlines=due,
            by=actor.subject,
            now=now,
        )

    return _each(session, request, new.complaints, do, dry_run=new.dry_run)


def _each(
    session: Session,
    request: Request,
    chosen: Sequence[Chosen],
    do: Callable[[UUID, Versions], None],
    *,
    dry_run: bool,
) -> Results:
    everything = session.begin_nested()
    # Locked in one order, whatever the order asked for, so that two of these at once cannot wait for each other.
    done = {one.id: _one(session, request, one, do) for one in sorted(chosen, key=lambda one: one.id)}
    if dry_run:
        everything.rollback()
    results = [done[one.id] for one in chosen]
    refusals = sum(result.problem is not None for result in results)
    return Results(dry_run=dry_run, done=len(results) - refusals, refused=refusals, results=results)


def _one(session: Session, request: Request, chosen: Chosen, do: Callable[[UUID, Versions], None]) -> Result:
    before = _state(session, chosen.id)
    try:
        with session.begin_nested():
            do(chosen.id, None if chosen.version is None else frozenset({chosen.version}))
    except VersionMismatch:
        return _result(chosen, before, None, problem_of(request, ChangedSince()))
    except DomainError as error:
        return _result(chosen, before, None, problem_of(request, error))
    return _result(chosen, before, _state(session, chosen.id), None)


def _state(session: Session, complaint_id: UUID) -> tuple[str, State] | None:
    row = session.execute(
        sa.select(Complaint.tracking_number, Complaint.state).where(Complaint.id == complaint_id)
    ).one_or_none()
    return None if row is None else (row.tracking_number, row.state)


def _result(
    chosen: Chosen, before: tuple[str, State] | None, after: tuple[str, State] | None, problem: ProblemView | None
) -> Result:
    return Result(
        id=chosen.id,
        tracking_number=before[0] if before else None,
        state_before=before[1] if before else None,
        state_after=after[1] if after else None,
        problem=problem,
    )
