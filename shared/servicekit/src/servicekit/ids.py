"""Identifiers: UUID version 7, so that ids sort by the time they were made and index pages stay warm."""

from uuid import UUID

import uuid_utils.compat


def uuid7() -> UUID:
    """A new UUID version 7 (RFC 9562)."""
    return uuid_utils.compat.uuid7()
