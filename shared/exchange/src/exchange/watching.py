"""How it stands with each peer: for operators, for `GET /v1/exchange/status`, and for metrics."""

from datetime import datetime

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import Session

from servicekit.database import Query


class PeerStatus(BaseModel):
    """How it stands with one peer."""

    peer: str
    backlog: int
    """Messages that are queued."""
    oldest_undelivered_at: datetime | None
    """When the oldest message that is queued or dead was owed."""
    oldest_undelivered_seconds: float | None
    dead: int
    unanswered: int
    """Referrals between the two that wait for an answer, as far as the service tells."""
    held: int
    """Messages received from it that wait for an earlier one."""
    quarantined: int
    """Messages received from it that could not be applied."""
    pause: str | None
    """`refused` while it refuses what we send, `operator` while a person said so, `restored` until a recovery."""
    pause_reason: str | None
    silent_since: datetime | None
    failures: int
    """Failed requests in a row."""
    last_success_at: datetime | None
    reconciled_at: datetime | None
    """When both sides' ledgers were last compared."""
    reconciliation: str | None
    """`equal`, `mended`, `different` or `failed`."""
    differences: int
    """How many messages that comparison could not mend."""


def statuses(session: Session, unanswered: Query | None = None) -> list[PeerStatus]:
    """How it stands with every peer that we send to or have received from.

    Args:
        unanswered: the service's own count of what waits for an answer, in rows of `peer` and `count`.
    """
    waiting = {row.peer: row.count for row in unanswered.all(session)} if unanswered else {}
    return [
        PeerStatus.model_validate({**row._asdict(), "unanswered": waiting.get(row.peer, 0)})
        for row in _STATUS.all(session)
    ]


_STATUS = Query(
    sa.text("""
        WITH sent AS (
            SELECT peer, count(*) FILTER (WHERE state = 'queued') AS backlog,
                   count(*) FILTER (WHERE state = 'dead') AS dead, min(owed_at) AS oldest
            FROM exchange_outbox WHERE state IN ('queued', 'dead') GROUP BY peer
        ), stuck AS (
            SELECT source, count(*) FILTER (WHERE state = 'held') AS held,
                   count(*) FILTER (WHERE state = 'quarantined') AS quarantined
            FROM exchange_inbox WHERE state IN ('held', 'quarantined') GROUP BY source
        )
        SELECT code AS peer, coalesce(backlog, 0) AS backlog, oldest AS oldest_undelivered_at,
               extract(epoch FROM clock_timestamp() - oldest) AS oldest_undelivered_seconds,
               coalesce(dead, 0) AS dead, coalesce(held, 0) AS held, coalesce(quarantined, 0) AS quarantined,
               pause, pause_reason, silent_since, coalesce(failures, 0) AS failures, last_success_at,
               newest.ended_at AS reconciled_at, newest.outcome AS reconciliation,
               coalesce(jsonb_array_length(newest.differences), 0) AS differences
        FROM (
            SELECT code FROM exchange_peers UNION SELECT peer FROM sent UNION SELECT source FROM stuck
        ) AS parties
        LEFT JOIN exchange_peers USING (code)
        LEFT JOIN sent ON sent.peer = code
        LEFT JOIN stuck ON stuck.source = code
        LEFT JOIN LATERAL (
            SELECT ended_at, outcome, differences FROM exchange_reconciliations
            WHERE peer = code ORDER BY id DESC LIMIT 1
        ) AS newest ON true
        ORDER BY code
    """)
)
