"""Sees to it that nothing that was answered is lost: a poll that cannot be stored is kept, and stored later, in order.

    ask ──► store ──► remember the head
              └─ fault of our storage ──► spool ──► (the account's next lease) ──► store, before anything newer

A fault after which going on would do harm (the file was replaced, the database is damaged or lost its end) is raised as
what it is, with the poll kept all the same. A lost lease or a wrong clock is no fault of the storage: such a poll is
refused, as it would be with a database that works.

A kept poll that the database refuses for good must not block its account. Whether it is this poll that is refused, or
everything, tells the next good one: once that is stored, the refused ones before it are set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from collector.app.refusals import is_refusal, refusal
from collector.app.state_folder import StateFolder
from collector.app.unstored import Unstored
from collector.domain.accounts import Account
from collector.domain.instants import format_instant, instant_of, micros_of
from collector.errors import (
    ClockError,
    CollectorError,
    FileReplacedError,
    ImplausibleClockError,
    IntegrityError,
    LeaseLostError,
    RefusedError,
    RevisionError,
    SpooledError,
    StorageError,
)
from collector.polling.one_poll import INTERRUPTED, Asked, Polled, Poller, Target, entry_of
from collector.providers import provider_named
from collector.store.accounts import Lease
from collector.store.entries import CLOCK, OK, Entry, FinishedPoll, Stored
from collector.store.late_polls import record_between
from collector.store.revision import require_head_to_write
from collector.store.spool import SPOOLED, Spooled
from collector.store.writing import record_spooled

_LONGEST_ERROR = 500
_MOST_REFUSED = 20


def is_fatal(error: BaseException) -> bool:
    """Tell whether going on with the database would do harm."""
    return isinstance(error, FileReplacedError | IntegrityError | RevisionError | ImplausibleClockError)


def is_storage_away(error: BaseException) -> bool:
    """Tell whether a poll must be kept because the database cannot be used at the moment."""
    return isinstance(error, StorageError) and not isinstance(error, LeaseLostError | ClockError | FileReplacedError)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of the polls of one account that were kept.

    Attributes:
        polls: How many were stored.
        failures: Failed polls in a row, after the last of them.
        next_poll_at: When the last of them says to ask next; None where there was none.
    """

    polls: int
    failures: int
    next_poll_at: datetime | None


