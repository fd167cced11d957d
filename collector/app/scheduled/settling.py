"""What a clock that runs ahead must not decide: how long was really waited, and whether the wall clock can be believed.

    wall    07:00 ── 07:01 ── 31 days later ┄┄ not believed ┄┄ 07:02          set right: nothing was lost
    steady  ├────────────────────────────── less than 10 minutes ──┤

Both go by seconds that nobody sets and that go on while the machine sleeps.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from collector.app.clock import Clock

_STEP = timedelta(minutes=2)
_SETTLED = timedelta(minutes=10)


class Waits:
    """How long this process has really waited for the data of runs.

    Args:
        clock: Whose steady seconds count.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[tuple[str, str], float] = {}

    def waited(self, report: str, period: str) -> timedelta:
        """Return how long ago this was asked first about a run."""
        now = self._clock.steady()
        return timedelta(seconds=now - self._since.setdefault((report, period), now))

    def over(self, report: str, period: str) -> None:
        """Forget a run."""
        self._since.pop((report, period), None)


class Believed:
    """Whether the wall clock is believed: after a step ahead not for ten minutes, unless it is set right before.

    Args:
        clock: Which.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = self._begins()
        self._stepped: float | None = None

    def now(self) -> bool:
        """Tell whether the clock is believed now; say once that it is not."""
        begins, steady = self._begins(), self._clock.steady()
        if begins - self._began <= _STEP:
            self._stepped = None
        elif self._stepped is None:
            self._stepped = steady
            structlog.get_logger().warning(
                "the clock stepped ahead; reports wait until it has settled", step=str(begins - self._began)
            )
            return False
        elif steady - self._stepped < _SETTLED.total_seconds():
            return False
        self._began, self._stepped = begins, None
        return True

    def _begins(self) -> datetime:
        """Return what the wall clock says of the moment at which the steady one began."""
        return self._clock.now() - timedelta(seconds=self._clock.steady())
