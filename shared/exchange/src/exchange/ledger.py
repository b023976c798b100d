"""What this party sent to a peer and received from it: as a feed, as a ledger, and as copies of receipts.

A message belongs to the period of the time in its id (UUIDv7), which both sides know and neither can change. What was
given up (`void`) was never sent; its tombstone was.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from schemas import BATCH_BYTES, BATCH_MESSAGES, LedgerBy, LedgerEntry, LedgerPeriod
from servicekit.database import Query
from servicekit.problems import DomainError, Problem
from servicekit.words import Words

_RANDOM_BITS: Final = 80
_FIRST_OF_UUIDS = UUID(int=0)

LENGTH: Final = {LedgerBy.DAY: timedelta(days=1), LedgerBy.HOUR: timedelta(hours=1)}
"""How long a period is."""


class CursorUnknown(DomainError):
    """The feed never gave this cursor, or this party was restored to before it did."""


CURSOR_UNKNOWN = Problem(
    "exchange-cursor-unknown",
    HTTPStatus.GONE,
    Words("ไม่รู้จักตำแหน่งนี้ในฟีด", "The feed does not know this cursor"),
    Words("โปรดอ่านฟีดใหม่ตั้งแต่ต้นโดยไม่ส่ง after", "Read the feed from its beginning, without `after`."),
)


class FedMessage(NamedTuple):
    """A message of the feed, as it was sent."""

    id: UUID
    content: str


class Part(NamedTuple):
    """Some of what was asked for; `more` when the rest did not fit or follows."""

    rows: Sequence[Any]
    more: bool


def feed(session: Session, peer: str, *, after: UUID | None) -> Part:
    """What this party ever sent to the peer, oldest first, as much as one answer holds; rows are `FedMessage`.

    The order is that of transactions: a row is shown only when no transaction that began before its own can still
    commit, so a reader who goes on from the last row never misses one that committed late.

    Raises:
        CursorUnknown: `after` is no message to this peer.
    """
    place = None
    if after is not None:
        place = _PLACE.first(session, peer=peer, id=after)
        if place is None:
            raise CursorUnknown
    rows = _FEED.all(
        session,
        peer=peer,
        number=place.transaction_number if place else 0,
        after=after or _FIRST_OF_UUIDS,
        limit=BATCH_MESSAGES + 1,
    )
    return _that_fit([FedMessage(row.id, row.content) for row in rows])


def fed(session: Session, peer: str, ids: Sequence[UUID]) -> Part:
    """Those of the messages to the peer, in the order of their subjects; rows are `FedMessage`."""
    rows = _FED.all(session, peer=peer, ids=list(ids))
    return _that_fit([FedMessage(row.id, row.content) for row in rows])


def taken(session: Session, peer: str, ids: Sequence[UUID]) -> Part:
    """Those of the messages that the peer sent, with what became of them here."""
    return _that_fit(_TAKEN.all(session, peer=peer, ids=list(ids)))


def periods(session: Session, peer: str, *, since: datetime, until: datetime, by: LedgerBy) -> list[LedgerPeriod]:
    """Count and digest of each day or hour in which messages went either way."""
    rows = _PERIODS.all(session, peer=peer, first=first_id(since), end=first_id(until), unit=by.value)
    return [LedgerPeriod.model_validate(row._asdict()) for row in rows]


def entries(
    session: Session, peer: str, *, since: datetime, until: datetime, after: UUID | None, limit: int
) -> list[LedgerEntry]:
    """The messages themselves, in the order of their ids, at most `limit`."""
    rows = _ENTRIES.all(
        session, peer=peer, first=first_id(since), end=first_id(until), after=after or _FIRST_OF_UUIDS, limit=limit
    )
    return [LedgerEntry.model_validate(row._asdict()) for row in rows]


def first_id(moment: datetime) -> UUID:
    """The lowest UUIDv7 of that millisecond, and lower than any later one."""
    return UUID(int=int(moment.timestamp() * 1000) << _RANDOM_BITS)


def _that_fit(rows: Sequence[Any]) -> Part:
    """As many as a batch may hold, by number and by bytes; one always fits."""
    size = 0
    for index, row in enumerate(rows[:BATCH_MESSAGES]):
        size += len(row.content.encode()) + 1
        if index and size > BATCH_BYTES:
            return Part(rows[:index], more=True)
    return Part(rows[:BATCH_MESSAGES], more=len(rows) > BATCH_MESSAGES)


_PLACE = Query(sa.text("SELECT transaction_number FROM exchange_outbox WHERE id = :id AND peer = :peer"))

# A number beyond the snapshot's end, in a row that one sees, is of another server: restored from a dump, long over.
_FEED = Query(
    sa.text("""
        SELECT id, content FROM exchange_outbox
        WHERE peer = :peer AND state <> 'void' AND (transaction_number, id) > (:number, :after)
          AND (transaction_number < CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)
               OR transaction_number >= CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint))
        ORDER BY transaction_number, id LIMIT :limit
    """)
)
_FED = Query(
    sa.text("""
        SELECT id, content FROM exchange_outbox
        WHERE peer = :peer AND state <> 'void' AND id = ANY(CAST(:ids AS uuid[])) ORDER BY subject, sequence
    """)
)
_TAKEN = Query(
    sa.text("""
        SELECT id, content, digest, received_at, state, problem, erased_at FROM exchange_inbox
        WHERE source = :peer AND id = ANY(CAST(:ids AS uuid[])) ORDER BY subject, sequence
    """)
)
_BOTH = """
    SELECT 'sent' AS direction, id, digest, state FROM exchange_outbox
    WHERE peer = :peer AND state <> 'void' AND id >= :first AND id < :end
    UNION ALL
    SELECT 'received', id, digest, state FROM exchange_inbox
    WHERE source = :peer AND id >= :first AND id < :end
"""
_PERIODS = Query(
    sa.text(f"""
        SELECT date_trunc(
                   :unit,
                   to_timestamp(CAST(CAST('x' || left(translate(CAST(id AS text), '-', ''), 12) AS bit(48)) AS bigint)
                                / 1000.0),
                   'UTC'
               ) AS start,
               direction, count(*) AS messages,
               encode(sha256(convert_to(string_agg(id || ' ' || digest, E'\\n' ORDER BY id), 'UTF8')), 'hex') AS digest
        FROM ({_BOTH}) AS both_ways
        GROUP BY start, direction ORDER BY start, direction
    """)  # noqa: S608  # our own text
)
_ENTRIES = Query(
    sa.text(f"""
        SELECT id, direction, digest, state FROM ({_BOTH}) AS both_ways WHERE id > :after ORDER BY id LIMIT :limit
    """)  # noqa: S608  # as above
)
