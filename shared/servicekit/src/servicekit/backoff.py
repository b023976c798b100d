"""When to try again what failed: exponential with full jitter."""

import random

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 3600.0


def backoff_seconds(
    failures: int,
    *,
    rng: random.Random,
    first_seconds: float = FIRST_SECONDS,
    longest_seconds: float = LONGEST_SECONDS,
) -> float:
    """How long to wait after that many failures in a row (1 or more): between 0 and what doubles each time.

    The jitter is full, so that processes that failed together do not come back together.
    """
    doublings = min(failures - 1, 32)
    return rng.uniform(0, min(longest_seconds, first_seconds * 2.0**doublings))
