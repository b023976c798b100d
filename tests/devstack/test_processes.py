"""The rule of the growing pause: quick at first, patient with what dies again and again."""

from devstack.processes import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, SHORT_LIFE_SECONDS, pause_after


def test_who_lived_long_is_started_at_once() -> None:
    """A program that worked and then died has no pause, whatever went before."""
    assert 0.0 == pause_after(LONGEST_PAUSE_SECONDS, lived_seconds=SHORT_LIFE_SECONDS)


def test_pauses_grow_up_to_the_longest() -> None:
    """Dying at once again and again makes the pauses double, and never exceed the longest."""
    pauses = [0.0]
    for _ in range(6):
        pauses.append(pause_after(pauses[-1], lived_seconds=0.1))
    assert [FIRST_PAUSE_SECONDS, 1.0, 2.0, 4.0, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS] == pauses[1:]
