"""Tells from the outside whether polling goes on, and whether the clock was set.

Only time in which this process itself ran counts: a machine that slept or a process that was stopped for an hour has no
dead scheduler, and is not ended for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import structlog

from collector.app.clock import Clock
from collector.errors import CollectorError

_STALLED_SECONDS = 60.0
_OVERDUE_EVERY_SECONDS = 30.0
_OVERDUE_LOOKS = 3
_LONGEST_LOOK_SECONDS = 5.0
_STEP_SECONDS = 5.0
_SHOWN = 5


class Watched(Protocol):
    """What the watchdog asks of the daemon."""

    last_tick: float

    def overdue(self) -> Sequence[str]:
        """Return the accounts that should have been polled several intervals ago."""


class Watchdog:
    """Looks at the daemon about once a second.

    Args:
        daemon: What is watched.
        clock: Its clock.
    """

    def __init__(self, daemon: Watched, clock: Clock) -> None:
        self._daemon = daemon
        self._clock = clock
        self._looked_at = clock.monotonic()
        self._tick = daemon.last_tick
        self._silent = 0.0
        self._unasked = 0.0
        self._late: dict[str, int] = {}
        self._offset = self._wall_offset()

    def _wall_offset(self) -> float:
        return self._clock.now().timestamp() - self._clock.steady()

    def clock_stepped(self) -> bool:
        """Return True once after the wall clock moved against the steady one by more than five seconds."""
        offset = self._wall_offset()
        step = offset - self._offset
        self._offset = offset
        if abs(step) <= _STEP_SECONDS:
            return False
        structlog.get_logger().warning("the clock stepped", seconds=round(step, 1))
        return True

    def fault(self) -> str | None:
        """Return why polling must be taken for dead, or None."""
        now = self._clock.monotonic()
        elapsed = min(now - self._looked_at, _LONGEST_LOOK_SECONDS)
        self._looked_at = now
        if self._daemon.last_tick != self._tick:
            self._tick, self._silent = self._daemon.last_tick, 0.0
        else:
            self._silent += elapsed
        if self._silent > _STALLED_SECONDS:
            return f"no tick for {self._silent:.0f} s"
        self._unasked += elapsed
        if self._unasked < _OVERDUE_EVERY_SECONDS:
            return None
        self._unasked = 0.0
        return self._not_polled()

    def _not_polled(self) -> str | None:
        """Count how often each account was found late in a row: the first time it may be just about to be polled."""
        try:
            overdue = self._daemon.overdue()
        except CollectorError:
            return None  # The tick tells what is wrong with the database; polling goes on once it is back.
        self._late = {name: self._late.get(name, 0) + 1 for name in overdue}
        late = [name for name, looks in self._late.items() if looks >= _OVERDUE_LOOKS]
        more = f" and {len(late) - _SHOWN} more" if len(late) > _SHOWN else ""
        return f"not polled for several intervals: {', '.join(late[:_SHOWN])}{more}" if late else None
