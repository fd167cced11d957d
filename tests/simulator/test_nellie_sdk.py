"""The provider's own client library reads the simulator: our reading of its documents is not the only one."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Protocol

import pytest
from nellie_api import AuthenticationError, Nellie, RateLimitError

from collector.simulator.server import Simulator
from collector.simulator.switches import Switches

KEY = "nel_key"


class MovableClock(Protocol):
    instant: datetime

    def __call__(self) -> datetime: ...


@pytest.fixture
def nellie(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nellie]:
    monkeypatch.setenv("NELLIE_API_BASE_URL", simulator.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    sdk = Nellie(api_key=KEY, max_retries=0)
    with closing(sdk._session):
        yield sdk


def test_nellies_own_sdk_reads_the_true_counters(nellie: Nellie, simulator: Simulator, clock: MovableClock) -> None:
    usage, truth = nellie.get_usage(), simulator.history(KEY)

    assert (usage.total_requests, usage.total_credits_used) == (
        truth.requests_at(clock.instant),
        truth.credits_at(clock.instant),
    )


def test_nellies_own_sdk_reads_the_true_list(nellie: Nellie, simulator: Simulator, clock: MovableClock) -> None:
    listed = [
        (
            item.request_id,
            item.status,
            datetime.fromisoformat(item.created_at),
            None if item.completed_at is None else datetime.fromisoformat(item.completed_at),
            item.credits_used,
        )
        for item in nellie.get_usage().recent_requests
    ]

    assert listed == [
        (record.request_id, record.status, record.created_at, record.completed_at, record.credits_used)
        for record in simulator.history(KEY).recent(clock.instant, 20)
    ]


def test_nellies_own_sdk_knows_the_refused_key(nellie: Nellie) -> None:
    nellie.api_key = "invalid_key"

    with pytest.raises(AuthenticationError, match="Unauthorized - Valid API key required"):
        nellie.get_usage()


def test_nellies_own_sdk_knows_the_rate_limit(nellie: Nellie, simulator: Simulator) -> None:
    simulator.put(Switches(status=429))

    with pytest.raises(RateLimitError, match="Rate limit exceeded"):
        nellie.get_usage()
