"""One poll as it is handed over to be stored, and what storing it did: plain values; nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from collector.domain.digest import ListFacts
from collector.domain.falls import Decision, Terms
from collector.domain.pace import Bounds
from collector.domain.requests import RequestRecord
from collector.domain.terms import FallTerms
from collector.store.accounts import AccountRow, Lease

OK = "ok"
CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the account's row says after the poll: when to ask next, and how often it failed in a row."""

    next_poll_at: datetime
    failures: int = 0
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class FinishedPoll:
    """One poll that has ended, whatever came of it: all that storing it needs, and no key.

    Attributes:
        account, provider: Their names.
        finished_at: When the answer was complete, by our clock.
        outcome: ``ok`` or the code of the fault.
        next_poll_at: When to ask next.
        failures: Failed polls in a row, with this one.
        not_before: Until when the provider told us to wait, or None.
        rejections: Records refused alone, as ``(where, reason, raw)``.
    """

    account: str
    provider: str
    started_at: datetime
    finished_at: datetime
    outcome: str
    next_poll_at: datetime
    failures: int = 0
    not_before: datetime | None = None
    http_status: int | None = None
    error: str | None = None
    body: bytes | None = None
    flags: tuple[str, ...] = ()
    counters: Mapping[str, int] = field(default_factory=dict)
    requests: tuple[RequestRecord, ...] = ()
    rejections: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PollHead:
    """The newest poll of an account, by its number, and its digest: with it everything before it is proved."""

    number: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Pacing:
    """How an account with a list of requests is asked more often while they come fast.

    Attributes:
        bounds: Between what the interval lies.
        next_poll_at: Returns when to ask next, given the interval.
    """

    bounds: Bounds
    next_poll_at: Callable[[timedelta], datetime]


@dataclass(frozen=True, slots=True)
class Entry:
    """One poll, ready to be stored.

    Attributes:
        finished_at: When the answer was complete, by our clock: the instant of its snapshots.
        outcome: ``ok`` or the code of the fault; only an ``ok`` poll has counters and requests.
        counters: The value of each meter by name.
        rejections: Records refused alone, as ``(where, reason, raw)``.
        terms: How each meter may fall, by name.
        fall_terms: The account's terms as configured; where those kept with the facts differ (the settings were changed
            and used elsewhere), the kept ones decide. None means that ``terms`` decide.
        gap_after: Silence longer than this is a gap.
        requests_meter: The counter that grows by one with each listed request, if any.
        credits_meter: The counter that grows by the credits of the listed requests, if any.
        max_per_hour: By meter, the growth of an hour above which it is a spike, in its smallest unit; where it is
            not configured a bound is learned.
        pacing: How a good poll replaces the planned instant, or None where every interval is the same.
        follows: A poll that the database once acknowledged and must still have, or None.
    """

    account: AccountRow
    lease: Lease
    plan: Plan
    started_at: datetime
    finished_at: datetime
    outcome: str
    http_status: int | None = None
    error: str | None = None
    body: bytes | None = None
    flags: tuple[str, ...] = ()
    counters: Mapping[str, int] = field(default_factory=dict)
    requests: Sequence[RequestRecord] = ()
    rejections: Sequence[tuple[str, str, str]] = ()
    terms: Mapping[str, Terms] = field(default_factory=dict)
    fall_terms: FallTerms | None = None
    gap_after: timedelta = timedelta(minutes=10)
    requests_meter: str | None = None
    credits_meter: str | None = None
    pacing: Pacing | None = None
    max_per_hour: Mapping[str, Decimal] = field(default_factory=dict)
    follows: PollHead | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing a poll did.

    Attributes:
        outcome: The outcome on the poll's row; ``clock`` where our clock was not later than the newest snapshot.
        error: The fault in plain words, or None.
        growth: By meter, the value and the growth since the snapshot before (None for the opening balance and
            wherever a fall is involved).
        decisions: By meter, what was decided about falls.
        new_requests, updated_requests: Counts of records.
        listing: What was found out about the list; nothing for a failed poll and where there is none.
        next_poll_at: When to ask next, where that is not as planned.
        head: The poll's row: its number and its digest.
        flags: What deserves a review, with what only earlier polls could tell; None where they were not compared.
    """

    outcome: str
    error: str | None = None
    growth: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    decisions: Mapping[str, tuple[Decision, ...]] = field(default_factory=dict)
    new_requests: int = 0
    updated_requests: int = 0
    listing: ListFacts = field(default_factory=ListFacts)
    next_poll_at: datetime | None = None
    head: PollHead | None = field(default=None, compare=False)
    flags: tuple[str, ...] | None = field(default=None, compare=False)

    @property
    def missed_requests(self) -> int | None:
        """Requests that no list will ever show; None where that cannot be told."""
        return self.listing.missed
