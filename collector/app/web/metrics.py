"""What Prometheus scrapes: last values, ages, polls by outcome, collectors and health.

Labels are names that the operator chose, and our own short codes: never a key, a request id or anything a provider
wrote. How many series there are is bounded by the settings, and once more here.

Public: ``Metrics``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from collector.app.web.health import Health, health_of, unreadable
from collector.app.web.ledger import Ledger
from collector.app.wiring import program_version
from collector.domain.instants import instant_of
from collector.errors import CollectorError
from collector.store.poll_counts import PollCounts
from collector.store.polls import PollingState, polling_states
from collector.store.reading import MeterRow, meters

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_MOST_METERS = 20_000
_MOST_OUTCOMES = 60


class Metrics:
    """The metrics of one history.

    Args:
        ledger: What is read.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._counts = PollCounts()

    def text(self) -> bytes:
        """Return the metrics as they are now; of a database that cannot be read, that it cannot."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families(list(self._families())))
        return generate_latest(registry)

    def _families(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("usage_collector_build_info", "The program that answers.", labels=["version"])
        build.add_metric([program_version()], 1)
        yield build
        now, waiting = self._ledger.now(), self._ledger.waiting()
        yield GaugeMetricFamily("usage_spooled_polls", "Polls that wait here to be stored.", value=waiting.count)
        yield GaugeMetricFamily("usage_dropped_polls", "Polls that could not even be kept.", value=waiting.dropped)
        try:
            with self._ledger.reading(afresh=True) as database:
                health = health_of(self._ledger.settings, database, now, waiting)
                with database.read() as connection:
                    rows, states = meters(connection), polling_states(connection)
                    counts = dict(self._counts.upto_now(connection))
        except CollectorError as error:
            yield from _of_health(unreadable(error, waiting), now)
            return
        yield from _of_health(health, now)
        yield from _of_meters(rows, now)
        yield from _of_accounts(states)
        polls = CounterMetricFamily("usage_polls", "Polls by how they ended.", labels=["outcome"])
        for outcome in sorted(counts)[:_MOST_OUTCOMES]:
            polls.add_metric([outcome], counts[outcome])
        yield polls


class _Families(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Give what was read."""
        yield from self._families


def _of_health(health: Health, now: datetime) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "usage_database_up", "Whether the database can be read.", value=0 if "database" in health.troubles else 1
    )
    yield GaugeMetricFamily("usage_healthy", "1 if nothing fails; see /healthz.", value=0 if health.failing else 1)
    troubles = GaugeMetricFamily("usage_trouble", "1 for each trouble there is.", labels=["trouble"])
    for name in sorted(health.troubles):
        troubles.add_metric([name], 1)
    yield troubles
    running = sum(not one.is_silent(now) for one in health.collectors)
    yield GaugeMetricFamily("usage_collectors_running", "Collectors that were heard of lately.", value=running)


def _of_meters(rows: list[MeterRow], now: datetime) -> Iterator[Metric]:
    labels = ["account", "meter", "unit"]
    value = GaugeMetricFamily("usage_counter_value", "The last good value of the provider's counter.", labels=labels)
    age = GaugeMetricFamily("usage_counter_age_seconds", "How long ago it was last seen.", labels=labels)
    held = GaugeMetricFamily("usage_counter_held", "1 if it fell and nothing is decided yet.", labels=labels)
    for row in rows[:_MOST_METERS]:
        names = [row.account, row.name, row.unit]
        value.add_metric(names, row.good_value / 10**row.scale if row.scale else row.good_value)
        age.add_metric(names, (now - instant_of(row.last_at)).total_seconds())
        held.add_metric(names, int(row.latest < row.good_value))
    yield from (value, age, held)
    yield GaugeMetricFamily(
        "usage_counters_left_out", "Counters beyond those shown here.", value=max(0, len(rows) - _MOST_METERS)
    )


def _of_accounts(states: list[PollingState]) -> Iterator[Metric]:
    labels = ["account"]
    failures = GaugeMetricFamily("usage_failures_in_a_row", "Polls that failed since the last good one.", labels=labels)
    polled = GaugeMetricFamily("usage_last_poll_timestamp_seconds", "When it was last polled.", labels=labels)
    for state in states[:_MOST_METERS]:
        failures.add_metric([state.account], state.failures)
        if state.last_at is not None:
            polled.add_metric([state.account], state.last_at.timestamp())
    yield from (failures, polled)
