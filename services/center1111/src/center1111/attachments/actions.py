"""Attaching a file: announced, received, cleaned, scanned, stored, and then written down.

Network calls (scanner, store) happen before the transaction, never in it. A store key is used once, so an upload that
loses a race or whose commit fails leaves a file that nothing names, and is removed.
"""

import tempfile
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from center1111 import steps
from center1111.attachments import rules
from center1111.journey import ATTACHMENT_MOVES, AttachmentMove, AttachmentState, Move
from center1111.records import Attachment
from schemas import ATTACHMENTS
from servicekit.database import Sessions
from servicekit.files.cleaning import cleaned
from servicekit.files.kinds import MediaType
from servicekit.files.receiving import Received, digest_of
from servicekit.files.scanning import ClamAV, ScannerUnavailable
from servicekit.files.storing import FileStore
from servicekit.ids import uuid7
from servicekit.problems import DomainError, InvalidInput
from servicekit.versions import Versions


class AttachmentNotFound(DomainError):
    """The complaint has no such attachment."""


class AttachmentMoveNotAllowed(DomainError):
    """What was asked cannot be done with the file in its present state."""


class TooManyAttachments(DomainError):
    """The complaint has as many attachments as a referral can carry."""


class TooManyBytes(DomainError):
    """The complainant has announced as many bytes as they may send."""


@dataclass(frozen=True, slots=True)
class Vault:
    """Where files are kept, and who scans them, if anybody does."""

    store: FileStore
    scanner: ClamAV | None


def announce(
    session: Session,
    complaint_id: UUID,
    *,
    filename: str,
    media_type: MediaType,
    bytes_: int,
    sha256: str | None,
    wanted: Versions,
    by: str,
    now: datetime,
) -> Attachment:
    """Say that a file is to come.

    Raises:
        TooManyAttachments: there are 50 already.
        ComplaintNotFound, VersionMismatch: as `steps` tells.
    """
    steps.complaint_to_change(session, complaint_id, wanted)
    present = session.scalar(
        sa.select(sa.func.count()).select_from(Attachment).where(Attachment.complaint_id == complaint_id)
    )
    if (present or 0) >= ATTACHMENTS:
        raise TooManyAttachments(limit=ATTACHMENTS)
    attachment = Attachment(
        id=uuid7(),
        complaint_id=complaint_id,
        filename=filename,
        media_type=media_type,
        announced_bytes=bytes_,
        announced_sha256=sha256,
        announced_at=now,
        announced_by=by,
        state=AttachmentState.ANNOUNCED,
    )
    session.add(attachment)
    session.flush()
    return attachment


def find(session: Session, complaint_id: UUID, attachment_id: UUID, *, to_change: bool = False) -> Attachment:
    """The complaint's attachment; locked when it is to be changed.

    Raises:
        AttachmentNotFound: it has none of this id.
    """
    wanted = sa.select(Attachment).where(Attachment.id == attachment_id, Attachment.complaint_id == complaint_id)
    found = session.scalar(wanted.with_for_update() if to_change else wanted)
    if found is None:
        raise AttachmentNotFound
    return found


def take_file(
    sessions: Sessions,
    vault: Vault,
    announced: Attachment,
    came: Received,
    *,
    by: str,
    now: datetime,
    unscanned_waits: bool = False,
) -> Attachment:
    """Check the file that came, clean, scan and store it, and write it down, in a transaction of its own.

    The same file sent again changes nothing. Where there is no scanner it is released as it is, or waits until an
    officer lets it in (`unscanned_waits`).

    Raises:
        InvalidInput: it is not the file that was announced; another may be sent.
        AttachmentMoveNotAllowed: another file has come already.
    """
    if _is_here(announced, came.sha256):
        return announced
    faults = list(
        rules.faults_of(
            came,
            media_type=announced.media_type,
            bytes_=announced.announced_bytes,
            sha256=announced.announced_sha256,
        )
    )
    if faults:
        raise InvalidInput(*faults)
    with cleaned(announced.media_type, came.file) as file:
        size, sha256 = digest_of(file)
        move, threat = _verdict(vault.scanner, file, unscanned_waits=unscanned_waits)
        key = str(uuid7())
        vault.store.keep(key, file)
    try:
        with sessions.begin() as session:
            complaint = steps.complaint_to_change(session, announced.complaint_id)
            attachment = find(session, announced.complaint_id, announced.id, to_change=True)
            _advance(attachment, move)
            attachment.received_at = now
            attachment.received_sha256 = came.sha256
            attachment.store_key = key
            attachment.bytes = size
            attachment.sha256 = sha256
            attachment.threat = threat
            note = f"{attachment.id} {attachment.state}"
            steps.advance(session, complaint, Move.NOTE, by=by, now=now, note=note)
    except BaseException:
        vault.store.forget(key)
        raise
    return attachment


def scan_again(sessions: Sessions, vault: Vault, put_aside: Attachment, *, by: str, now: datetime) -> Attachment:
    """Scan a file for which the scanner did not answer when it came.

    Raises:
        AttachmentMoveNotAllowed: it does not wait for a scan.
        ScannerUnavailable: it still does not answer.
    """
    if put_aside.state is not AttachmentState.UNSCANNED or put_aside.store_key is None:
        raise AttachmentMoveNotAllowed(state=put_aside.state)
    with tempfile.TemporaryFile() as file:
        for block in vault.store.read(put_aside.store_key):
            file.write(block)
        file.flush()
        threat = None if vault.scanner is None else vault.scanner.threat_in(cast("BinaryIO", file))
    with sessions.begin() as session:
        complaint = steps.complaint_to_change(session, put_aside.complaint_id)
        attachment = find(session, put_aside.complaint_id, put_aside.id, to_change=True)
        _advance(attachment, AttachmentMove.RELEASE if threat is None else AttachmentMove.QUARANTINE)
        attachment.threat = threat
        steps.advance(session, complaint, Move.NOTE, by=by, now=now, note=f"{attachment.id} {attachment.state}")
    return attachment


def _is_here(attachment: Attachment, sha256: str) -> bool:
    if attachment.state is AttachmentState.ANNOUNCED:
        return False
    if attachment.received_sha256 != sha256:
        raise AttachmentMoveNotAllowed(state=attachment.state)
    return True


def _advance(attachment: Attachment, move: AttachmentMove) -> None:
    after = ATTACHMENT_MOVES.get((attachment.state, move))
    if after is None:
        raise AttachmentMoveNotAllowed(state=attachment.state)
    attachment.state = after


def _verdict(scanner: ClamAV | None, file: BinaryIO, *, unscanned_waits: bool) -> tuple[AttachmentMove, str | None]:
    """A file waits for a scanner that does not answer, and where it must for one that there is not."""
    if scanner is None:
        return AttachmentMove.PUT_ASIDE if unscanned_waits else AttachmentMove.RELEASE, None
    try:
        threat = scanner.threat_in(file)
    except ScannerUnavailable:
        return AttachmentMove.PUT_ASIDE, None
    return (AttachmentMove.RELEASE, None) if threat is None else (AttachmentMove.QUARANTINE, threat)
