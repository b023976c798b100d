"""Watched folders: a fax gateway puts its faxes into one, who scans the letters of P.O. box 4 theirs into another.

A file is taken in by one transaction under its name and content, and only then moved into `taken/`: a watcher may die
at any moment, and the next one finds out what was done. What is still being written is left alone: names that begin
with a dot or end in .part or .tmp, and files changed a moment ago. Beside `scan.pdf` a `scan.json` may tell what it is.
"""

import hashlib
import io
import mimetypes
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import sqlalchemy as sa
import structlog
from pydantic import ValidationError
from sqlalchemy.orm import Session

from chumchon.channels.desk import Desk, not_later, text_of
from chumchon.channels.reporting import Report
from chumchon.channels.scans import Scan, fax_numbers, read_scan
from chumchon.channels.taking import NO_TEXT, fax_case
from chumchon.codes import FileKind
from chumchon.files import KeptFile, add_files, keep_file
from chumchon.intake.actions import register_case
from chumchon.intake.bodies import NewCase
from chumchon.intake.evidence import PoBoxEvidence
from chumchon.journey import Channel
from chumchon.records import TakenFile
from schemas.bodies import Kind
from servicekit.clock import utc_now
from servicekit.database import Sessions
from servicekit.files.storing import StoreUnavailable
from servicekit.problems import describe
from thaikit.calendar import bangkok_date, long_date

SCANNER: Final = "scan-reader"
"""Who recorded what came by a watched folder."""

TAKEN: Final = "taken"
LOOK_EVERY_SECONDS: Final = 2.0
_UNFINISHED: Final = (".part", ".tmp", ".json")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A folder, and the channel whose papers are put there.

    Attributes:
        settle_seconds: how long a file must have been left alone before it is taken for complete.
    """

    channel: Literal[Channel.FAX, Channel.PO_BOX]
    path: Path
    settle_seconds: float = 5.0


class FolderReader:
    """Takes in the files of one folder."""

    def __init__(
        self,
        sessions: Sessions,
        desk: Desk,
        folder: WatchedFolder,
        *,
        report: Report | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`report` is told how it fares."""
        self._sessions = sessions
        self._report = report
        self._desk = desk
        self._folder = folder
        self._clock = clock
        self._left = 0

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        while not stop.is_set():
            try:
                taken = self.take_all()
                if self._report is not None:
                    self._report.looked(taken=taken, left=self._left, waiting="poll")
            except Exception as error:  # noqa: BLE001  # the folder or the database is away: until it is back
                log.error("folder not read", folder=self._folder.channel, **describe(error))  # noqa: TRY400  # as in mailbox
                if self._report is not None:
                    self._report.failed(error)
            stop.wait(LOOK_EVERY_SECONDS)

    def take_all(self) -> int:
        """Take in all complete files, by their names; how many. One that fails does not keep back the others."""
        (self._folder.path / TAKEN).mkdir(exist_ok=True)
        taken = self._left = 0
        for path in sorted(self._folder.path.iterdir()):
            try:
                if self._is_complete(path):
                    self._take(path)
                    taken += 1
            except FileNotFoundError:
                continue  # another watcher was quicker
            except (sa.exc.OperationalError, StoreUnavailable):
                raise  # the database or the store is away, so all others would fare alike
            except Exception as error:  # noqa: BLE001  # it stays where it is, and is tried again
                log.error("file not taken in", folder=self._folder.channel, **describe(error))  # noqa: TRY400  # as above
                self._left += 1
        return taken

    def _is_complete(self, path: Path) -> bool:
        if path.name.startswith(".") or path.suffix.lower() in _UNFINISHED or not path.is_file():
            return False
        return self._clock().timestamp() - path.stat().st_mtime >= self._folder.settle_seconds

    def _take(self, path: Path) -> None:
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        if not self._is_known(path.name, sha256):
            paper = self._read(path, content)
            try:
                with self._sessions.begin() as session:
                    take_paper(session, paper, self._desk, now=self._clock())
            except sa.exc.IntegrityError:
                if not self._is_known(path.name, sha256):
                    raise
        for done in (path.with_suffix(".json"), path):
            if done.exists():
                done.replace(_free(self._folder.path / TAKEN / done.name))

    def _is_known(self, name: str, sha256: str) -> bool:
        with self._sessions() as session:
            return session.get(TakenFile, (self._folder.channel, name, sha256)) is not None

    def _read(self, path: Path, content: bytes) -> "Paper":
        """Everything about the file, before the transaction in which it is taken in."""
        scan = read_scan(content, ocr_command=self._desk.ocr_command, ocr_timeout=self._desk.ocr_timeout)
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        kept = keep_file(
            self._desk.store,
            FileKind.SCAN,
            filename=path.name,
            media_type=media_type,
            file=io.BytesIO(content),
            pages=scan.pages,
        )
        files, told = [kept], {}
        beside = path.with_suffix(".json")
        if beside.exists():
            words = beside.read_bytes()
            files.append(
                keep_file(
                    self._desk.store,
                    FileKind.ATTACHMENT,
                    filename=beside.name,
                    media_type="application/json",
                    file=io.BytesIO(words),
                )
            )
            told = _told(words)
        arrived_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return Paper(self._folder.channel, path.name, kept.sha256, scan, told, tuple(files), arrived_at)


@dataclass(frozen=True, slots=True)
class Paper:
    """A fax or letter that was put into a folder, read as far as it can be; its bytes are kept already."""

    channel: Literal[Channel.FAX, Channel.PO_BOX]
    name: str
    sha256: str
    scan: Scan
    told: dict[str, Any]
    """What the file beside it says."""
    files: tuple[KeptFile, ...]
    arrived_at: datetime


def take_paper(session: Session, paper: Paper, desk: Desk, *, now: datetime) -> None:
    """Open the case of a paper, and remember that it was taken in, in the caller's transaction."""
    new = _case_of(paper, received_at=not_later(paper.arrived_at, now))
    due_at = desk.deadlines.due_at(new.received_at or now)
    opened = register_case(session, new, by=SCANNER, client_id=None, due_at=due_at, now=now, unread=not paper.scan.text)
    add_files(session, opened.id, paper.files, now=now)
    session.add(TakenFile(folder=paper.channel, name=paper.name, sha256=paper.sha256, case_id=opened.id, taken_at=now))


def _case_of(paper: Paper, *, received_at: datetime) -> NewCase:
    if paper.channel is Channel.FAX:
        sender, line = fax_numbers(
            *(str(paper.told.get(name, "")) for name in ("sender_number", "received_on_number")),
            paper.name.replace("_", " , "),
        )
        return fax_case(sender=sender, line=line, scan=paper.scan, received_at=received_at)
    return NewCase(
        channel=Channel.PO_BOX,
        kind=Kind.INQUIRY,
        subject=f"จดหมายถึงตู้ ปณ. 4 วันที่ {long_date(bangkok_date(received_at))}",
        details=text_of(paper.scan.text, NO_TEXT),
        received_at=received_at,
        evidence=_letter_evidence(paper),
    )


def _letter_evidence(paper: Paper) -> PoBoxEvidence:
    told = {name: paper.told[name] for name in ("postmarked_on", "registered_number") if name in paper.told}
    try:
        return PoBoxEvidence.model_validate({**told, "pages": paper.scan.pages})
    except ValidationError:
        return PoBoxEvidence(pages=paper.scan.pages)  # the file beside it is kept, for people to read


def _told(words: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(words)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def _free(path: Path) -> Path:
    """The path, or one like it where another file of that name lies already."""
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free
