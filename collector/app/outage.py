"""What the daemon knows while its database cannot be used: since when, why, and who is to be asked when.

The database says who is due; while it does not answer, memory does: each account is asked when its last poll said, and
one that this process never polled an interval after the database went away. No lease can be had then, so another
collector may ask the same account: both answers are facts, and both are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from collector.app.clock import Clock
from collector.app.troubles import Troubles
from collector.domain.schedule import Failure, next_poll_at
from collector.errors import CollectorError, LockedError
from collector.polling.one_poll import Target
from collector.store.accounts import CLAIM_SECONDS

_DATABASE = "database"
_SPOOL = "spool"
_RETRY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Rest:
    failures: int
    until: float


class Outage:
    """Whether the database is away, and who is due meanwhile.

    Args:
        clock: The daemon's.
        waiting: Tells whether polls wait to be stored.
        patience: For how long a locked database is waited for.
    """

    def __init__(self, clock: Clock, waiting: Callable[[], bool], patience: timedelta = timedelta(0)) -> None:
        self._clock = clock
        self._waiting = waiting
        self._claims_fail = False
        self._patience = patience.total_seconds() - CLAIM_SECONDS
        self._locked_at: float | None = None
        self._held_off: tuple[CollectorError, float] | None = None
        self._away = False
        self._due_at: dict[int, float] = {}
        self._failures: dict[int, int] = {}
        self._resting: dict[int, _Rest] = {}
        self._troubles = Troubles(clock.monotonic)

    def began(self, fault: CollectorError) -> None:
        """Take down that the database cannot be used; told once, then once an hour."""
        self._away = True
        if self._troubles.again(_DATABASE, "away") is not None:
            structlog.get_logger().error(f"the database cannot be used, so polls are kept in the spool: {fault}")

    def lost(self, fault: CollectorError) -> None:
        """Take down that a poll could not even be kept; told once, then once an hour."""
        self._away = True
        if self._troubles.again(_SPOOL, "lost") is not None:
            structlog.get_logger().error(f"the spool cannot keep polls: {fault}")

    def bears(self, fault: CollectorError) -> bool:
        """Tell whether a lock is still to be waited for, as a poll waits to be stored, before anything is kept."""
        if self._claims_fail or not isinstance(fault, LockedError):
            return False
        moment = self._clock.monotonic()
        self._locked_at = moment if self._locked_at is None else self._locked_at
        return moment - self._locked_at < self._patience

    def claims(self, fault: CollectorError | None, took: float = 0.0) -> None:
        """Take down whether the database says who is due; while it does not, nothing is over.

        Args:
            fault: Why it does not, or None.
            took: For how many seconds it was waited for: for as long nobody waits for it again.
        """
        self._claims_fail = fault is not None
        self._locked_at = self._held_off = None
        if fault is not None:
            self._held_off = fault, self._clock.monotonic() + took
            self.began(fault)

    def holds_off(self) -> CollectorError | None:
        """Return why the database is not to be waited for at the moment, or None: half of the time is for asking."""
        if self._held_off is None or self._held_off[1] <= self._clock.monotonic():
            return None
        return self._held_off[0]

    def over(self) -> None:
        """Take down that a poll was stored: once nothing waits any more, the database can be used again.

        What one account stores is not the end while another's polls still wait: that would be told over and over.
        """
        if not self._away or self._claims_fail or self._waiting():
            return
        self._away = False
        self._troubles.over(_SPOOL)
        if self._troubles.over(_DATABASE):
            structlog.get_logger().info("the database can be used again; what was kept is stored")

    def planned(self, key: int, next_poll_at: datetime, failures: int) -> None:
        """Remember when an account is to be asked next, and how often its polls failed in a row."""
        wait = (next_poll_at - self._clock.now()).total_seconds()
        self._due_at[key], self._failures[key] = self._clock.monotonic() + wait, failures

    def failures(self, key: int) -> int:
        """Return how many polls of an account failed in a row, as far as this process knows."""
        return self._failures.get(key, 0)

    def due(self, targets: Iterable[Target]) -> list[int]:
        """Return who is to be asked now, from memory alone."""
        moment = self._clock.monotonic()
        return [
            one.row.id
            for one in targets
            if self._due_at.setdefault(one.row.id, moment + one.account.poll_every.total_seconds()) <= moment
        ]

    def waits(self, key: int) -> bool:
        """Tell whether this process asked an account and its next turn has not come."""
        return self._due_at.get(key, 0.0) > self._clock.monotonic()

    def clock_stepped(self, targets: Iterable[Target]) -> None:
        """Ask nobody later than an interval from now: what was planned by another clock means nothing."""
        moment = self._clock.monotonic()
        for one in targets:
            latest = moment + one.account.poll_every.total_seconds()
            self._due_at[one.row.id] = min(latest, self._due_at.get(one.row.id, latest))

    def rest(self, target: Target) -> None:
        """Leave an account whose poll could not be stored nor kept alone as long as one whose provider fails.

        Its row still says that it is due, and the provider must not be asked again at the end of every lease.
        """
        key, now = target.row.id, self._clock.now()
        failures = 1 + (self._resting[key].failures if key in self._resting else 0)
        wait = next_poll_at(target.account, now, Failure(transient=True, in_a_row=failures)) - now
        self._resting[key] = _Rest(failures, self._clock.monotonic() + wait.total_seconds())

    def rest_shortly(self, key: int) -> None:
        """Leave an account whose polls are kept alone until its next turn, a minute at the most."""
        moment = self._clock.monotonic()
        self._resting[key] = _Rest(0, min(self._due_at.get(key, moment), moment + _RETRY_SECONDS))

    def rests(self, key: int) -> bool:
        """Tell whether an account is to be left alone."""
        return key in self._resting and self._resting[key].until > self._clock.monotonic()

    def rested(self, key: int) -> None:
        """Leave an account no longer alone: a poll of it was stored, or its settings were changed."""
        self._resting.pop(key, None)

    def is_excused(self, key: int) -> bool:
        """Tell whether an account may be late by its row: it was asked, or is left alone, and that was told."""
        return key in self._resting or self.waits(key)
