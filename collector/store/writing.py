"""Stores one poll in one transaction: its row, its snapshots, its request records, its decisions.

Whatever happened leaves a row, so every gap can be explained. The transaction begins by giving the lease back, which
also locks the account: a poll whose lease was taken over is refused as a whole, and two writers never interleave.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from collector.domain.digest import START, PollFacts, chained
from collector.domain.falls import Decision, Observation, Terms
from collector.domain.instants import instant_of, micros_of
from collector.domain.requests import ChangeKind, RequestRecord
from collector.errors import ClockError, LeaseLostError
from collector.store import schema, usage_requests
from collector.store.accounts import AccountRow, Lease, is_held
from collector.store.engine import Database
from collector.store.snapshots import Entered, Tail, enter, tail_of

OK = "ok"
CLOCK = "clock"
# A clock this far behind what is stored is not late but wrong.
CLOCK_IS_WRONG = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the account's row says after the poll: when to ask next, and how often it failed in a row."""

    next_poll_at: datetime
    failures: int = 0
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One poll, ready to be stored.

    Attributes:
        finished_at: When the answer was complete, by our clock: the instant of its snapshots.
        outcome: ``ok`` or the code of the fault; only an ``ok`` poll has counters and requests.
        counters: The value of each meter by name.
        rejections: Records refused alone, as ``(where, reason, raw)``.
        terms: How each meter may fall, by name.
        gap_after: Silence longer than this is a gap.
        requests_meter: The counter that grows by one with each listed request, if any.
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
    gap_after: timedelta = timedelta(minutes=10)
    requests_meter: str | None = None


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
        missed_requests: Requests the counter saw and no list ever showed; None where that cannot be told.
    """

    outcome: str
    error: str | None = None
    growth: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    decisions: Mapping[str, tuple[Decision, ...]] = field(default_factory=dict)
    new_requests: int = 0
    updated_requests: int = 0
    missed_requests: int | None = None


def record_poll(database: Database, entry: Entry) -> Stored:
    """Store ``entry`` in one transaction and give its lease back.

    Raises:
        LeaseLostError: Another collector took the account over; nothing was stored.
        ClockError: Our clock is more than a day behind what is stored; nothing was stored.
        StorageError: The database could not be written; nothing was stored.
    """
    with database.write() as connection:
        _give_lease_back(connection, entry)
        tails = {name: tail_of(connection, meter) for name, meter in entry.account.meters.items()}
        newest = max((tail.confirmed for tail in tails.values() if tail.confirmed is not None), default=None)
        if newest is not None:
            entry = _checked_against_clock(entry, newest)
        return _store(connection, entry, tails, newest)


def _give_lease_back(connection: Connection, entry: Entry) -> None:
    kept = connection.execute(
        update(schema.account)
        .where(is_held(entry.lease))
        .values(
            lease_owner=None,
            lease_until=None,
            next_poll_at=entry.plan.next_poll_at,
            failures=entry.plan.failures,
            not_before=entry.plan.not_before,
        )
    )
    if kept.rowcount != 1:
        raise LeaseLostError(
            f"account {entry.account.name}: another collector took it over during the poll; nothing was stored"
        )


def _checked_against_clock(entry: Entry, newest: int) -> Entry:
    """Turn a poll that our clock puts before the newest snapshot into a clock fault."""
    seen = micros_of(entry.finished_at)
    if seen > newest:
        return entry
    last = instant_of(newest)
    if last - entry.finished_at > CLOCK_IS_WRONG:
        raise ClockError(
            f"the clock says {entry.finished_at.astimezone(UTC):%Y-%m-%d %H:%M}Z, but account {entry.account.name} has "
            f"values of {last:%Y-%m-%d %H:%M}Z; nothing was stored: set the clock"
        )
    if entry.outcome != OK:
        return entry
    error = f"our clock is not later than the newest snapshot of {last:%Y-%m-%dT%H:%M:%S.%fZ}; values not entered"
    return replace(entry, outcome=CLOCK, error=error, counters={}, requests=(), rejections=())


def _store(connection: Connection, entry: Entry, tails: Mapping[str, Tail], newest: int | None) -> Stored:
    listing = None
    if entry.outcome == OK and entry.requests_meter is not None:
        listing = usage_requests.compare(connection, entry.account.id, entry.requests)
    entered = _enter_counters(connection, entry, tails)
    missed = _missed(entry, entered, listing)
    identity = _insert_poll_row(connection, entry, listing, missed)
    if listing is not None:
        before = None if newest is None else instant_of(newest)
        usage_requests.write(connection, entry.account.id, identity, listing, entry.finished_at, before)
    return Stored(
        entry.outcome,
        entry.error,
        {name: (entry.counters[name], _growth(entry.counters[name], one)) for name, one in entered.items()},
        {name: one.decisions for name, one in entered.items() if one.decisions},
        0 if listing is None else listing.count(ChangeKind.NEW),
        0 if listing is None else listing.count(ChangeKind.UPDATE),
        missed,
    )


def _enter_counters(connection: Connection, entry: Entry, tails: Mapping[str, Tail]) -> dict[str, Entered]:
    at = micros_of(entry.finished_at)
    silence = entry.gap_after // timedelta(microseconds=1)
    gaps = []
    entered = {}
    for name, value in entry.counters.items():
        meter, tail = entry.account.meters[name], tails[name]
        if tail.confirmed is not None and at - tail.confirmed > silence:
            gaps.append({"meter": meter, "started_at": tail.confirmed, "ended_at": at})
        entered[name] = enter(connection, meter, tail, Observation(at, value), entry.terms[name], entry.finished_at)
    if gaps:
        connection.execute(insert(schema.gap), gaps)
    return entered


def _growth(value: int, entered: Entered) -> int | None:
    return None if entered.before is None or not entered.smooth else value - entered.before


def _missed(entry: Entry, entered: Mapping[str, Entered], listing: usage_requests.Listing | None) -> int | None:
    """Return how many requests the counter counted and the list never showed, where that can be told."""
    if listing is None or entry.requests_meter is None:
        return None
    growth = _growth(entry.counters[entry.requests_meter], entered[entry.requests_meter])
    return None if growth is None else max(0, growth - listing.count(ChangeKind.NEW))


def _insert_poll_row(
    connection: Connection, entry: Entry, listing: usage_requests.Listing | None, missed: int | None
) -> int:
    """Add the poll's row at the end of the account's chain and return its number."""
    poll = schema.poll
    last = connection.execute(
        select(poll.c.id, poll.c.digest).where(poll.c.account == entry.account.id).order_by(poll.c.id.desc()).limit(1)
    ).first()
    identity = 1 if last is None else last.id + 1
    facts = _facts(entry, listing)
    connection.execute(
        insert(poll).values(
            account=entry.account.id,
            id=identity,
            kind=facts.kind,
            started_at=entry.started_at,
            finished_at=entry.finished_at,
            outcome=entry.outcome,
            http_status=entry.http_status,
            error=entry.error,
            flags=json.dumps(entry.flags),
            new_requests=None if listing is None else listing.count(ChangeKind.NEW),
            missed_requests=missed,
            rejected_requests=None if listing is None else len(entry.rejections),
            rejections=facts.rejections,
            body=entry.body,
            digest=chained(START if last is None else last.digest, facts),
        )
    )
    return identity


def _facts(entry: Entry, listing: usage_requests.Listing | None) -> PollFacts:
    return PollFacts(
        account=entry.account.name,
        kind="poll",
        started_at=micros_of(entry.started_at),
        finished_at=micros_of(entry.finished_at),
        outcome=entry.outcome,
        http_status=entry.http_status,
        error=entry.error,
        flags=entry.flags,
        values=entry.counters,
        changes=() if listing is None else listing.facts(),
        rejections=json.dumps(list(entry.rejections)) if entry.rejections else None,
        body=entry.body,
    )
