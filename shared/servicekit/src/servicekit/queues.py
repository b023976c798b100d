"""Queues in the database as Prometheus sees them: how much waits, and how long what waits longest does."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from servicekit.database import Query, ReadSessions


class QueueCollector(Collector):
    """Gauges of the service's queues, read when they are asked for. Register it once a process."""

    def __init__(self, sessions: ReadSessions, queues: Mapping[str, Query]) -> None:
        """Each query by its queue's name; it gives `depth` and `oldest_seconds`, null when nothing waits."""
        self._sessions = sessions
        self._queues = queues

    def describe(self) -> Iterator[Metric]:
        """The families without samples, so that registering asks nothing of the database."""
        return iter(_families())

    def collect(self) -> Iterator[Metric]:
        """The families with what the database says now."""
        depth, oldest = _families()
        with self._sessions.begin() as session:
            for name, query in self._queues.items():
                (waiting,) = query.all(session)
                depth.add_metric([name], waiting.depth)
                oldest.add_metric([name], waiting.oldest_seconds or 0)
        return iter((depth, oldest))


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
    return (
        GaugeMetricFamily("queue_depth", "What waits to be worked on.", labels=["queue"]),
        GaugeMetricFamily("queue_oldest_seconds", "How long what waits longest does.", labels=["queue"]),
    )
