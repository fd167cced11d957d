"""One poll from beginning to end: ask, understand, store, and say when to ask next.

The caller holds the account's lease. Whatever the provider does ends as one stored row; only a fault of our own
storage or clock is raised. Nothing here sleeps: retries within the attempt belong to the HTTP client, waiting between
polls to the schedule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from collector.domain.accounts import Account, Agreement
from collector.domain.falls import Terms
from collector.domain.instants import instant_of, micros_of
from collector.domain.periods import last_boundary
from collector.domain.schedule import Failure, next_poll_at
from collector.domain.secret import Secret
from collector.errors import AnswerRejectedError, AskError, InterruptedAskError, RateLimitedError
from collector.http import HttpAnswer
from collector.providers.contract import Answer, Provider
from collector.store.accounts import AccountRow, Lease
from collector.store.engine import Database
from collector.store.writing import OK, Entry, Plan, Stored, record_poll

_KEPT_BODY = 4096
_LONGEST_ERROR = 500
_SKEW = timedelta(seconds=60)
_FUTURE = timedelta(days=1)


class Asks(Protocol):
    """What a poll needs of the HTTP client."""

    def get_json(self, url: str, *, key_header: str, key: Secret, allow_close_delimited: bool = False) -> HttpAnswer:
        """Return the payload of one GET, or raise an ``AskError``."""


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
    """

    account: str
    outcome: str
    finished_at: datetime
    next_poll_at: datetime
    stored: Stored
    error: str | None = None
    answer: Answer | None = None
    flags: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """True if the values were entered."""
        return self.outcome == OK


@dataclass(frozen=True, slots=True)
class _Asked:
    finished_at: datetime
    answer: Answer | None = None
    flags: tuple[str, ...] = ()
    error: AskError | None = None
    body: bytes | None = None


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

    def poll(self, target: Target, lease: Lease) -> Polled:
        """Poll the account of ``target`` once under ``lease`` and store what happened.

        Raises:
            LeaseLostError: Another collector took the account over; nothing was stored.
            ClockError: Our clock is far behind what is stored; nothing was stored.
            StorageError: The database could not be written; nothing was stored.
        """
        started_at = self.now()
        asked = self._ask(target.account, target.provider)
        entry = _entry(target, lease, started_at, asked)
        stored = record_poll(self.database, entry)
        return Polled(
            account=target.account.name,
            outcome=stored.outcome,
            finished_at=asked.finished_at,
            next_poll_at=entry.plan.next_poll_at,
            stored=stored,
            error=stored.error,
            answer=asked.answer,
            flags=asked.flags,
        )

    def _ask(self, account: Account, provider: Provider) -> _Asked:
        request = provider.request()
        body = None
        try:
            got = self.http.get_json(
                account.base_url.rstrip("/") + request.path,
                key_header=request.key_header,
                key=account.key,
                allow_close_delimited=account.allow_close_delimited,
            )
            body = got.body
            answer = provider.parse(_without_key(got, account.key))
        except AskError as error:
            kept = (error.body or body) if isinstance(error, AnswerRejectedError) else None
            return _Asked(self.now(), error=error, body=kept)
        return _Asked(got.received_at, answer, _flags(got, answer))


def _without_key(got: HttpAnswer, key: Secret) -> object:
    """Return the payload with the key removed wherever the provider echoes it, also where it is spelt in escapes."""
    text = got.body.decode("utf-8", "replace")
    if "\\u" not in text and key.redact(text) == text:
        return got.payload
    return _redacted(got.payload, key)


def _redacted(value: object, key: Secret) -> object:
    """Redact a JSON value; the loader has bounded its depth."""
    match value:
        case str():
            return key.redact(value)
        case list():
            return [_redacted(one, key) for one in value]
        case dict():
            return {key.redact(name): _redacted(one, key) for name, one in value.items()}
        case _:
            return value


def _flags(got: HttpAnswer, answer: Answer) -> tuple[str, ...]:
    flags = set(answer.flags)
    if got.server_date is not None and abs(got.server_date - got.received_at) > _SKEW:
        flags.add("clock_skew")
    if got.age_seconds:
        flags.add("cached_response")
    latest = got.received_at + _FUTURE
    times = (time for one in answer.requests for time in (one.created_at, one.completed_at) if time is not None)
    if any(time > latest for time in times):
        flags.add("timestamps")
    return tuple(sorted(flags))


def _plan(account: Account, asked: _Asked, lease: Lease) -> Plan:
    """Say when to ask again; being stopped is no failure of the provider."""
    error = asked.error
    if error is None:
        return Plan(next_poll_at(account, asked.finished_at))
    if isinstance(error, InterruptedAskError):
        return Plan(next_poll_at(account, asked.finished_at), lease.failures)
    not_before = None
    if isinstance(error, RateLimitedError) and error.retry_after is not None:
        not_before = asked.finished_at + error.retry_after
    failures = lease.failures + 1
    failure = Failure(error.transient, failures, not_before)
    return Plan(next_poll_at(account, asked.finished_at, failure), failures, not_before)


def _entry(target: Target, lease: Lease, started_at: datetime, asked: _Asked) -> Entry:
    account, provider = target.account, target.provider
    fault = _fault_fields(account, asked)
    answer = asked.answer
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
        flags=asked.flags,
        counters={} if answer is None else answer.counters,
        requests=() if answer is None else answer.requests,
        rejections=() if answer is None else [(one.where, one.reason, one.raw) for one in answer.rejections],
        terms={meter.name: falling_terms(account.agreement, meter.name) for meter in provider.meters},
        gap_after=2 * account.poll_every,
        requests_meter=provider.requests_meter,
    )


@dataclass(frozen=True, slots=True)
class _Fault:
    outcome: str = OK
    http_status: int | None = 200
    error: str | None = None
    body: bytes | None = None


def _fault_fields(account: Account, asked: _Asked) -> _Fault:
    error = asked.error
    if error is None:
        return _Fault()
    body = None
    if asked.body is not None:
        # Bytes that are no UTF-8 become escapes: redaction must see the whole text.
        text = asked.body[:_KEPT_BODY].decode("utf-8", "backslashreplace")
        body = account.key.redact(text).encode()
    status = 200 if error.http_status is None and asked.body is not None else error.http_status
    return _Fault(error.outcome, status, account.key.redact(str(error))[:_LONGEST_ERROR], body)


def falling_terms(agreement: Agreement, meter: str) -> Terms:
    """Return how a meter may fall, with its account's billing boundaries."""

    def boundary(after: int, until: int) -> int | None:
        found = last_boundary(instant_of(after), instant_of(until), agreement.billing, agreement.zone)
        return None if found is None else micros_of(found)

    return Terms(agreement.terms_of(meter).resets, boundary)
