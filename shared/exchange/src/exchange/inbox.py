"""Taking messages: each is applied exactly once, in the order of its subject, or stands where one sees why not.

A batch is taken in one transaction of a few statements. Its subjects are locked first, so that deliveries of one
subject wait for each other; what follows from order and identity is decided from what is known then, without any
effect; then effects are applied; then the messages and how far each subject was taken are written. All of it is
committed together, or nothing is and the sender tries again. Should an effect fail, the transaction is rolled back, and
the batch taken anew with each effect under a savepoint of its own: almost none fails, so almost no batch pays for it.
"""

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import psycopg
import sqlalchemy as sa
import structlog
from pydantic import ValidationError
from sqlalchemy.orm import Session

from exchange import refusals
from exchange.canonical import NotCanonicalError, canonical, digest_of
from exchange.erasing import erase_what_came_late
from exchange.outbox import RecoveryNeeded
from exchange.refusals import faults, refusal, refusal_of
from schemas import BATCH_MESSAGES, TYPES, VOID, Disposition, JsonObject, Message, Receipt, ReceiptProblem, Wire
from servicekit.database import Query, Sessions
from servicekit.observing import current_request_id, set_request_id
from servicekit.problems import DomainError, Problem, describe
from servicekit.words import Words

log = structlog.get_logger(__name__)

Handler = Callable[[Session, Message, Any, datetime], None]
"""Applies one message in the session's transaction: (session, message, its typed body, now).

It may raise a `DomainError`, and the message is quarantined with that problem. It may run twice (its first effect
having been rolled back), so it changes nothing but the database.
"""


BulkHandler = Callable[[Session, Sequence[tuple[Message, Any]], datetime], None]
"""Applies messages of one type, each with its typed body, all or none. What it raises, it raises for all of them:
then each is applied by the `Handler` of its type, by itself."""


class MalformedBatch(DomainError):
    """What came is not a batch whose messages can be told apart, so no receipt can be given for any."""


