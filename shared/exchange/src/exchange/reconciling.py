"""Comparing both sides' ledgers, and mending what differs: what is missing is fetched, what was forgotten recalled.

Days are compared first, then the hours of days that differ, then the messages of hours that differ. The peer's side is
read before ours, so that what is exchanged meanwhile looks like a difference at most where it can be asked for again.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, Literal, NamedTuple, TypeVar
from uuid import UUID

import orjson
import sqlalchemy as sa
import structlog
from pydantic import Field
from sqlalchemy.orm import Session

from exchange import ledger
from exchange.canonical import NotCanonicalError, canonical, digest_of
from exchange.fetching import Enquirer, PeerAnswerError
from exchange.inbox import Effects, apply_again_to, read_batch, take
from exchange.operating import apply_again
from exchange.outbox import RETRIED_FOR, wake_after_commit
from exchange.parties import FEED_PATH, LEDGER_PATH, RECEIPTS_PATH, Exchange, Peer
from exchange.restored import recognise, recovering, settle
from exchange.tables import reconciliations
from schemas import (
    BATCH_MESSAGES,
    ERASED,
    ERASURE_CONFIRMED,
    LEDGER_PAGE,
    VOID,
    Direction,
    Feed,
    Ledger,
    LedgerBy,
    LedgerEntry,
    LedgerPeriod,
    Message,
    ReceiptCopies,
    ReceiptCopy,
)
from servicekit.clock import utc_now
from servicekit.database import Query, Sessions
from servicekit.fields import View
from servicekit.ids import uuid7

log = structlog.get_logger(__name__)

Given = TypeVar("Given")

SETTLING = timedelta(minutes=1)
"""The newest messages are left out of a comparison: they are still on their way."""

_RECOVERED = "recovery after a restore"

MOST_DIFFERENCES = 1000
"""So many are kept by name."""

_OF_ERASURE: Final = (ERASED, ERASURE_CONFIRMED)

_OTHER: Mapping[Direction, Direction] = {
    Direction.SENT: Direction.RECEIVED,
    Direction.RECEIVED: Direction.SENT,
}

Why = Literal["another_content", "not_given", "not_recalled", "unknown_to_sender", "dead"]
WHYS: Mapping[str, tuple[str, str]] = {
    "another_content": ("เนื้อหาของสองฝ่ายไม่ตรงกัน", "The two sides have different contents."),
    "not_given": ("ผู้ส่งแจ้งว่ามีแต่ไม่ส่งให้", "The sender says that it has it, but does not give it."),
    "not_recalled": ("เคยส่งแต่เรียกคืนสำเนาไม่ได้", "It was sent by us, but its copy could not be taken back in."),
    "unknown_to_sender": ("ผู้ส่งไม่รู้จักหรือยกเลิกไปแล้ว", "The sender does not know it, or has given it up."),
    "dead": ("ส่งไม่สำเร็จ ต้องให้ผู้ดูแลตัดสินใจ", "It could not be delivered: an operator has to decide."),
}
"""What each kind of difference means, in Thai and in English."""


class Difference(View):
    """A message on which the two sides differ, and that could not be mended. `direction` is as seen here."""

    id: UUID
    direction: Direction
    why: Why


class Reconciliation(View):
    """What one comparison found and did."""

    peer: str
    began_at: datetime
    ended_at: datetime
    since: datetime
    until: datetime
    outcome: Literal["equal", "mended", "different", "failed"]
    compared: int = Field(description="Messages of both directions in our ledger.")
    fetched: int = Field(description="The peer's messages that we had not; they were taken now.")
    recalled: int = Field(description="Our messages that we had forgotten, or whose receipts we missed.")
    sent_again: int = Field(description="Our messages that the peer had forgotten; they are queued again.")
    differences: list[Difference] = Field(description=f"What could not be mended; the first {MOST_DIFFERENCES}.")
    problem: str | None = Field(None, description="Why the two could not be compared.")


@dataclass(slots=True)
class _Findings:
    """What the comparison of messages brings, by what is to be done."""

    forgotten: list[UUID] = field(default_factory=list)
    missing: list[UUID] = field(default_factory=list)
    lost_by_peer: list[UUID] = field(default_factory=list)
    unknown_to_sender: list[UUID] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)


class _Counts(NamedTuple):
    compared: int
    done: Counter[str]
    differences: Sequence[Difference]


class Reconciler:
    """Compares this party with its peers. One at a time is enough, but several do no harm."""

    def __init__(self, exchange: Exchange, sessions: Sessions, effects: Effects) -> None:
        """`sessions` must be enrolled: what is fetched may owe messages."""
        self._exchange = exchange
        self._sessions = sessions
        self._effects = effects
        self._enquirer = Enquirer(exchange)

    def close(self) -> None:
        """Close the connections to peers."""
        self._enquirer.close()

    def reconcile(self, peer: Peer, *, since: datetime, until: datetime | None = None) -> Reconciliation:
        """Compare what was exchanged with the peer since then, mend what differs, and keep the result.

        Never raises for what the peer does or leaves undone: then the outcome is `failed`.
        """
        began_at = utc_now()
        until = until or began_at - SETTLING
        since = min(since, until - timedelta(milliseconds=1)).astimezone(UTC)
        counts = _Counts(0, Counter(), ())
        problem = None
        try:
            counts = self._compare_and_mend(peer, since, until)
        except PeerAnswerError as error:
            problem = str(error)
        result = Reconciliation(
            peer=peer.code,
            began_at=began_at,
            ended_at=utc_now(),
            since=since,
            until=until,
            outcome=_outcome(counts, problem),
            compared=counts.compared,
            fetched=counts.done["fetched"],
            recalled=counts.done["recalled"],
            sent_again=counts.done["sent_again"],
            differences=list(counts.differences[:MOST_DIFFERENCES]),
            problem=problem,
        )
        with self._sessions.begin() as session:
            _KEEP.run(
                session,
                **result.model_dump(exclude={"differences"}),
                id=uuid7(),
                differences=[one.model_dump(mode="json") for one in result.differences],
            )
        log.info(
            "reconciled",
            peer=peer.code,
            outcome=result.outcome,
            compared=result.compared,
            mended=counts.done.total(),
            differences=len(counts.differences),
            problem=problem,
        )
        return result

    def recover(self, peer: Peer, *, since: datetime) -> Reconciliation:
        """Bring a party that was restored from an older backup up to date, before it sends anything new.

        First it learns what it had sent, so that no sequence is given twice; then it reads on in the peer's feed;
        then both ledgers are compared; then its records are made to say again what the messages of both sides say.
        Unless that failed, the peer is spoken with again.
        """
        recognise(self._sessions, self._exchange.peers)
        with recovering(self._sessions):
            found = self._recover(peer, since)
        if found.outcome != "failed":
            with self._sessions.begin() as session:
                settle(session, peer.code)
        return found

    def _recover(self, peer: Peer, since: datetime) -> Reconciliation:
        began_at = utc_now()
        with self._sessions.begin() as session:
            if _FOREIGN.scalar(session):
                _REBASE.run(session)
        until = utc_now()
        first = self.reconcile(peer, since=since, until=until)
        if first.outcome == "failed":
            return first
        try:
            fetched = self.read_feed(peer)
        except PeerAnswerError as error:
            log.warning("feed not read", peer=peer.code, reason=str(error))
            fetched = 0
        second = self.reconcile(peer, since=since, until=until)
        self._replay(peer, began_at)
        return second.model_copy(
            update={
                "began_at": first.began_at,
                "outcome": "mended" if second.outcome == "equal" and first.outcome == "mended" else second.outcome,
                "fetched": first.fetched + fetched + second.fetched,
                "recalled": first.recalled + second.recalled,
                "sent_again": first.sent_again + second.sent_again,
            }
        )

    def read_feed(self, peer: Peer) -> int:
        """Take what the peer ever sent since the cursor that is kept; how many messages were new.

        Raises:
            PeerAnswerError: the peer does not give it.
        """
        with self._sessions() as session:
            cursor: UUID | None = _CURSOR.scalar(session, peer=peer.code)
        new = 0
        while True:
            try:
                part = self._feed(peer, [("after", str(cursor))] if cursor else [])
            except PeerAnswerError as error:
                if error.status != HTTPStatus.GONE or cursor is None:
                    raise
                cursor = None  # the peer was restored itself: from the beginning, as duplicates are harmless
                continue
            new += self._take(peer, part.messages, cursor=part.cursor)
            cursor = part.cursor
            if not part.more:
                return new

    def _replay(self, peer: Peer, began_at: datetime) -> None:
        """Apply our own recalled messages to our records, and once more what was fetched and could not be applied.

        The two sides' messages took turns, and each stands on the other's: so both are tried until nothing moves.
        What is left stands in quarantine, or only in the log: its records are for people to look at.
        """
        done: set[UUID] = set()
        moved = True
        while moved:
            # Erasures come last: what is told before them could not be applied any more.
            moved = self._replay_once(peer, began_at, done, erasures=False) or self._replay_once(
                peer, began_at, done, erasures=True
            )

    def _replay_once(self, peer: Peer, began_at: datetime, done: set[UUID], *, erasures: bool) -> bool:
        """Whether any of them could be applied; `done` are our own that were."""
        party = self._exchange.party
        ours = replace(self._effects, handlers=self._effects.recalled, allowed=None)
        with self._sessions() as session:
            own = [row for row in _TO_REPLAY.all(session, peer=peer.code, since=began_at) if row.id not in done]
            theirs = _TO_APPLY.all(session, peer=peer.code, since=began_at)
        moved = False
        blocked = set()
        for row in own:
            wanted = row.type in self._effects.recalled and (row.type in _OF_ERASURE) is erasures
            if row.subject in blocked or not wanted:
                continue
            with self._sessions.begin() as session:
                problem = apply_again_to(session, row.content, party, ours, utc_now())
            if problem is None:
                done.add(row.id)
                moved = True
            else:
                blocked.add(row.subject)
                log.warning("recalled message not replayed", message_id=str(row.id), problem=problem.type)
        for row in theirs:
            if (row.type in _OF_ERASURE) is not erasures:
                continue
            with self._sessions.begin() as session:
                problem = apply_again(
                    session, peer.code, row.id, self._effects, reason=_RECOVERED, by=_RECOVERED, now=utc_now()
                )
            moved = moved or problem is None
        return moved

    def _compare_and_mend(self, peer: Peer, since: datetime, until: datetime) -> _Counts:
        done: Counter[str] = Counter()
        compared, spans = self._differing(peer, since, until)
        found = _Findings()
        for begin, end in spans:
            self._compare_messages(peer, begin, end, found)
        with self._sessions() as session:
            dead = [row.id for row in _DEAD.all(session, peer=peer.code)]
        # What we had sent comes first: what is fetched may make us owe more, in sequences not given before.
        known = self._recall(peer, [*found.forgotten, *dead])
        done["recalled"] = len(known)
        done["fetched"] = self._fetch(peer, found)
        done["sent_again"] = self._send_again(peer, found.lost_by_peer)
        differences = found.differences
        differences += _named(set(found.forgotten) - known, Direction.SENT, "not_recalled")
        differences += _named(set(dead) - known, Direction.SENT, "dead")
        differences += _named(
            self._still_unknown(peer, found.unknown_to_sender), Direction.RECEIVED, "unknown_to_sender"
        )
        return _Counts(compared, done, differences)

    def _differing(self, peer: Peer, since: datetime, until: datetime) -> tuple[int, list[tuple[datetime, datetime]]]:
        """How many messages there are, and the hours that differ."""
        compared, days = self._differing_periods(peer, since, until, LedgerBy.DAY)
        hours = []
        for begin, end in days:
            hours += self._differing_periods(peer, begin, end, LedgerBy.HOUR)[1]
        return compared, hours

    def _differing_periods(
        self, peer: Peer, since: datetime, until: datetime, by: LedgerBy
    ) -> tuple[int, list[tuple[datetime, datetime]]]:
        theirs = _by_place(self._ledger(peer, since, until, by).periods, flip=True)
        with self._sessions() as session:
            ours = _by_place(ledger.periods(session, peer.code, since=since, until=until, by=by), flip=False)
        starts = {place[0] for place in theirs.keys() | ours.keys() if theirs.get(place) != ours.get(place)}
        length = ledger.LENGTH[by]
        spans = [(max(start, since), min(start + length, until)) for start in sorted(starts)]
        return sum(count for count, _ in ours.values()), spans

    def _compare_messages(self, peer: Peer, since: datetime, until: datetime, found: _Findings) -> None:
        theirs = {(entry.id, _OTHER[entry.direction]): entry for entry in self._entries(peer, since, until)}
        with self._sessions() as session:
            ours = {(entry.id, entry.direction): entry for entry in _own_entries(session, peer.code, since, until)}
        for (identity, direction), their in theirs.items():
            our = ours.get((identity, direction))
            if our is not None:
                if our.digest != their.digest:
                    found.differences.append(Difference(id=identity, direction=direction, why="another_content"))
            elif direction is Direction.SENT:
                found.forgotten.append(identity)
            elif their.state != "queued":  # else it is on its way
                found.missing.append(identity)
        for (identity, direction), our in ours.items():
            if (identity, direction) in theirs:
                continue
            if direction is Direction.RECEIVED:
                found.unknown_to_sender.append(identity)
            elif our.state == "delivered":
                found.lost_by_peer.append(identity)

    def _fetch(self, peer: Peer, found: _Findings) -> int:
        """Take what the peer sent and we have not; how many were new."""
        new = 0
        given: set[UUID] = set()
        for messages in self._given(peer, found.missing):
            new += self._take(peer, list(messages.values()))
            given |= messages.keys()
        found.differences += _named(set(found.missing) - given, Direction.RECEIVED, "not_given")
        return new

    def _take(self, peer: Peer, messages: Sequence[Mapping[str, Any]], *, cursor: UUID | None = None) -> int:
        """Take messages as if they had been sent to us, then keep the feed's cursor; how many were new.

        Killed between the two, it reads this part of the feed again, and finds that it has it.
        """
        now = utc_now()
        receipts = []
        if messages:
            arrivals = read_batch(orjson.dumps({"messages": messages}), peer.code)
            effects = replace(self._effects, allowed=peer.types)
            receipts = take(self._sessions, arrivals, source=peer.code, effects=effects, now=now)
        if cursor is not None:
            with self._sessions.begin() as session:
                _READ_TO.run(session, peer=peer.code, after=cursor, now=now)
        return sum(receipt.disposition not in {"duplicate", "conflict"} for receipt in receipts)

    def _recall(self, peer: Peer, ids: Sequence[UUID]) -> set[UUID]:
        """Learn again of what we had sent, from the peer's copies; those that are known now."""
        known = set()
        for copy in self._copies(peer, ids):
            with self._sessions.begin() as session:
                if recall_copy(session, self._exchange.party, peer.code, copy, utc_now()):
                    known.add(copy.receipt.id)
        return known

    def _send_again(self, peer: Peer, ids: Sequence[UUID]) -> int:
        """Queue what the peer has forgotten; asked once more, as it may have come in meanwhile."""
        there = {copy.receipt.id for copy in self._copies(peer, ids)}
        lost = [one for one in ids if one not in there]
        now = utc_now()
        with self._sessions.begin() as session:
            count = _SEND_AGAIN.run(session, ids=lost, now=now, expires_at=now + RETRIED_FOR)
            wake_after_commit(session)
        return count

    def _still_unknown(self, peer: Peer, ids: Sequence[UUID]) -> set[UUID]:
        """Those that the peer does not give when it is asked for them by name."""
        return set(ids).difference(*self._given(peer, ids))

    def _given(self, peer: Peer, ids: Sequence[UUID]) -> Iterator[Mapping[UUID, Mapping[str, Any]]]:
        """The peer's messages of these ids, a part at a time."""
        return _part_by_part(
            ids,
            lambda wanted: {UUID(str(it.get("id"))): it for it in self._feed(peer, _named_ids(wanted)).messages},
        )

    def _copies(self, peer: Peer, ids: Sequence[UUID]) -> Iterator[ReceiptCopy]:
        """The peer's copies of our messages of these ids."""

        def ask(wanted: Sequence[UUID]) -> Mapping[UUID, ReceiptCopy]:
            answer, _ = self._enquirer.ask(peer, RECEIPTS_PATH, _named_ids(wanted), ReceiptCopies)
            return {copy.receipt.id: copy for copy in answer.copies}

        for part in _part_by_part(ids, ask):
            yield from part.values()

    def _feed(self, peer: Peer, parameters: Sequence[tuple[str, str]]) -> Feed:
        return self._enquirer.ask(peer, FEED_PATH, parameters, Feed)[0]

    def _ledger(
        self, peer: Peer, since: datetime, until: datetime, by: LedgerBy, *, after: UUID | None = None
    ) -> Ledger:
        parameters = [("from", since.isoformat()), ("to", until.isoformat()), ("by", by.value)]
        if after is not None:
            parameters.append(("after", str(after)))
        return self._enquirer.ask(peer, LEDGER_PATH, parameters, Ledger)[0]

    def _entries(self, peer: Peer, since: datetime, until: datetime) -> Iterator[LedgerEntry]:
        after = None
        while True:
            page = self._ledger(peer, since, until, LedgerBy.MESSAGE, after=after)
            yield from page.entries
            if not page.more or not page.entries:
                return
            after = page.entries[-1].id


