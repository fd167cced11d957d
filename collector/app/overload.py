"""Notices that slots fall out because all workers are at work: told once, then once an hour, and when it is over.

Public: ``Overload``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from collector.app.troubles import Troubles
from collector.domain.accounts import Account

OVERLOADED = "overloaded"

_LEAST_SECONDS = 60.0
_INTERVALS = 2


class Overload:
    """Counts the slots that were lost for want of workers.

    Args:
        monotonic: Seconds of a clock that never steps.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._troubles = Troubles(monotonic)
        self._until: float | None = None
        self._lock = threading.Lock()

    def served(self, account: Account, due_at: datetime | None, now: datetime, waited: float) -> None:
        """Take down that an account's turn has come.

        Args:
            account: Whose.
            due_at: When it should have come; None for the first time.
            now: The current instant.
            waited: For how many seconds all workers that it could have had were at work; only they can be the cause.
        """
        late = timedelta(seconds=waited)
        lost = (late if due_at is None else min(now - due_at, late)) // account.poll_every
        if lost <= 0:
            return
        with self._lock:
            lasts = max(_LEAST_SECONDS, _INTERVALS * account.poll_every.total_seconds())
            self._until = max(self._until or 0.0, self._monotonic() + lasts)
        total = self._troubles.again(OVERLOADED, OVERLOADED, lost)
        if total is not None:
            structlog.get_logger().warning(
                "all workers are busy, so slots fall out: raise daemon.workers or poll_every", skipped_polls=total
            )

    def troubles(self) -> frozenset[str]:
        """Return ``overloaded`` while slots are lost, and for two intervals after, at least a minute."""
        with self._lock:
            lasts = self._until is not None and self._monotonic() < self._until
            ended = self._until is not None and not lasts
            if ended:
                self._until = None
        if ended:
            structlog.get_logger().info("no slot falls out any more", skipped_polls=self._troubles.over(OVERLOADED))
        return frozenset({OVERLOADED} if lasts else ())
