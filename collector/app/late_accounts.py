"""Finds the accounts that should have been polled several of their intervals ago: for the watchdog.

Public: ``LateAccounts``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from collector.app.clock import Clock
from collector.app.workers import Workers
from collector.domain.accounts import Account
from collector.store.engine import Database
from collector.store.polls import overdue

_INTERVALS = 3


class LateAccounts:
    """Looks into the database, and at who is being polled.

    Args:
        database: Says who is due.
        clock: Time.
        workers: Who polls.
        grace: How long after the end of its lease a poll is taken for hanging.
    """

    def __init__(self, database: Database, clock: Clock, workers: Workers, grace: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._workers = workers
        self._grace = grace

    def of(self, watched: Iterable[Account]) -> list[str]:
        """Return those of ``watched`` that are late, and those whose poll hangs, by name."""
        now = self._clock.now()
        limits = {account.name: now - _INTERVALS * account.poll_every for account in watched}
        with self._database.read() as connection:
            late = overdue(connection, limits)
        return sorted({*late, *self._workers.hanging(now, self._grace)})
