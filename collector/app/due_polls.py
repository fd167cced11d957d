"""Polls accounts when they are due: each tick claims those that are, and hands them to a bounded pool of threads.

The database says who is due, so ten thousand accounts cost one tick, a restart forgets nothing, and a second collector
shares the work by leases. Whatever happens to one account stays with it. Nothing here knows who ticks, or when.

    tick ──► claim_due ──► pool (bounded) ──► Poller.poll ──► one transaction
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from collector.app.asking_by_memory import ByMemory
from collector.app.clock import Clock
from collector.app.clock_guard import ClockGuard
from collector.app.keeping import Keeper, is_fatal, is_storage_away
from collector.app.late_accounts import LateAccounts
from collector.app.leases import Leases
from collector.app.notices import Silent, Tells
from collector.app.outage import Outage
from collector.app.overload import Overload
from collector.app.polling_log import PollingLog
from collector.app.saving import Saves
from collector.app.slow_providers import SlowProviders
from collector.app.state_folder import state_of
from collector.app.wiring import lease_length
from collector.app.workers import Workers
from collector.config import Settings
from collector.domain.schedule import at_the_latest, next_poll_at
from collector.errors import CollectorError, ImplausibleClockError, SpooledError
from collector.polling.asking import Asks
from collector.polling.one_poll import Poller, Target
from collector.store.accounts import Lease, hasten
from collector.store.engine import Database

_CLOCK_STEP = "clock_step"


class DuePolls:
    """Polls accounts when they are due.

    Args:
        settings: What is configured.
        database: Where the facts go.
        clock: Time, and the switch that stops us.
        client: The door to the network.
        wanted: Whom to poll.

    Attributes:
        owner: By what we sign our leases.
        last_tick: When the last tick ended, in the clock's monotonic seconds.
        ticking: Whether a tick is at work; it may be waiting for the database.
        fatal: What makes going on harmful, such as a damaged database; it ends the process with its exit code.
        late: Who was overdue when ``look_for_late`` looked.
        late_looks: How often it looked.
        notices: Who is told of what must not wait for somebody to look.
    """

    def __init__(
        self, settings: Settings, database: Database, clock: Clock, client: Asks, wanted: Sequence[Target]
    ) -> None:
        self._database = database
        self._clock = clock
        self._targets = {target.row.id: target for target in wanted}
        self.state = state_of(settings, database)
        self._guard = ClockGuard(clock.now())
        self._keeper = Keeper(Poller(database, client, clock.now), self.state, self._guard.require)
        self._outage = Outage(clock, self._waits_to_be_stored, settings.collector.busy_timeout)
        self._saves = Saves(self.state.heads, clock.monotonic)
        self._leases = Leases(database, clock, lease_length(settings))
        self.owner = self._leases.owner
        self._log = PollingLog(clock.monotonic)
        self._workers = Workers(settings.collector.workers)
        self._by_memory = ByMemory(self._keeper, self._outage, self._workers, self._leases, clock, self._log)
        self._by_memory.flags, self._by_memory.wrong = self._flags_of, partial(setattr, self, "fatal")
        self._ticking = threading.Lock()
        self._rearming = True
        self._stepped: set[int] = set()
        self._lateness = LateAccounts(database, clock, self._workers, self._leases.length)
        self._slow = SlowProviders(settings.collector.workers, settings.collector.deadline / 2, clock.monotonic)
        self._overload = Overload(clock.monotonic)
        self.last_tick = clock.monotonic()
        self.ticking = False
        self.late: Sequence[str] = ()
        self.late_looks = 0
        self.fatal: CollectorError | None = None
        self.notices: Tells = Silent()

    def tick(self) -> bool:
        """Claim as many due accounts as the pool has room for, and hand them over.

        Returns:
            Whether more may be due than there was room for.
        """
        with self._ticking:
            self.ticking = True
            try:
                if self._workers.stopped or self._clock.stopping.is_set() or self.fatal is not None:
                    return False
                more = self._work()
                self._saves.now_and_then()
                return more
            finally:
                self.ticking = False
                self.last_tick = self._clock.monotonic()

    def has_room(self, seconds: float) -> bool:
        """Wait until there is room for more polls, at most ``seconds``; return False if there is none."""
        return self._workers.wait_until_half_free(seconds)

    def _work(self) -> bool:
        """Claim who is due; while the database cannot be used, ask by memory and keep the answers."""
        held_off = self._outage.holds_off()
        if held_off is not None:
            return self._by_memory.ask(self._targets, held_off)
        began = self._clock.monotonic()
        try:
            self._guard.require(self._clock.now())
            self._rearm()
            more = self._claim()
        except CollectorError as error:
            if is_fatal(error):
                self.fatal = error
                return False
            if not is_storage_away(error):
                raise
            if self._outage.bears(error):
                return False
            self._outage.claims(error, self._clock.monotonic() - began)
            return self._by_memory.ask(self._targets, error)
        self._outage.claims(None)
        return more

    def _rearm(self) -> None:
        """Bring polls forward that an interval or a clock set back would put off for too long."""
        if self._rearming:
            now = self._clock.now()
            limits = {key: at_the_latest(target.account, now) for key, target in self._targets.items()}
            hasten(self._database, limits, now)
            self._rearming = False

    def _claim(self) -> bool:
        """Hand over who is due; return whether somebody may be left."""
        busy = self._workers.busy
        if len(busy) >= self._workers.count:
            return True
        self._leases.give_back_the_rest()
        idle = [key for key in self._targets if key not in busy and not self._outage.rests(key)]
        return self._slow.share_out(idle, busy, self._take)

    def _take(self, accounts: Sequence[int], most: int) -> int:
        leases, now = self._leases.take(accounts, most), self._clock.now()
        for lease in leases:
            target = self._targets.get(lease.account)
            if target is None or not self._workers.hand_over(lease, target, self._poll):
                self._leases.refuse(lease)
                continue
            self._overload.served(target.account, lease.due_at, now, self._slow.waited(lease.account))
        return len(leases)

    def _poll(self, lease: Lease, target: Target) -> None:
        """Poll one account; whatever happens to it stays with it."""
        try:
            self._poll_leased(lease, target)
        except SpooledError as error:
            self._outage.began(error)
            self._log.not_stored(target.account, error)
            self._outage.rest_shortly(lease.account)
            self._leases.give_back(lease)
        except CollectorError as error:
            if is_fatal(error):
                self.fatal = error  # the watch tells it, and ends the process
                return
            self._log.not_stored(target.account, error)
            self.notices.not_stored(error)
            if is_storage_away(error) and self._outage.waits(lease.account):
                self._outage.rest_shortly(lease.account)
            else:
                self._outage.rest(target)
            self._leases.give_back(lease)
        except BaseException as error:  # noqa: BLE001 - the job's edge: not even sys.exit in one account ends the others
            self._log.ended_unexpectedly(target.account, error)
            self._outage.rest(target)
            self._leases.give_back(lease)

    def _waits_to_be_stored(self) -> bool:
        """Tell whether polls of our accounts wait."""
        return not self.state.spool.accounts().isdisjoint(one.account.name for one in self._targets.values())

    def _flags_of(self, key: int) -> tuple[str, ...]:
        return (_CLOCK_STEP,) * (key in self._stepped)

    def _poll_leased(self, lease: Lease, target: Target) -> None:
        key, flags = lease.account, self._flags_of(lease.account)
        kept, fault = self._keeper.catch_up(target, lease, asking=not self._outage.waits(key))
        lease = replace(lease, failures=kept.failures)
        if kept.next_poll_at is not None and self._outage.waits(key):
            self._outage.over()
            self._leases.give_back(lease)
            return
        # Should it be kept instead of stored, its next turn is an interval away.
        self._outage.planned(key, next_poll_at(target.account, self._clock.now()), lease.failures)
        began = self._clock.monotonic()
        polled = self._keeper.poll(target, lease, flags, fault)
        # The wall clock may have been set meanwhile.
        took = min(polled.finished_at - polled.started_at, timedelta(seconds=self._clock.monotonic() - began))
        self._outage.planned(key, polled.next_poll_at, 0 if polled.ok else lease.failures + 1)
        self._outage.over()
        self._slow.polled(key, took)
        self._log.polled(target.account, polled, took)
        self.notices.polled(target.account.name, lease.failures, polled)
        if flags:
            self._stepped.discard(key)
        if polled.next_poll_at < polled.finished_at:
            self._outage.rest(target)  # planned by the provider's clock, since ours may be ahead
        else:
            self._outage.rested(key)

    @property
    def running(self) -> int:
        """How many polls are running."""
        return len(self._workers.busy)

    def overdue(self) -> list[str]:
        """Return the accounts that should have been polled several of their intervals ago, by name.

        One that rests because its polls could not be stored is not among them: that was told, and is tried again. Nor
        is one that waits for a worker while all are at work: a restart would not bring its turn nearer.
        """
        watched = (
            target.account
            for key, target in self._targets.items()
            if not self._outage.is_excused(key) and not self._slow.waits(key)
        )
        return self._lateness.of(watched)

    def look_for_late(self) -> None:
        """Write down who is overdue, for the watchdog: it must not wait for a database that does not answer."""
        try:
            self.late = self.overdue()
        except CollectorError:
            self.late = []  # The tick tells what is wrong with the database; polling goes on once it is back.
        self.late_looks += 1

    def troubles(self) -> frozenset[str]:
        """Return what is wrong with this collector at the moment, by names."""
        return self._keeper.troubles() | self._saves.troubles() | self._overload.troubles()

    def serve(self, wanted: Sequence[Target]) -> None:
        """Poll ``wanted`` from now on; polls that run end as they were begun.

        An account with another address or key is asked at once: what kept it from being polled may be repaired.

        Raises:
            StorageError: The database could not be written; what was polled before still is.
        """
        targets = {target.row.id: target for target in wanted}
        now = self._clock.now()
        changed = [
            key for key, one in targets.items() if key in self._targets and self._targets[key].asks_otherwise_than(one)
        ]
        hasten(self._database, dict.fromkeys(changed, (now, now)), now)
        self._targets = targets
        self._rearming = True
        for key in changed:
            self._outage.rested(key)

    def clock_stepped(self) -> None:
        """Look anew at when accounts are due, and have the next poll of each say that the clock was set."""
        if not self.is_clock_plausible():
            return
        self._stepped.update(self._targets)
        self._outage.clock_stepped(self._targets.values())
        self._rearming = True

    def is_clock_plausible(self) -> bool:
        """Tell whether the clock can be right; where it cannot, that ends the process."""
        try:
            self._guard.require(self._clock.now())
        except ImplausibleClockError as error:
            self.fatal = error
        return not isinstance(self.fatal, ImplausibleClockError)

    def stop(self, seconds: float) -> bool:
        """Let running polls end; return False if one is still running after ``seconds``."""
        ends = time.monotonic() + seconds
        ended = self._workers.stop(seconds)
        if not ended:
            self._keeper.keep_unstored()
        idle = self._ticking.acquire(timeout=max(0.0, ends - time.monotonic()))
        if idle:
            self._ticking.release()
        self._saves.now()
        return idle and ended
