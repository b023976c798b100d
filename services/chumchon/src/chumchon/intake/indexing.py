"""Making cases findable, beside the requests that record them: cutting Thai into terms costs more than all the rest.

Changes of the index wait for each other; so the recording of cases would, too, if each did its own.
"""

import threading

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chumchon.records import Case, case_search
from servicekit.database import Query, Sessions
from servicekit.problems import describe
from thaikit.search import Field, index_documents

BATCH = 100
LOOK_EVERY_SECONDS = 1.0
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
_indexed = Query(
    sa.update(Case).where(Case.id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.Uuid)))).values(search_stale=False)
)


def index_cases(session: Session) -> int:
    """Index up to `BATCH` cases that are new or were changed, in the caller's transaction; how many."""
    rows = _stale.all(session)
    if rows:
        _indexed.run(session, ids=[row.id for row in rows])
        index_documents(
            session, case_search, {row.id: (Field(row.subject, SUBJECT_WEIGHT), Field(row.details)) for row in rows}
        )
    return len(rows)


def run_indexing(sessions: Sessions, stop: threading.Event) -> None:
    """Index cases about a second after they were recorded, until `stop` is set."""
    while not stop.is_set():
        try:
            with sessions.begin() as session:
                found = index_cases(session)
        except Exception as error:  # noqa: BLE001  # whatever it was: it goes on when the database is back
            log.error("cases not indexed", **describe(error))  # noqa: TRY400  # a traceback may quote a case
            found = 0
        if found < BATCH:
            stop.wait(LOOK_EVERY_SECONDS)
