"""The main thread's part of the daemon: it starts the scheduler, watches, and says with which code the process ends.

Rule for editors: it waits for nobody, neither for the database nor for a lock that another thread may keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog

from collector.app.clock import Clock
from collector.app.stopping import ended_within
from collector.app.watchdog import Watchdog, Watched
from collector.errors import CollectorError

_LOOK_SECONDS = 1
_MOST_SECONDS = 1.0


class Job(Protocol):
    """What is run on schedule."""

    def modify(self, *, next_run_time: datetime) -> object:
        """Run it next at that instant."""


class Scheduler(Protocol):
    """What runs jobs in threads of its own."""

    def start(self) -> None:
        """Begin."""

    def get_jobs(self) -> Iterable[Job]:
        """Return all jobs."""

    def shutdown(self, *, wait: bool) -> None:
        """End, and wait for running jobs if asked to."""


class Polling(Watched, Protocol):
    """What polls."""

    @property
    def fatal(self) -> CollectorError | None:
        """What makes going on harmful."""

    def clock_stepped(self) -> None:
        """Look anew at when accounts are due."""


def watch(
    daemon: Polling,
    clock: Clock,
    scheduler: Scheduler,
    watchdog: Watchdog | None = None,
    looks: Sequence[Callable[[], str | None]] = (),
) -> int:
    """Run the scheduler and watch it from this thread until it must end; return the exit code.

    Args:
        daemon: What polls.
        clock: Its clock.
        scheduler: What ticks, not yet started.
        watchdog: Tells when polling is dead.
        looks: Further looks, once a second; one that returns a reason ends the process with 1.
    """
    watchdog = Watchdog(daemon, clock) if watchdog is None else watchdog
    log = structlog.get_logger()
    scheduler.start()
    try:
        while not clock.wait(_LOOK_SECONDS):
            stepped = watchdog.clock_stepped()
            if stepped:
                daemon.clock_stepped()
            if stepped and daemon.fatal is None:
                ended_within(_MOST_SECONDS, partial(_rearm, scheduler, clock))
            if daemon.fatal is not None:
                log.error("ending: going on would do harm", error=str(daemon.fatal))
                return daemon.fatal.exit_code
            fault = next(filter(None, (look() for look in (watchdog.fault, *looks))), None)
            if fault is not None:
                log.error("polling has stopped; ending so that it can be restarted", reason=fault)
                return 1
        log.info("stopping")
        return 0
    finally:
        # A scheduler thread that hangs may keep the locks that ending it needs.
        ended_within(_MOST_SECONDS, partial(scheduler.shutdown, wait=False))


def _rearm(scheduler: Scheduler, clock: Clock) -> None:
    """Make every job due now: one that waits for an instant of the clock as it was would wait too long."""
    for job in scheduler.get_jobs():
        job.modify(next_run_time=clock.now())
