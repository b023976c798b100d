"""The clock, in one place: actions take `now` as an argument, and only the edges ask for it."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends


def utc_now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


async def _now() -> datetime:
    return utc_now()


Now = Annotated[datetime, Depends(_now)]
"""The moment at which a request is carried out, for routes."""
