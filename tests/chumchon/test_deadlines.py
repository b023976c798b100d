"""Deadlines in working days."""

from datetime import UTC, date, datetime

from chumchon.deadlines import Deadlines

HOLIDAY = date(2026, 10, 13)
DEADLINES = Deadlines(5, frozenset({HOLIDAY}))


def test_a_deadline_counts_working_days() -> None:
    """Received on Monday 5 October in Bangkok: five working days end with Monday the 12th."""
    received_at = datetime(2026, 10, 5, 3, 0, tzinfo=UTC)
    assert datetime(2026, 10, 12, 17, 0, tzinfo=UTC) == DEADLINES.due_at(received_at)


def test_the_day_is_bangkoks() -> None:
    """At 18.00 UTC it is the next day in Bangkok, and the 13th is a holiday."""
    received_at = datetime(2026, 10, 5, 18, 0, tzinfo=UTC)
    assert datetime(2026, 10, 14, 17, 0, tzinfo=UTC) == DEADLINES.due_at(received_at)


def test_a_stop_moves_the_deadline_by_its_working_days() -> None:
    """Asked on Monday and told on Wednesday moves it by two working days, over weekend and holiday."""
    moved = DEADLINES.after_a_stop(
        datetime(2026, 10, 9, 17, 0, tzinfo=UTC),
        stopped_at=datetime(2026, 10, 5, 3, 0, tzinfo=UTC),
        now=datetime(2026, 10, 7, 3, 0, tzinfo=UTC),
    )
    assert datetime(2026, 10, 14, 17, 0, tzinfo=UTC) == moved


def test_a_stop_within_a_day_moves_nothing() -> None:
    """The clock counts days, not hours."""
    due_at = datetime(2026, 10, 9, 17, 0, tzinfo=UTC)
    noon = datetime(2026, 10, 5, 5, 0, tzinfo=UTC)
    assert due_at == DEADLINES.after_a_stop(due_at, stopped_at=noon, now=noon)
