"""The Office's mailbox, read over IMAP: each mail is taken in by one transaction, and only then moved away.

Whatever is in the inbox was not taken in, or was and could not be moved any more: its place says which. So a reader may
die at any moment, and any number of readers may work on one mailbox.
"""

import imaplib
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

import imap_tools
import sqlalchemy.exc
import structlog

from chumchon.channels.desk import Desk
from chumchon.channels.reporting import Report
from chumchon.channels.taking import Arrival, Place, outcome_at, receive, take_mail
from chumchon.codes import MailOutcome
from servicekit.backoff import backoff_seconds
from servicekit.clock import utc_now
from servicekit.database import Sessions
from servicekit.files.storing import StoreUnavailable
from servicekit.problems import describe

LONGEST_PAUSE_SECONDS: Final = 60.0
_LOOK_FOR_STOP_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MailboxAccount:
    """Where the mailbox is, how to get in, and where its mails go.

    Attributes:
        poll_seconds: how long to wait for news at most; with IDLE, they come at once.
        max_bytes: a larger mail is not fetched: its case says so, and the mail stays in `unreadable`.
        taken: the folder for mails that became cases or joined theirs.
        automatic: the folder for what machines wrote.
        unreadable: the folder for mails whose cases say that they cannot be read.
    """

    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    username: str
    password: str = field(repr=False)
    inbox: str = "INBOX"
    taken: str = "Taken"
    automatic: str = "Automatic"
    unreadable: str = "Unreadable"
    poll_seconds: float = 60.0
    timeout_seconds: float = 30.0
    max_bytes: int = 50 * 1024 * 1024

    @property
    def name(self) -> str:
        """By which the places of its mails are known."""
        return f"{self.username}@{self.host}/{self.inbox}"

    def folder_for(self, outcome: MailOutcome) -> str:
        """Where a mail goes, after what was made of it."""
        if outcome in {MailOutcome.AUTOMATIC, MailOutcome.BOUNCE}:
            return self.automatic
        return self.unreadable if outcome is MailOutcome.UNREADABLE else self.taken


