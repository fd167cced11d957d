"""Tells from the outside whether polling and reporting go on, and whether the clock was set.

Only time in which this process itself ran counts: a machine that slept or a process that was stopped for an hour has no
dead scheduler, and is not ended for it. Nothing here may wait for anybody: it must notice that others do.

A scheduler without a tick is dead after three of the shortest intervals and a deadline. A tick that has begun may be
waiting for a database in use by another, and storing waits 30 seconds for that: it is given a little longer, and any
time while the database is in fact kept by another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

import structlog

from collector.app.clock import Clock

_INTERVALS = 3
_MOST_SILENT = 60.0
_LEAST_SILENT = 6.5
_ENDING_SECONDS = 3.0
_STORING_SECONDS = 40.0
_OVERDUE_EVERY_SECONDS = 30.0
_OVERDUE_LOOKS = 3
_LONGEST_LOOK_SECONDS = 2.0
_STEP_SECONDS = 5.0
_SHOWN = 5


class Watched(Protocol):
    """What the watchdog asks of the daemon."""

    @property
    def last_tick(self) -> float:
        """When the last tick ended, in the clock's monotonic seconds."""

    @property
    def ticking(self) -> bool:
        """Whether a tick is at work; it may be waiting for the database."""

    @property
    def late(self) -> Sequence[str]:
        """The accounts that should have been polled several intervals ago."""

    @property
    def late_looks(self) -> int:
        """How often that was looked at; whoever looks may have to wait for the database."""


class Reporting(Protocol):
    """What the watchdog asks of the scheduled reports."""

    @property
    def last_step(self) -> float:
        """When the last step ended, in the clock's monotonic seconds."""


def silence_of(shortest: timedelta, deadline: timedelta) -> float:
    """Return for how many seconds no tick is borne: three intervals and a deadline, less what ending takes.

    Args:
        shortest: The shortest interval of any account.
        deadline: The longest time one attempt to ask may take.
    """
    whole = (_INTERVALS * shortest + deadline).total_seconds()
    return max(min(whole, _MOST_SILENT), _LEAST_SILENT) - _ENDING_SECONDS


class Silence:
    """Counts the seconds of this process's own time in which a number did not move."""

    def __init__(self, clock: Clock, first: float) -> None:
        self._clock = clock
        self._looked_at = clock.monotonic()
        self._seen = first
        self.seconds = 0.0

    def look(self, now: float) -> float:
        """Return for how long the number has been ``now``; what lies between two looks counts two seconds at most."""
        moment = self._clock.monotonic()
        elapsed = min(moment - self._looked_at, _LONGEST_LOOK_SECONDS)
        self._looked_at = moment
        self.seconds = 0.0 if now != self._seen else self.seconds + elapsed
        self._seen = now
        return elapsed


class Watchdog:
    """Looks at the daemon about once a second.

    Args:
        daemon: What is watched.
        clock: Its clock.
        most_silent: For how many seconds no tick is borne.
        storage_is_free: Tells, without waiting, that nobody keeps the database from being written.
    """

    def __init__(
        self,
        daemon: Watched,
        clock: Clock,
        most_silent: float = _MOST_SILENT,
        storage_is_free: Callable[[], bool] = lambda: True,
    ) -> None:
        self._daemon = daemon
        self._clock = clock
        self._most_silent = most_silent
        self._storage_is_free = storage_is_free
        self._ticks = Silence(clock, daemon.last_tick)
        self._unasked = 0.0
        self._late: dict[str, int] = {}
        self._looks = daemon.late_looks
        self._offset = self._wall_offset()

    def bear(self, seconds: float) -> None:
        """Bear no tick for ``seconds`` from now on: the settings have other intervals."""
        self._most_silent = seconds

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
        elapsed = self._ticks.look(self._daemon.last_tick)
        if self._is_dead():
            return f"no tick for {self._ticks.seconds:.0f} s"
        self._unasked += elapsed
        if self._unasked < min(_OVERDUE_EVERY_SECONDS, self._most_silent):
            return None
        self._unasked = 0.0
        return self._not_polled()

    def _is_dead(self) -> bool:
        if not self._daemon.ticking:
            return self._ticks.seconds > self._most_silent
        return self._ticks.seconds > max(self._most_silent, _STORING_SECONDS) and self._storage_is_free()

    def _not_polled(self) -> str | None:
        """Count how often each account was found late in a row: the first time it may be just about to be polled.

        Only new looks count, and none while another keeps the database: a restart would bring nobody's turn nearer.
        """
        if self._daemon.late_looks == self._looks:
            return None
        self._looks = self._daemon.late_looks
        if self._daemon.late and not self._storage_is_free():
            self._late = {}
            return None
        self._late = {name: self._late.get(name, 0) + 1 for name in self._daemon.late}
        late = [name for name, looks in self._late.items() if looks >= _OVERDUE_LOOKS]
        more = f" and {len(late) - _SHOWN} more" if len(late) > _SHOWN else ""
        return f"not polled for several intervals: {', '.join(late[:_SHOWN])}{more}" if late else None


class ReportsWatch:
    """Tells when making or sending a report hangs.

    Polling must not die for a report: it is told and shown first. Only when the hanging step has lasted three times as
    long as the longest that a step may take is the process ended, so that a restart can take the report up again.

    Args:
        reports: What is watched.
        clock: Its clock.
        longest: The longest that one step may take.
    """

    def __init__(self, reports: Reporting, clock: Clock, longest: timedelta) -> None:
        self._reports = reports
        self._steps = Silence(clock, reports.last_step)
        self._longest = longest.total_seconds()
        self.stalled = False

    def fault(self) -> str | None:
        """Return why the process must be restarted for the reports' sake, or None; tell once when they stall."""
        self._steps.look(self._reports.last_step)
        stalled = self._steps.seconds > self._longest
        minutes = round(self._steps.seconds / 60)
        if stalled and not self.stalled:
            structlog.get_logger().error("scheduled reports have stalled; polling goes on", minutes=minutes)
        elif self.stalled and not stalled:
            structlog.get_logger().info("scheduled reports go on")
        self.stalled = stalled
        return f"scheduled reports hang for {minutes} min" if self._steps.seconds > 3 * self._longest else None
