"""Finds what deserves a review although the poll is good, as far as only earlier polls can tell.

    regression      a request went back from an end to work in progress; the record stays as it was
    conflict        a request that had ended says something else of its end; the record stays as it was
    window_changed  the list of recent requests is shorter than it was at the good poll before
    unknown_status  a status nobody documented: the first time for the account, and not again
    spike           a counter grew more than is plausible: a fault of the provider's, or a change of unit; an account
                    with several meters has a flag such as ``spike:credits`` beside it

A flag is raised at the poll that brings the news. Nothing is left out of the ledger for it; what a spike is left out
of, and until when, is in ``spikes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from sqlalchemy import Connection, select

from collector.domain.falls import Status
from collector.domain.instants import HOUR, micros_of
from collector.domain.requests import ChangeKind
from collector.store import schema
from collector.store.entries import OK, Entry
from collector.store.usage_requests import Listing

UNKNOWN_STATUS = "unknown_status"
WINDOW_CHANGED = "window_changed"
SPIKE = "spike"

# An honest busy hour stays below; another unit does not. What has grown fewer times has no usual growth yet.
_SPIKE_TIMES = 20
_LEAST_HISTORY = 20
_MOST_HISTORY = 200


@dataclass(frozen=True, slots=True)
class Growth:
    """How a counter moved at this poll.

    Attributes:
        meter: The meter's row id.
        units: By how much it grew since the snapshot before; None for the opening balance and around a fall.
        since: When the value before was last seen, in microseconds; None before the first.
    """

    meter: int
    units: int | None
    since: int | None


def reviewed(
    connection: Connection, entry: Entry, listing: Listing | None, growths: Mapping[str, Growth]
) -> tuple[str, ...]:
    """Return the flags of a poll about to be stored: those it came with, and what earlier polls tell; sorted."""
    flags = set(entry.flags)
    if UNKNOWN_STATUS in flags and _was_flagged(connection, entry.account.id, UNKNOWN_STATUS):
        flags.discard(UNKNOWN_STATUS)
    if listing is not None:
        kinds = {one.kind for one in listing.changes}
        flags.update(kind.value for kind in (ChangeKind.REGRESSION, ChangeKind.CONFLICT) if kind in kinds)
        if _is_shorter(connection, entry.account.id, listing.listed + len(entry.rejections)):
            flags.add(WINDOW_CHANGED)
    spikes = [name for name, one in growths.items() if _is_spike(connection, entry, name, one)]
    if spikes:
        flags.add(SPIKE)
        flags.update(f"{SPIKE}:{name}" for name in spikes if len(entry.account.meters) > 1)
    return tuple(sorted(flags))


def _was_flagged(connection: Connection, account: int, flag: str) -> bool:
    poll = schema.poll
    statement = select(poll.c.id).where(poll.c.account == account, poll.c.flags.contains(f'"{flag}"', autoescape=True))
    return connection.execute(statement.order_by(poll.c.id).limit(1)).first() is not None


def _is_shorter(connection: Connection, account: int, entries: int) -> bool:
    """Tell whether the list has fewer entries, good or bad, than at the good poll before."""
    poll = schema.poll
    before = connection.execute(
        select(poll.c.listed_requests, poll.c.rejected_requests)
        .where(poll.c.account == account, poll.c.kind == "poll", poll.c.outcome == OK)
        .order_by(poll.c.id.desc())
        .limit(1)
    ).first()
    return before is not None and entries < (before.listed_requests or 0) + (before.rejected_requests or 0)


def _is_spike(connection: Connection, entry: Entry, meter: str, grown: Growth) -> bool:
    """Tell whether a growth is above what is plausible.

    That is the configured maximum for each hour, begun or whole, that it covers: what may come within an hour may come
    within a minute of it. Where none is configured it is twenty times what 99 of 100 growths before it were, for each
    interval that it covers.
    """
    if not grown.units or grown.units < 0 or grown.since is None:
        return False
    highest = entry.max_per_hour.get(meter)
    if highest is not None:
        hours = max(1, -(-(micros_of(entry.finished_at) - grown.since) // HOUR))
        return grown.units > highest * hours
    return grown.units > _SPIKE_TIMES and _is_unusual(connection, entry, grown, grown.since)


def _is_unusual(connection: Connection, entry: Entry, grown: Growth, since: int) -> bool:
    usual = _usual_growth(connection, grown.meter)
    if usual is None:
        return False
    interval = max(1, entry.gap_after // timedelta(microseconds=2))  # a gap begins after two intervals
    intervals = max(1, -(-(micros_of(entry.finished_at) - since) // interval))
    return grown.units is not None and grown.units > _SPIKE_TIMES * usual * intervals


def _usual_growth(connection: Connection, meter: int) -> int | None:
    """Return the 99th percentile of the growths before this poll's; None where there are too few to tell."""
    snapshot = schema.snapshot
    values = connection.scalars(
        select(snapshot.c.value)
        .where(snapshot.c.meter == meter, snapshot.c.status == Status.GOOD)
        .order_by(snapshot.c.observed_at.desc())
        .offset(1)  # this poll's own
        .limit(_MOST_HISTORY + 1)
    ).all()
    growths = sorted(later - earlier for later, earlier in pairwise(values) if later > earlier)
    return None if len(growths) < _LEAST_HISTORY else growths[(len(growths) * 99 - 1) // 100]
