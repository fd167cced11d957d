"""The daemon: a scheduler that ticks once a second, a watchdog, and an orderly end.

APScheduler owns the tick; its missed and failed runs are recorded. The main thread is the watchdog: it ends the process
with exit code 1 when polling has silently stopped, so that a service manager restarts it. Rule for editors: the main
thread waits for nobody, neither for the database nor for a lock that another thread may keep.

    scheduler ──► tick ──► polls that are due
              ──► reports ──► reports that are due, in a thread of their own
              ──► pulse ──► that we are alive, and who is overdue, in a thread of its own
    main thread:  stop signal? tick alive? clock stepped? anybody overdue? settings to be read anew?
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
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
from collector.app.early_signals import take_over
from collector.app.heartbeat import Heartbeat
from collector.app.long_log import LongLog
from collector.app.notices import Notices
from collector.app.reloading import CurrentReports, Parts, Reloading
from collector.app.revision_watch import RevisionWatch
from collector.app.scheduled.rendering import Renderer, require_extras
from collector.app.scheduled.work import MAKING, ScheduledReports
from collector.app.state_folder import check_heads
from collector.app.stopping import all_ended, stopping_on_signals
from collector.app.ticking import tick_until_idle
from collector.app.troubles import Troubles
from collector.app.watchdog import ReportsWatch, Watchdog, silence_of
from collector.app.watching import watch
from collector.app.wiring import (
    chosen,
    http_client,
    open_for_polling,
    program_version,
    require_plausible_clock,
    targets,
)
from collector.config import Settings, double_counting
from collector.errors import CollectorError
from collector.http import HttpClient
from collector.notifications.transport import send
from collector.store.engine import Database
from collector.store.waiting import is_free

_TICK = "tick"
_TICK_SECONDS = 1
_REPORTS = "reports"
_REPORTS_SECONDS = 5
_PULSE = "pulse"
_PULSE_SECONDS = 2
_STOP_SECONDS = 8.0
_STOP_SECONDS_OF_THE_DEAD = 1.0


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
    database = open_for_polling(settings)
    client = http_client(settings, clock)
    try:
        require_plausible_clock(database, clock.now())
        daemon = DuePolls(settings, database, clock, client, targets(database, accounts))
        check_heads(daemon.state, database)
        make_reports = partial(_reports_of, database, clock, environ)
        reports = CurrentReports(make_reports(settings))
        daemon.notices = notices = Notices(settings, database, clock, send, environ)
        watchdog = Watchdog(daemon, clock, _silence(settings), partial(is_free, database))
        parts = Parts(
            database, clock, daemon, reports, make_reports, notices.take, lambda new: watchdog.bear(_silence(new))
        )
        reloading = Reloading(settings, environ, parts)
        reports_watch = ReportsWatch(reports, clock, MAKING)
        troubles = partial(_troubles, daemon, reports_watch, LongLog(database.path, clock.monotonic))
        heartbeat = Heartbeat(database, clock, daemon.owner, program_version(), notices.watching(troubles))
        with stopping_on_signals(partial(_stop, clock, client), reloading.ask):
            if take_over():
                reloading.ask()
            log.info("polling", accounts=len(accounts), database=database.place)
            looks = RevisionWatch(database, clock.monotonic, daemon).look, heartbeat.beat, daemon.look_for_late
            scheduler = with_reports(scheduler_of(daemon, clock), reports, clock, daemon.is_clock_plausible)
            scheduler = with_pulse(scheduler, looks, clock)
            code = watch(daemon, clock, scheduler, watchdog, (reports_watch.fault, reloading.look))
            if code:
                notices.ended(daemon.fatal)
                _stop(clock, client)
            waits = daemon.stop, reports.stop, reloading.stop, notices.stop, partial(heartbeat.stop, orderly=code == 0)
            seconds = min(stop_seconds, _STOP_SECONDS_OF_THE_DEAD) if code == 1 else stop_seconds
            if not _all_ended(waits, seconds, clock):
                logs.finish()
                leave(code)  # threads that hang would keep the interpreter from ending
        return code
    finally:
        client.close()
        database.close()
        logs.finish()


def _silence(settings: Settings) -> float:
    return silence_of(min(one.poll_every for one in settings.accounts), settings.collector.deadline)


def _all_ended(waits: Sequence[Callable[[float], bool]], seconds: float, clock: Clock) -> bool:
    """Wait for polls, reports and the rest, and tell which of them are left unfinished."""
    polled, reported, *others = all_ended(waits, seconds, clock.monotonic)
    log = structlog.get_logger()
    if not polled:
        log.warning("a poll did not end in time; what was answered is kept in the spool")
    if not reported:
        log.warning("a report did not end in time; it will be made or sent after the next start")
    return polled and reported and all(others)


def _troubles(daemon: DuePolls, reports: ReportsWatch, log: LongLog) -> set[str]:
    """Return what is wrong with this collector at the moment, by the names that ``doctor`` explains."""
    found = set(daemon.troubles())
    if reports.stalled:
        found.add("reports_stalled")
    if logs.are_failing():
        found.add("logging_failed")
    if log.look():
        found.add("long_log")
    return found


def _reports_of(database: Database, clock: Clock, environ: Mapping[str, str], settings: Settings) -> ScheduledReports:
    return scheduled_reports(settings, database, clock, environ)


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
    every = _FromNowOn(seconds=_TICK_SECONDS, timezone=UTC)
    scheduler.add_job(tick_until_idle, every, (daemon, clock.monotonic), id=_TICK, next_run_time=clock.now())
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


def with_reports(
    scheduler: BackgroundScheduler, reports: CurrentReports, clock: Clock, may: Callable[[], bool] = lambda: True
) -> BackgroundScheduler:
    """Return the scheduler with the reports' tick, in a thread of its own: no poll waits for a report.

    ``may`` tells whether the clock can be right: no report of a distant future shall be made, or sent.
    """

    def tick() -> None:
        if may():
            reports.tick()

    return _with_job(scheduler, _REPORTS, _REPORTS_SECONDS, tick, clock)


def with_pulse(
    scheduler: BackgroundScheduler, looks: Sequence[Callable[[], None]], clock: Clock
) -> BackgroundScheduler:
    """Return the scheduler with what tells others that we are alive, and the watchdog who is overdue."""

    def beat() -> None:
        for look in looks:
            look()

    return _with_job(scheduler, _PULSE, _PULSE_SECONDS, beat, clock)


def _with_job(
    scheduler: BackgroundScheduler, name: str, seconds: int, job: Callable[[], None], clock: Clock
) -> BackgroundScheduler:
    scheduler.add_executor(JobPool(1), name)
    every = _FromNowOn(seconds=seconds, timezone=UTC)
    scheduler.add_job(job, every, id=name, executor=name, next_run_time=clock.now())
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
