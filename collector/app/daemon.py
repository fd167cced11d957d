"""The daemon: one tick a second claims the accounts that are due and hands them to a bounded pool of threads.

The database says who is due, so ten thousand accounts cost one job, a restart forgets nothing, and a second collector
shares the work by leases. APScheduler owns the tick; its missed and failed runs are recorded. The main thread is the
watchdog: it ends the process with exit code 1 when polling has silently stopped, so that a service manager restarts it.

    tick ──► claim_due ──► pool (bounded) ──► Poller.poll ──► one transaction
      ▲
    main thread: stop signal? tick alive? clock stepped? anybody overdue?
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from datetime import UTC, datetime, timedelta
from types import FrameType

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.executors.pool import ThreadPoolExecutor as JobPool
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from collector.app import logs
from collector.app.clock import SystemClock, lease_owner
from collector.app.polling_log import PollingLog
from collector.app.wiring import chosen, http_client, lease_length, open_database, targets
from collector.config import Settings, double_counting
from collector.domain.instants import instant_of
from collector.errors import ClockError, CollectorError
from collector.http import HttpClient
from collector.polling.one_poll import Poller, Target
from collector.store.accounts import Lease, claim_due, hasten, release
from collector.store.engine import Database
from collector.store.polls import overdue
from collector.store.reading import meters

_TICK = "tick"
_TICK_SECONDS = 1
_STALLED_SECONDS = 60.0
_OVERDUE_EVERY_SECONDS = 30.0
_OVERDUE_INTERVALS = 3
_STOP_SECONDS = 8.0
_STEP_SECONDS = 5.0
_CLOCK_IS_WRONG = timedelta(days=1)


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
        self, settings: Settings, database: Database, clock: SystemClock, client: HttpClient, wanted: Sequence[Target]
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._targets = {target.row.id: target for target in wanted}
        self._poller = Poller(database, client, clock.now)
        self._owner = lease_owner()
        self._log = PollingLog(clock.monotonic)
        self._pool = ThreadPoolExecutor(settings.collector.workers, thread_name_prefix="poll")
        self._busy: dict[Future[None], Lease] = {}
        self._busy_lock = threading.Lock()
        self.last_tick = clock.monotonic()

    def tick(self) -> None:
        """Claim as many due accounts as the pool has room for, and hand them over."""
        try:
            room = self._settings.collector.workers - len(self._busy)
            if room > 0 and not self._clock.stopping.is_set():
                now = self._clock.now()
                until = now + lease_length(self._settings)
                for lease in claim_due(self._database, list(self._targets), self._owner, now, until, room):
                    self._hand_over(lease)
        finally:
            self.last_tick = self._clock.monotonic()

    def _hand_over(self, lease: Lease) -> None:
        with self._busy_lock:
            future = self._pool.submit(self._poll, lease)
            self._busy[future] = lease
        future.add_done_callback(self._finished)

    def _finished(self, future: Future[None]) -> None:
        with self._busy_lock:
            self._busy.pop(future, None)

    def _poll(self, lease: Lease) -> None:
        """Poll one account; whatever happens to it stays with it."""
        target = self._targets[lease.account]
        try:
            self._log.polled(target.account, self._poller.poll(target, lease))
        except CollectorError as error:
            self._log.not_stored(target.account, error)
        except Exception:  # noqa: BLE001 - the job's edge: one account's fault must not end the others
            structlog.get_logger().exception("a poll ended unexpectedly", account=target.account.name)

    def overdue(self) -> list[str]:
        """Return the accounts that should have been polled several intervals ago."""
        longest = max(target.account.poll_every for target in self._targets.values())
        names = [target.account.name for target in self._targets.values()]
        with self._database.read() as connection:
            return overdue(connection, names, self._clock.now() - _OVERDUE_INTERVALS * longest)

    def rearm(self) -> None:
        """Bring polls forward that an interval or a clock set back would put off for too long."""
        now = self._clock.now()
        hasten(self._database, {key: now + target.account.poll_every for key, target in self._targets.items()})

    def stop(self) -> None:
        """Let running polls end, give the leases of those not begun back."""
        with self._busy_lock:
            running = dict(self._busy)
        for future, lease in running.items():
            if future.cancel():
                release(self._database, lease)
        wait_for(running, timeout=_STOP_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)


def run_daemon(settings: Settings, environ: Mapping[str, str], *, verbose: bool = False) -> int:
    """Poll until SIGTERM or SIGINT and return the exit code: 0 after a signal, 1 if polling had silently stopped.

    Raises:
        ConfigError: A key is missing or the settings are wrong.
        StorageError: The database cannot be used.
        ClockError: Our clock is more than a day behind the newest value.
    """
    accounts = [one.account(environ) for one in chosen(settings, [])]
    logs.configure([account.key for account in accounts], verbose=verbose)
    for warning in (*settings.warnings, *double_counting(settings, environ)):
        structlog.get_logger().warning(warning)
    clock = SystemClock()
    database = open_database(settings)
    client = http_client(settings, clock)
    try:
        _require_plausible_clock(database, clock.now())
        daemon = Daemon(settings, database, clock, client, targets(database, accounts))
        daemon.rearm()
        _stop_on_signals(clock, client)
        structlog.get_logger().info("polling", accounts=len(accounts), database=database.place)
        return _watch(daemon, clock)
    finally:
        client.close()
        database.close()


def _require_plausible_clock(database: Database, now: datetime) -> None:
    with database.read() as connection:
        newest = max((instant_of(row.last_at) for row in meters(connection)), default=None)
    if newest is not None and newest - now > _CLOCK_IS_WRONG:
        raise ClockError(
            f"the clock says {now:%Y-%m-%d %H:%M}Z, but there are values of {newest:%Y-%m-%d %H:%M}Z; set the clock"
        )


def _stop_on_signals(clock: SystemClock, client: HttpClient) -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        clock.stopping.set()
        client.abort()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def scheduler_of(daemon: Daemon) -> BackgroundScheduler:
    """Return the scheduler with the daemon's tick, not yet started."""
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": JobPool(1)},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    # The first run of an interval job is one interval late unless it is told when to begin.
    scheduler.add_job(
        daemon.tick, IntervalTrigger(seconds=_TICK_SECONDS, timezone=UTC), id=_TICK, next_run_time=datetime.now(UTC)
    )
    scheduler.add_listener(_record, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
    return scheduler


def _record(event: JobEvent) -> None:
    """Log what APScheduler would keep to itself."""
    log = structlog.get_logger().bind(job=event.job_id)
    if event.code == EVENT_JOB_ERROR:
        log.error("a scheduled job failed", error=str(event.exception), kind=type(event.exception).__name__)
    elif event.code == EVENT_JOB_MISSED:
        log.warning("a scheduled job was missed", due=str(event.scheduled_run_time))
    else:
        log.debug("a scheduled job was skipped: the one before it is still running")


def _watch(daemon: Daemon, clock: SystemClock) -> int:
    """Run the scheduler and watch it from the main thread; return the exit code."""
    scheduler = scheduler_of(daemon)
    scheduler.start()
    watchdog = Watchdog(daemon, clock)
    try:
        while not clock.wait(_TICK_SECONDS):
            if watchdog.clock_stepped():
                daemon.rearm()
                scheduler.modify_job(_TICK, next_run_time=clock.now())
            fault = watchdog.fault()
            if fault is not None:
                structlog.get_logger().error("polling has stopped; ending so that it can be restarted", reason=fault)
                return 1
        structlog.get_logger().info("stopping")
        return 0
    finally:
        scheduler.shutdown(wait=False)
        daemon.stop()


class Watchdog:
    """Tells from the outside whether polling goes on.

    Args:
        daemon: What is watched.
        clock: Its clock.
    """

    def __init__(self, daemon: Daemon, clock: SystemClock) -> None:
        self._daemon = daemon
        self._clock = clock
        self._last_look = clock.monotonic()
        self._offset = self._wall_offset()

    def _wall_offset(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()

    def clock_stepped(self) -> bool:
        """True once after the wall clock moved against the monotonic one by more than five seconds."""
        offset = self._wall_offset()
        step = offset - self._offset
        if abs(step) <= _STEP_SECONDS:
            return False
        self._offset = offset
        structlog.get_logger().warning("the clock stepped", seconds=round(step, 1))
        return True

    def fault(self) -> str | None:
        """Return why polling must be taken for dead, or None."""
        now = self._clock.monotonic()
        if now - self._daemon.last_tick > _STALLED_SECONDS:
            return f"no tick for {now - self._daemon.last_tick:.0f} s"
        if now - self._last_look < _OVERDUE_EVERY_SECONDS:
            return None
        self._last_look = now
        try:
            late = self._daemon.overdue()
        except CollectorError:
            return None  # The tick reports what is wrong with the database; polling goes on once it is back.
        return f"not polled for {_OVERDUE_INTERVALS} intervals: {', '.join(late[:5])}" if late else None
