"""What routing goes by now: the rules in force, and beside them the model in force or that of the first day.

Each version of either is immutable, so a process reads and compiles it once; which versions are in force is asked with
every case, in one cheap statement, so that all processes change over at once.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from threading import Lock
from typing import Any, Final, Generic, NamedTuple, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon.records import ModelActivation, RoutingModel, RoutingRules
from chumchon.routing.day_one import day_one_model
from chumchon.routing.model import TrainedModel
from chumchon.routing.rules import Rules, first_rules
from servicekit.database import Query

FIRST_VERSION: Final = 0
"""The version of the rules that the Office begins with; the first that people save is 1."""

_one = sa.select(sa.literal_column("1").label("one")).subquery("one")
_newest_rules = (
    sa.select(RoutingRules.id, RoutingRules.version).order_by(RoutingRules.version.desc()).limit(1).subquery("rules")
)
_newest_activation = (
    sa.select(ModelActivation.model_version).order_by(ModelActivation.id.desc()).limit(1).subquery("activation")
)
_in_force = Query(
    sa.select(
        _newest_rules.c.id.label("rules_id"),
        _newest_rules.c.version.label("rules_version"),
        RoutingModel.id.label("model_id"),
        RoutingModel.version.label("model_version"),
    ).select_from(
        _one.outerjoin(_newest_rules, sa.true())
        .outerjoin(_newest_activation, sa.true())
        .outerjoin(RoutingModel, RoutingModel.version == _newest_activation.c.model_version)
    )
)
_rules = Query(sa.select(RoutingRules.rules).where(RoutingRules.id == sa.bindparam("id")))
_model = Query(sa.select(RoutingModel.model).where(RoutingModel.id == sa.bindparam("id")))

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class RoutingBasis(NamedTuple):
    """One version of the rules, and the model beside them.

    `model_version` is None where no trained model is in force: then `model` is that of the first day.
    """

    rules_version: int
    rules: Rules
    model_version: int | None
    model: TrainedModel

    def with_rules(self, rules: Rules) -> "RoutingBasis":
        """The same with other rules, not yet saved."""
        return self._replace(rules=rules, model=day_one_model(rules) if self.model_version is None else self.model)


class _Shelf(Generic[Key, Value]):
    """The few values that were used last, shared by the threads of a process."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key, make: Callable[[Key], Value]) -> Value:
        """The value of a key, made when it is not there; two threads may make it at once."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make(key)
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value


_compiled_rules: _Shelf[UUID, Rules] = _Shelf(4)
_day_one_models: _Shelf[UUID | None, TrainedModel] = _Shelf(2)
# A model takes tens of megabytes: the one in force, and the one before while a process changes over.
_loaded_models: _Shelf[UUID, TrainedModel] = _Shelf(2)


def routing_basis(session: Session) -> RoutingBasis:
    """What is in force: the newest rules that were saved, or those that the Office begins with; and the model."""
    found: Any = _in_force.first(session)  # always one row
    rules = (
        first_rules() if found.rules_id is None else _compiled_rules.get(found.rules_id, partial(_read_rules, session))
    )
    if found.model_id is None:
        model = _day_one_models.get(found.rules_id, lambda _: day_one_model(rules))
    else:
        model = _loaded_models.get(found.model_id, partial(_read_model, session))
    return RoutingBasis(found.rules_version or FIRST_VERSION, rules, found.model_version, model)


def _read_rules(session: Session, key: UUID) -> Rules:
    stored: Any = _rules.scalar(session, id=key)
    return Rules.of_stored(stored)


def _read_model(session: Session, key: UUID) -> TrainedModel:
    stored: Any = _model.scalar(session, id=key)
    return TrainedModel.from_bytes(bytes(stored))
