"""`Idempotency-Key`: a repeated request gets the first answer again, and changes nothing twice.

The answer itself is stored, in the transaction of the change: rebuilding it from the row would break as soon as the
row has changed. A key belongs to its caller.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import psycopg.errors
import sqlalchemy as sa
from fastapi import Request, Response
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from servicekit.database import Query, Sessions
from servicekit.problems import DomainError, FieldError, InvalidInput, Problem
from servicekit.words import Words

KEPT_FOR_PEOPLE = timedelta(hours=24)
KEPT_FOR_AGENCIES = timedelta(days=30)
MAX_KEY_LENGTH = 255
FORGET_EVERY = timedelta(hours=1)
"""How often a service deletes the answers whose time is over."""

WAIT_FOR_TWIN_MILLISECONDS = 200
REPLAYED_HEADERS = ("content-type", "location", "etag", "link")

metadata = sa.MetaData()
answers = sa.Table(
    "idempotent_answers",
    metadata,
    sa.Column("caller", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.SmallInteger),
    sa.Column("headers", JSONB),
    sa.Column("body", sa.LargeBinary),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("path", sa.Text),  # Of the request; an answer about a record is found by it when that is erased.
    sa.Index("ix_idempotent_answers_expires_at", "expires_at"),
)


class KeyRequired(DomainError):
    """An agency client created something without an `Idempotency-Key`."""


class KeyUsedOtherwise(DomainError):
    """The key was used before, with another request."""


class StillRunning(DomainError):
    """The first request with this key has not finished."""


class AnswerErased(DomainError):
    """What the first request was answered told of a person, and was erased. Nothing is done again."""


PROBLEMS: Mapping[type[DomainError], Problem] = {
    KeyRequired: Problem(
        "idempotency-key-required",
        HTTPStatus.BAD_REQUEST,
        Words("ต้องระบุ Idempotency-Key", "An Idempotency-Key is required"),
        Words(
            "ระบบของหน่วยงานต้องส่ง Idempotency-Key ที่ไม่ซ้ำ เพื่อให้ส่งซ้ำได้โดยไม่เกิดเรื่องซ้ำ",
            "An agency's system sends a fresh Idempotency-Key with each new request, so that repeats are safe.",
        ),
    ),
    KeyUsedOtherwise: Problem(
        "idempotency-key-reused",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        Words("Idempotency-Key นี้ใช้กับคำขออื่นแล้ว", "This Idempotency-Key belongs to another request"),
        Words("โปรดใช้ Idempotency-Key ใหม่กับคำขอใหม่", "Send a new request with a new Idempotency-Key."),
    ),
    StillRunning: Problem(
        "request-still-running",
        HTTPStatus.CONFLICT,
        Words("คำขอแรกยังดำเนินการไม่เสร็จ", "The first request is still running"),
        Words("โปรดรอสักครู่แล้วส่งคำขอเดิมอีกครั้ง", "Wait a moment, then send the same request again."),
    ),
    AnswerErased: Problem(
        "answer-erased",
        HTTPStatus.GONE,
        Words("คำตอบของคำขอนี้ลบแล้วตามกฎหมาย", "The answer to this request was erased as the law requires"),
        Words("คำขอนี้ดำเนินการไปแล้ว ระบบไม่ทำซ้ำ", "The request was carried out at the time, and is not repeated."),
    ),
}

_claim = Query(
    pg_insert(answers)
    .values(
        caller=sa.bindparam("caller"),
        key=sa.bindparam("key"),
        fingerprint=sa.bindparam("fingerprint"),
        expires_at=sa.bindparam("expires_at"),
        path=sa.bindparam("path"),
    )
    .on_conflict_do_update(
        index_elements=["caller", "key"],
        set_={
            "fingerprint": sa.bindparam("fingerprint"),
            "expires_at": sa.bindparam("expires_at"),
            "path": sa.bindparam("path"),
            "status": None,
            "headers": None,
            "body": None,
        },
        where=answers.c.expires_at <= sa.bindparam("now"),
    )
    .returning(answers.c.key)
)
_mine = (answers.c.caller == sa.bindparam("caller_")) & (answers.c.key == sa.bindparam("key_"))
_stored = Query(sa.select(answers.c.fingerprint, answers.c.status, answers.c.headers, answers.c.body).where(_mine))
_store = Query(
    sa.update(answers)
    .where(_mine)
    .values(status=sa.bindparam("status"), headers=sa.bindparam("headers"), body=sa.bindparam("body"))
)
# An erased answer keeps its key, so that its request is not carried out a second time.
_erase = Query(
    sa.text("""
        UPDATE idempotent_answers SET status = 410, headers = '{}', body = NULL
        WHERE status IS NOT NULL AND EXISTS (
            SELECT FROM unnest(CAST(:about AS text[])) AS one
            WHERE position(one IN path) > 0 OR position(one IN headers ->> 'location') > 0
               OR position(convert_to(one, 'UTF8') IN body) > 0
        )
    """)
)
# A claim waits but a moment for a row, and one that takes a key anew has the row: it stays.
_expire = Query(
    sa.text("""
        DELETE FROM idempotent_answers WHERE (caller, key) IN (
            SELECT caller, key FROM idempotent_answers
            WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
        )
    """)
)
_limit_wait = Query(
    sa.select(sa.func.set_config("lock_timeout", sa.bindparam("milliseconds", type_=sa.Text), sa.true()))
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One request's use of a key: made by the caller, for this method, path and body."""

    caller: str
    key: str
    fingerprint: bytes
    path: str

    def take(self, session: Session, *, now: datetime, kept_for: timedelta) -> Response | None:
        """Claim the key in the session's transaction; the first answer again where there is one.

        Raises:
            StillRunning: another transaction holds the key.
            KeyUsedOtherwise: the key's first request was another one.
            AnswerErased: the first answer was erased.
        """
        _limit_wait.run(session, milliseconds=f"{WAIT_FOR_TWIN_MILLISECONDS}ms")
        try:
            first = _claim.scalar(
                session,
                caller=self.caller,
                key=self.key,
                fingerprint=self.fingerprint,
                expires_at=now + kept_for,
                path=self.path,
                now=now,
            )
        except sa.exc.OperationalError as error:
            if isinstance(error.orig, psycopg.errors.LockNotAvailable):
                raise StillRunning from error
            raise
        _limit_wait.run(session, milliseconds="0")
        if first is not None:
            return None
        stored = _stored.first(session, caller_=self.caller, key_=self.key)
        if stored is None or stored.status is None:
            raise StillRunning
        if stored.fingerprint != self.fingerprint:
            raise KeyUsedOtherwise
        if stored.status == HTTPStatus.GONE:
            raise AnswerErased
        return Response(stored.body, stored.status, {**stored.headers, "Idempotency-Replayed": "true"})

    def keep(self, session: Session, answer: Response) -> None:
        """Store the answer beside the change that it tells of."""
        headers = {name: answer.headers[name] for name in REPLAYED_HEADERS if name in answer.headers}
        _store.run(
            session,
            caller_=self.caller,
            key_=self.key,
            status=answer.status_code,
            headers=headers,
            body=bytes(answer.body),
        )


