"""A simulator on loopback with a clock that stands still until it is moved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from collector.simulator.server import Simulator


class Clock:
    """The simulated time."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def __call__(self) -> datetime:
        return self.instant


@pytest.fixture
def clock() -> Clock:
    """A Tuesday, 14:20 UTC."""
    return Clock(datetime(2026, 3, 10, 14, 20, 0, 250_000, tzinfo=UTC))


@pytest.fixture
def simulator(clock: Clock) -> Iterator[Simulator]:
    """A started simulator."""
    with Simulator(now=clock) as running:
        yield running