def newest_reconciliations(session: Session, *, limit: int) -> list[Reconciliation]:
    """What was found lately, newest first."""
    return [Reconciliation.model_validate(row) for row in _NEWEST.all(session, limit=limit)]


def _outcome(counts: _Counts, problem: str | None) -> Literal["equal", "mended", "different", "failed"]:
    if problem:
        return "failed"
    if counts.differences:
        return "different"
    return "mended" if counts.done.total() else "equal"


def _by_place(found: Sequence[LedgerPeriod], *, flip: bool) -> dict[tuple[datetime, Direction], tuple[int, str]]:
    return {(one.start, _OTHER[one.direction] if flip else one.direction): (one.messages, one.digest) for one in found}


def _own_entries(session: Session, peer: str, since: datetime, until: datetime) -> Iterator[LedgerEntry]:
    after = None
    while page := ledger.entries(session, peer, since=since, until=until, after=after, limit=LEDGER_PAGE):
        yield from page
        after = page[-1].id


def recall_copy(session: Session, party: str, peer: str, copy: ReceiptCopy, now: datetime) -> bool:
    """Whether our message is on record again, as delivered; not when the copy is not one of ours as we sent it."""
    try:
        content = canonical(copy.message)
        message = Message.model_validate(copy.message)
    except (NotCanonicalError, ValueError):
        return False
    receipt = copy.receipt
    digest = message.eraseddigest or digest_of(content)
    if message.source != party or message.id != receipt.id or digest != receipt.digest:
        return False
    if message.type == VOID:
        _VOID.run(session, peer=peer, id=UUID(str(message.data.get("message_id"))), now=now)
    _COUNT_ON.run(session, peer=peer, subject=message.subject, sequence=message.sequence)
    return bool(
        _RECALL.run(
            session,
            id=message.id,
            peer=peer,
            subject=message.subject,
            sequence=message.sequence,
            type=message.type,
            content=content.decode(),
            digest=receipt.digest,
            request_id=message.requestid,
            owed_at=message.time,
            expires_at=message.time + RETRIED_FOR,
            disposition=receipt.disposition.value,
            problem=receipt.problem.model_dump_json(exclude_none=True) if receipt.problem else None,
            received_at=receipt.received_at,
            now=now,
        )
    )