class MailReader:
    """Takes in the mails of one mailbox."""

    def __init__(
        self,
        sessions: Sessions,
        desk: Desk,
        account: MailboxAccount,
        *,
        report: Report | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`report` is told how it fares."""
        self._sessions = sessions
        self._report = report
        self._desk = desk
        self._account = account
        self._clock = clock
        self._rng = random.SystemRandom()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; a mailbox or database that is down is tried again, ever less often."""
        failures = 0
        while not stop.is_set():
            try:
                with self._connected() as box:
                    while not stop.is_set():
                        self._tell(self._look(box, stop), box)
                        failures = 0
                        self._wait_for_news(box, stop)
            except Exception as error:  # noqa: BLE001  # whatever it was: the reader goes on when it has passed
                log.error("mailbox not read", **describe(error))  # noqa: TRY400  # a trace may quote a mail
                failures += 1
                if self._report is not None:
                    self._report.failed(error)
                stop.wait(backoff_seconds(failures, rng=self._rng, longest_seconds=LONGEST_PAUSE_SECONDS))

    def read_once(self) -> int:
        """Take in what is there now; how many mails."""
        with self._connected() as box:
            return self._look(box, threading.Event()).taken

    def _tell(self, looked: "_Looked", box: imap_tools.BaseMailBox) -> None:
        if self._report is not None:
            waiting: Literal["idle", "poll"] = "idle" if _tells_of_news(box) else "poll"
            self._report.looked(taken=looked.taken, left=looked.left, waiting=waiting)

    def _look(self, box: imap_tools.BaseMailBox, stop: threading.Event) -> "_Looked":
        """Take in all mails of the inbox, oldest first. One that fails does not keep back the others."""
        uid_validity = int(box.folder.status(self._account.inbox, ["UIDVALIDITY"])["UIDVALIDITY"])
        taken = left = 0
        for uid in box.uids("ALL", charset=None):
            if stop.is_set():
                break
            place = Place(self._account.name, uid_validity, int(uid))
            try:
                taken += self._take(box, place)
            except (
                sqlalchemy.exc.OperationalError,
                StoreUnavailable,
                imap_tools.ImapToolsError,
                imaplib.IMAP4.error,
                OSError,
            ):
                raise  # the database, the store or the mailbox is away, so all others would fare alike
            except Exception as error:  # noqa: BLE001  # it stays where it is, and is tried again with the next news
                log.error("mail not taken in", uid=place.uid, **describe(error))  # noqa: TRY400  # as above
                left += 1
        return _Looked(taken, left)

    def _take(self, box: imap_tools.BaseMailBox, place: Place) -> bool:
        with self._sessions() as session:
            known = outcome_at(session, place)
        if known is None:
            arrival = self._fetch(box, place)
            if arrival is None:
                return False
            known = self._record(arrival, place)
            log.info("mail taken in", uid=place.uid, outcome=known)
        _move(box, place.uid, self._account.folder_for(known))
        return True

    def _record(self, arrival: Arrival, place: Place) -> MailOutcome:
        """Take it in; if its content is what the database refuses, then as a mail that cannot be read."""
        try:
            return self._in_one_transaction(arrival, place)
        except sqlalchemy.exc.IntegrityError:
            return self._in_one_transaction(arrival, place)  # another reader, or a registrar, was quicker
        except sqlalchemy.exc.OperationalError:
            raise
        except Exception as error:  # noqa: BLE001  # it must not be lost for what it says
            log.error("mail taken in as unreadable", uid=place.uid, **describe(error))  # noqa: TRY400  # as above
            return self._in_one_transaction(arrival.given_up(type(error).__name__), place)

    def _in_one_transaction(self, arrival: Arrival, place: Place) -> MailOutcome:
        with self._sessions.begin() as session:
            return take_mail(session, arrival, place, self._desk, now=self._clock())

    def _fetch(self, box: imap_tools.BaseMailBox, place: Place) -> Arrival | None:
        """The mail at a place; None if another reader has moved it."""
        told = _fetched(box, place.uid, "(RFC822.SIZE INTERNALDATE)")
        if told is None:
            return None
        received_at = _internal_date(told.line)
        size = _size(told.line)
        part = "BODY.PEEK[]" if size <= self._account.max_bytes else "BODY.PEEK[HEADER]"
        found = _fetched(box, place.uid, f"({part})")
        if found is None or found.content is None:
            return None
        trouble = None if part == "BODY.PEEK[]" else f"ขนาด {size:,} ไบต์ เกินกำหนด"
        return receive(found.content, self._desk, received_at=received_at, trouble=trouble)

    @contextmanager
    def _connected(self) -> Iterator[imap_tools.BaseMailBox]:
        account = self._account
        if account.security == "tls":
            box: imap_tools.BaseMailBox = imap_tools.MailBox(account.host, account.port, account.timeout_seconds)
        elif account.security == "starttls":
            box = imap_tools.MailBoxStartTls(account.host, account.port, account.timeout_seconds)
        else:
            box = imap_tools.MailBoxUnencrypted(account.host, account.port, account.timeout_seconds)
        try:
            box.login(account.username, account.password, initial_folder=None)
            # Servers tell strangers less of what they can (MOVE, for example), and imaplib asked as one.
            box.client.capabilities = tuple(box.client.capability()[1][-1].decode("ascii").upper().split())
            for folder in {account.taken, account.automatic, account.unreadable}:
                _make_folder(box, folder)
            box.folder.set(account.inbox)
            yield box
        finally:
            with suppress(imap_tools.ImapToolsError, imaplib.IMAP4.error, OSError):
                box.logout()

    def _wait_for_news(self, box: imap_tools.BaseMailBox, stop: threading.Event) -> None:
        """Return when the mailbox has news, after `poll_seconds`, or when it is time to stop."""
        if not _tells_of_news(box):
            stop.wait(self._account.poll_seconds)
            return
        with box.idle as idle:
            left = self._account.poll_seconds
            while left > 0 and not stop.is_set() and not idle.poll(timeout=min(left, _LOOK_FOR_STOP_SECONDS)):
                left -= _LOOK_FOR_STOP_SECONDS


def _move(box: imap_tools.BaseMailBox, uid: int, folder: str) -> None:
    """Move a mail, unless another reader has moved it meanwhile."""
    try:
        box.move(str(uid), folder)
    except (imap_tools.MailboxMoveError, imap_tools.MailboxCopyError):
        if box.uids(f"UID {uid}", charset=None):
            raise


def _make_folder(box: imap_tools.BaseMailBox, folder: str) -> None:
    if box.folder.exists(folder):
        return
    try:
        box.folder.create(folder)
    except imap_tools.MailboxFolderCreateError:
        if not box.folder.exists(folder):  # otherwise another reader made it meanwhile
            raise


def _tells_of_news(box: imap_tools.BaseMailBox) -> bool:
    return "IDLE" in box.client.capabilities


@dataclass(frozen=True, slots=True)
class _Looked:
    """What became of the mails that lay in the inbox."""

    taken: int
    left: int


@dataclass(frozen=True, slots=True)
class _Fetched:
    line: str
    content: bytes | None


def _fetched(box: imap_tools.BaseMailBox, uid: int, parts: str) -> _Fetched | None:
    """What the server says of a mail, its bytes exactly as they are; None if it is not there any more."""
    status, answer = box.client.uid("FETCH", str(uid), parts)
    if status != "OK":
        raise imaplib.IMAP4.error(f"FETCH was answered {status}")
    for item in answer:
        if isinstance(item, tuple):
            return _Fetched(item[0].decode("ascii", "replace"), item[1])
        if isinstance(item, bytes) and b"(" in item:
            return _Fetched(item.decode("ascii", "replace"), None)
    return None


def _size(line: str) -> int:
    _, _, after = line.partition("RFC822.SIZE ")
    digits = after.split(" ")[0].rstrip(")")
    return int(digits) if digits.isdecimal() else 0


def _internal_date(line: str) -> datetime | None:
    """When the server took the mail (RFC 9051, INTERNALDATE)."""
    _, _, after = line.partition('INTERNALDATE "')
    try:
        return datetime.strptime(after.partition('"')[0].strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(UTC)
    except ValueError:
        return None
