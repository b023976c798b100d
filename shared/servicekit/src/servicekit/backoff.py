"""When to try again what failed: exponential with full jitter."""

import random

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 3600.0


def ceiling_seconds(failures: int, *, first_seconds: float, longest_seconds: float) -> float:
    """The longest wait after that many failures in a row (1 or more): doubles each time, up to `longest_seconds`."""
    return min(longest_seconds, first_seconds * 2.0 ** min(failures - 1, 32))


def backoff_seconds(
    failures: int,
    *,
    rng: random.Random,
    first_seconds: float = FIRST_SECONDS,
    longest_seconds: float = LONGEST_SECONDS,
) -> float:
    """How long to wait after that many failures in a row (1 or more): between 0 and `ceiling_seconds`.

    The jitter is full, so that processes that failed together do not come back together.
    """
    return rng.uniform(0, ceiling_seconds(failures, first_seconds=first_seconds, longest_seconds=longest_seconds))
