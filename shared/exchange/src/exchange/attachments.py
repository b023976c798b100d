"""Attachments: they travel as descriptors, and the receiver fetches the files by itself.

A message never waits for, nor fails by, an attachment: a handler notes what it wants (`want`), and a job fetches it,
checks length and digest, and tries again until it has it. The sender gives files out by its `AttachmentSource`.
"""

import hashlib
import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Protocol
from uuid import UUID

import orjson
import sqlalchemy as sa
import structlog
from pydantic import Field
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from exchange.fetching import Enquirer, PeerAnswerError
from exchange.parties import ATTACHMENTS_PATH, Exchange
from exchange.tables import attachments, outbox
from schemas import Attachment, Message
from servicekit.clock import utc_now
from servicekit.database import Query, Sessions
from servicekit.fields import View
from servicekit.files.storing import FileStore
from servicekit.problems import DomainError, Problem
from servicekit.words import Words

log = structlog.get_logger(__name__)

FETCH_LEASE = timedelta(minutes=2)
"""Until when the others leave a file to the process that fetches it."""


FIRST_RETRY = timedelta(seconds=10)
LONGEST_RETRY = timedelta(hours=1)
_DOUBLINGS = 10


class AttachmentSource(Protocol):
    """Where a service keeps the files that its messages describe."""

    def read(self, session: Session, attachment_id: UUID, *, peer: str) -> bytes | None:
        """The file's bytes; None when there is none, or it was not described to this peer."""


def was_described(
    attachment_id: sa.SQLColumnExpression[UUID],
    *,
    peer: sa.SQLColumnExpression[str],
    subject: sa.SQLColumnExpression[UUID],
) -> sa.ColumnElement[bool]:
    """For a statement that has joined the outbox: whether this message has described the file to the peer.

    The messages themselves say what was described: a file that came after the last of them is not the peer's yet, what
    a tombstone stands for was never handed over, and an erased message describes nothing.
    """
    named = sa.func.jsonb_build_array(sa.func.jsonb_build_object("id", sa.cast(attachment_id, sa.Text)))
    return sa.and_(
        outbox.c.peer == peer,
        outbox.c.subject == subject,
        outbox.c.state != sa.literal_column("'void'"),
        sa.cast(outbox.c.content, JSONB)["data"]["attachments"].contains(named),
    )


class DescribedFiles:
    """What a service gives out of its file store."""

    def __init__(self, store: FileStore, key: Query, *, key_of: Callable[[Any], str] = str) -> None:
        """`key` finds what was described to `peer` under `id`; `key_of` makes it the store's key."""
        self._store = store
        self._key = key
        self._key_of = key_of

    def read(self, session: Session, attachment_id: UUID, *, peer: str) -> bytes | None:
        """The file as it was described; None when it was not described to this peer, or the store has lost it.

        A lost file is the operator's to bring back: it is logged, and the peer asks again.
        """
        found = self._key.scalar(session, id=attachment_id, peer=peer)
        if found is None:
            return None
        key = self._key_of(found)
        try:
            return b"".join(self._store.read(key))
        except FileNotFoundError:
            log.error("described file missing in the store", attachment=str(attachment_id), store_key=key)  # noqa: TRY400  # a path tells no more
            return None


class AttachmentNotFound(DomainError):
    """There is no such attachment, or not for the caller."""


ATTACHMENT_NOT_FOUND = Problem(
    "attachment-not-found",
    HTTPStatus.NOT_FOUND,
    Words("ไม่พบเอกสารแนบ", "There is no such attachment"),
    Words("โปรดตรวจสอบรหัสเอกสารแนบ หรือรอจนระบบดึงไฟล์ครบ", "Compare its id, or wait until it has been fetched."),
)


class WantedAttachment(View):
    """A file that a peer described: what it is, and whether it is here."""

    peer: str
    id: UUID
    filename: str
    media_type: str
    bytes: int
    sha256: str
    wanted_at: datetime
    fetched_at: datetime | None = Field(description="Null while it is still being fetched.")
    last_problem: str | None


def want(session: Session, message: Message, described: Iterable[Attachment], *, now: datetime) -> None:
    """Note the files that a message describes, in its transaction; those known already are left as they are."""
    want_all(session, [(message, described)], now=now)


def want_all(session: Session, messages: Iterable[tuple[Message, Iterable[Attachment]]], *, now: datetime) -> None:
    """Note the files that several messages describe, in their transaction, as `want` does."""
    rows = [
        {
            "peer": message.source,
            "subject": message.subject,
            "id": one.id,
            "filename": one.filename,
            "media_type": one.media_type,
            "bytes": one.bytes,
            "sha256": one.sha256,
        }
        for message, described in messages
        for one in described
    ]
    if rows:
        _WANT.run(session, wanted=orjson.dumps(rows).decode(), now=now)


