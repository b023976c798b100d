"""The routing rules in force. Each saved version is read and compiled once."""

from collections import OrderedDict
from threading import Lock
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon.records import RoutingRules
from chumchon.routing.rules import Rules, first_rules, rules_from
from servicekit.database import Query

FIRST_VERSION: Final = 0
"""The version of the rules that the Office begins with; the first that people save is 1."""
_COMPILED_VERSIONS: Final = 4

_newest = Query(sa.select(RoutingRules.id, RoutingRules.version).order_by(RoutingRules.version.desc()).limit(1))
_rules = Query(sa.select(RoutingRules.rules).where(RoutingRules.id == sa.bindparam("id")))


class Rulebook(NamedTuple):
    """One version of the rules."""

    version: int
    rules: Rules


_compiled: OrderedDict[UUID, Rulebook] = OrderedDict()
_lock = Lock()


def rules_in_force(session: Session) -> Rulebook:
    """The newest version of the rules that was saved, or those that the Office begins with."""
    newest = _newest.first(session)
    if newest is None:
        return Rulebook(FIRST_VERSION, first_rules())
    with _lock:
        found = _compiled.get(newest.id)
    if found is None:
        found = Rulebook(newest.version, rules_from(_rules.scalar(session, id=newest.id)))
        with _lock:
            _compiled[newest.id] = found
            while len(_compiled) > _COMPILED_VERSIONS:
                _compiled.popitem(last=False)
    return found
