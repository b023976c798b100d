"""The deadlines that are open and run, of every step, soonest first."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from center1111.codes import Step
from center1111.journey import REFERRAL_UNDER_WAY, State
from center1111.records import Complaint, Referral
from center1111.standing import ANSWER_IS_DUE, CLOCK_RUNS, is_in, standing_filters
from servicekit.database import Query

_MOMENT: Final = sa.DateTime(timezone=True)
_LIMIT: Final = sa.bindparam("limit", type_=sa.Integer)


def _of_complaints(step: Step, due_at: Any, is_due: sa.ColumnElement[bool]) -> sa.Select[Any]:  # noqa: ANN401  # a column
    return sa.select(
        Complaint.id.label("id"),
        sa.literal_column(f"'{step}'", sa.Text).label("step"),
        Complaint.id.label("complaint_id"),
        sa.cast(sa.null(), sa.Uuid).label("referral_id"),
        due_at.label("due_at"),
    ).where(is_due)


_stopped = aliased(Complaint)

# A step that is done is in none of these: what is open follows from the state, and cannot disagree with it.
_OPEN: Final[Mapping[Step, sa.Select[Any]]] = {
    Step.VERIFY: _of_complaints(
        Step.VERIFY, Complaint.verify_due_at, sa.and_(is_in(Complaint.state, [State.RECEIVED]), CLOCK_RUNS)
    ),
    Step.ANSWER: _of_complaints(Step.ANSWER, Complaint.due_at, ANSWER_IS_DUE),
    Step.REFERRAL_ANSWER: sa.select()
    .add_columns(
        Referral.id.label("id"),
        sa.literal_column(f"'{Step.REFERRAL_ANSWER}'", sa.Text).label("step"),
        Referral.complaint_id,
        Referral.id.label("referral_id"),
        Referral.due_at,
    )
    .where(
        is_in(Referral.state, REFERRAL_UNDER_WAY),
        # The few whose clock stands still are found by their index; joined to its complaint, each would be looked up.
        ~sa.exists().where(_stopped.id == Referral.complaint_id, _stopped.clock_stopped_at.is_not(None)),
    ),
    Step.TELL: _of_complaints(
        Step.TELL,
        Complaint.tell_due_at,
        sa.and_(is_in(Complaint.state, [State.ANSWERED]), Complaint.told_at.is_(None)),
    ),
}


def open_deadlines(steps: frozenset[Step]) -> sa.Subquery:
    """Rows of `id` (of the complaint or the referral), `step`, `complaint_id`, `referral_id`, `due_at`."""
    return sa.union_all(*(_OPEN[step] for step in Step if step in steps)).subquery("open")


def list_deadlines(
    session: Session, steps: frozenset[Step], wanted: Mapping[str, Any], *, after: Sequence[Any] | None, limit: int
) -> list[Any]:
    """At most `limit` open deadlines of `steps` that match `wanted`, the soonest due first, after the position `after`.

    `wanted` are values of `standing.standing_values`.
    """
    position = {} if after is None else dict(zip(("after_due_at", "after_id", "after_step"), after, strict=True))
    return _list(steps, frozenset(wanted), after is not None).all(session, **wanted, **position, limit=limit)


def count_deadlines(session: Session, steps: frozenset[Step], wanted: Mapping[str, Any]) -> int:
    """How many match."""
    return int(_count(steps, frozenset(wanted)).scalar(session, **wanted) or 0)


@lru_cache(maxsize=256)
def _list(steps: frozenset[Step], names: frozenset[str], continued: bool) -> Query:  # a part of the cache's key
    place = ("due_at", "id", "step")
    # Each part gives its own first rows in the order of its index; of all together PostgreSQL would read every one.
    first = sa.union_all(*(_first(step, names, continued) for step in Step if step in steps)).subquery("first")
    page = sa.select(first).order_by(*(first.c[name] for name in place)).limit(_LIMIT).subquery("page")
    return Query(
        sa.select(
            page,
            Complaint.tracking_number,
            Complaint.state,
            Complaint.channel,
            Complaint.kind,
            Complaint.subject,
            Referral.number.label("referral_number"),
            Referral.to.label("agency"),
        )
        .join(Complaint, Complaint.id == page.c.complaint_id)
        .outerjoin(Referral, Referral.id == page.c.referral_id)
        .order_by(*(page.c[name] for name in place))
    )


def _first(step: Step, names: frozenset[str], continued: bool) -> sa.Select[Any]:  # as above
    found = _OPEN[step].subquery("found")
    statement = sa.select(found).where(*_conditions(found, names)).order_by(found.c.due_at, found.c.id)
    if continued:
        after_due_at = sa.bindparam("after_due_at", type_=_MOMENT)
        position = sa.tuple_(
            after_due_at, sa.bindparam("after_id", type_=sa.Uuid), sa.bindparam("after_step", type_=sa.Text)
        )
        # The first column alone, too, for the index.
        statement = statement.where(
            sa.tuple_(found.c.due_at, found.c.id, found.c.step) > position, found.c.due_at >= after_due_at
        )
    return statement.limit(_LIMIT)


@lru_cache(maxsize=256)
def _count(steps: frozenset[Step], names: frozenset[str]) -> Query:
    found = open_deadlines(steps)
    return Query(sa.select(sa.func.count()).select_from(found).where(*_conditions(found, names)))


def _conditions(found: sa.Subquery, names: frozenset[str]) -> list[sa.ColumnElement[bool]]:
    filters = standing_filters(found.c.due_at, sa.true())
    return [filters[name](name) for name in sorted(names)]
