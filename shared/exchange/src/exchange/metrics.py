"""What the exchange counts, for Prometheus. Gauges are read from the database when they are asked for."""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from exchange.alarms import standing
from exchange.watching import PeerStatus, statuses
from servicekit.database import Query, ReadSessions


class ExchangeMetrics:
    """Counters of one process; relays and routes are given them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.receipts = Counter(
            "exchange_receipts", "Receipts that peers gave us.", ["peer", "disposition"], registry=registry
        )
        self.failures = Counter(
            "exchange_deliveries_failed", "Requests to peers that failed.", ["peer", "reason"], registry=registry
        )
        self.taken = Counter(
            "exchange_taken", "Messages that we gave receipts for.", ["peer", "disposition"], registry=registry
        )
        self.refused = Counter(
            "exchange_requests_refused", "Unsigned, stale, altered or unknown requests.", registry=registry
        )


class StatusCollector(Collector):
    """How it stands with each peer, as gauges. Register it once a process: `registry.register(...)`."""

    def __init__(self, sessions: ReadSessions, unanswered: Query | None = None) -> None:
        """`unanswered`: as `statuses` takes it."""
        self._sessions = sessions
        self._unanswered = unanswered

    def describe(self) -> Iterator[Metric]:
        """The families without samples, so that registering asks nothing of the database."""
        return iter(self._families([], {}))

    def collect(self) -> Iterator[Metric]:
        """The families with what the database says now."""
        with self._sessions.begin() as session:
            return iter(self._families(statuses(session, self._unanswered), standing(session)))

    @staticmethod
    def _families(found: list[PeerStatus], alarms: Mapping[str, int]) -> list[Metric]:
        families = {
            name: GaugeMetricFamily(f"exchange_{name}", text, labels=["peer"])
            for name, text in (
                ("backlog", "Messages that are queued."),
                ("oldest_undelivered_seconds", "Age of the oldest message that is queued or dead."),
                ("dead", "Messages that were given up after their last attempt."),
                ("unanswered", "Referrals that wait for an answer."),
                ("last_success_timestamp_seconds", "When it last took what we sent; 0: never."),
                ("held", "Messages received that wait for an earlier one."),
                ("quarantined", "Messages received that could not be applied."),
                ("paused", "1 while nothing but probes is sent."),
                ("differences", "Messages on which both sides differed when they were last compared."),
            )
        }
        for status in found:
            for name, value in (
                ("backlog", status.backlog),
                ("oldest_undelivered_seconds", status.oldest_undelivered_seconds or 0),
                ("dead", status.dead),
                ("unanswered", status.unanswered),
                ("last_success_timestamp_seconds", status.last_success_at.timestamp() if status.last_success_at else 0),
                ("held", status.held),
                ("quarantined", status.quarantined),
                ("paused", int(status.pause is not None)),
                ("differences", status.differences),
            ):
                families[name].add_metric([status.peer], value)
        raised = GaugeMetricFamily("exchange_alarms", "What has waited beyond its limit.", labels=["watch"])
        for watch, count in alarms.items():
            raised.add_metric([watch], count)
        return [*families.values(), raised]
