"""The models that were trained, and which of them routing asks: each activation and rollback is kept."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon.codes import TrainingOutcome
from chumchon.filters import NEWEST
from chumchon.records import ModelActivation, RoutingModel, TrainingSchedule
from servicekit.database import Query
from servicekit.ids import uuid7
from servicekit.problems import DomainError

_SHOWN: Sequence[Any] = (
    RoutingModel.version,
    RoutingModel.trained_at,
    RoutingModel.trained_by,
    RoutingModel.learned_from,
    RoutingModel.outcome,
    RoutingModel.figures,
    RoutingModel.compared_with,
    RoutingModel.compared_figures,
    sa.func.octet_length(RoutingModel.model).label("bytes"),
    sa.func.coalesce(
        RoutingModel.version
        == sa.select(ModelActivation.model_version).order_by(ModelActivation.id.desc()).limit(1).scalar_subquery(),
        sa.false(),
    ).label("in_force"),
)
_one = Query(sa.select(*_SHOWN).where(RoutingModel.version == sa.bindparam("version")))
_list = Query(
    sa.select(*_SHOWN)
    .where(RoutingModel.version < sa.bindparam("before"))
    .order_by(RoutingModel.version.desc())
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_activations = Query(
    sa.select(
        ModelActivation.id,
        ModelActivation.model_version,
        ModelActivation.restores,
        ModelActivation.activated_at,
        ModelActivation.activated_by,
        ModelActivation.reason,
    )
    .where(ModelActivation.id < sa.bindparam("before"))
    .order_by(ModelActivation.id.desc())
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_newest = sa.select(ModelActivation).order_by(ModelActivation.id.desc()).limit(1)


class ModelNotFound(DomainError):
    """There is no such version."""


class ModelInForce(DomainError):
    """This version is in force already."""


class NothingToRollBack(DomainError):
    """No model is in force."""


def find_models(session: Session, *, before: int, limit: int) -> Sequence[Any]:
    """Models with a version below `before`, newest first, without what they have learned."""
    return _list.all(session, before=before, limit=limit)


def model_of(session: Session, version: int) -> Any:  # noqa: ANN401  # a row
    """One model, without what it has learned.

    Raises:
        ModelNotFound: there is none of this version.
    """
    row = _one.first(session, version=version) if 0 < version <= NEWEST else None
    if row is None:
        raise ModelNotFound
    return row


def find_activations(session: Session, *, before: int, limit: int) -> Sequence[Any]:
    """Activations with an id below `before`, newest first."""
    return _activations.all(session, before=before, limit=limit)


def save_model(
    session: Session,
    model: bytes,
    *,
    material: bytes,
    learned_from: int,
    outcome: TrainingOutcome,
    figures: Mapping[str, Any],
    compared_with: int | None,
    compared_figures: Mapping[str, Any],
    by: str,
    now: datetime,
) -> int:
    """Keep a trained model as the next version; the version."""
    _one_at_a_time(session)
    version = (session.scalar(sa.select(sa.func.max(RoutingModel.version))) or 0) + 1
    session.add(
        RoutingModel(
            id=uuid7(),
            version=version,
            trained_at=now,
            trained_by=by,
            material=material,
            learned_from=learned_from,
            outcome=outcome,
            figures=dict(figures),
            compared_with=compared_with,
            compared_figures=dict(compared_figures),
            model=model,
        )
    )
    session.flush()
    return version


def activate(session: Session, version: int, *, reason: str, by: str, now: datetime) -> None:
    """Let routing ask this model from the next case on.

    Raises:
        ModelNotFound: there is none of this version.
        ModelInForce: it is in force already.
    """
    _one_at_a_time(session)
    if model_of(session, version).in_force:
        raise ModelInForce
    _activate(session, version, reason=reason, by=by, now=now)


def roll_back(session: Session, *, reason: str, by: str, now: datetime) -> int | None:
    """Go back to the model that was in force before the present one; its version, None for that of the first day.

    A second rollback goes one step further back, not forward again.

    Raises:
        NothingToRollBack: no model is in force.
    """
    _one_at_a_time(session)
    present = session.scalar(_newest)
    if present is None or present.model_version is None:
        raise NothingToRollBack
    before = session.scalar(_newest.where(ModelActivation.id < (present.restores or present.id)))
    if before is None:
        _activate(session, None, reason=reason, by=by, now=now)
        return None
    restored = before.restores or before.id
    _activate(session, before.model_version, restores=restored, reason=reason, by=by, now=now)
    return before.model_version


def _activate(
    session: Session, version: int | None, *, reason: str, by: str, now: datetime, restores: int | None = None
) -> None:
    session.add(
        ModelActivation(model_version=version, restores=restores, activated_at=now, activated_by=by, reason=reason)
    )
    session.flush()


def _one_at_a_time(session: Session) -> None:
    """Whoever changes models or activations waits for who does so already."""
    session.execute(sa.select(TrainingSchedule.due_at).with_for_update())
