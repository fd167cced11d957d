"""What the scheduler runs once a second: tick after tick, as long as more accounts may be due than there was room for.

Without it a pool of eight would poll eight accounts a second however quick they are, and ten thousand that are due
together would take twenty minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

_LONGEST_SECONDS = 0.9


class Ticking(Protocol):
    """What polls accounts when they are due."""

    def tick(self) -> bool:
        """Claim and hand over; return True if more may be due than there was room for."""

    def has_room(self, seconds: float) -> bool:
        """Wait until there is room again, at most ``seconds``; return False if there is none."""


def tick_until_idle(daemon: Ticking, monotonic: Callable[[], float]) -> None:
    """Let ``daemon`` tick until nobody waits for a worker, or until the next second's tick is near."""
    ends = monotonic() + _LONGEST_SECONDS
    while daemon.tick() and daemon.has_room(ends - monotonic()) and monotonic() < ends:
        pass
