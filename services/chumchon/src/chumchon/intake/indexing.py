"""Making cases findable, beside the requests that record them: cutting Thai into terms costs more than all the rest.

Changes of the index wait for each other; so the recording of cases would, too, if each did its own.
"""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chumchon.records import Case, case_search
from servicekit.clock import utc_now
from servicekit.database import Query, Sessions
from servicekit.problems import describe
from thaikit.search import Field, index_documents

BATCH = 100
LOOK_EVERY_SECONDS = 1.0
RUSH_IS_OVER_AFTER = timedelta(seconds=2)
LONGEST_WAIT = timedelta(seconds=60)
"""A case is indexed after so long even if others keep coming in."""
SUBJECT_WEIGHT = 2.0
"""A word of the subject says more of a case than one of its details."""

log = structlog.get_logger(__name__)

# Any number of services may index at once: each takes what no other has taken.
_stale = Query(
    sa.select(Case.id, Case.subject, Case.details)
    .where(Case.search_stale)
    .order_by(Case.id)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
_named = Case.id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.Uuid)))
_indexed = Query(sa.update(Case).where(_named).values(search_stale=False))
_texts = Query(sa.select(Case.id, Case.subject, Case.details).where(_named))

_stale_at_first = sa.select(Case.recorded_at).where(Case.search_stale).order_by(Case.id).limit(BATCH).subquery()
_waiting = Query(
    sa.select(
        sa.select(Case.recorded_at).order_by(Case.id.desc()).limit(1).scalar_subquery().label("newest"),
        sa.func.count().label("stale"),
        sa.func.min(_stale_at_first.c.recorded_at).label("oldest_stale"),
    ).select_from(_stale_at_first)
)


def index_cases(session: Session) -> int:
    """Index up to `BATCH` cases that are new or were changed, in the caller's transaction; how many."""
    rows = _stale.all(session)
    if rows:
        _indexed.run(session, ids=[row.id for row in rows])
        index_documents(session, case_search, {row.id: _searched(row) for row in rows})
    return len(rows)


def searched_fields(session: Session, ids: Sequence[UUID]) -> dict[UUID, tuple[Field, ...]]:
    """What is searched of cases."""
    return {row.id: _searched(row) for row in _texts.all(session, ids=ids)}


def _searched(row: Any) -> tuple[Field, ...]:  # noqa: ANN401  # a row of a query
    return Field(row.subject, SUBJECT_WEIGHT), Field(row.details)


def is_rush(session: Session, *, now: datetime) -> bool:
    """Whether cases are coming in by the hundred just now, and none of them has waited long to be indexed.

    Indexing a case costs several times what taking it in does, from the same core.
    """
    case: Any = _waiting.first(session)  # always one row
    if case.stale < BATCH:
        return False
    in_a_stream: bool = now - case.newest < RUSH_IS_OVER_AFTER
    waited: timedelta = now - case.oldest_stale
    return in_a_stream and waited < LONGEST_WAIT


def run_indexing(sessions: Sessions, stop: threading.Event) -> None:
    """Index cases about a second after they were recorded, of hundreds at once when all are in, until `stop` is set."""
    while not stop.is_set():
        try:
            with sessions.begin() as session:
                found = 0 if is_rush(session, now=utc_now()) else index_cases(session)
        except Exception as error:  # noqa: BLE001  # whatever it was: it goes on when the database is back
            log.error("cases not indexed", **describe(error))  # noqa: TRY400  # a traceback may quote a case
            found = 0
        if found < BATCH:
            stop.wait(LOOK_EVERY_SECONDS)