class Keeper:
    """Stores polls, or keeps them.

    Args:
        poller: Asks, and stores.
        state: Where polls are kept, and which heads are remembered.
        guard: Raises ``ImplausibleClockError`` for an instant that cannot be.
    """

    def __init__(self, poller: Poller, state: StateFolder, guard: Callable[[datetime], None] = lambda _: None) -> None:
        self.poller = poller
        self.state = state
        self._guard = guard
        self._unstored = Unstored()
        self._kept_at: dict[str, int] = {}
        self._refused: dict[str, list[tuple[Spooled, Exception]]] = {}

    def poll(
        self, target: Target, lease: Lease, flags: tuple[str, ...] = (), fault: CollectorError | None = None
    ) -> Polled:
        """Ask an account once and store what came of it, or keep it.

        Args:
            target: Whom to ask.
            lease: The right to do so.
            flags: What the caller knows to deserve a review.
            fault: Why older polls of the account could not be stored: then this one is kept behind them.

        Raises:
            LeaseLostError: Another collector took the account over.
            ClockError: Our clock is far behind what is stored; nothing was stored.
            SpooledError: The poll could not be stored, and is kept.
            StorageError: It could not be kept either; or the file was replaced.
            IntegrityError: The database is damaged or lost its end; the poll is kept.
            RevisionError: It was given another schema; the poll is kept.
            BaseException: A fault of our own program while storing; the poll is kept.
        """
        asked = self.poller.ask(target.account, target.provider, lease.failures, flags)
        self._guard(asked.poll.finished_at)
        with self._unstored.held(asked.poll):
            if fault is None:
                try:
                    return self._stored(target, lease, asked)
                except (LeaseLostError, ClockError):
                    raise
                except (StorageError, IntegrityError, RevisionError) as error:
                    fault = error
                except BaseException as error:
                    self.kept(asked.poll, refusal(error))
                    raise
            raise self.kept(asked.poll, fault) from None

    def keep_unstored(self) -> None:
        """Keep what was answered and is not stored yet: the program ends. What is stored after all is not doubled."""
        for poll in self._unstored.polls:
            self.kept(poll, StorageError("the program had to end before it could be stored"))

    def poll_unleased(
        self, account: Account, failures: int, fault: CollectorError, flags: tuple[str, ...] = ()
    ) -> tuple[Asked, CollectorError]:
        """Ask an account while the database cannot be used, keep what came of it, and return the error that says so.

        Args:
            account: Whom to ask.
            failures: How many of its polls failed in a row before this one.
            fault: Why the database cannot be used.
            flags: What the caller knows to deserve a review.

        Raises:
            ImplausibleClockError: The clock is of another age; nothing was kept.
        """
        asked = self.poller.ask(account, provider_named(account.provider), failures, flags)
        self._guard(asked.poll.finished_at)
        return asked, self.kept(asked.poll, fault)

    def _stored(self, target: Target, lease: Lease, asked: Asked) -> Polled:
        known = self.state.heads.known(target.account.name)
        polled = self.poller.store(target, lease, asked, None if known is None else known.head)
        self._remember(target.account.name, polled.stored, asked.poll)
        if polled.ok:
            self._set_refused_aside(target.account.name)
        return polled

    def _remember(self, account: str, stored: Stored, poll: FinishedPoll) -> None:
        if stored.head is None:
            return
        # Only values order polls: the clock may have been wrong when one failed.
        known = self.state.heads.known(account)
        at = micros_of(poll.finished_at) if stored.outcome == OK else (0 if known is None else known.at)
        self.state.heads.committed(account, stored.head, at)

    def kept(self, poll: FinishedPoll, fault: CollectorError) -> CollectorError:
        """Keep a poll that could not be stored, and return the error that says so."""
        try:
            path = self.state.spool.add(self._in_order(poll), str(fault))
        except StorageError as error:
            words = f"{fault}; and what the provider answered could not be kept: {error}"
            return type(fault)(words) if is_fatal(fault) else StorageError(words)
        words = f"{fault}; the poll is kept in {path} and is stored as soon as it can be"
        return type(fault)(words) if is_fatal(fault) else SpooledError(words)

    def troubles(self) -> frozenset[str]:
        """Return by name what is wrong: polls wait, could not be kept or are refused, the database lost some."""
        waiting = self.state.spool.waiting()
        found = {
            "spooling": waiting.count,
            "spool_full": waiting.dropped,
            "refused": waiting.refused,
            "lost_tail": len(self.state.heads.lost),
        }
        return frozenset(name for name, count in found.items() if count)

    def _in_order(self, poll: FinishedPoll) -> FinishedPoll:
        """Turn a poll that our clock puts before what this machine saw last into a clock fault, as storing it would."""
        known = self.state.heads.known(poll.account)
        last_at = max(0 if known is None else known.at, self._kept_at.get(poll.account, 0))
        if poll.outcome != OK:
            return poll
        if micros_of(poll.finished_at) > last_at:
            self._kept_at[poll.account] = micros_of(poll.finished_at)
            return poll
        last = format_instant(instant_of(last_at))
        error = f"our clock is not later than the newest poll of {last}; values not entered"
        return replace(poll, outcome=CLOCK, error=error, counters={}, requests=(), rejections=())

    def catch_up(self, target: Target, lease: Lease, *, asking: bool = True) -> tuple[Replayed, StorageError | None]:
        """Store what waits of an account before it is asked, or say why that cannot be done.

        Args:
            target: Whose.
            lease: The right to do so, which is kept.
            asking: Whether the account is asked then, also where the database cannot be used.

        Raises:
            LeaseLostError: Another collector took the account over.
            StorageError: The database cannot be used, or refused all there was, and nobody is to be asked.
            IntegrityError: It is damaged or lost its end.
        """
        try:
            done, refused = self.replay(target, lease), self._refused.get(target.account.name)
            if refused and not done.polls and not asking:
                raise refusal(refused[0][1])
            return done, None
        except StorageError as error:
            if not asking or not is_storage_away(error):
                raise
            return Replayed(0, lease.failures, None), error

    def replay(self, target: Target, lease: Lease) -> Replayed:
        """Store the polls of an account that were kept, in order, under its lease, which is kept.

        One that the database refuses is passed over; after some in a row the others wait for the next time.

        Raises:
            LeaseLostError: Another collector took the account over.
            StorageError: The database cannot be used; what is not stored is still kept.
            IntegrityError: It is damaged or lost its end.
            RevisionError: It was given another schema.
        """
        name, done = target.account.name, Replayed(0, lease.failures, None)
        self._refused.pop(name, None)
        for one in self._waiting(name):
            poll = replace(one.poll, failures=_failures_after(done.failures, one.poll.outcome))
            try:
                stored = self._replayed(self._entry(target, lease, poll, one.why))
            except Exception as error:
                if not is_refusal(error):
                    raise
                self._refused.setdefault(name, []).append((one, error))
                if len(self._refused[name]) == _MOST_REFUSED:
                    break
                continue
            self._remember(name, stored, poll)
            if poll.outcome == OK:
                self._set_refused_aside(name)
            self.state.spool.remove(one)
            done = Replayed(done.polls + 1, poll.failures, poll.next_poll_at)
        if done.polls:
            structlog.get_logger().info("polls that were kept in the spool are stored", account=name, polls=done.polls)
        return done

    def _waiting(self, name: str) -> Iterator[Spooled]:
        """Yield what waits of an account; the schema is looked at before, and what cannot be read is told of."""
        if name in self.state.spool.accounts():
            require_head_to_write(self.poller.database)
        yield from self.state.spool.of_account(name)
        for words in self.state.spool.told():
            structlog.get_logger().warning(words, account=name)

    def _set_refused_aside(self, name: str) -> None:
        """Set the polls of an account aside that were refused while the database takes others."""
        for one, error in self._refused.pop(name, ()):
            words = str(refusal(error))
            cause = None if isinstance(error, RefusedError) else error
            try:
                path = self.state.spool.set_aside(one, words)
            except StorageError as fault:
                structlog.get_logger().warning("a kept poll that is refused stays", account=name, error=str(fault))
            else:
                told = f"a kept poll is refused for good, and set aside: {words}"
                structlog.get_logger().error(told, account=name, file=str(path), exc_info=cause)

    def _entry(self, target: Target, lease: Lease, poll: FinishedPoll, why: str) -> Entry:
        """Return a kept poll as it is stored: a good one says why it had to wait."""
        flags = tuple(sorted({*poll.flags, SPOOLED}))
        error = f"stored late: {why}"[:_LONGEST_ERROR] if poll.outcome == OK else poll.error
        known = self.state.heads.known(poll.account)
        entry = entry_of(target, lease, replace(poll, flags=flags, error=error))
        return replace(entry, follows=None if known is None else known.head)

    def _replayed(self, entry: Entry) -> Stored:
        stored = record_spooled(self.poller.database, entry)
        return record_between(self.poller.database, entry) if stored is None else stored


def _failures_after(before: int, outcome: str) -> int:
    if outcome == OK:
        return 0
    return before if outcome == INTERRUPTED else before + 1
