"""The desk at which mails, faxes and scans arrive: what everyone who takes them in needs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from chumchon.channels.tags import Tags
from chumchon.deadlines import Deadlines
from chumchon.intake.evidence import CLOCKS_DIFFER_BY
from servicekit.files.storing import FileStore

MAX_SUBJECT: Final = 300
MAX_TEXT: Final = 20_000

_CUT: Final = "\n\n(ตัดข้อความที่ยาวเกินไป ข้อความทั้งหมดอยู่ในไฟล์ต้นฉบับ)"


@dataclass(frozen=True, slots=True)
class Desk:
    """What is needed to take in what arrives.

    Attributes:
        own_addresses: the Office's own addresses, in lower case: mails from them are echoes.
        fax_gateways: addresses, in lower case, whose mails are faxes.
        acknowledges: whether those who write are told that their mail has arrived.
        ocr_command: the program that reads scans (tesseract), if there is one.
    """

    store: FileStore
    deadlines: Deadlines
    tags: Tags
    own_addresses: frozenset[str] = frozenset()
    fax_gateways: frozenset[str] = frozenset()
    acknowledges: bool = False
    ocr_command: str | None = None
    ocr_timeout: timedelta = timedelta(minutes=2)


def subject_of(text: str, otherwise: str) -> str:
    """A subject of a case: not empty, and not longer than it may be."""
    return text[:MAX_SUBJECT].strip() or otherwise


def text_of(text: str, otherwise: str) -> str:
    """The text of a case: not empty, and where it is cut, it says so."""
    if len(text) > MAX_TEXT:
        return text[: MAX_TEXT - len(_CUT)] + _CUT
    return text or otherwise


def not_later(moment: datetime | None, now: datetime) -> datetime:
    """When something arrived, as another clock says: never after now."""
    return now if moment is None or moment > now - CLOCKS_DIFFER_BY else moment
