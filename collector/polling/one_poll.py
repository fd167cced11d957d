"""One poll from beginning to end: ask, understand, store, and say when to ask next.

The caller holds the account's lease. Whatever the provider does ends as one stored row; only a fault of our own
storage or clock is raised. Nothing here sleeps: retries within the attempt belong to the HTTP client, waiting between
polls to the schedule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from collector.domain.accounts import Account, Counts
from collector.domain.pace import Bounds
from collector.domain.schedule import Failure, next_poll_at
from collector.domain.terms import fall_terms
from collector.errors import AskError, InterruptedAskError, RateLimitedError, TerminalAskError
from collector.polling.asking import Asks, Heard, ask, flags_of
from collector.polling.redaction import Redactor
from collector.providers.contract import Answer, Provider
from collector.store.accounts import AccountRow, Lease
from collector.store.engine import Database
from collector.store.entries import OK, Entry, Pacing, Plan, Stored
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
    cause: Exception | None = None

    @property
    def ok(self) -> bool:
        """True if the values were entered."""
        return self.outcome == OK


@dataclass(frozen=True, slots=True)
class _Asked:
    finished_at: datetime
    heard: Heard | None = None
    error: AskError | None = None
    cause: Exception | None = None

    @property
    def answer(self) -> Answer | None:
        return None if self.heard is None else self.heard.answer


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
        started_at = self.now()
        asked = self._ask(target)
        raised = () if asked.heard is None else flags_of(asked.heard)
        entry = _entry(target, lease, started_at, asked, tuple(sorted({*flags, *raised})))
        stored = record_poll(self.database, entry)
        return Polled(
            account=target.account.name,
            outcome=stored.outcome,
            started_at=started_at,
            finished_at=entry.finished_at,
            next_poll_at=stored.next_poll_at or entry.plan.next_poll_at,
            stored=stored,
            error=stored.error,
            answer=asked.answer,
            flags=entry.flags,
            cause=asked.cause,
        )

    def _ask(self, target: Target) -> _Asked:
        try:
            heard = ask(self.http, target.account, target.provider)
        except AskError as error:
            return _Asked(self.now(), error=error)
        except Exception as error:  # noqa: BLE001 - one account's fault, a bug of ours included, ends as its row
            fault = f"the answer could not be understood because of a fault in the collector ({type(error).__name__})"
            terminal = TerminalAskError(UNEXPECTED, f"{fault}; please report it with the log")
            return _Asked(self.now(), error=terminal, cause=error)
        return _Asked(heard.got.received_at, heard)


def _plan(account: Account, asked: _Asked, lease: Lease) -> Plan:
    """Say when to ask again; being stopped is no failure of the provider, but his answer is still wanted soon."""
    error = asked.error
    if error is None:
        return Plan(next_poll_at(account, asked.finished_at))
    if isinstance(error, InterruptedAskError):
        soon = Failure(transient=True, in_a_row=1)
        return Plan(next_poll_at(account, asked.finished_at, soon), lease.failures)
    not_before = None
    if isinstance(error, RateLimitedError) and error.retry_after is not None:
        not_before = asked.finished_at + error.retry_after
    failures = lease.failures + 1
    failure = Failure(error.transient, failures, not_before)
    return Plan(next_poll_at(account, asked.finished_at, failure), failures, not_before)


def _entry(target: Target, lease: Lease, started_at: datetime, asked: _Asked, flags: tuple[str, ...]) -> Entry:
    account, provider = target.account, target.provider
    fault = _fault_fields(account, asked.error)
    answer = asked.answer
    redactor = Redactor([account.key])
    terms = fall_terms(account.agreement)
    return Entry(
        account=target.row,
        lease=lease,
        plan=_plan(account, asked, lease),
        started_at=started_at,
        finished_at=asked.finished_at,
        outcome=fault.outcome,
        http_status=fault.http_status,
        error=fault.error,
        body=fault.body,
        flags=flags,
        counters={} if answer is None else answer.counters,
        requests=() if answer is None else answer.requests,
        rejections=()
        if answer is None
        else [(one.where, one.reason, redactor.text(one.raw)) for one in answer.rejections],
        terms={meter.name: terms.of_meter(meter.name) for meter in provider.meters},
        fall_terms=terms,
        gap_after=2 * account.poll_every,
        requests_meter=provider.requests_meter,
        credits_meter=next((one.name for one in provider.meters if one.counts is Counts.CREDITS), None),
        pacing=_pacing(target, asked.finished_at),
    )


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
