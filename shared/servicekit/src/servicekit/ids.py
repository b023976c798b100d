"""Identifiers: UUID version 7, so that ids sort by the time they were made and index pages stay warm."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import uuid_utils.compat

_BITS_AFTER_THE_TIME: Final = 80


def uuid7() -> UUID:
    """A new UUID version 7 (RFC 9562)."""
    return uuid_utils.compat.uuid7()


def first_uuid7(at: datetime) -> UUID:
    """The least UUID that sorts with those made at `at`: ids from it on were made then or later."""
    return UUID(int=int(at.timestamp() * 1000) << _BITS_AFTER_THE_TIME)


def time_of(identity: UUID) -> datetime:
    """When a UUID version 7 was made, to the millisecond, by its maker's clock."""
    return datetime.fromtimestamp((identity.int >> _BITS_AFTER_THE_TIME) / 1000, UTC)
