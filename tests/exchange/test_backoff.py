"""When to try again."""

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.backoff import LONGEST_ASKED_SECONDS, asked_seconds
from servicekit.backoff import backoff_seconds

NOW = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)


@given(st.integers(1, 10_000), st.randoms(use_true_random=False))
def test_backoff_doubles_from_a_second_to_an_hour(failures: int, rng: random.Random) -> None:
    """Full jitter: anything from at once to 1 s, 2 s, 4 s, … 1 h."""
    assert 0 <= backoff_seconds(failures, rng=rng) <= min(3600, 2.0 ** min(failures - 1, 60))


def test_backoff_uses_its_whole_range() -> None:
    """Jitter is full: waits near nothing and near the most both occur."""
    rng = random.Random(1)  # noqa: S311  # repeatable, no secret
    waits = [backoff_seconds(20, rng=rng) for _ in range(500)]
    assert min(waits) < 100
    assert max(waits) > 3500


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30),
        ("Wed, 21 Oct 2026 07:00:00 GMT", 0),
        ("99999999999999999999", LONGEST_ASKED_SECONDS),
        ("soon", 0),
        ("-5", 0),
        ("", 0),
        (None, 0),
    ],
)
def test_retry_after_is_read(header: str | None, seconds: float) -> None:
    """Seconds and dates count, nonsense does not, and nobody can ask for more than a day."""
    assert seconds == asked_seconds(header, NOW)
