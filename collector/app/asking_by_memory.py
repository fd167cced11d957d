"""Asks accounts while the database cannot be used: memory says who is due, and the answers are kept.

Public: ``ByMemory``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from collector.app.clock import Clock
from collector.app.keeping import Keeper
from collector.app.leases import Leases
from collector.app.outage import Outage
from collector.app.polling_log import PollingLog
from collector.app.workers import Workers
from collector.domain.schedule import Failure, next_poll_at
from collector.errors import CollectorError, ImplausibleClockError, SpooledError
from collector.polling.one_poll import Target
from collector.store.accounts import Lease


class ByMemory:
    """Asks without a lease.

    Args:
        keeper: Asks, and keeps.
        outage: Knows who is due.
        workers: Who asks.
        leases: How long an asking may take.
        clock: Time.
        log: Is told what happened.
    """

    def __init__(
        self, keeper: Keeper, outage: Outage, workers: Workers, leases: Leases, clock: Clock, log: PollingLog
    ) -> None:
        self._keeper = keeper
        self._outage = outage
        self._workers = workers
        self._leases = leases
        self._clock = clock
        self._log = log
        self.flags: Callable[[int], tuple[str, ...]] = lambda _: ()
        self.wrong: Callable[[CollectorError], None] = lambda _: None

    def ask(self, targets: Mapping[int, Target], fault: CollectorError) -> bool:
        """Hand over as many accounts that are due as there is room for; return whether somebody is left.

        Args:
            targets: Whom to ask, by account.
            fault: Why the database cannot be used.
        """
        busy = self._workers.busy
        room = max(0, self._workers.count - len(busy))
        due = self._outage.due(one for key, one in targets.items() if key not in busy)
        until, poll = self._leases.until, partial(self._poll, fault)
        for key in due[:room]:
            self._workers.hand_over(
                Lease(key, self._leases.owner, until, self._outage.failures(key)), targets[key], poll
            )
        return len(due) > room

    def _poll(self, fault: CollectorError, lease: Lease, target: Target) -> None:
        """Ask one account, and keep what came of it."""
        account, key = target.account, lease.account
        try:
            asked, error = self._keeper.poll_unleased(account, lease.failures, fault, self.flags(key))
            at, now = asked.poll.next_poll_at, self._clock.now()
            if at <= now:  # planned by the provider's clock, since ours may be ahead
                at = next_poll_at(account, now, Failure(transient=True, in_a_row=asked.poll.failures))
            self._outage.planned(key, at, asked.poll.failures)
            if not isinstance(error, SpooledError):
                self._outage.lost(error)
            self._log.not_stored(account, error)
        except ImplausibleClockError as error:
            self.wrong(error)
        except BaseException as error:  # noqa: BLE001 - the job's edge: not even sys.exit in one account ends the others
            self._log.ended_unexpectedly(account, error)
            self._outage.planned(key, next_poll_at(account, self._clock.now()), lease.failures)