def _named(ids: Sequence[UUID] | set[UUID], direction: Direction, why: Why) -> list[Difference]:
    return [Difference(id=one, direction=direction, why=why) for one in sorted(ids)]


def _part_by_part(
    ids: Sequence[UUID], ask: Callable[[Sequence[UUID]], Mapping[UUID, Given]]
) -> Iterator[Mapping[UUID, Given]]:
    """What a peer gives of these, a batch at a time; it may give fewer at once than it is asked for."""
    for start in range(0, len(ids), BATCH_MESSAGES):
        wanted = list(ids[start : start + BATCH_MESSAGES])
        while wanted:
            given = ask(wanted)
            left = [one for one in wanted if one not in given]
            if len(left) == len(wanted):
                break
            yield given
            wanted = left


def _named_ids(ids: Sequence[UUID]) -> list[tuple[str, str]]:
    return [("id", str(one)) for one in ids]


_TO_REPLAY = Query(
    sa.text("""
        SELECT id, subject, type, content FROM exchange_outbox
        WHERE peer = :peer AND recalled_at >= :since ORDER BY subject, sequence
    """)
)
_TO_APPLY = Query(
    sa.text("""
        SELECT id, type FROM exchange_inbox
        WHERE source = :peer AND state = 'quarantined' AND received_at >= :since ORDER BY subject, sequence
    """)
)
_KEEP = Query(
    sa.insert(reconciliations).values({column.name: sa.bindparam(column.name) for column in reconciliations.columns})
)
_NEWEST = Query(
    sa.select(reconciliations).order_by(reconciliations.c.id.desc()).limit(sa.bindparam("limit", type_=sa.Integer))
)
_CURSOR = Query(sa.text("SELECT after FROM exchange_feeds WHERE peer = :peer"))
_READ_TO = Query(
    sa.text("""
        INSERT INTO exchange_feeds (peer, after, read_at) VALUES (:peer, :after, :now)
        ON CONFLICT (peer) DO UPDATE SET after = excluded.after, read_at = excluded.read_at
    """)
)
_DEAD = Query(
    sa.text("SELECT id FROM exchange_outbox WHERE peer = :peer AND state = 'dead' AND disposition IS NULL ORDER BY id")
)
_SEND_AGAIN = Query(
    sa.text("""
        UPDATE exchange_outbox
        SET state = 'queued', due_at = :now, expires_at = :expires_at, attempts = 0,
            settled_at = NULL, disposition = NULL, receipt_problem = NULL, proof_id = NULL
        WHERE id = ANY(CAST(:ids AS uuid[])) AND state = 'delivered'
    """)
)
_VOID = Query(
    sa.text("""
        UPDATE exchange_outbox SET state = 'void', lease = NULL, settled_at = :now
        WHERE peer = :peer AND id = :id AND state IN ('queued', 'dead')
    """)
)
_COUNT_ON = Query(
    sa.text("""
        INSERT INTO exchange_outgoing (peer, subject, last_sequence) VALUES (:peer, :subject, :sequence)
        ON CONFLICT (peer, subject)
        DO UPDATE SET last_sequence = greatest(exchange_outgoing.last_sequence, excluded.last_sequence)
    """)
)

