"""How cases stand to their deadline, in SQL: only where an answer is owed and the clock runs.

While the complainant is asked the clock stands still and the deadline will move: such a case is neither near due nor
overdue, in whatever list, count or alarm.
"""

from typing import Final

from chumchon.journey import OPEN_STATES, State

CLOCK_RUNS: Final = "cases.state IN ({})".format(
    ", ".join(f"'{state}'" for state in sorted(OPEN_STATES - {State.AWAITING_COMPLAINANT}))
)
"""Literally, so that PostgreSQL plans for these states. A CHECK ties `stopped_at` to the one state that is left out."""

OVERDUE: Final = f"{CLOCK_RUNS} AND cases.due_at <= :now"
NEAR_DUE: Final = f"{CLOCK_RUNS} AND cases.due_at > :now AND cases.due_at <= :near"
