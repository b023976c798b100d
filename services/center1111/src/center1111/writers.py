"""Who wrote before: complainants are known again by keyed hashes, never by the data themselves.

Without the key, a hash tells nothing: national ids and telephone numbers are few enough to try them all.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Request

from center1111.codes import MarkKind
from servicekit.ids import first_uuid7

_MARK_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Writers:
    """The key of the hashes, and from which complaint within how many days on somebody is a repeat writer."""

    key: bytes
    repeat_from: int
    within_days: int

    def marks_of(self, known: Mapping[MarkKind, str | None]) -> dict[MarkKind, bytes]:
        """The mark of each thing that is known of a complainant, in the one form in which it is kept."""
        return {
            kind: hmac.digest(self.key, f"{kind}:{value.lower()}".encode(), "sha256")[:_MARK_BYTES]
            for kind, value in known.items()
            if value
        }

    def since(self, now: datetime) -> UUID:
        """The least id of a complaint that was recorded recently enough to count."""
        return first_uuid7(now - timedelta(days=self.within_days))


async def _writers(request: Request) -> Writers:
    writers: Writers = request.app.state.writers
    return writers


KnownWriters = Annotated[Writers, Depends(_writers)]
"""How complainants are known again, for routes."""
