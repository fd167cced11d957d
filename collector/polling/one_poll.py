"""One poll from beginning to end: ask, understand, store, and say when to ask next.

The caller holds the account's lease. Whatever the provider does ends as one stored row; only a fault of our own
storage or clock is raised. Nothing here sleeps: retries within the attempt belong to the HTTP client, waiting between
polls to the schedule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from collector.domain.accounts import Account, Counts
from collector.domain.money import EXACT
from collector.domain.pace import Bounds
from collector.domain.schedule import Failure, next_poll_at
from collector.domain.terms import fall_terms
from collector.errors import AskError, ClockAheadError, InterruptedAskError, RateLimitedError, TerminalAskError
from collector.polling.asking import Asks, Heard, ask, flags_of, require_clock
from collector.polling.redaction import Redactor
from collector.providers.contract import Answer, Provider
from collector.store.accounts import AccountRow, Lease
from collector.store.engine import Database
from collector.store.entries import OK, Entry, FinishedPoll, Pacing, Plan, PollHead, Stored
from collector.store.writing import record_poll

INTERRUPTED = "interrupted"
UNEXPECTED = "internal_error"

_KEPT_BODY = 4096
_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to poll: the account as configured, its provider, and its row in the database."""

    account: Account
    provider: Provider
    row: AccountRow

    def asks_otherwise_than(self, other: Target) -> bool:
        """Return True if the account is asked at another address or with another key."""
        was, is_ = self.account, other.account
        return was.base_url != is_.base_url or was.key != is_.key


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll did.

    Attributes:
        outcome: ``ok``, ``clock`` or the code of the fault.
        error: The fault in plain words, or None.
        answer: What the provider said, or None.
        flags: What deserves a review although the poll is good.
        cause: A fault of our own program while asking, for the log; else None.
    """

    account: str
    outcome: str
    started_at: datetime
    finished_at: datetime
    next_poll_at: datetime
    stored: Stored
    error: str | None = None
    answer: Answer | None = None
    flags: tuple[str, ...] = ()
    cause: BaseException | None = None

    @property
    def ok(self) -> bool:
        """True if the values were entered."""
        return self.outcome == OK


@dataclass(frozen=True, slots=True)
class Asked:
    """One asking that has ended, whatever came of it; nothing is stored yet.

    Attributes:
        poll: All that storing it needs.
        answer: What the provider said, or None.
        cause: A fault of our own program while asking, for the log; else None.
    """

    poll: FinishedPoll
    answer: Answer | None = None
    cause: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    finished_at: datetime
    heard: Heard | None = None
    error: AskError | None = None
    cause: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Poller:
    """Polls accounts of one database.

    Args:
        database: Where the facts go.
        http: The door to the network.
        now: The collector's clock.
    """

    database: Database
    http: Asks
    now: Callable[[], datetime]

    def poll(self, target: Target, lease: Lease, flags: tuple[str, ...] = ()) -> Polled:
        """Poll the account of ``target`` once under ``lease`` and store what happened.

        Args:
            target: Whom to poll.
            lease: The right to do so.
            flags: What the caller knows to deserve a review, whatever the answer.

        Raises:
            LeaseLostError: Another collector took the account over; nothing was stored.
            ClockError: Our clock is far behind what is stored; nothing was stored.
            StorageError: The database could not be written; nothing was stored.
        """
        return self.store(target, lease, self.ask(target.account, target.provider, lease.failures, flags))

    def ask(self, account: Account, provider: Provider, failures: int = 0, flags: tuple[str, ...] = ()) -> Asked:
        """Ask an account's provider once; whatever happens is in what is returned.

        Args:
            account: Whom to ask.
            provider: Its provider.
            failures: How many polls failed in a row before this one.
            flags: What the caller knows to deserve a review, whatever the answer.
        """
        started_at = self.now()
        said = self._say(account, provider)
        raised = () if said.heard is None else flags_of(said.heard)
        poll = _finished(account, failures, started_at, said, tuple(sorted({*flags, *raised})))
        return Asked(poll, None if said.heard is None else said.heard.answer, said.cause)

    def store(self, target: Target, lease: Lease, asked: Asked, follows: PollHead | None = None) -> Polled:
        """Store what came of an asking.

        Args:
            target: Whose it is.
            lease: Under which it was made.
            asked: What came of it.
            follows: A poll that the database must still have.

        Raises:
            LeaseLostError: Another collector took the account over; nothing was stored.
            ClockError: Our clock is far behind what is stored; nothing was stored.
            LostTailError: The database does not have the poll that it must have; nothing was stored.
            StorageError: The database could not be written; nothing was stored.
        """
        entry = replace(entry_of(target, lease, asked.poll), follows=follows)
        stored = record_poll(self.database, replace(entry, pacing=_pacing(target, entry.finished_at)))
        return Polled(
            account=target.account.name,
            outcome=stored.outcome,
            started_at=entry.started_at,
            finished_at=entry.finished_at,
            next_poll_at=stored.next_poll_at or entry.plan.next_poll_at,
            stored=stored,
            error=stored.error,
            answer=asked.answer,
            flags=entry.flags if stored.flags is None else stored.flags,
            cause=asked.cause,
        )

    def _say(self, account: Account, provider: Provider) -> _Said:
        try:
            heard = ask(self.http, account, provider)
            require_clock(heard.got)
        except AskError as error:
            return _Said(self.now(), error=error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - one account's fault, a bug of ours included, ends as its row
            fault = f"the answer could not be understood because of a fault in the collector ({type(error).__name__})"
            terminal = TerminalAskError(UNEXPECTED, f"{fault}; please report it with the log")
            return _Said(self.now(), error=terminal, cause=error)
        return _Said(heard.got.received_at, heard)


def _plan(account: Account, said: _Said, failures: int) -> Plan:
    """Say when to ask again; being stopped is no failure of the provider, but his answer is still wanted soon."""
    error = said.error
    if error is None:
        return Plan(next_poll_at(account, said.finished_at))
    if isinstance(error, InterruptedAskError):
        soon = Failure(transient=True, in_a_row=1)
        return Plan(next_poll_at(account, said.finished_at, soon), failures)
    not_before = None
    if isinstance(error, RateLimitedError) and error.retry_after is not None:
        not_before = said.finished_at + error.retry_after
    failure = Failure(error.transient, failures + 1, not_before)
    # By our own wrong clock, no other collector would ask for a day.
    now = error.theirs if isinstance(error, ClockAheadError) else said.finished_at
    return Plan(next_poll_at(account, now, failure), failures + 1, not_before)


def _finished(
    account: Account, failures: int, started_at: datetime, said: _Said, flags: tuple[str, ...]
) -> FinishedPoll:
    plan, fault = _plan(account, said, failures), _fault_fields(account, said.error)
    answer = None if said.heard is None else said.heard.answer
    redactor = Redactor([account.key])
    rejections = () if answer is None else answer.rejections
    return FinishedPoll(
        account=account.name,
        provider=account.provider,
        started_at=started_at,
        finished_at=said.finished_at,
        outcome=fault.outcome,
        next_poll_at=plan.next_poll_at,
        failures=plan.failures,
        not_before=plan.not_before,
        http_status=fault.http_status,
        error=fault.error,
        body=fault.body,
        flags=flags,
        counters={} if answer is None else answer.counters,
        requests=() if answer is None else answer.requests,
        rejections=tuple((one.where, one.reason, redactor.text(one.raw)) for one in rejections),
    )


def entry_of(target: Target, lease: Lease, poll: FinishedPoll) -> Entry:
    """Return a poll ready to be stored under ``lease``, to be asked again when it says."""
    account, provider = target.account, target.provider
    terms = fall_terms(account.agreement)
    return Entry(
        account=target.row,
        lease=lease,
        plan=Plan(poll.next_poll_at, poll.failures, poll.not_before),
        started_at=poll.started_at,
        finished_at=poll.finished_at,
        outcome=poll.outcome,
        http_status=poll.http_status,
        error=poll.error,
        body=poll.body,
        flags=poll.flags,
        counters=poll.counters,
        requests=poll.requests,
        rejections=poll.rejections,
        terms={meter.name: terms.of_meter(meter.name) for meter in provider.meters},
        fall_terms=terms,
        gap_after=2 * account.poll_every,
        requests_meter=provider.requests_meter,
        credits_meter=next((one.name for one in provider.meters if one.counts is Counts.CREDITS), None),
        max_per_hour=_maxima(target),
    )


def _maxima(target: Target) -> dict[str, Decimal]:
    """Return the configured maxima by meter, in its smallest unit, to the digit."""
    declared = {one: target.account.agreement.terms_of(one.name).max_per_hour for one in target.provider.meters}
    return {one.name: most.scaleb(one.scale, context=EXACT) for one, most in declared.items() if most is not None}


def bounds_of(provider: Provider, longest: timedelta, shortest: timedelta | None) -> Bounds | None:
    """Return between what an account's interval lies; None where it is always ``longest``.

    Args:
        provider: Whom it asks; without a list of requests nothing can slip through it.
        longest: The account's ``poll_every``.
        shortest: Its ``poll_every_min``.
    """
    if provider.requests_meter is None or shortest is None or shortest >= longest:
        return None
    return Bounds(longest, shortest)


def _pacing(target: Target, now: datetime) -> Pacing | None:
    bounds = bounds_of(target.provider, target.account.poll_every, target.account.poll_every_min)
    return None if bounds is None else Pacing(bounds, partial(next_poll_at, target.account, now, None))


@dataclass(frozen=True, slots=True)
class _Fault:
    outcome: str = OK
    http_status: int | None = 200
    error: str | None = None
    body: bytes | None = None


def _fault_fields(account: Account, error: AskError | None) -> _Fault:
    if error is None:
        return _Fault()
    redactor = Redactor([account.key])
    body = None if error.body is None else redactor.body(error.body, _KEPT_BODY)
    status = 200 if error.http_status is None and body is not None else error.http_status
    return _Fault(error.outcome, status, redactor.text(str(error))[:_LONGEST_ERROR], body)
