"""Recognising a database that was restored from an older backup, before anything is said with what it has forgotten.

A restored party does not know what it sent since the backup: it would give sequences a second time. Two signs tell it:

- The database lies elsewhere than it did: in another cluster, or made anew in the same one. That is seen at once, and
  without asking anybody, when a service or a relay starts (`recognise`).
- A peer has messages that are not here. That is seen by the relay, which asks each peer before it sends anything
  (`forgotten`); it also finds that nothing is missing, when a database has just been moved.

Until then, or until `recover`, nothing is owed or sent to that peer, and nothing of it is taken (it tries again).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from exchange.fetching import Enquirer, PeerAnswerError
from exchange.outbox import RECOVERING
from exchange.parties import LEDGER_PATH, Exchange, Peer
from schemas import Direction, Ledger, LedgerBy, LedgerEntry
from servicekit.clock import utc_now
from servicekit.database import Query, Sessions
from servicekit.ids import time_of

log = structlog.get_logger(__name__)

AT_FIRST = timedelta(days=35)
"""How far a database without any message to a peer is compared back."""

_OVERLAP = timedelta(minutes=15)
"""Clocks of the machines that make ids may differ by so much."""

_WINDOW = timedelta(days=60)
_CANNOT_TELL = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
_MOVED = "the database lies elsewhere than before"
_FORGOTTEN = "it has {sent} of our messages, and had receipts for {taken} of its own, that are not here"


class Forgotten(NamedTuple):
    """How many messages a peer shows that are not here: sent by us, and taken from it. At most those of one page."""

    sent: int
    taken: int


def recognise(sessions: Sessions, peers: Iterable[str]) -> bool:
    """Whether the database lies elsewhere than when this was asked last; then these peers wait for a recovery.

    Ask before a service serves or a relay sends. The first time it takes the place as the right one.
    """
    with sessions.begin() as session:
        moved = bool(_MOVE.scalar(session))
        for peer in sorted(peers) if moved else ():
            _mark(session, peer, _MOVED)
    return moved


def waiting_for_recovery(sessions: Sessions) -> list[str]:
    """The peers to which nothing is sent, and nothing owed, before `recover`."""
    with sessions.begin() as session:
        return [row.code for row in _WAITING.all(session)]


def forgotten(enquirer: Enquirer, sessions: Sessions, peer: Peer) -> Forgotten:
    """What the peer's ledger holds since our newest message to it, and ours does not.

    The peer is asked first: what it has was committed here before, unless that was lost. What a comparison of ledgers
    has named as not to be mended is not counted.

    Raises:
        PeerAnswerError: the peer does not answer.
    """
    with sessions.begin() as session:
        newest: UUID | None = _NEWEST.scalar(session, peer=peer.code)
    since = time_of(newest) - _OVERLAP if newest else utc_now() - AT_FIRST
    for page in _ledger_of(enquirer, peer, since):
        sent = [it.id for it in page if it.direction is Direction.RECEIVED]
        taken = [it.id for it in page if it.direction is Direction.SENT and it.state == "delivered"]
        with sessions.begin() as session:
            unknown = _UNKNOWN.first(session, peer=peer.code, sent=sent, taken=taken)
        if unknown and any(unknown):
            return Forgotten(*unknown)
    return Forgotten(0, 0)


def look_back(enquirer: Enquirer, sessions: Sessions, peer: Peer) -> bool:
    """Ask the peer whether anything was forgotten, and let it wait for a recovery, or not.

    False when it does not answer: then all stays as it is.
    """
    try:
        missing = forgotten(enquirer, sessions, peer)
    except PeerAnswerError as error:
        if error.status not in _CANNOT_TELL:
            return False
        log.warning("peer has no ledger to compare with", peer=peer.code, reason=str(error))
        return True
    with sessions.begin() as session:
        if any(missing):
            _mark(session, peer.code, _FORGOTTEN.format(**missing._asdict()))
            log.error("restored from an older backup: recover first", peer=peer.code, **missing._asdict())
        else:
            settle(session, peer.code)
    return True


def settle(session: Session, peer: str) -> None:
    """The peer no longer waits for a recovery."""
    _SETTLE.run(session, peer=peer)


@contextmanager
def recovering(sessions: Sessions) -> Iterator[None]:
    """Sessions that are made meanwhile may owe messages to a peer that waits for a recovery: this is it."""
    info = sessions.kw.get("info") or {}
    sessions.configure(info={**info, RECOVERING: True})
    try:
        yield
    finally:
        sessions.configure(info=info)


class Standing:
    """Whether a service may speak with its peers: to be asked before it serves, and whenever it is to be ready."""

    def __init__(self, exchange: Exchange, sessions: Sessions) -> None:
        self._exchange = exchange
        self._sessions = sessions
        self._recognised = False

    def problem(self) -> str | None:
        """Why the service may not, with the command that mends it; None when it may."""
        try:
            self._recognise()
            waiting = waiting_for_recovery(self._sessions)
        except sa.exc.SQLAlchemyError:
            return "the database does not answer"
        if not waiting:
            return None
        commands = "; ".join(f"{self._exchange.party} exchange recover {peer}" for peer in waiting)
        return f"the database was restored or moved: run {commands}"

    def _recognise(self) -> None:
        if not self._recognised:
            recognise(self._sessions, self._exchange.peers)
            self._recognised = True


def _ledger_of(enquirer: Enquirer, peer: Peer, since: datetime) -> Iterator[list[LedgerEntry]]:
    """The pages of the peer's ledger by message, from then until now."""
    end = utc_now() + _OVERLAP
    while since < end:
        until = min(since + _WINDOW, end)
        asked = [("from", since.isoformat()), ("to", until.isoformat()), ("by", LedgerBy.MESSAGE.value)]
        after: list[tuple[str, str]] = []
        while True:
            page, _ = enquirer.ask(peer, LEDGER_PATH, [*asked, *after], Ledger)
            yield list(page.entries)
            if not page.more or not page.entries:
                break
            after = [("after", str(page.entries[-1].id))]
        since = until


