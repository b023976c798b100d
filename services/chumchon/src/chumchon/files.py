"""The files of a case: originals, attachments, scans, and what goes with its answer.

Their bytes are kept beside the database.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon.codes import FileKind
from chumchon.records import Case, CaseFile, ReceivedMail
from servicekit.database import Query, Sessions
from servicekit.files.receiving import size_of
from servicekit.files.storing import FileStore, key_of
from servicekit.ids import uuid7
from servicekit.problems import DomainError


class FileNotFound(DomainError):
    """The case has no such file, or its bytes are not where they should be."""


class FilesNotKept(DomainError):
    """The operator named no folder for files."""


NAMED_WITHIN: Final = timedelta(minutes=10)
"""A file's bytes are named by a case within this time, or never."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file whose bytes are kept, and which no case names yet."""

    kind: FileKind
    filename: str
    media_type: str
    bytes: int
    sha256: str
    pages: int | None = None


def keep_file(
    store: FileStore, kind: FileKind, *, filename: str, media_type: str, file: BinaryIO, pages: int | None = None
) -> KeptFile:
    """Keep the bytes. Before the transaction that names them: what that leaves behind when it fails, harms nobody."""
    return KeptFile(kind, filename, media_type, size_of(file), store.keep_by_digest(file), pages)


def add_files(session: Session, case_id: UUID, files: Iterable[KeptFile], *, now: datetime) -> None:
    """Name kept files as those of a case, in the caller's transaction."""
    session.add_all(CaseFile(id=uuid7(), case_id=case_id, kept_at=now, **asdict(file)) for file in files)


def add_file(session: Session, case_id: UUID, file: KeptFile, *, now: datetime) -> UUID:
    """Name one kept file as one of a case, in the caller's transaction; its id."""
    id_ = uuid7()
    session.add(CaseFile(id=id_, case_id=case_id, kept_at=now, **asdict(file)))
    session.flush()
    return id_


def forget_file(sessions: Sessions, store: FileStore, digest: str, *, now: datetime) -> bool:
    """Remove the bytes of an erased file, unless another case has the same; False while that cannot be told.

    Bytes that were written lately may belong to a case whose transaction is not committed yet.
    """
    with sessions() as session:
        if not _named.scalar(session, digest=digest):
            return store.forget(key_of(digest), unless_written_since=now - NAMED_WITHIN)
    return True


def files_of(session: Session, case_id: UUID) -> Sequence[Any]:
    """The files of a case, in the order in which they came."""
    return _of_case.all(session, case_id=case_id)


def file_of(session: Session, case_id: UUID, file_id: UUID) -> Any:  # noqa: ANN401  # a row, or None
    """One file of a case."""
    return _one.first(session, case_id=case_id, id=file_id)


_files = sa.select(
    CaseFile.id,
    CaseFile.kind,
    CaseFile.filename,
    CaseFile.media_type,
    CaseFile.bytes,
    CaseFile.sha256,
    CaseFile.pages,
    CaseFile.kept_at,
).where(CaseFile.case_id == sa.bindparam("case_id"))
_of_case = Query(_files.order_by(CaseFile.id))
_one = Query(_files.where(CaseFile.id == sa.bindparam("id")))
_digest = sa.bindparam("digest", type_=sa.Text)
_named = Query(
    sa.select(
        sa.or_(
            sa.exists().where(CaseFile.sha256 == _digest),
            sa.exists(
                sa.select(ReceivedMail.id)
                .outerjoin(Case, Case.id == ReceivedMail.case_id)
                .where(ReceivedMail.original == _digest, Case.erased_at.is_(None))
            ),
        )
    )
)
