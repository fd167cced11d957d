"""Finds out what a poll tells of the provider's list: whether it was seen whole, and whose credits nobody explains.

Runs inside the poll's transaction, before its row is written. The rules are those of ``collector.domain.completeness``;
here is what they are applied to. Growth counts from the account's last good poll: what an import brought in since then
must not make a poll's own requests look uncounted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, select

from collector.domain.completeness import LOOK_BACK, Compared, Neighbours, balance
from collector.domain.digest import ListFacts
from collector.domain.falls import Status
from collector.domain.instants import micros_of
from collector.store import schema
from collector.store.snapshots import Entered, Tail
from collector.store.usage_requests import Listing, newest_made_at

_poll = schema.poll
_snapshot = schema.snapshot
_decision = schema.decision
_LIMIT = 2**63


@dataclass(frozen=True, slots=True)
class PollBefore:
    """The account's last good poll.

    Attributes:
        at: When its answer was complete.
        listed: True if the provider has a list.
    """

    at: datetime
    listed: bool


def poll_before(connection: Connection, account: int) -> PollBefore | None:
    """Return the account's last good poll, or None."""
    row = connection.execute(
        select(_poll.c.finished_at, _poll.c.new_requests)
        .where(_poll.c.account == account, _poll.c.kind == "poll", _poll.c.outcome == "ok")
        .order_by(_poll.c.id.desc())
        .limit(1)
    ).first()
    return None if row is None else PollBefore(row.finished_at, row.new_requests is not None)


@dataclass(frozen=True, slots=True)
class Moved:
    """What a poll did to one meter: where it stood, what was entered, and the new value."""

    meter: int
    tail: Tail
    entered: Entered
    value: int


def growth_since(connection: Connection, moved: Moved, before: PollBefore | None) -> int | None:
    """Return by how much a meter grew since the poll before; None at the first poll and where a fall is involved."""
    if before is None or not moved.entered.smooth or moved.tail.value is None:
        return None
    since = micros_of(before.at)
    if moved.tail.confirmed == since:
        return moved.value - moved.tail.value
    return _growth_over_imports(connection, moved, since)


def _growth_over_imports(connection: Connection, moved: Moved, since: int) -> int | None:
    fallen = exists().where(
        _decision.c.meter == moved.meter, _decision.c.superseded_at.is_(None), _decision.c.at > since
    )
    known: int | None = connection.scalar(
        select(_snapshot.c.value)
        .where(
            _snapshot.c.meter == moved.meter,
            _snapshot.c.observed_at <= since,
            _snapshot.c.status == Status.GOOD,
            ~fallen,
        )
        .order_by(_snapshot.c.observed_at.desc())
        .limit(1)
    )
    return None if known is None else moved.value - known


@dataclass(frozen=True, slots=True)
class Listed:
    """A poll's list and what belongs to it.

    Attributes:
        at: When the answer was complete.
        rejected: How many records were refused alone.
        before: The account's last good poll, or None.
    """

    account: int
    listing: Listing
    at: datetime
    rejected: int
    before: PollBefore | None


def list_facts(connection: Connection, one: Listed, requests: int | None, credits: int | None) -> ListFacts:
    """Return what a list tells.

    Args:
        connection: The poll's transaction.
        one: The list.
        requests: Growth of the counter of requests since the poll before; None where unknown.
        credits: Growth of the counter of credits; None where unknown or where there is none.
    """
    listing = one.listing
    unmatched = None if requests is None else requests - listing.new - len(listing.first_listed)
    missed, after, before = _overrun(connection, one, Compared(unmatched, listing.new))
    return ListFacts(
        listed=listing.listed,
        new=listing.new,
        rejected=one.rejected,
        unmatched=unmatched,
        missed=missed,
        missed_after=after,
        missed_before=before,
        unexplained=None if credits is None else _within_reach(credits - listing.credits),
        left=listing.left,
    )


def _within_reach(credits: int) -> int | None:
    """Return a difference that a column can hold; beyond that the provider's own figures are out of this world."""
    return credits if -_LIMIT <= credits < _LIMIT else None


def _overrun(connection: Connection, one: Listed, compared: Compared) -> tuple[int | None, int | None, int | None]:
    """Return how many requests were missed, and the span in which they were made, in microseconds since 1970 UTC."""
    if one.before is None or not one.before.listed:
        return None, None, None
    span = _unseen(connection, one, one.before) if compared.new else None
    if span is None:
        return 0, None, None
    missed = None
    if compared.unmatched is not None:
        missed = compared.unmatched + balance(_compared_before(connection, one.account))
        if missed <= 0:
            return 0, None, None
    return missed, micros_of(span[0]), micros_of(span[1])


def _unseen(connection: Connection, one: Listed, before: PollBefore) -> tuple[datetime, datetime] | None:
    newest = one.listing.newest_before
    if newest is None and not one.listing.overlap:
        newest = newest_made_at(connection, one.account)
    return Neighbours(one.listing.overlap, newest, one.listing.oldest_new, before.at, one.at).unseen()


def _compared_before(connection: Connection, account: int) -> list[Compared]:
    rows = connection.execute(
        select(_poll.c.unmatched_requests, _poll.c.new_requests, _poll.c.missed_before)
        .where(_poll.c.account == account, _poll.c.kind == "poll", _poll.c.outcome == "ok")
        .order_by(_poll.c.id.desc())
        .limit(LOOK_BACK)
    )
    return [Compared(row.unmatched_requests, row.new_requests, row.missed_before is not None) for row in rows]