MALFORMED_BATCH = Problem(
    "malformed-batch",
    HTTPStatus.BAD_REQUEST,
    Words("ชุดข้อความไม่ถูกต้อง", "This is not a batch of messages"),
    Words(
        'โปรดส่ง {{"messages": [...]}} 1 ถึง 100 ข้อความ แต่ละข้อความมี id เป็น UUID และเป็น JSON ตาม RFC 8785',
        'Send {{"messages": [...]}} with 1 to 100 messages, each with a UUID as its id, in JSON as of RFC 8785.',
    ),
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message of a batch. `problem` tells why its envelope is not usable; then there is no `message`."""

    id: UUID
    content: str
    digest: str
    message: Message | None
    problem: ReceiptProblem | None = None


@dataclass(frozen=True, slots=True)
class Effects:
    """What messages do here: handlers by type, the service's table of problems, and the types that a peer may send.

    `allowed` None means every type that has a handler. `bulk` is for types that come in great numbers. `recalled` are
    handlers by type of this party's own messages, for when it was restored from an older backup: they make its records
    say again what it had sent. `unanswered` counts, by `peer`, the referrals that wait for an answer: the exchange
    knows messages, and what they are about only the service.
    """

    handlers: Mapping[str, Handler]
    problems: Mapping[type[DomainError], Problem] = field(default_factory=dict)
    allowed: Collection[str] | None = None
    recalled: Mapping[str, Handler] = field(default_factory=dict)
    bulk: Mapping[str, BulkHandler] = field(default_factory=dict)
    unanswered: Query | None = None


def read_batch(body: bytes, source: str) -> list[Arrival]:
    """The messages of a request's body, each judged by itself.

    Raises:
        MalformedBatch: they cannot even be told apart.
    """
    try:
        batch = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise MalformedBatch("not JSON") from None
    messages = batch.get("messages") if isinstance(batch, dict) else None
    if not isinstance(messages, list) or not 1 <= len(messages) <= BATCH_MESSAGES:
        raise MalformedBatch("not a batch")
    return [_read(message, source) for message in messages]


def _read(sent: object, source: str) -> Arrival:
    try:
        if not isinstance(sent, dict):
            raise MalformedBatch("not a message")
        identity = UUID(sent["id"])
        content = canonical(sent)
    except (KeyError, ValueError, AttributeError, TypeError, NotCanonicalError):
        raise MalformedBatch("a message without identity") from None
    found = _message(sent, source)
    message, problem = (found, None) if isinstance(found, Message) else (None, found)
    # The erased form of a message is known by the digest of what was first sent.
    digest = (message and message.eraseddigest) or digest_of(content)
    return Arrival(identity, content.decode(), digest, message, problem)


def _message(sent: JsonObject, source: str) -> Message | ReceiptProblem:
    try:
        message = Message.model_validate(sent)
    except ValidationError as error:
        return refusal(refusals.UNREADABLE, errors=faults(error))
    return message if message.source == source else refusal(refusals.WRONG_SOURCE)


def take(
    sessions: Sessions, arrivals: Sequence[Arrival], *, source: str, effects: Effects, now: datetime
) -> list[Receipt]:
    """Take messages from the peer `source`, in a transaction of their own; a receipt for each, in their order.

    Raises:
        sqlalchemy.exc.DBAPIError: the database cannot go on (a lost connection, a deadlock, no space); nothing was
            taken, and the sender is to try again.
    """
    try:
        with sessions.begin() as session:
            return _take(session, arrivals, source, effects, now, apply=_apply_all)
    except _NotAllAppliedError:
        with sessions.begin() as session:
            return _take(session, arrivals, source, effects, now, apply=_apply_each)


_Apply = Callable[[Session, "Sequence[_Effect]", Effects, datetime], "Sequence[ReceiptProblem | None]"]
"""Applies effects in order; for each, why it was refused."""


def _take(
    session: Session, arrivals: Sequence[Arrival], source: str, effects: Effects, now: datetime, *, apply: _Apply
) -> list[Receipt]:
    from_first = _from_first(arrivals)
    subjects = sorted(from_first)
    ids = [arrival.id for arrival in arrivals]
    expected = [from_first[subject] for subject in subjects]
    rows = _LOCK.all(session, source=source, subjects=subjects, expected=expected, ids=ids)
    locked = [row for row in rows if row.subject]
    written = {row.subject: row.taken_sequence for row in locked}
    taken = written | {row.subject: 0 for row in locked if row.is_new}
    # A subject that was never heard of holds nothing back. Of others we look once more: this was read before the lock.
    found = [row for row in rows if row.id]
    if not all(row.is_new for row in locked):
        found = _FOUND.all(session, source=source, ids=ids, subjects=subjects)
    before = {row.id: row for row in found if row.content is None}
    stored = [_stored(row) for row in found if row.content is not None]
    plan = _decide(arrivals, taken, before.keys(), stored)
    steps = []
    for message in [arrival.message for arrival in plan.steps if arrival.message]:
        prepared = _prepare(message, effects)
        if isinstance(prepared, _Effect):
            steps.append(prepared)
        else:
            plan.refused[message.id] = prepared
    for step, problem in zip(steps, apply(session, steps, effects, now), strict=True):
        if problem:
            plan.refused[step.message.id] = problem
    _write(session, plan, source=source, written=written, now=now)
    if plan.new:
        known = {row.subject for row in locked if row.erased_at}
        erase_what_came_late(session, source, subjects, known=known, now=now)
    return _receipts(arrivals, plan, before, now)


def apply_again_to(
    session: Session, content: str, source: str, effects: Effects, now: datetime
) -> ReceiptProblem | None:
    """Try to apply a message that was taken before, given as its content; why it still cannot be, or None."""
    message = _message(orjson.loads(content), source)
    if not isinstance(message, Message):
        return message
    effect = _prepare(message, effects)
    return _apply_alone(session, effect, effects, now) if isinstance(effect, _Effect) else effect


@dataclass(slots=True)
class _Plan:
    """What becomes of the messages at hand.

    `new` are those that were never taken before; `steps` are to be applied, in this order, and may include messages
    that were held until now; `waiting` are held by their subject and sequence; `refused` cannot be applied; `reached`
    is how far the subjects are taken by this.
    """

    new: dict[UUID, Arrival] = field(default_factory=dict)
    steps: list[Arrival] = field(default_factory=list)
    waiting: dict[tuple[UUID, int], Arrival] = field(default_factory=dict)
    refused: dict[UUID, ReceiptProblem] = field(default_factory=dict)
    reached: dict[UUID, int] = field(default_factory=dict)


def _from_first(arrivals: Sequence[Arrival]) -> dict[UUID, int]:
    """How far each subject reaches by these messages, if nothing was known of it: almost always the truth then."""
    places: dict[UUID, set[int]] = {}
    for arrival in arrivals:
        if arrival.message:
            places.setdefault(arrival.message.subject, set()).add(arrival.message.sequence)
    return {
        subject: next(sequence for sequence in itertools.count() if sequence + 1 not in there)
        for subject, there in places.items()
    }


def _decide(
    arrivals: Sequence[Arrival], taken: Mapping[UUID, int], before: Collection[UUID], stored: Sequence[Arrival]
) -> _Plan:
    """Decide by identity and order alone: both an applied and a quarantined message count as taken."""
    plan = _Plan(reached=dict(taken))
    plan.waiting = {_place(arrival): arrival for arrival in stored}
    for arrival in sorted(arrivals, key=_subject):  # all deliveries lock what they change in one order
        if arrival.id in before or arrival.id in plan.new:
            continue
        plan.new[arrival.id] = arrival
        if arrival.problem:
            plan.refused[arrival.id] = arrival.problem
            continue
        subject, sequence = place = _place(arrival)
        if sequence <= plan.reached[subject] or place in plan.waiting:
            plan.refused[arrival.id] = refusal(refusals.SEQUENCE_TAKEN)
            continue
        plan.waiting[place] = arrival
        while (following := plan.waiting.pop((subject, plan.reached[subject] + 1), None)) is not None:
            plan.steps.append(following)
            plan.reached[subject] += 1
    return plan


def _subject(arrival: Arrival) -> str:
    return str(arrival.message.subject) if arrival.message else ""


def _place(arrival: Arrival) -> tuple[UUID, int]:
    assert arrival.message is not None  # noqa: S101  # else it has a problem, and no place
    return arrival.message.subject, arrival.message.sequence


class _NotAllAppliedError(Exception):
    """An effect failed, and the transaction with it."""


def _apply_all(
    session: Session, steps: "Sequence[_Effect]", effects: Effects, now: datetime
) -> Sequence[ReceiptProblem | None]:
    """Apply effects straight in the transaction, neighbours of one type by its bulk handler, if it has one.

    Raises:
        _NotAllAppliedError: one of them cannot be applied.
    """
    try:
        for kind, group in itertools.groupby(steps, key=lambda step: step.message.type):
            same = list(group)
            bulk = effects.bulk.get(kind)
            if bulk and len(same) > 1:
                bulk(session, [(step.message, step.body) for step in same], now)
            else:
                for step in same:
                    step.run(session, now)
    except Exception as error:
        if _is_the_databases(error):
            raise
        raise _NotAllAppliedError from error
    return [None] * len(steps)


def _apply_each(
    session: Session, steps: "Sequence[_Effect]", effects: Effects, now: datetime
) -> Sequence[ReceiptProblem | None]:
    """Apply effects under a savepoint each, so that one that fails leaves the others alone."""
    return [_apply_alone(session, step, effects, now) for step in steps]


class _Effect(NamedTuple):
    """A message with its body and what applies it."""

    message: Message
    body: Wire
    handler: Handler

    def run(self, session: Session, now: datetime) -> None:
        """Apply it, under the request id by which its sender's logs know it."""
        ours = current_request_id()
        set_request_id(self.message.requestid or ours)
        try:
            self.handler(session, self.message, self.body, now)
            session.flush()
        finally:
            set_request_id(ours)


def _prepare(message: Message, effects: Effects) -> _Effect | ReceiptProblem:
    kind = TYPES.get(message.type)
    handler = effects.handlers.get(message.type, _nothing if message.type == VOID else None)
    if kind is None or handler is None:
        return refusal(refusals.UNKNOWN_TYPE)
    if effects.allowed is not None and message.type not in effects.allowed:
        return refusal(refusals.TYPE_NOT_ALLOWED)
    try:
        return _Effect(message, kind.body.model_validate(message.data), handler)
    except ValidationError as error:
        return refusal(refusals.INVALID_BODY, errors=faults(error, under="/data"))


def _nothing(_session: Session, _message: Message, _body: Wire, _now: datetime) -> None:
    """A tombstone has no effect but its place in the order, unless the service gives it one."""


def _apply_alone(session: Session, effect: _Effect, effects: Effects, now: datetime) -> ReceiptProblem | None:
    try:
        with session.begin_nested():
            effect.run(session, now)
    except Exception as error:
        if _is_the_databases(error):
            raise
        problem = refusal_of(error, effects.problems) if isinstance(error, DomainError) else None
        if problem is None:
            message = effect.message
            log.error(  # noqa: TRY400  # a traceback would end with the error's text, which may quote the message
                "message not applied", message_id=str(message.id), type=message.type, **describe(error)
            )
            return refusal(refusals.NOT_APPLIED)
        return problem
    return None


def _is_the_databases(error: Exception) -> bool:
    """Whether the database failed, or the connection to it, or waits for a recovery: no fault of the message."""
    if isinstance(error, sa.exc.DBAPIError):
        of_the_message = isinstance(error, sa.exc.IntegrityError | sa.exc.DataError)
        return not of_the_message and not isinstance(error.orig, psycopg.errors.RaiseException)
    return isinstance(error, sa.exc.TimeoutError | RecoveryNeeded)


def _write(session: Session, plan: _Plan, *, source: str, written: Mapping[UUID, int], now: datetime) -> None:
    """Write what becomes of the messages, and how far subjects are taken where that is not `written` yet."""
    waiting = {arrival.id for arrival in plan.waiting.values()}
    new = [
        {
            "id": arrival.id,
            "subject": arrival.message and arrival.message.subject,
            "sequence": arrival.message and arrival.message.sequence,
            "type": arrival.message and arrival.message.type,
            "content": arrival.content,
            "digest": arrival.digest,
            "request_id": arrival.message and arrival.message.requestid,
            **_standing(arrival.id, waiting, plan.refused),
        }
        for arrival in plan.new.values()
    ]
    released = [
        {"id": arrival.id, **_standing(arrival.id, waiting, plan.refused)}
        for arrival in plan.steps
        if arrival.id not in plan.new
    ]
    moved = [subject for subject, sequence in plan.reached.items() if sequence != written[subject]]
    if new or released or moved:
        _WRITE.run(
            session,
            source=source,
            now=now,
            new=orjson.dumps(new).decode(),
            released=orjson.dumps(released).decode(),
            subjects=moved,
            sequences=[plan.reached[subject] for subject in moved],
        )
    for identity, problem in plan.refused.items():
        log.warning("message quarantined", peer=source, message_id=str(identity), problem=problem.type)


def _state(identity: UUID, waiting: Collection[UUID], refused: Collection[UUID]) -> str:
    if identity in refused:
        return "quarantined"
    return "held" if identity in waiting else "applied"


def _standing(identity: UUID, waiting: Collection[UUID], refused: Mapping[UUID, ReceiptProblem]) -> dict[str, object]:
    problem = refused.get(identity)
    shown = problem.model_dump(mode="json", exclude_none=True) if problem else None
    return {"state": _state(identity, waiting, refused), "problem": shown}


def _receipts(arrivals: Sequence[Arrival], plan: _Plan, before: Mapping[UUID, Any], now: datetime) -> list[Receipt]:
    waiting = {arrival.id for arrival in plan.waiting.values()}
    seen: set[UUID] = set()
    receipts = []
    for arrival in arrivals:
        first = before.get(arrival.id)
        digest = first.digest if first else plan.new[arrival.id].digest
        if first or arrival.id in seen:
            same = digest == arrival.digest
            disposition = Disposition.DUPLICATE if same else Disposition.CONFLICT
            problem = erased = None
        else:
            disposition = Disposition(_state(arrival.id, waiting, plan.refused))
            problem = plan.refused.get(arrival.id)
            erased = True if arrival.message and arrival.message.eraseddigest else None
        seen.add(arrival.id)
        receipts.append(
            Receipt(
                id=arrival.id,
                disposition=disposition,
                received_at=first.received_at if first else now,
                digest=digest,
                problem=problem,
                erased=erased,
            )
        )
    return receipts


def _stored(row: Any) -> Arrival:  # noqa: ANN401  # a row of _FOUND
    return Arrival(row.id, row.content, row.digest, Message.model_validate(orjson.loads(row.content)))


# Locks the subjects, and finds what was taken before of these messages. New subjects are written as they will most
# likely stand, so that they need not be written twice.
_LOCK = Query(
    sa.text("""
        WITH locked AS (
            INSERT INTO exchange_incoming (source, subject, taken_sequence)
            SELECT :source, subject, expected
            FROM unnest(CAST(:subjects AS uuid[]), CAST(:expected AS bigint[])) AS new (subject, expected)
            ON CONFLICT (source, subject) DO UPDATE SET taken_sequence = exchange_incoming.taken_sequence
            RETURNING new.subject, new.taken_sequence, new.erased_at, old.subject IS NULL AS is_new
        )
        SELECT subject, taken_sequence, erased_at, is_new, CAST(NULL AS uuid) AS id, CAST(NULL AS text) AS digest,
               CAST(NULL AS timestamptz) AS received_at, CAST(NULL AS text) AS content
        FROM locked
        UNION ALL
        SELECT NULL, NULL, NULL, NULL, id, digest, received_at, NULL FROM exchange_inbox
        WHERE source = :source AND id = ANY(CAST(:ids AS uuid[]))
    """)
)
# What was taken before of these messages (without content), and what is held of their subjects (with it).
_FOUND = Query(
    sa.text("""
        SELECT id, digest, received_at, CAST(NULL AS text) AS content FROM exchange_inbox
        WHERE source = :source AND id = ANY(CAST(:ids AS uuid[]))
        UNION ALL
        SELECT id, digest, received_at, content FROM exchange_inbox
        WHERE source = :source AND subject = ANY(CAST(:subjects AS uuid[])) AND state = 'held'
    """)
)
# Rows go in as one JSON text: the driver writes arrays of long texts in Python, which cost more than all the rest.
_WRITE = Query(
    sa.text("""
        WITH arrived AS (
            INSERT INTO exchange_inbox (
                source, id, subject, sequence, type, content, digest, request_id, received_at, state, problem,
                settled_at
            )
            SELECT :source, id, subject, sequence, type, content, digest, request_id, :now, state, problem,
                   CASE WHEN state <> 'held' THEN CAST(:now AS timestamptz) END
            FROM json_to_recordset(CAST(:new AS json)) AS new (
                id uuid, subject uuid, sequence bigint, type text, content text, digest text, request_id text,
                state text, problem jsonb
            )
        ), released AS (
            UPDATE exchange_inbox SET state = released.state, problem = released.problem, settled_at = :now
            FROM json_to_recordset(CAST(:released AS json)) AS released (id uuid, state text, problem jsonb)
            WHERE exchange_inbox.source = :source AND exchange_inbox.id = released.id
        )
        UPDATE exchange_incoming SET taken_sequence = reached.sequence
        FROM unnest(CAST(:subjects AS uuid[]), CAST(:sequences AS bigint[])) AS reached (subject, sequence)
        WHERE exchange_incoming.source = :source AND exchange_incoming.subject = reached.subject
    """)
)
