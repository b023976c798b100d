"""Wake-ups between processes, outside of any business transaction."""

import threading

from exchange.waking import Bell, announcing, listening

from .conftest import Party, eventually


def test_a_ring_is_never_missed() -> None:
    """Who asked before it looked for work hears each ring after that, however late it waits."""
    bell = Bell()
    heard = bell.heard()
    bell.ring()
    assert bell.wait(heard, 0)
    assert not bell.wait(bell.heard(), 0)


def test_relays_in_other_processes_are_woken(centre: Party) -> None:
    """A ring here is a ring there, by way of the database; a broken connection is made anew."""
    here, there = Bell(), Bell()
    with listening(there, centre.engine), announcing(here, centre.engine):
        for _ in range(2):
            before = there.heard()
            rung = threading.Event()

            def heard(before: int = before, rung: threading.Event = rung) -> bool:
                here.ring()
                rung.wait(0.05)
                return there.heard() > before

            assert eventually(heard)
            centre.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'exchange %'"
                " AND datname = current_database()"
            )