def _mark(session: Session, peer: str, why: str) -> None:
    _MARK.run(session, peer=peer, why=why, now=utc_now())


# Two databases of one cluster have different numbers, also when one takes the other's name; a cluster has its own.
_MOVE = Query(
    sa.text("""
        WITH here AS (
            SELECT system_identifier || '/' || pg_database.oid AS place
            FROM pg_control_system(), pg_database WHERE datname = current_database()
        ), before AS (
            SELECT place FROM exchange_home
        ), kept AS (
            INSERT INTO exchange_home (place)
            SELECT place FROM here WHERE place IS DISTINCT FROM (SELECT place FROM before)
            ON CONFLICT (single) DO UPDATE SET place = excluded.place
        )
        SELECT before.place <> here.place FROM here LEFT JOIN before ON true
    """)
)
_MARK = Query(
    sa.text("""
        INSERT INTO exchange_peers (code, pause, paused_at, pause_reason) VALUES (:peer, 'restored', :now, :why)
        ON CONFLICT (code) DO UPDATE
        SET pause = 'restored', paused_at = excluded.paused_at, pause_reason = excluded.pause_reason
    """)
)
_SETTLE = Query(
    sa.text("""
        UPDATE exchange_peers SET pause = NULL, paused_at = NULL, pause_reason = NULL
        WHERE code = :peer AND pause = 'restored'
    """)
)
_WAITING = Query(sa.text("SELECT code FROM exchange_peers WHERE pause = 'restored' ORDER BY code"))
_NEWEST = Query(sa.text("SELECT id FROM exchange_outbox WHERE peer = :peer ORDER BY id DESC LIMIT 1"))
_UNKNOWN = Query(
    sa.text("""
        WITH named AS (
            SELECT CAST(jsonb_array_elements(differences) ->> 'id' AS uuid) AS id FROM (
                SELECT differences FROM exchange_reconciliations WHERE peer = :peer ORDER BY id DESC LIMIT 1
            ) AS newest
        )
        SELECT (SELECT count(*) FROM unnest(CAST(:sent AS uuid[])) AS theirs (id)
                WHERE id NOT IN (SELECT id FROM named)
                  AND NOT EXISTS (SELECT FROM exchange_outbox WHERE exchange_outbox.id = theirs.id)) AS sent,
               (SELECT count(*) FROM unnest(CAST(:taken AS uuid[])) AS theirs (id)
                WHERE id NOT IN (SELECT id FROM named)
                  AND NOT EXISTS (
                      SELECT FROM exchange_inbox WHERE source = :peer AND exchange_inbox.id = theirs.id
                  )) AS taken
    """)
)
