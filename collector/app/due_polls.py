"""Polls accounts when they are due: each tick claims those that are, and hands them to a bounded pool of threads.

The database says who is due, so ten thousand accounts cost one tick, a restart forgets nothing, and a second collector
shares the work by leases. Whatever happens to one account stays with it. Nothing here knows who ticks, or when.

    tick ──► claim_due ──► pool (bounded) ──► Poller.poll ──► one transaction
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass

from collector.app.clock import Clock, lease_owner
from collector.app.polling_log import PollingLog
from collector.app.wiring import lease_length
from collector.config import Settings
from collector.domain.schedule import Failure, at_the_latest, next_poll_at
from collector.errors import CollectorError
from collector.polling.asking import Asks
from collector.polling.one_poll import Poller, Target
from collector.store.accounts import Lease, claim_due, hasten, release
from collector.store.engine import Database
from collector.store.polls import overdue

_OVERDUE_INTERVALS = 3
_CLOCK_STEP = "clock_step"


@dataclass(frozen=True, slots=True)
class _Rest:
    failures: int
    until: float


class DuePolls:
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
        self._resting: dict[int, _Rest] = {}
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
        moment, now = self._clock.monotonic(), self._clock.now()
        awake = [key for key in self._targets if key not in self._resting or self._resting[key].until <= moment]
        idle = [key for key in awake if key not in busy]
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
            self._resting.pop(lease.account, None)
        except CollectorError as error:
            self._log.not_stored(account, error)
            self._rest(lease.account)
        except BaseException as error:  # noqa: BLE001 - the job's edge: not even sys.exit in one account ends the others
            self._log.ended_unexpectedly(account, error)
            self._rest(lease.account)

    def _rest(self, key: int) -> None:
        """Leave an account whose poll could not be stored alone as long as one whose provider fails.

        Its row still says that it is due, and the provider must not be asked again at the end of every lease.
        """
        failures = 1 + (self._resting[key].failures if key in self._resting else 0)
        now = self._clock.now()
        wait = next_poll_at(self._targets[key].account, now, Failure(transient=True, in_a_row=failures)) - now
        self._resting[key] = _Rest(failures, self._clock.monotonic() + wait.total_seconds())

    @property
    def running(self) -> int:
        """How many polls are running."""
        return len(self._busy)

    def overdue(self) -> list[str]:
        """Return the accounts that should have been polled several of their intervals ago, by name.

        One that rests because its polls could not be stored is not among them: that was told, and is tried again.
        """
        now = self._clock.now()
        watched = [target.account for key, target in self._targets.items() if key not in self._resting]
        limits = {account.name: now - _OVERDUE_INTERVALS * account.poll_every for account in watched}
        with self._database.read() as connection:
            late = overdue(connection, limits)
        with self._lock:
            hanging = [one.account for one in self._busy.values() if one.until + self._lease_length < now]
        return sorted({*late, *(self._targets[account].account.name for account in hanging)})

    def clock_stepped(self) -> None:
        """Look anew at when accounts are due, and have the next poll of each say that the clock was set."""
        self._stepped.update(self._targets)
        self._rearming = True

    def stop(self, seconds: float) -> bool:
        """Let running polls end; return False if one is still running after ``seconds``."""
        ends = time.monotonic() + seconds
        with self._lock:
            self._stopped = True
            running = set(self._busy)
        unfinished = wait_for(running, timeout=seconds).not_done
        self._pool.shutdown(wait=False)
        idle = self._ticking.acquire(timeout=max(0.0, ends - time.monotonic()))
        return idle and not unfinished
