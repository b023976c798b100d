"""When a peer asks to be tried again, which is never later than a day."""

import email.utils
from datetime import datetime

LONGEST_ASKED_SECONDS = 86_400.0
"""A `Retry-After` is honoured up to this."""


def asked_seconds(retry_after: str | None, now: datetime) -> float:
    """What a `Retry-After` header (RFC 9110: seconds, or an HTTP date) asks for; 0 without one that can be read."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), LONGEST_ASKED_SECONDS)
    try:
        moment = email.utils.parsedate_to_datetime(text)
        seconds = (moment - now).total_seconds()
    except (TypeError, ValueError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_ASKED_SECONDS)
