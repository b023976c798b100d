"""Scanning again what came while the scanner did not answer, so that nobody has to remember it."""

import threading
from typing import Final

import sqlalchemy as sa
import structlog

from center1111.attachments.actions import AttachmentMoveNotAllowed, Vault, scan_again
from center1111.journey import AttachmentState
from center1111.records import Attachment
from servicekit.clock import utc_now
from servicekit.database import Sessions
from servicekit.files.scanning import ScannerUnavailable
from servicekit.problems import describe

LOOKS_EVERY_SECONDS: Final = 60.0
BY_SCANNER: Final = "scanner"
_AT_ONCE: Final = 100

log = structlog.get_logger(__name__)


def scan_what_waits(sessions: Sessions, vault: Vault) -> int:
    """Scan the files that wait, those that wait longest first; how many it decided about.

    Ends at the first that the scanner does not answer for: the others would fare alike.
    """
    with sessions() as session:
        waiting = session.scalars(
            sa.select(Attachment)
            .where(Attachment.state == AttachmentState.UNSCANNED)
            .order_by(Attachment.announced_at)
            .limit(_AT_ONCE)
        ).all()
        session.expunge_all()
    decided = 0
    for attachment in waiting:
        try:
            scan_again(sessions, vault, attachment, by=BY_SCANNER, now=utc_now())
        except ScannerUnavailable as error:
            log.warning("scanner does not answer", waiting=len(waiting) - decided, error=str(error))
            break
        except AttachmentMoveNotAllowed:  # somebody else was quicker
            continue
        except FileNotFoundError:
            log.error("attached file missing in the store", attachment=str(attachment.id))  # noqa: TRY400  # no trace needed
            continue
        decided += 1
    return decided


def rescan(
    sessions: Sessions, vault: Vault, stop: threading.Event, *, every_seconds: float = LOOKS_EVERY_SECONDS
) -> None:
    """Look, until the event is set."""
    while not stop.is_set():
        try:
            scan_what_waits(sessions, vault)
        except sa.exc.SQLAlchemyError as error:
            log.error("what waits for a scan cannot be looked for", **describe(error))  # noqa: TRY400  # as above
        stop.wait(every_seconds)