# Nothing is recalled into a sequence that another of our messages has: then both stay, and the difference is told.
_RECALL = Query(
    sa.text("""
        INSERT INTO exchange_outbox (
            id, peer, subject, sequence, type, content, digest, request_id, owed_at, state, due_at, expires_at,
            disposition, receipt_problem, settled_at, recalled_at
        )
        SELECT :id, :peer, :subject, :sequence, :type, :content, :digest, :request_id, :owed_at, 'delivered', :owed_at,
               :expires_at, :disposition, CAST(:problem AS jsonb), :received_at, :now
        WHERE NOT EXISTS (
            SELECT FROM exchange_outbox
            WHERE peer = :peer AND subject = :subject AND sequence = :sequence AND state <> 'void' AND id <> :id
        )
        ON CONFLICT (id) DO UPDATE
        SET state = 'delivered', lease = NULL, disposition = excluded.disposition,
            receipt_problem = excluded.receipt_problem, settled_at = excluded.settled_at,
            recalled_at = excluded.recalled_at
        WHERE exchange_outbox.state IN ('queued', 'dead') AND exchange_outbox.digest = excluded.digest
    """)
)

# Numbers of transactions that this server has not reached: the rows were restored from a dump of another one.
_FOREIGN = Query(
    sa.text("""
        SELECT EXISTS (
            SELECT FROM exchange_outbox
            WHERE transaction_number >= CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)
        )
    """)
)
_REBASE = Query(sa.text("UPDATE exchange_outbox SET transaction_number = 1"))
