"""Stores one poll in one transaction: its row, its snapshots, its request records, its decisions.

Whatever happened leaves a row, so every gap can be explained. The transaction begins by giving the lease back, which
also locks the account: a poll whose lease was taken over is refused as a whole, and two writers never interleave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from collector.domain.accounts import Resets
from collector.domain.digest import ListFacts, PollFacts
from collector.domain.falls import Observation
from collector.domain.instants import instant_of, micros_of
from collector.domain.terms import parse_fall_terms
from collector.errors import ClockError
from collector.store import schema, usage_requests
from collector.store.committing import (
    CLOCK_IS_WRONG,
    SET_THE_CLOCK,
    give_lease_back,
    hold_under_lease,
    insistently,
    keep_lease,
    require_still_there,
    stored_before,
)
from collector.store.engine import Database
from collector.store.entries import CLOCK, OK, Entry, PollHead, Stored
from collector.store.list_facts import Listed, Moved, PollBefore, growth_since, list_facts, poll_before
from collector.store.pacing import interval_of
from collector.store.poll_rows import add_poll_row, kept_rejections
from collector.store.reviews import Growth, reviewed
from collector.store.snapshots import Entered, Tail, enter, tail_of


def record_poll(database: Database, entry: Entry) -> Stored:
    """Store ``entry`` in one transaction and give its lease back.

    Raises:
        LeaseLostError: Another collector took the account over; nothing was stored.
        ClockError: Our clock is more than a day behind what is stored; nothing was stored.
        LostTailError: The poll that this one must follow is not stored any more; nothing was stored.
        DisconnectedError: The server went away; whether the poll was stored is unknown.
        StorageError: The database could not be written; nothing was stored.
    """

    def store(connection: Connection) -> Stored:
        kept = give_lease_back(connection, entry)
        require_still_there(connection, entry)
        under = _under_kept_terms(entry, kept)
        tails = _tails(connection, under)
        newest = _newest(tails)
        return _store(connection, under if newest is None else _checked_against_clock(under, newest), tails)

    return insistently(database, entry, store)


def record_spooled(database: Database, entry: Entry) -> Stored | None:
    """Store a poll that had to wait, with the instants it had, and keep its lease.

    Returns:
        What was stored, also where that had happened before; None where newer values were stored meanwhile, so that it
        must be put between them (see ``late_polls``).

    Raises:
        LeaseLostError: Another collector took the account over; nothing was stored.
        LostTailError: The poll that this one must follow is not stored any more; nothing was stored.
        StorageError: The database could not be written.
    """

    def store(connection: Connection) -> Stored | None:
        hold_under_lease(connection, entry)
        before = stored_before(connection, entry)
        if before is not None:
            return before
        require_still_there(connection, entry)
        kept = keep_lease(connection, entry)
        under = _under_kept_terms(entry, kept)
        tails = _tails(connection, under)
        newest = _newest(tails)
        if newest is not None and entry.outcome == OK and micros_of(entry.finished_at) <= newest:
            return None
        return _store(connection, under, tails)

    return insistently(database, entry, store)


def _tails(connection: Connection, entry: Entry) -> dict[str, Tail]:
    return {
        name: tail_of(connection, meter, declared=_is_declared(entry, name))
        for name, meter in entry.account.meters.items()
    }


def _newest(tails: Mapping[str, Tail]) -> int | None:
    return max((tail.confirmed for tail in tails.values() if tail.confirmed is not None), default=None)


def _is_declared(entry: Entry, meter: str) -> bool:
    return meter in entry.terms and entry.terms[meter].resets is Resets.PERIOD


def _under_kept_terms(entry: Entry, kept: str) -> Entry:
    """Return the entry with the terms by which everything before it was decided."""
    if not kept or entry.fall_terms is None or entry.fall_terms.text == kept:
        return entry
    terms = parse_fall_terms(kept)
    return replace(entry, terms={name: terms.of_meter(name) for name in entry.account.meters})


def _checked_against_clock(entry: Entry, newest: int) -> Entry:
    """Turn a poll that our clock puts before the newest snapshot into a clock fault."""
    seen = micros_of(entry.finished_at)
    if seen > newest:
        return entry
    last = instant_of(newest)
    if last - entry.finished_at > CLOCK_IS_WRONG:
        raise ClockError(
            f"the clock says {entry.finished_at.astimezone(UTC):%Y-%m-%d %H:%M}Z, but account {entry.account.name} has "
            f"values of {last:%Y-%m-%d %H:%M}Z; nothing was stored: {SET_THE_CLOCK}"
        )
    if entry.outcome != OK:
        return entry
    error = f"our clock is not later than the newest snapshot of {last:%Y-%m-%dT%H:%M:%S.%fZ}; values not entered"
    return replace(entry, outcome=CLOCK, error=error, counters={}, requests=(), rejections=())


def _store(connection: Connection, entry: Entry, tails: Mapping[str, Tail]) -> Stored:
    listing, before = None, None
    if entry.outcome == OK and entry.requests_meter is not None:
        listing = usage_requests.compare(connection, entry.account.id, entry.requests)
        before = poll_before(connection, entry.account.id)
    entered = _enter_counters(connection, entry, tails)
    known = _list_facts(connection, entry, (tails, entered), listing, before)
    if entry.outcome == OK:
        entry = replace(entry, flags=reviewed(connection, entry, listing, _growths(entry, tails, entered)))
    head = _insert_poll_row(connection, entry, listing, known)
    if listing is not None:
        left_at = None if before is None else before.at
        usage_requests.write(connection, entry.account.id, head.number, listing, entry.finished_at, left_at)
    return Stored(
        entry.outcome,
        entry.error,
        {name: (entry.counters[name], _growth(entry.counters[name], one)) for name, one in entered.items()},
        {name: one.decisions for name, one in entered.items() if one.decisions},
        0 if listing is None else listing.new,
        0 if listing is None else listing.updated,
        known,
        _keep_pace(connection, entry),
        head,
        entry.flags,
    )


def _growths(entry: Entry, tails: Mapping[str, Tail], entered: Mapping[str, Entered]) -> dict[str, Growth]:
    return {
        name: Growth(entry.account.meters[name], _growth(entry.counters[name], one), tails[name].confirmed)
        for name, one in entered.items()
    }


def _list_facts(
    connection: Connection,
    entry: Entry,
    moves: tuple[Mapping[str, Tail], Mapping[str, Entered]],
    listing: usage_requests.Listing | None,
    before: PollBefore | None,
) -> ListFacts:
    if listing is None:
        return ListFacts()
    tails, entered = moves

    def growth(name: str | None) -> int | None:
        if name is None:
            return None
        moved = Moved(entry.account.meters[name], tails[name], entered[name], entry.counters[name])
        return growth_since(connection, moved, before)

    listed = Listed(entry.account.id, listing, entry.finished_at, len(entry.rejections), before)
    return list_facts(connection, listed, growth(entry.requests_meter), growth(entry.credits_meter))


def _keep_pace(connection: Connection, entry: Entry) -> datetime | None:
    """Ask sooner than planned where the list says so, and return when."""
    if entry.pacing is None or entry.outcome != OK or entry.requests_meter is None:
        return None
    meter = entry.account.meters[entry.requests_meter]
    every = interval_of(connection, entry.account.id, meter, entry.pacing.bounds)
    at = entry.pacing.next_poll_at(every)
    if at == entry.plan.next_poll_at:
        return None
    connection.execute(update(schema.account).where(schema.account.c.id == entry.account.id).values(next_poll_at=at))
    return at


def _enter_counters(connection: Connection, entry: Entry, tails: Mapping[str, Tail]) -> dict[str, Entered]:
    at = micros_of(entry.finished_at)
    silence = entry.gap_after // timedelta(microseconds=1)
    if entry.counters:
        _keep_cadence(connection, entry, at if any(one.observed for one in tails.values()) else 0)
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


def _keep_cadence(connection: Connection, entry: Entry, since: int) -> None:
    """Write down from when on which silence is a gap, where that changed."""
    cadence = schema.cadence
    gap_after = entry.gap_after // timedelta(microseconds=1)
    last = connection.scalar(
        select(cadence.c.gap_after)
        .where(cadence.c.account == entry.account.id)
        .order_by(cadence.c.since.desc())
        .limit(1)
    )
    if last != gap_after:
        connection.execute(insert(cadence).values(account=entry.account.id, since=since, gap_after=gap_after))


def _growth(value: int, entered: Entered) -> int | None:
    return None if entered.before is None or not entered.smooth else value - entered.before


def _insert_poll_row(
    connection: Connection, entry: Entry, listing: usage_requests.Listing | None, known: ListFacts
) -> PollHead:
    """Add the poll's row at the end of the account's chain and return it as the chain's head."""
    poll = schema.poll
    last = connection.execute(
        select(poll.c.id, poll.c.digest).where(poll.c.account == entry.account.id).order_by(poll.c.id.desc()).limit(1)
    ).first()
    number, previous = (1, None) if last is None else (last.id + 1, last.digest)
    return add_poll_row(connection, entry.account.id, number, previous, _facts(entry, listing, known))


def _facts(entry: Entry, listing: usage_requests.Listing | None, known: ListFacts) -> PollFacts:
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
        rejections=kept_rejections(entry.rejections),
        body=entry.body,
        listing=known,
    )
