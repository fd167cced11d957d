"""The daemon: one tick a second claims the accounts that are due and hands them to a bounded pool of threads.

The database says who is due, so ten thousand accounts cost one job, a restart forgets nothing, and a second collector
shares the work by leases. APScheduler owns the tick; its missed and failed runs are recorded. The main thread is the
watchdog: it ends the process with exit code 1 when polling has silently stopped, so that a service manager restarts it.

    tick ──► claim_due ──► pool (bounded) ──► Poller.poll ──► one transaction
      ▲
    main thread: stop signal? tick alive? clock stepped? anybody overdue?
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from datetime import UTC, datetime
from types import FrameType

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
from collector.app.clock import Clock, SystemClock, lease_owner
from collector.app.polling_log import PollingLog
from collector.app.troubles import Troubles
from collector.app.watchdog import Watchdog
from collector.app.wiring import chosen, http_client, lease_length, open_database, require_plausible_clock, targets
from collector.config import Settings, double_counting
from collector.domain.schedule import at_the_latest
from collector.errors import CollectorError
from collector.http import HttpClient
from collector.polling.asking import Asks
from collector.polling.one_poll import Poller, Target
from collector.store.accounts import Lease, claim_due, hasten, release
from collector.store.engine import Database
from collector.store.polls import overdue

_TICK = "tick"
_TICK_SECONDS = 1
_OVERDUE_INTERVALS = 3
_STOP_SECONDS = 8.0
_CLOCK_STEP = "clock_step"


class Daemon:
    """Polls accounts when they are due.

    Args:
        settings: What is configured.
        database: Where the facts go.
        clock: Time, and the switch that stops us.
        client: The door to the network.
        wanted: Whom to poll.
    """

    def __init__(
        self, settings: Settings, database: Database, clock: Clock, client: Asks, wanted: Sequence[Target]
    ) -> None:
        self._database = database
        self._clock = clock
        self._targets = {target.row.id: target for target in wanted}
        self._poller = Poller(database, client, clock.now)
        self._owner = lease_owner()
        self._lease_length = lease_length(settings)
        self._log = PollingLog(clock.monotonic)
        self._workers = settings.collector.workers
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="poll")
        self._busy: dict[Future[None], Lease] = {}
        self._lock = threading.Lock()
        self._ticking = threading.Lock()
        self._stopped = False
        self._rearming = True
        self._stepped: set[int] = set()
        self.last_tick = clock.monotonic()

    def tick(self) -> None:
        """Claim as many due accounts as the pool has room for, and hand them over."""
        with self._ticking:
            try:
                if not self._clock.stopping.is_set():
                    self._rearm()
                    self._claim()
            finally:
                self.last_tick = self._clock.monotonic()

    def _rearm(self) -> None:
        """Bring polls forward that an interval or a clock set back would put off for too long."""
        if self._rearming:
            now = self._clock.now()
            limits = {key: at_the_latest(target.account, now) for key, target in self._targets.items()}
            hasten(self._database, limits, now)
            self._rearming = False

    def _claim(self) -> None:
        with self._lock:
            busy = {lease.account for lease in self._busy.values()}
        room = self._workers - len(busy)
        if room <= 0:
            return
        idle = [account for account in self._targets if account not in busy]
        now = self._clock.now()
        for lease in claim_due(self._database, idle, self._owner, now, now + self._lease_length, room):
            self._hand_over(lease)

    def _hand_over(self, lease: Lease) -> None:
        with self._lock:
            stopped = self._stopped
            if not stopped:
                future = self._pool.submit(self._poll, lease)
                self._busy[future] = lease
        if stopped:
            release(self._database, lease)
        else:
            future.add_done_callback(self._finished)

    def _finished(self, future: Future[None]) -> None:
        with self._lock:
            self._busy.pop(future, None)

    def _poll(self, lease: Lease) -> None:
        """Poll one account; whatever happens to it stays with it."""
        account = self._targets[lease.account].account
        flags = (_CLOCK_STEP,) if lease.account in self._stepped else ()
        try:
            self._log.polled(account, self._poller.poll(self._targets[lease.account], lease, flags))
            if flags:
                self._stepped.discard(lease.account)
        except CollectorError as error:
            self._log.not_stored(account, error)
        except BaseException as error:  # noqa: BLE001 - the job's edge: not even sys.exit in one account ends the others
            self._log.ended_unexpectedly(account, error)

    @property
    def running(self) -> int:
        """How many polls are running."""
        return len(self._busy)

    def overdue(self) -> list[str]:
        """Return the accounts that should have been polled several intervals ago, by name."""
        now = self._clock.now()
        longest = max(target.account.poll_every for target in self._targets.values())
        names = [target.account.name for target in self._targets.values()]
        with self._database.read() as connection:
            late = overdue(connection, names, now - _OVERDUE_INTERVALS * longest)
        with self._lock:
            hanging = [one.account for one in self._busy.values() if one.until + self._lease_length < now]
        return sorted({*late, *(self._targets[account].account.name for account in hanging)})

    def clock_stepped(self) -> None:
        """Look anew at when accounts are due, and have the next poll of each say that the clock was set."""
        self._stepped.update(self._targets)
        self._rearming = True

    def stop(self, seconds: float = _STOP_SECONDS) -> bool:
        """Let running polls end; return False if one is still running after ``seconds``."""
        ends = time.monotonic() + seconds
        with self._lock:
            self._stopped = True
            running = set(self._busy)
        unfinished = wait_for(running, timeout=seconds).not_done
        self._pool.shutdown(wait=False)
        idle = self._ticking.acquire(timeout=max(0.0, ends - time.monotonic()))
        return idle and not unfinished


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
        stop_seconds: How long running polls are waited for at the end.
        leave: Ends the process at once with an exit code; called if a poll does not end in that time.

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
        daemon = Daemon(settings, database, clock, client, targets(database, accounts))
        _stop_on_signals(clock, client)
        log.info("polling", accounts=len(accounts), database=database.place)
        code = watch(daemon, clock, scheduler_of(daemon, clock))
        if not daemon.stop(stop_seconds):
            log.warning("a poll did not end in time; it is left unfinished, and nothing of it is stored")
            sys.stderr.flush()
            leave(code)  # threads that hang would keep the interpreter from ending
        return code
    finally:
        client.close()
        database.close()


def _stop_on_signals(clock: SystemClock, client: HttpClient) -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        clock.stopping.set()
        client.abort()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def scheduler_of(daemon: Daemon, clock: Clock) -> BackgroundScheduler:
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


def watch(daemon: Daemon, clock: Clock, scheduler: BackgroundScheduler) -> int:
    """Run the scheduler and watch it from this thread until it must end; return the exit code."""
    watchdog = Watchdog(daemon, clock)
    scheduler.start()
    try:
        while not clock.wait(_TICK_SECONDS):
            if watchdog.clock_stepped():
                daemon.clock_stepped()
                scheduler.modify_job(_TICK, next_run_time=clock.now())
            fault = watchdog.fault()
            if fault is not None:
                structlog.get_logger().error("polling has stopped; ending so that it can be restarted", reason=fault)
                return 1
        structlog.get_logger().info("stopping")
        return 0
    finally:
        scheduler.shutdown(wait=False)
