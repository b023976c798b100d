"""What parties ask of each other to prove that nothing is lost: feed, ledger, and copies of receipts.

Source of the rules: docs/exchange.md, "Proving that nothing is lost".
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.envelope import BATCH_MESSAGES, Receipt
from schemas.fields import Flag, Id, JsonObject, Sha256, Timestamp, Wire

LEDGER_PAGE = 1000
"""A ledger by message holds at most so many entries a page."""


class Direction(StrEnum):
    """Which way a message went, seen by the party whose ledger it is."""

    SENT = "sent"
    RECEIVED = "received"


class LedgerBy(StrEnum):
    """How finely a ledger tells."""

    DAY = "day"
    HOUR = "hour"
    MESSAGE = "message"


class Feed(Wire):
    """Messages that a party ever sent to the caller, oldest first. Each is judged by itself by who takes it."""

    messages: Annotated[tuple[JsonObject, ...], Field(max_length=BATCH_MESSAGES)]
    cursor: Id | None = None
    """Where to go on: the last message's id; that of the request when there are no more."""
    more: Flag = False


class LedgerPeriod(Wire):
    """One direction in one day or hour (UTC), by the time in the messages' ids."""

    start: Timestamp
    direction: Direction
    messages: Annotated[int, Field(strict=True, ge=0)]
    digest: Sha256
    """SHA-256 over a line `<id> <digest>` a message, in the order of ids, joined by line feeds."""


class LedgerEntry(Wire):
    """One message."""

    id: Id
    direction: Direction
    digest: Sha256
    state: Annotated[str, Field(max_length=40)]


class Ledger(Wire):
    """What one party sent to the caller and received from it, by periods or by message."""

    by: LedgerBy
    periods: tuple[LedgerPeriod, ...] = ()
    entries: Annotated[tuple[LedgerEntry, ...], Field(max_length=LEDGER_PAGE)] = ()
    more: Flag = False
    """Whether entries follow: ask again `after` the last one's id."""


class ReceiptCopy(Wire):
    """A message that the caller had sent, and what became of it: for a sender that forgot."""

    message: JsonObject
    receipt: Receipt


class ReceiptCopies(Wire):
    """As many of those asked for as fit into one answer; at least one, if any is known."""

    copies: Annotated[tuple[ReceiptCopy, ...], Field(max_length=BATCH_MESSAGES)]
