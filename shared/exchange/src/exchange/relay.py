"""The relay: claims what is due under a lease, sends it outside of any transaction, and records the receipts.

Any number of relays may work on one database. A relay that is killed at any point loses nothing: its lease ends, and
another claims the messages again; the peer's inbox knows those that had arrived. A relay that comes back late finds
that its fencing token is no longer the row's, and changes nothing.

Times are the database's own, so relays on machines whose clocks differ agree; tests pass a clock. Only signatures
are made by this machine's clock.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple
from uuid import UUID, uuid4

import orjson
import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from exchange.delivering import Courier, Delivered, Failure, Undelivered
from exchange.fetching import Enquirer
from exchange.handover import Claimed, Terms
from exchange.metrics import ExchangeMetrics
from exchange.parties import Exchange, Peer
from exchange.restored import look_back, recognise, waiting_for_recovery
from schemas import BATCH_BYTES, BATCH_MESSAGES, Disposition, Receipt
from servicekit.backoff import backoff_seconds
from servicekit.clock import utc_now
from servicekit.database import Query, Sessions
from servicekit.ids import uuid7
from servicekit.problems import describe

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """How a relay works; the defaults keep the promise that what a killed relay had claimed moves within 15 s."""

    batch_messages: int = 50
    """At most so many messages a request, 1 to 100."""
    requests_at_once: int = 4
    """While there is a backlog, so many requests to a peer are under way, so that neither side waits for the other."""
    timeout_seconds: float = 9.0
    """For one request, answer included; shorter than the lease."""
    lease_seconds: float = 12.0
    poll_seconds: float = 2.0
    """How often to look without having been woken."""
    look_back_seconds: float = 30.0
    """How often to look whether the database was restored, and to ask a peer that did not answer what it knows."""
    probe_at_most_seconds: float = 60.0
    """While a peer does not answer, one probe goes out at least this often."""
    refused_first_seconds: float = 15.0
    """A peer that refuses what we send is probed slowly: from about this …"""
    refused_at_most_seconds: float = 900.0
    """… to about this."""

    def __post_init__(self) -> None:
        if not 1 <= self.batch_messages <= BATCH_MESSAGES:
            raise ValueError(f"batch_messages is 1 to {BATCH_MESSAGES}")
        if self.requests_at_once < 1:
            raise ValueError("requests_at_once is at least 1")
        if self.timeout_seconds >= self.lease_seconds:
            raise ValueError("a request must end before its lease")


class Round(Enum):
    """What one round for a peer did."""

    IDLE = "idle"
    """Nothing is due, or the peer is not to be asked yet."""
    SENT = "sent"
    """Receipts were recorded; more may be due."""
    FAILED = "failed"
    """A request was made, and brought no receipts."""
    LET_GO = "let_go"
    """What was handed over came too late to be sent under its lease."""


class _Gate(NamedTuple):
    """How it stands with the peer before a request."""

    failures: int
    pause: str | None
    batch_limit: int
    open: bool
    """Whether anything may be sent now."""

    @property
    def probing(self) -> bool:
        """Whether one message goes out instead of the whole backlog."""
        return self.failures > 0 or self.pause is not None


# A commit takes a few milliseconds; one that waits for a lock or a disk does not keep others waiting.
_COMMIT_SECONDS = 0.25

_WELL = _Gate(failures=0, pause=None, batch_limit=BATCH_MESSAGES, open=True)


class _Dispatch(NamedTuple):
    """What one round sends: `batch` in one request; `rest` was claimed too, but did not fit."""

    peer: Peer
    gate: _Gate
    lease: UUID
    batch: Sequence[Claimed]
    rest: Sequence[Claimed]

    def contents(self) -> list[str]:
        """What the request is to carry."""
        return [message.content for message in self.batch]


class _Outcome(NamedTuple):
    """What becomes of one claimed message.

    `delivered`; `dead`; `failed`; or no attempt of its own: `untried` when nobody answered, `released` when not sent.
    """

    id: UUID
    outcome: str
    delay_seconds: float = 0.0
    last_problem: str | None = None
    receipt: Receipt | None = None

    def row(self) -> Mapping[str, object]:
        """As the statement reads it that writes it."""
        receipt = self.receipt
        return {
            "message_id": self.id,
            "outcome": self.outcome,
            "delay": self.delay_seconds,
            "problem": self.last_problem,
            "disposed": receipt and receipt.disposition,
            "refusal": receipt and receipt.problem and receipt.problem.model_dump(mode="json", exclude_none=True),
        }


class Relay:
    """Sends what one party owes. Make as many as you like, in as many processes as you like."""

    def __init__(
        self,
        exchange: Exchange,
        sessions: Sessions,
        metrics: ExchangeMetrics,
        settings: RelaySettings | None = None,
        *,
        clock: Callable[[], datetime] | None = None,
        rng: random.Random | None = None,
        courier: Courier | None = None,
    ) -> None:
        """`clock` and `rng` are for tests: without a clock, times are the database's."""
        self._exchange = exchange
        self._sessions = sessions
        self._metrics = metrics
        self._settings = settings or RelaySettings()
        self._clock = clock
        self._terms = Terms(self._settings.lease_seconds, self._settings.batch_messages, clock)
        self._rng = rng or random.SystemRandom()
        self._courier = courier or Courier(exchange, timeout_seconds=self._settings.timeout_seconds)
        self._enquirer = Enquirer(exchange, timeout_seconds=self._settings.timeout_seconds)
        self._looked_back: set[str] = set()
        self._backlog = {code: threading.Event() for code in exchange.peers}

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, in threads for each peer; ends after the requests that are under way."""
        threads = []
        for peer in self._exchange.peers.values():
            threads.append(threading.Thread(target=self._serve, args=(peer, stop), name=f"relay to {peer.code}"))
            threads += [
                threading.Thread(target=self._help, args=(peer, stop), name=f"relay to {peer.code}, helping")
                for _ in range(self._settings.requests_at_once - 1)
            ]
        for thread in threads:
            thread.start()
        stop.wait()
        self._exchange.bell.ring()
        for backlog in self._backlog.values():
            backlog.set()
        for thread in threads:
            thread.join()
        self.close()

    def close(self) -> None:
        """Close the connections to peers; `run` does so by itself."""
        self._courier.close()
        self._enquirer.close()

    def _serve(self, peer: Peer, stop: threading.Event) -> None:
        bell, handover = self._exchange.bell, self._exchange.handover
        look_at = claim_at = 0.0
        heard, more = bell.heard(), True
        with handover.serving(peer.code):
            while not stop.is_set():
                if time.monotonic() >= look_at:
                    look_at = time.monotonic() + self._settings.look_back_seconds
                    if not self._look_back(peer):
                        look_at = 0.0
                        stop.wait(self._settings.poll_seconds)
                        continue
                if handover.has(peer.code):
                    more = self._whatever_happens(self.round_of_handed, peer, stop) is not Round.IDLE or more
                elif more or heard != bell.heard() or time.monotonic() >= claim_at:
                    heard = bell.heard()
                    more = self._whatever_happens(self.round, peer, stop) is not Round.IDLE
                    claim_at = time.monotonic() + self._settings.poll_seconds
                else:
                    with self.standing_by(peer):
                        bell.wait(heard, claim_at - time.monotonic(), beside=lambda: handover.has(peer.code))
        self._whatever_happens(self.round_of_handed, peer, stop)  # what was handed over before nobody served any more

    def standing_by(self, peer: Peer) -> AbstractContextManager[None]:
        """While this relay waits for something to send, transactions of this process may hand it over."""
        return self._exchange.handover.standing_by(peer.code, self._terms)

    def _look_back(self, peer: Peer) -> bool:
        """See whether our database was restored, before anything is sent; False when it cannot be seen.

        Now and then it is looked for again, should it have been put back under us. The peer is asked once, and then
        only while it waits for a recovery.
        """
        try:
            recognise(self._sessions, self._exchange.peers)
            asked = peer.code in self._looked_back and peer.code not in waiting_for_recovery(self._sessions)
            if not asked and look_back(self._enquirer, self._sessions, peer):
                self._looked_back.add(peer.code)
        except Exception as error:  # noqa: BLE001  # whatever it was: the relay goes on
            log.error("relay failed", peer=peer.code, **describe(error))  # noqa: TRY400  # as below
            return False
        return True

    def _help(self, peer: Peer, stop: threading.Event) -> None:
        """Send beside `_serve` for as long as there is a backlog; asks nothing of the database otherwise."""
        backlog = self._backlog[peer.code]
        while backlog.wait() and not stop.is_set():
            backlog.clear()
            while not stop.is_set() and self._whatever_happens(self.round, peer, stop) is Round.SENT:
                pass

    def _whatever_happens(self, round_: Callable[[Peer], Round], peer: Peer, stop: threading.Event) -> Round:
        """One round; should it raise, that is logged, and the relay goes on after a while."""
        try:
            return round_(peer)
        except Exception as error:  # noqa: BLE001  # whatever it was: the relay goes on, and what it claimed too
            # A traceback would end with the error's text, which may quote a message.
            log.error("relay failed", peer=peer.code, **describe(error))  # noqa: TRY400
            stop.wait(self._settings.poll_seconds)
            return Round.FAILED

    def round(self, peer: Peer) -> Round:
        """Claim, send and record one batch for the peer."""
        dispatch = self._claim(peer)
        if dispatch is None:
            return Round.IDLE
        return self._record(dispatch, self._courier.deliver(peer, dispatch.contents(), now=utc_now()))

    def round_of_handed(self, peer: Peer) -> Round:
        """Send and record what a transaction of this process hands over, once it is committed.

        A commit that is not over soon is not waited for: another round sends it. What has become so late that its lease
        might end before the request does, is let go, to be claimed at once.
        """
        handover = self._exchange.handover
        handed = handover.take(peer.code)
        if handed is None:
            return Round.IDLE
        dispatch = _Dispatch(peer, _WELL, handed.lease, handed.messages, ())
        now = utc_now()
        request = self._courier.prepare(peer, dispatch.contents(), now=now)
        if not handed.is_over.wait(_COMMIT_SECONDS):
            handover.put_back(handed)
            return Round.IDLE
        handover.close(handed)
        if not handed.committed:
            return Round.IDLE
        if handed.age_seconds() + self._settings.timeout_seconds < handed.terms.lease_seconds:
            return self._record(dispatch, self._courier.send(peer, request, now=now))
        with self._at_once() as session:
            self._settle(session, dispatch._replace(batch=(), rest=dispatch.batch), ())
        return Round.LET_GO

    def _claim(self, peer: Peer) -> _Dispatch | None:
        lease = uuid4()
        with self._at_once() as session:
            gate, claimed = self._claim_due(session, peer, lease, at_most=self._settings.batch_messages)
        if gate.open and gate.probing:
            claimed = self._claim_probe(peer, lease)
        elif len(claimed) == min(self._settings.batch_messages, gate.batch_limit):
            self._backlog[peer.code].set()
        if not claimed:
            return None
        claimed.sort(key=lambda it: (not it.fresh, it.subject, it.sequence))
        fitting = _fitting(claimed)
        return _Dispatch(peer, gate, lease, claimed[:fitting], claimed[fitting:])

    @contextmanager
    def _at_once(self) -> Iterator[Session]:
        """A session for one statement that commits itself: one round trip instead of three."""
        with self._sessions() as session:
            session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
            yield session

    def _claim_probe(self, peer: Peer, lease: UUID) -> list[Claimed]:
        """One message, claimed together with the right to send it; neither without the other."""
        lease_seconds = self._settings.lease_seconds
        with self._sessions() as session:
            if not _PROBE.run(session, peer=peer.code, now=self._now(), lease_seconds=lease_seconds):
                return []  # another relay's probe is under way
            _, claimed = self._claim_due(session, peer, lease, at_most=1, probe=True)
            if claimed:
                session.commit()
        return claimed

    def _claim_due(
        self, session: Session, peer: Peer, lease: UUID, *, at_most: int, probe: bool = False
    ) -> tuple[_Gate, list[Claimed]]:
        """How it stands with the peer, and what was claimed; nothing while its gate is shut, but for a probe."""
        rows = _CLAIM.all(
            session,
            peer=peer.code,
            now=self._now(),
            at_most=at_most,
            probe=probe,
            lease=lease,
            lease_seconds=self._settings.lease_seconds,
        )
        if not rows:
            _REGISTER.run(session, peer=peer.code)
            return self._claim_due(session, peer, lease, at_most=at_most, probe=probe)
        gate = _Gate(*rows[0][: len(_Gate._fields)])
        return gate, [Claimed(*row[len(_Gate._fields) :]) for row in rows if row.id is not None]

    def _record(self, dispatch: _Dispatch, answer: Delivered | Undelivered) -> Round:
        if isinstance(answer, Delivered):
            self._record_receipts(dispatch, answer)
            return Round.SENT
        self._record_failure(dispatch, answer)
        return Round.FAILED

    def _record_receipts(self, dispatch: _Dispatch, answer: Delivered) -> None:
        peer = dispatch.peer
        outcomes = [self._judged(message, answer.receipts.get(message.id)) for message in dispatch.batch]
        with self._at_once() as session:
            self._settle(session, dispatch, outcomes, answer)
        for disposition, count in Counter(it.receipt.disposition for it in outcomes if it.receipt).items():
            self._metrics.receipts.labels(peer.code, disposition).inc(count)

    def _judged(self, message: Claimed, receipt: Receipt | None) -> _Outcome:
        """What a receipt means for its message. One that is missing is no answer: the message is tried again."""
        if receipt is None:
            return _Outcome(message.id, "failed", self._backoff(message), "the answer holds no receipt for it")
        if receipt.disposition is Disposition.CONFLICT:
            return _Outcome(message.id, "dead", 0.0, "the peer took this id with another digest", receipt)
        if receipt.digest != message.digest:
            return _Outcome(message.id, "dead", 0.0, "the receipt's digest is not the message's", receipt)
        return _Outcome(message.id, "delivered", receipt=receipt)

    def _record_failure(self, dispatch: _Dispatch, answer: Undelivered) -> None:
        peer, failure = dispatch.peer, answer.failure
        alone = len(dispatch.batch) == 1
        failures = dispatch.gate.failures + 1
        with self._sessions.begin() as session:
            self._settle(session, dispatch, [self._failed(message, answer, alone=alone) for message in dispatch.batch])
            if failure is Failure.TOO_LARGE:
                if not alone:
                    _HALVE.run(session, peer=peer.code, limit=len(dispatch.batch) // 2)
            else:
                _FAILED.run(
                    session,
                    peer=peer.code,
                    now=self._now(),
                    failures=failures,
                    delay=max(self._peer_backoff(failures, failure), answer.asked_seconds),
                    refused=failure is Failure.REFUSED,
                    reason=answer.reason,
                )
        self._metrics.failures.labels(peer.code, failure.value).inc()
        tell = log.error if failure is Failure.REFUSED else log.warning
        tell(
            "messages not delivered",
            peer=peer.code,
            failure=failure.value,
            reason=answer.reason,
            messages=len(dispatch.batch),
        )

    def _failed(self, message: Claimed, answer: Undelivered, *, alone: bool) -> _Outcome:
        """What a request without receipts means for one of its messages.

        One that may itself be the reason waits longer each time and is sent by itself from then on, so that it holds
        back its own subject alone.
        """
        match answer.failure:
            case Failure.UNREACHABLE:
                return _Outcome(message.id, "untried", 0.0, answer.reason)
            case Failure.BUSY:
                return _Outcome(message.id, "failed", 0.0, answer.reason)
            case Failure.TOO_LARGE if alone:
                return _Outcome(message.id, "dead", 0.0, "too large for the peer, even alone")
            case Failure.TOO_LARGE:
                return _Outcome(message.id, "released")
            case Failure.FAILED | Failure.REFUSED:
                return _Outcome(message.id, "failed", self._backoff(message), answer.reason)

    def _settle(
        self, session: Session, dispatch: _Dispatch, tried: Sequence[_Outcome], answer: Delivered | None = None
    ) -> None:
        """Write what became of what was claimed; of an answer also the proof, and that the peer is well."""
        peer = dispatch.peer
        outcomes = [*tried, *(_Outcome(message.id, "released") for message in dispatch.rest)]
        settled = _SETTLE.all(
            session,
            lease=dispatch.lease,
            now=self._now(),
            peer=peer.code,
            answered=answer is not None,
            sent=len(dispatch.batch),
            proof_id=uuid7() if answer else None,
            key_id=answer and answer.proof.key_id,
            base=answer and answer.proof.base,
            signature=answer and answer.proof.signature,
            content=answer and answer.content,
            ids=[it.id for it in outcomes],
            outcomes=orjson.dumps([it.row() for it in outcomes]).decode(),
        )
        if len(settled) < len(outcomes):
            log.warning("lease lost", peer=peer.code, messages=len(outcomes) - len(settled))
        for row in settled:
            if row.state == "dead":
                log.error("message dead", peer=peer.code, message_id=str(row.id), problem=row.last_problem)
            elif row.disposition == Disposition.QUARANTINED:
                log.warning("message quarantined by the peer", peer=peer.code, message_id=str(row.id))

    def _backoff(self, message: Claimed) -> float:
        return backoff_seconds(message.attempts + 1, rng=self._rng)

    def _peer_backoff(self, failures: int, failure: Failure) -> float:
        settings = self._settings
        if failure is Failure.REFUSED:
            return backoff_seconds(
                failures,
                rng=self._rng,
                first_seconds=settings.refused_first_seconds,
                longest_seconds=settings.refused_at_most_seconds,
            )
        return backoff_seconds(failures, rng=self._rng, longest_seconds=settings.probe_at_most_seconds)

    def _now(self) -> datetime | None:
        return self._clock() if self._clock else None


def _fitting(claimed: Sequence[Claimed]) -> int:
    """How many of them, from the first on, one request may carry; one always fits."""
    size = len(b'{"messages":[]}')
    for index, message in enumerate(claimed):
        size += len(message.content.encode()) + 1
        if index and size > BATCH_BYTES:
            return index
    return len(claimed)


_REGISTER = Query(sa.text("INSERT INTO exchange_peers (code) VALUES (:peer) ON CONFLICT DO NOTHING"))

# Only one of all relays finds the next attempt in the past: the one that probes.
_PROBE = Query(
    sa.text("""
        UPDATE exchange_peers
        SET next_attempt_at = coalesce(CAST(:now AS timestamptz), clock_timestamp())
                              + make_interval(secs => :lease_seconds)
        WHERE code = :peer AND coalesce(pause, 'refused') = 'refused'
          AND coalesce(next_attempt_at <= coalesce(CAST(:now AS timestamptz), clock_timestamp()), true)
    """)
)

_FRESH_SHARE = 5
"""One message in so many is of the newest, so that what is owed today passes a backlog within seconds."""

# Each time it is asked, the value of a subquery is looked up by index. `NOT EXISTS` would become a join, for which
# PostgreSQL, as long as its statistics do not know the backlog, reads all of it for each message.
# A head is the first open message of its subject; whoever claims it claims what follows it without a gap. A message
# that failed before goes out alone, so that a poisonous one cannot take others with it again. A claim need not wait
# for the disk: if a crash takes it, the messages are claimed again, and the peer knows those that had arrived.
_IS_DUE = """
    peer = :peer AND state = 'queued' AND due_at <= coalesce(CAST(:now AS timestamptz), statement_timestamp())
    AND (lease IS NULL OR leased_until <= coalesce(CAST(:now AS timestamptz), statement_timestamp()))
    AND sequence = (
        SELECT first.sequence FROM exchange_outbox AS first
        WHERE first.peer = head.peer AND first.subject = head.subject AND first.state IN ('queued', 'dead')
        ORDER BY first.sequence LIMIT 1
    )