def forget_unfetched(session: Session, subject: UUID) -> None:
    """Want no more of the files of a referral that has ended without an answer: its sender gives them out no more."""
    _FORGET.run(session, subject=subject)


def wanted_about(session: Session, subject: UUID) -> list[WantedAttachment]:
    """The files described in the messages of a referral."""
    return [WantedAttachment.model_validate(row) for row in _ABOUT.all(session, subject=subject)]


def fetched_content(session: Session, subject: UUID, attachment_id: UUID) -> tuple[WantedAttachment, bytes]:
    """A file that was fetched.

    Raises:
        AttachmentNotFound: no message of the referral describes it, or it is not here yet.
    """
    row = _CONTENT.first(session, subject=subject, id=attachment_id)
    if row is None:
        raise AttachmentNotFound
    return WantedAttachment.model_validate(row), bytes(row.content)


class Fetcher:
    """Fetches what is wanted from the peers that described it. Any number of processes may run one."""

    def __init__(self, exchange: Exchange, sessions: Sessions, *, rng: random.Random | None = None) -> None:
        self._exchange = exchange
        self._sessions = sessions
        self._enquirer = Enquirer(exchange)
        self._rng = rng or random.SystemRandom()

    def close(self) -> None:
        """Close the connections to peers."""
        self._enquirer.close()

    def fetch_what_is_due(self) -> int:
        """Fetch until nothing is due any more; how many files came."""
        count = 0
        while True:
            now = utc_now()
            with self._sessions.begin() as session:
                row = _CLAIM.first(session, now=now, until=now + FETCH_LEASE, peers=list(self._exchange.peers))
            if row is None:
                return count
            content, problem = self._fetch(row.peer, row.id, row.bytes, row.sha256)
            with self._sessions.begin() as session:
                if problem is None:
                    _FETCHED.run(session, peer=row.peer, id=row.id, now=utc_now(), content=content)
                    count += 1
                else:
                    longest = min(FIRST_RETRY * 2 ** min(row.attempts, _DOUBLINGS), LONGEST_RETRY)
                    due_at = utc_now() + longest * self._rng.uniform(0.5, 1)
                    _FAILED.run(session, peer=row.peer, id=row.id, due_at=due_at, problem=problem)
                    log.warning("attachment not fetched", peer=row.peer, attachment=str(row.id), reason=problem)

    def _fetch(self, peer: str, identity: UUID, length: int, sha256: str) -> tuple[bytes, str | None]:
        """The file, or why it could not be had."""
        try:
            content, _ = self._enquirer.fetch(
                self._exchange.peers[peer], f"{ATTACHMENTS_PATH}/{identity}", at_most_bytes=length
            )
        except PeerAnswerError as error:
            return b"", str(error)
        if len(content) != length or hashlib.sha256(content).hexdigest() != sha256:
            return b"", "its length or digest is not the one that was described"
        return content, None


_WANT = Query(
    sa.text("""
        INSERT INTO exchange_attachments
            (peer, id, subject, filename, media_type, bytes, sha256, wanted_at, due_at)
        SELECT peer, id, subject, filename, media_type, bytes, sha256, :now, :now
        FROM json_to_recordset(CAST(:wanted AS json)) AS wanted (
            peer text, id uuid, subject uuid, filename text, media_type text, bytes bigint, sha256 text
        )
        ON CONFLICT (peer, id) DO NOTHING
    """)
)
_FORGET = Query(sa.text("DELETE FROM exchange_attachments WHERE subject = :subject AND fetched_at IS NULL"))
_SHOWN = [attachments.c[name] for name in WantedAttachment.model_fields]
_ABOUT = Query(sa.select(*_SHOWN).where(attachments.c.subject == sa.bindparam("subject")).order_by(attachments.c.id))
_CONTENT = Query(
    sa.select(*_SHOWN, attachments.c.content).where(
        attachments.c.subject == sa.bindparam("subject"),
        attachments.c.id == sa.bindparam("id"),
        attachments.c.fetched_at.is_not(None),
    )
)
_CLAIM = Query(
    sa.text("""
        UPDATE exchange_attachments SET due_at = :until
        WHERE (peer, id) IN (
            SELECT peer, id FROM exchange_attachments
            WHERE fetched_at IS NULL AND due_at <= :now AND peer = ANY(CAST(:peers AS text[]))
            ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
        )
        RETURNING peer, id, bytes, sha256, attempts
    """)
)
_FETCHED = Query(
    sa.text("""
        UPDATE exchange_attachments SET fetched_at = :now, content = :content, last_problem = NULL
        WHERE peer = :peer AND id = :id AND fetched_at IS NULL
    """)
)
_FAILED = Query(
    sa.text("""
        UPDATE exchange_attachments SET due_at = :due_at, attempts = attempts + 1, last_problem = :problem
        WHERE peer = :peer AND id = :id AND fetched_at IS NULL
    """)
)
