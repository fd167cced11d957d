"""A clock that is moved by hand, as the world moves clocks: time passes, clocks are set, machines sleep."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Timepiece:
    """All clocks of a machine.

    Args:
        start: What the wall clock says at first.
    """

    def __init__(self, start: datetime = NOON) -> None:
        self.stopping = threading.Event()
        self.waited = 0
        self.on_wait: Callable[[int], None] = lambda _: None
        self._wall = start
        self._steady = 5000.0
        self._monotonic = 1000.0

    def now(self) -> datetime:
        """Return what the wall clock says."""
        return self._wall

    def steady(self) -> float:
        """Return seconds that go on while the machine sleeps."""
        return self._steady

    def monotonic(self) -> float:
        """Return seconds that stand still while the machine sleeps."""
        return self._monotonic

    def wait(self, seconds: float) -> bool:
        """Let ``seconds`` pass, and whatever the test has planned happen."""
        self.passes(seconds)
        self.waited += 1
        self.on_wait(self.waited)
        return self.stopping.is_set()

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self._wall += timedelta(seconds=seconds)
        self._steady += seconds
        self._monotonic += seconds

    def is_set(self, seconds: float) -> None:
        """Set the wall clock forward, or back if ``seconds`` is negative."""
        self._wall += timedelta(seconds=seconds)

    def sleeps(self, seconds: float) -> None:
        """Let the machine sleep: its monotonic clock stands still."""
        self._wall += timedelta(seconds=seconds)
        self._steady += seconds
