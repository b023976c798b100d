"""Tellings of answers as lists show them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased

from center1111.codes import Means
from center1111.fields import WITHHELD
from center1111.journey import DeliveryState
from center1111.records import Answer, Complainant, Complaint, Delivery
from servicekit.database import Query
from servicekit.fields import Versioned

_TEXTS: Final = ARRAY(sa.Text)


class DeliveryView(Versioned):
    """The telling of one version of an answer by one means."""

    id: UUID
    complaint_id: UUID
    tracking_number: str
    subject: str
    answer_version: int
    means: Means
    state: DeliveryState
    corrects: bool = Field(description="Whether the complainant was told an earlier version of the answer before.")
    superseded: bool = Field(description="Whether there is a later version of the answer than this one.")
    title: str | None
    first_name: str | None
    last_name: str | None
    reached_at: str | None = Field(description="The address, e-mail address or telephone number that the means needs.")
    owed_at: datetime
    changed_at: datetime
    told_at: datetime | None
    told_by: str | None = Field(description="An officer, `mail`, or `website`.")
    note: str | None
    last_problem: str | None = Field(description="Why it failed; of a mail server's reply its codes alone.")


_later = aliased(Answer)
_superseded = sa.exists().where(_later.complaint_id == Answer.complaint_id, _later.version > Answer.version)
_reached_at = sa.case(
    (Delivery.means == Means.LETTER, Complainant.address),
    (Delivery.means == Means.EMAIL, Complainant.email),
    (
        Delivery.means == Means.TELEPHONE,
        sa.func.coalesce(Complainant.phone, sa.func.nullif(Complaint.evidence["caller_number"].astext, WITHHELD)),
    ),
)
_SHOWN: Final = (
    *(
        getattr(Delivery, name)
        for name in (
            "id",
            "version",
            "complaint_id",
            "means",
            "state",
            "corrects",
            "owed_at",
            "changed_at",
            "told_at",
            "told_by",
            "note",
            "last_problem",
        )
    ),
    Complaint.tracking_number,
    Complaint.subject,
    Answer.version.label("answer_version"),
    _superseded.label("superseded"),
    Complainant.title,
    Complainant.first_name,
    Complainant.last_name,
    _reached_at.label("reached_at"),
)
_SELECT: Final = (
    sa.select(*_SHOWN)
    .join(Answer, Answer.id == Delivery.answer_id)
    .join(Complaint, Complaint.id == Delivery.complaint_id)
    .outerjoin(Complainant, Complainant.complaint_id == Delivery.complaint_id)
)
_ONE: Final = Query(_SELECT.where(Delivery.id == sa.bindparam("id", type_=sa.Uuid)))

FILTERS: Final[Mapping[str, Callable[[str], sa.ColumnElement[bool]]]] = {
    "state": lambda name: sa.type_coerce(Delivery.state, sa.Text) == sa.any_(sa.bindparam(name, type_=_TEXTS)),
    "means": lambda name: sa.type_coerce(Delivery.means, sa.Text) == sa.any_(sa.bindparam(name, type_=_TEXTS)),
    "complaint": lambda name: Delivery.complaint_id == sa.bindparam(name, type_=sa.Uuid),
    "superseded": lambda name: _superseded == sa.bindparam(name, type_=sa.Boolean),
}


def read_delivery(session: Session, delivery_id: UUID) -> DeliveryView | None:
    """One telling; None where there is none."""
    row = _ONE.first(session, id=delivery_id)
    return None if row is None else DeliveryView.model_validate(row)


def list_deliveries(
    session: Session, wanted: Mapping[str, Any], *, after: Sequence[Any] | None, limit: int
) -> list[Any]:
    """At most `limit` tellings that match all of `wanted` (keys of `FILTERS`), the one owed longest first."""
    position = {} if after is None else {"after_at": after[0], "after_id": after[1]}
    return _list(frozenset(wanted), after is not None).all(session, **wanted, **position, limit=limit)


def count_deliveries(session: Session, wanted: Mapping[str, Any]) -> int:
    """How many tellings match."""
    return int(_count(frozenset(wanted)).scalar(session, **wanted) or 0)


@lru_cache(maxsize=64)
def _list(names: frozenset[str], continued: bool) -> Query:  # a part of the cache's key
    statement = (
        _SELECT.where(*_conditions(names))
        .order_by(Delivery.owed_at, Delivery.id)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )
    if continued:
        position = sa.tuple_(
            sa.bindparam("after_at", type_=sa.DateTime(timezone=True)), sa.bindparam("after_id", type_=sa.Uuid)
        )
        statement = statement.where(sa.tuple_(Delivery.owed_at, Delivery.id) > position)
    return Query(statement)


@lru_cache(maxsize=64)
def _count(names: frozenset[str]) -> Query:
    return Query(
        sa.select(sa.func.count())
        .select_from(Delivery)
        .join(Answer, Answer.id == Delivery.answer_id)
        .where(*_conditions(names))
    )


def _conditions(names: frozenset[str]) -> list[sa.ColumnElement[bool]]:
    return [FILTERS[name](name) for name in sorted(names)]
