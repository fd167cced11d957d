"""The reports' own tick: plan what became due, make one report, deliver what waits; all in bounded steps.

It runs in a thread of its own, so that no poll waits for a report, and stops between two steps. Two collectors share
the work by leases. Nothing here knows who ticks, or when.

Public: ``ScheduledReports``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog

from collector.app.clock import Clock, lease_owner, nonce
from collector.app.scheduled.delivering import Post, Sends, deliver
from collector.app.scheduled.making import Bench, make_run, tidy
from collector.app.scheduled.planning import plan_due
from collector.app.scheduled.rendering import Renders
from collector.app.scheduled.settling import Believed, Waits
from collector.app.troubles import Troubles
from collector.app.wiring import agreements
from collector.config import Settings
from collector.domain.report_schedule import backoff
from collector.errors import CollectorError, LeaseLostError, StorageError
from collector.store.deliveries import claim_delivery
from collector.store.engine import Database
from collector.store.report_runs import ClaimedRun, claim_run, put_off

# Longer than a report takes; a collector that died loses its reports to others after this.
MAKING = timedelta(minutes=30)
# Longer than the longest session with a mail server.
SENDING = timedelta(minutes=10)
_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(hours=1)
_MOST_LOOKS = 20
_MOST_SENT = 10


class ScheduledReports:
    """Makes and sends what is configured.

    Args:
        settings: What is configured.
        database: The ledger, and the outbox in it.
        clock: Time, and the switch that stops us.
        ways: How reports are rendered and how messages leave.
        environ: Where addresses are read from.
        chance: Returns a random number in [0, 1).

    Attributes:
        last_step: When the last step ended, in the clock's monotonic seconds; a step is one report or one delivery.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        ways: tuple[Renders, Sends],
        environ: Mapping[str, str],
        chance: Callable[[], float],
    ) -> None:
        renderer, send = ways
        bench = Bench(settings, database, agreements(settings), renderer, Waits(clock), nonce)
        self.post = Post(bench, send, environ, chance, clock.wait)
        self.reports = {report.name: report for report in settings.reports}
        self.owner = lease_owner()
        self._clock = clock
        self._believed = Believed(clock)
        self._untidy = list(self.reports.values())
        self._troubles = Troubles(clock.monotonic)
        self._ticking = threading.Lock()
        self.last_step = clock.monotonic()

    def tick(self) -> None:
        """Plan, make at most one report, and deliver a few; a second tick at the same time does nothing."""
        if not self._ticking.acquire(blocking=False):
            return
        try:
            if self.reports:
                self._tidy()
                if self._believed.now():
                    self._plan()
                    self._make()
                    self._deliver()
        finally:
            self._stepped()
            self._ticking.release()

    def _stepped(self) -> None:
        self.last_step = self._clock.monotonic()

    def stop(self, seconds: float) -> bool:
        """Let a running step end; return False if it is still running after ``seconds``."""
        idle = self._ticking.acquire(timeout=max(0.0, seconds))
        if idle:
            self._ticking.release()
        return idle

    def _stopping(self) -> bool:
        return self._clock.stopping.is_set()

    def _tidy(self) -> None:
        """Finish, once, what a process before this one may have left half done."""
        while self._untidy:
            tidy(self.post.bench, self._untidy.pop())

    def _plan(self) -> None:
        """Plan every report; one that cannot be planned keeps no other from it."""
        for name, report in self.reports.items():
            try:
                plan_due(self.post.bench.database, report, self._clock.now())
            except StorageError:
                raise  # it concerns them all
            except Exception as error:  # noqa: BLE001 - a report's edge; it is logged, once an hour
                if self._troubles.again(name, type(error).__name__) is not None:
                    structlog.get_logger().error("a report could not be planned", report=name, exc_info=error)
            else:
                self._troubles.over(name)

    def _make(self) -> None:
        """Make the report that is due longest of those whose data are in."""
        for _ in range(_MOST_LOOKS):
            now = self._clock.now()
            self._stepped()
            if self._stopping():
                return
            claimed = claim_run(self.post.bench.database, list(self.reports), self.owner, now, now + MAKING)
            if claimed is None or self._made(claimed):
                return

    def _made(self, claimed: ClaimedRun) -> bool:
        """Make one report; whatever happens to it stays with it. Return whether it was worked on."""
        log = structlog.get_logger().bind(report=claimed.report, period=claimed.planned.period)
        try:
            if not make_run(self.post.bench, self.reports[claimed.report], claimed, self._clock.now()):
                return False
            log.info("made a report")
        except LeaseLostError as error:
            log.warning("a report was made elsewhere", error=str(error))
        except CollectorError as error:
            log.error("a report could not be made and is tried again", error=str(error))
            self._put_off(claimed, str(error))
        except Exception as error:
            log.error("a report could not be made and is tried again", exc_info=error)
            self._put_off(claimed, f"unexpected: {type(error).__name__}; the log has more")
        return True

    def _put_off(self, claimed: ClaimedRun, error: str) -> None:
        wait = backoff(claimed.attempts + 1, _SHORTEST, _LONGEST, self.post.chance())
        try:
            put_off(self.post.bench.database, claimed, self._clock.now() + wait, error)
        except LeaseLostError as lost:
            structlog.get_logger().warning("a report was made elsewhere", error=str(lost))

    def _deliver(self) -> None:
        for _ in range(_MOST_SENT):
            now = self._clock.now()
            self._stepped()
            if self._stopping():
                return
            claimed = claim_delivery(self.post.bench.database, list(self.reports), self.owner, now, now + SENDING)
            if claimed is None:
                return
            try:
                deliver(self.post, self.reports[claimed.report], claimed, self._clock.now)
            except LeaseLostError as error:
                structlog.get_logger().warning("a report was sent elsewhere", error=str(error))
            except Exception as error:
                log = structlog.get_logger().bind(report=claimed.report, target=claimed.target)
                log.error("how a report was sent could not be recorded", exc_info=error)
