"""When to try again: exponential with full jitter, as the peer asks, and never longer than a day."""

import email.utils
import random
from datetime import datetime

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 3600.0
LONGEST_ASKED_SECONDS = 86_400.0
"""A `Retry-After` is honoured up to this."""


def backoff_seconds(
    failures: int,
    *,
    rng: random.Random,
    first_seconds: float = FIRST_SECONDS,
    longest_seconds: float = LONGEST_SECONDS,
) -> float:
    """How long to wait after that many failures in a row (1 or more): between 0 and what doubles each time.

    The jitter is full, so that relays and parties that failed together do not come back together.
    """
    doublings = min(failures - 1, 32)
    return rng.uniform(0, min(longest_seconds, first_seconds * 2.0**doublings))


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
