"""What Prometheus is told of mailbox, folders and outgoing mail: read from the database when it asks.

So it does not matter in which process the readers work, and one that has died is seen by its silence.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chumchon.arrivals import queries
from servicekit.database import ReadSessions


class ChannelsCollector(Collector):
    """How it stands with each reader, and with what waits to be sent. Register it once a process."""

    def __init__(self, sessions: ReadSessions) -> None:
        self._sessions = sessions

    def describe(self) -> Iterator[Metric]:
        """The families without samples, so that registering asks nothing of the database."""
        return iter(self._families([], None))

    def collect(self) -> Iterator[Metric]:
        """The families with what the database says now."""
        with self._sessions.begin() as session:
            return iter(self._families(queries.readers(session), queries.outgoing(session)))

    @staticmethod
    def _families(readers: Sequence[Any], outgoing: Any) -> list[Metric]:  # noqa: ANN401  # rows
        succeeded = GaugeMetricFamily(
            "channel_last_success_timestamp_seconds",
            "When a reader last had looked through everything; 0 before the first time.",
            labels=["reader"],
        )
        failures = GaugeMetricFamily("channel_failures", "Failures in a row of a reader.", labels=["reader"])
        left = GaugeMetricFamily("channel_left_over", "What a reader could not take in.", labels=["reader"])
        idle = GaugeMetricFamily("channel_idle", "1 while the server tells a reader of news.", labels=["reader"])
        taken = CounterMetricFamily("channel_taken", "What a reader has taken in.", labels=["reader"])
        owed = GaugeMetricFamily("mails_owed", "Mails that wait to be sent.")
        oldest = GaugeMetricFamily(
            "mails_oldest_owed_timestamp_seconds", "Since when the oldest mail waits to be sent; 0 where none does."
        )
        for row in readers:
            succeeded.add_metric([row.name], row.succeeded_at.timestamp() if row.succeeded_at else 0)
            failures.add_metric([row.name], row.failures)
            left.add_metric([row.name], row.left_over)
            idle.add_metric([row.name], int(row.waiting == "idle"))
            taken.add_metric([row.name], row.taken)
        if outgoing is not None:
            owed.add_metric([], outgoing.owed)
            oldest.add_metric([], outgoing.oldest_at.timestamp() if outgoing.oldest_at else 0)
        return [succeeded, failures, left, idle, taken, owed, oldest]