"""
_CLAIM = Query(
    sa.text(f"""
        WITH unsynced AS MATERIALIZED (
            SELECT set_config('synchronous_commit', 'off', true)
        ), gate AS MATERIALIZED (
            SELECT failures, pause, batch_limit,
                   coalesce(pause, 'refused') = 'refused'
                   AND coalesce(next_attempt_at <= coalesce(CAST(:now AS timestamptz), clock_timestamp()), true) AS open
            FROM exchange_peers WHERE code = :peer
        ), allowed AS MATERIALIZED (
            SELECT coalesce(max(least(:at_most, batch_limit)), 0) AS messages
            FROM gate WHERE :probe OR (open AND failures = 0 AND pause IS NULL)
        ), fresh AS (
            SELECT id, subject, sequence, due_at FROM exchange_outbox AS head
            WHERE {_IS_DUE} AND attempts = 0
            ORDER BY due_at DESC, id DESC LIMIT (SELECT messages / {_FRESH_SHARE} FROM allowed)
            FOR UPDATE SKIP LOCKED
        ), due AS (
            SELECT id, subject, sequence, due_at, attempts > 0 AS suspect FROM exchange_outbox AS head
            WHERE {_IS_DUE}
            ORDER BY due_at, id LIMIT (SELECT messages FROM allowed)
            FOR UPDATE SKIP LOCKED
        ), first AS (
            SELECT id, suspect FROM due ORDER BY due_at, id LIMIT 1
        ), heads AS (
            SELECT due.*, due.id IN (SELECT id FROM fresh) AS fresh FROM due, first
            WHERE due.id = first.id OR NOT (due.suspect OR first.suspect)
            UNION ALL
            SELECT fresh.*, false, true FROM fresh, first
            WHERE NOT first.suspect AND fresh.id NOT IN (SELECT id FROM due)
        ), members AS (
            SELECT run.id, heads.fresh FROM heads CROSS JOIN LATERAL (
                SELECT id, sequence, sequence - row_number() OVER (ORDER BY sequence) = heads.sequence - 1 AS follows
                FROM exchange_outbox
                WHERE peer = :peer AND subject = heads.subject AND sequence >= heads.sequence AND state = 'queued'
                ORDER BY sequence LIMIT CASE WHEN heads.suspect THEN 1 ELSE (SELECT messages FROM allowed) END
            ) AS run
            WHERE run.follows ORDER BY heads.fresh DESC, heads.due_at, heads.id, run.sequence
            LIMIT (SELECT messages FROM allowed)
        ), claimed AS (
            UPDATE exchange_outbox AS message
            SET lease = :lease,
                leased_until = coalesce(CAST(:now AS timestamptz), clock_timestamp())
                               + make_interval(secs => :lease_seconds)
            FROM members, unsynced WHERE message.id = members.id AND message.state = 'queued'
            RETURNING message.id, subject, sequence, type, content, digest, attempts, fresh
        )
        SELECT gate.*, claimed.* FROM gate LEFT JOIN claimed ON true
    """)  # noqa: S608  # made of constants alone
)

# Neither need this wait for the disk. The peer's row is written only when that tells something new: relays would
# otherwise queue for it after each request. Messages are looked up by id, as the lease is in no index.
_SETTLE = Query(
    sa.text("""
        WITH unsynced AS MATERIALIZED (
            SELECT set_config('synchronous_commit', 'off', true),
                   coalesce(CAST(:now AS timestamptz), clock_timestamp()) AS now
        ), proof AS (
            INSERT INTO exchange_proofs (id, peer, recorded_at, key_id, signature_base, signature, content)
            SELECT CAST(:proof_id AS uuid), :peer, now, :key_id, :base, :signature, :content
            FROM unsynced WHERE :answered
        ), well AS (
            UPDATE exchange_peers
            SET failures = 0, silent_since = NULL, next_attempt_at = NULL,
                pause = nullif(pause, 'refused'),
                paused_at = CASE WHEN pause <> 'refused' THEN paused_at END,
                pause_reason = CASE WHEN pause <> 'refused' THEN pause_reason END,
                batch_limit = least(100, batch_limit + CAST(:sent >= batch_limit AS int)),
                last_success_at = now
            FROM unsynced WHERE :answered AND code = :peer AND (
                failures > 0 OR pause = 'refused' OR :sent >= batch_limit OR last_success_at IS NULL
                OR last_success_at < now - interval '10 seconds'
            )
        ), outcome AS (
            SELECT outcome.*, now FROM unsynced CROSS JOIN json_to_recordset(CAST(:outcomes AS json)) AS outcome (
                message_id uuid, outcome text, delay float8, problem text, disposed text, refusal jsonb
            )
        )
        UPDATE exchange_outbox AS message
        SET (state, settled_at) = (
                SELECT becomes, CASE WHEN becomes <> 'queued' THEN now END FROM (
                    SELECT CASE
                        WHEN outcome IN ('delivered', 'dead') THEN outcome
                        WHEN outcome IN ('failed', 'untried') AND expires_at <= now THEN 'dead'
                        ELSE 'queued'
                    END AS becomes
                )
            ),
            lease = NULL,
            due_at = CASE WHEN outcome = 'failed' THEN now + make_interval(secs => delay) ELSE due_at END,
            attempts = attempts + CAST(outcome = 'failed' AS int),
            last_problem = coalesce(problem, last_problem),
            disposition = disposed,
            receipt_problem = refusal,
            proof_id = CASE WHEN disposed IS NOT NULL THEN CAST(:proof_id AS uuid) END
        FROM outcome
        WHERE message.id = message_id AND message.id = ANY(CAST(:ids AS uuid[]))
          AND message.lease = :lease AND message.state = 'queued'
        RETURNING message.id, state, last_problem, disposition
    """)
)
_FAILED = Query(
    sa.text("""
        UPDATE exchange_peers
        SET failures = greatest(failures, :failures),
            silent_since = coalesce(silent_since, CAST(:now AS timestamptz), clock_timestamp()),
            next_attempt_at = coalesce(CAST(:now AS timestamptz), clock_timestamp()) + make_interval(secs => :delay),
            pause = CASE WHEN :refused THEN coalesce(pause, 'refused') ELSE pause END,
            paused_at = CASE
                WHEN :refused THEN coalesce(paused_at, CAST(:now AS timestamptz), clock_timestamp()) ELSE paused_at
            END,
            pause_reason = CASE WHEN :refused THEN coalesce(pause_reason, :reason) ELSE pause_reason END,
            last_problem = :reason
        WHERE code = :peer
    """)
)
_HALVE = Query(sa.text("UPDATE exchange_peers SET batch_limit = least(batch_limit, :limit) WHERE code = :peer"))
