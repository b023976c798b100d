"""Clocks that are wrong: a signature is believed for 5 minutes to either side, and nothing else looks at clocks."""

from collections.abc import Callable
from datetime import datetime, timedelta
from unittest.mock import patch

import pytest
from structlog.testing import capture_logs

from exchange import RelaySettings
from exchange.relay import Round
from exchange.watching import statuses
from servicekit.clock import utc_now

from .conftest import Clock, Party

SKEW = timedelta(minutes=10)
SLOWEST_PROBE = timedelta(seconds=RelaySettings().refused_at_most_seconds)


def off_by(skew: timedelta) -> Callable[[], datetime]:
    return lambda: utc_now() + skew


@pytest.mark.parametrize("skew", [SKEW, -SKEW])
def test_a_sender_whose_clock_is_wrong_is_paused_and_heals_by_itself(
    centre: Party, office: Party, clock: Clock, skew: timedelta
) -> None:
    """Refused with 401, paused, told to operators; once the clock is right, the next probe mends it."""
    for n in range(3):
        centre.owes(str(n), now=clock())
    relay = centre.relay(clock)
    with patch("exchange.relay.utc_now", off_by(skew)), capture_logs() as logs:
        assert Round.FAILED is relay.round(centre.peer())
        clock.now += SLOWEST_PROBE
        assert Round.FAILED is relay.round(centre.peer())
    assert [] == office.said()
    assert "error" in {it["log_level"] for it in logs if it["event"] == "messages not delivered"}
    assert 2 == sum(it["event"].startswith("security event") for it in logs)
    with centre.sessions() as session:
        (status,) = statuses(session)
    assert ("refused", "HTTP 401", 3) == (status.pause, status.pause_reason, status.backlog)
    while sorted(office.said()) != ["0", "1", "2"]:
        clock.now += SLOWEST_PROBE
        assert Round.SENT is relay.round(centre.peer())
    with centre.sessions() as session:
        (status,) = statuses(session)
    assert (None, 0) == (status.pause, status.backlog)


@pytest.mark.parametrize("skew", [SKEW, -SKEW])
def test_a_receiver_whose_clock_is_wrong_takes_nothing_until_it_is_right(
    centre: Party, office: Party, clock: Clock, skew: timedelta
) -> None:
    """Whoever of the two is wrong: what is not believed is not taken, and arrives once when it is."""
    centre.owes("ก", now=clock())
    relay = centre.relay(clock)
    with patch("http_message_signatures.signatures.datetime.datetime", wraps=datetime) as theirs:
        theirs.now.side_effect = lambda tz=None: datetime.now(tz) + skew
        assert Round.FAILED is relay.round(centre.peer())
    assert [] == office.said()
    clock.now += SLOWEST_PROBE
    assert Round.SENT is relay.round(centre.peer())
    assert ["ก"] == office.said()


@pytest.mark.parametrize("skew", [timedelta(minutes=4), -timedelta(minutes=4)])
def test_a_clock_that_is_a_little_wrong_is_forgiven(centre: Party, office: Party, skew: timedelta) -> None:
    """Within the 5 minutes messages pass; order and leases go by the database's clock anyway."""
    centre.owes("ก", now=utc_now() + skew)
    with patch("exchange.relay.utc_now", off_by(skew)):
        assert Round.SENT is centre.relay().round(centre.peer())
    assert ["ก"] == office.said()
