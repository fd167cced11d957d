"""The daemon: a scheduler that ticks once a second, a watchdog, and an orderly end.

APScheduler owns the tick; its missed and failed runs are recorded. The main thread is the watchdog: it ends the process
with exit code 1 when polling has silently stopped, so that a service manager restarts it.

    scheduler ──► tick ──► polls that are due
              ──► reports ──► reports that are due, in a thread of their own
    main thread:  stop signal? tick alive? clock stepped? anybody overdue?
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

import structlog
from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    JobEvent,
    JobExecutionEvent,
)
from apscheduler.executors.pool import ThreadPoolExecutor as JobPool
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from collector.app import logs
from collector.app.clock import Clock, SystemClock
from collector.app.due_polls import DuePolls
from collector.app.scheduled.rendering import Renderer, require_extras
from collector.app.scheduled.work import ScheduledReports
from collector.app.stopping import all_ended, stopping_on_signals
from collector.app.troubles import Troubles
from collector.app.watchdog import Watchdog
from collector.app.wiring import chosen, http_client, open_database, require_plausible_clock, targets
from collector.config import Settings, double_counting
from collector.errors import CollectorError
from collector.http import HttpClient
from collector.notifications.transport import send
from collector.store.engine import Database

_TICK = "tick"
_TICK_SECONDS = 1
_REPORTS = "reports"
_REPORTS_SECONDS = 5
_STOP_SECONDS = 8.0


def run_daemon(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    verbose: bool = False,
    stop_seconds: float = _STOP_SECONDS,
    leave: Callable[[int], object] = os._exit,
) -> int:
    """Poll until SIGTERM or SIGINT and return the exit code: 0 after a signal, 1 if polling had silently stopped.

    Args:
        settings: What is configured.
        environ: Where keys are read from.
        verbose: Log every poll's details.
        stop_seconds: How long running polls and reports are waited for at the end, all together.
        leave: Ends the process at once with an exit code; called if one of them does not end in that time.

    Raises:
        ConfigError: A key is missing or the settings are wrong.
        StorageError: The database cannot be used.
        ClockError: Our clock is more than a day behind the newest value.
    """
    accounts = [one.account(environ) for one in chosen(settings, [])]
    logs.configure([account.key for account in accounts], verbose=verbose)
    log = structlog.get_logger()
    for warning in (*settings.warnings, *double_counting(settings, environ)):
        log.warning(warning)
    clock = SystemClock()
    database = open_database(settings)
    client = http_client(settings, clock)
    try:
        require_plausible_clock(database, clock.now())
        daemon = DuePolls(settings, database, clock, client, targets(database, accounts))
        with stopping_on_signals(partial(_stop, clock, client)):
            log.info("polling", accounts=len(accounts), database=database.place)
            reports = scheduled_reports(settings, database, clock, environ)
            code = watch(daemon, clock, with_reports(scheduler_of(daemon, clock), reports, clock))
            polled, reported = all_ended((daemon.stop, reports.stop), stop_seconds, clock.monotonic)
            if not polled:
                log.warning("a poll did not end in time; it is left unfinished, and nothing of it is stored")
            if not reported:
                log.warning("a report did not end in time; it will be made or sent after the next start")
            if not (polled and reported):
                sys.stderr.flush()
                leave(code)  # threads that hang would keep the interpreter from ending
        return code
    finally:
        client.close()
        database.close()


def _stop(clock: SystemClock, client: HttpClient) -> None:
    clock.stopping.set()
    client.abort()


def scheduler_of(daemon: DuePolls, clock: Clock) -> BackgroundScheduler:
    """Return the scheduler with the daemon's tick, not yet started."""
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": JobPool(1)},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    # The first run of an interval job is one interval late unless it is told when to begin.
    scheduler.add_job(daemon.tick, _FromNowOn(seconds=_TICK_SECONDS, timezone=UTC), id=_TICK, next_run_time=clock.now())
    recorder = _Recorder(clock.monotonic)
    scheduler.add_listener(recorder.executed, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
    scheduler.add_listener(recorder.left_out, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
    return scheduler


def scheduled_reports(
    settings: Settings, database: Database, clock: Clock, environ: Mapping[str, str]
) -> ScheduledReports:
    """Return what makes and sends the configured reports.

    Raises:
        ConfigError: A format of theirs needs an extra that is not installed.
    """
    for report in settings.reports:
        require_extras(report)
    ways = Renderer(), send
    return ScheduledReports(settings, database, clock, ways, environ, random.random)


def with_reports(scheduler: BackgroundScheduler, reports: ScheduledReports, clock: Clock) -> BackgroundScheduler:
    """Return the scheduler with the reports' tick, in a thread of its own: no poll waits for a report."""
    if reports.reports:
        scheduler.add_executor(JobPool(1), _REPORTS)
        every = _FromNowOn(seconds=_REPORTS_SECONDS, timezone=UTC)
        scheduler.add_job(reports.tick, every, id=_REPORTS, executor=_REPORTS, next_run_time=clock.now())
    return scheduler


class _FromNowOn(IntervalTrigger):  # type: ignore[misc]  # APScheduler ships no types
    """An interval that forgets what it missed.

    APScheduler lists every missed run before it joins them into one: on a machine without a battery, whose clock begins
    in 1970 and is set by the network, that takes all memory.
    """

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the next run after ``now``."""
        following: datetime | None = super().get_next_fire_time(previous_fire_time, now)
        return following if following is None or following > now else now + self.interval


class _Recorder:
    """Logs what APScheduler would keep to itself."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._troubles = Troubles(monotonic)

    def executed(self, event: JobExecutionEvent) -> None:
        """Tell that a job failed, or that it works again."""
        log = structlog.get_logger().bind(job=event.job_id)
        error = event.exception
        if error is None:
            recovered = self._troubles.over(event.job_id)
            if recovered:
                log.info("a scheduled job works again", failed_runs=recovered)
            return
        failed = self._troubles.again(event.job_id, type(error).__name__)
        if failed is not None:
            # What our own errors say is enough; of any other the traceback is wanted.
            cause = None if isinstance(error, CollectorError) else error
            log.error("a scheduled job failed", error=str(error), failed_runs=failed, exc_info=cause)

    def left_out(self, event: JobEvent) -> None:
        """Tell that a run was missed; one that found its predecessor still running is only for developers."""
        log = structlog.get_logger().bind(job=event.job_id)
        if event.code == EVENT_JOB_MISSED:
            log.warning("a scheduled job was missed", due=str(event.scheduled_run_time))
        else:
            log.debug("a scheduled job was skipped: the one before it is still running")


def watch(daemon: DuePolls, clock: Clock, scheduler: BackgroundScheduler) -> int:
    """Run the scheduler and watch it from this thread until it must end; return the exit code."""
    watchdog = Watchdog(daemon, clock)
    scheduler.start()
    try:
        while not clock.wait(_TICK_SECONDS):
            if watchdog.clock_stepped():
                daemon.clock_stepped()
                for job in scheduler.get_jobs():
                    job.modify(next_run_time=clock.now())
            fault = watchdog.fault()
            if fault is not None:
                structlog.get_logger().error("polling has stopped; ending so that it can be restarted", reason=fault)
                return 1
        structlog.get_logger().info("stopping")
        return 0
    finally:
        scheduler.shutdown(wait=False)