def claim_of(request: Request, body: bytes, caller: str) -> Claim | None:
    """The claim that the request makes by its `Idempotency-Key`; None without one.

    Raises:
        InvalidInput: the key is empty, longer than 255 characters, or not printable ASCII.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not (0 < len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
        raise InvalidInput(
            FieldError(
                "/idempotency-key",
                "wrong_form",
                Words("ต้องเป็น ASCII 1-255 ตัว เช่น UUID", "It must be 1 to 255 ASCII characters, such as a UUID."),
                "header",
            )
        )
    sent = f"{request.method} {request.url.path}\n".encode() + body
    return Claim(caller, key, hashlib.sha256(sent).digest(), request.url.path)


def erase_answers(session: Session, about: Collection[str]) -> None:
    """Erase the answers that tell of a record, given all by which it is named: its ids and its numbers.

    Looks at every answer that is kept, so it is nothing for hot paths.
    """
    _erase.run(session, about=list(about))


def forget_expired(sessions: Sessions, *, now: datetime, at_once: int = 1000) -> int:
    """Delete the answers whose time is over, in transactions of `at_once` each; how many they were.

    Any number of processes may do this at once, beside requests.
    """
    forgotten = 0
    while True:
        with sessions.begin() as session:
            some = _expire.run(session, now=now, limit=at_once)
        forgotten += some
        if some < at_once:
            return forgotten
