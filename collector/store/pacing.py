"""Says how often an account is asked, from nothing but its stored polls and snapshots.

The rule is that of ``collector.domain.pace``. Rule for editors: a fixed number of look-ups, whatever the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, exists, select

from collector.domain.accounts import Counts
from collector.domain.edges import Bracket
from collector.domain.instants import SECOND, micros_of
from collector.domain.pace import LEAST_HISTORY_SECONDS, LOOKS, Bounds, Look, interval, usual_rate
from collector.store import schema
from collector.store.reading import brackets
from collector.store.rows import any_text_of

_poll = schema.poll
_request = schema.usage_request

_PollRow: TypeAlias = "Row[Any, Any, Any, Any, Any]"
_HOUR = 3600 * SECOND
_DAY = 24 * _HOUR
_WEEK = 7 * _DAY


@dataclass(frozen=True, slots=True)
class Lister:
    """An account whose provider lists requests, and the meter that counts them, by row id."""

    account: int
    meter: int


def listers(connection: Connection, accounts: Sequence[str] | None = None) -> dict[str, Lister]:
    """Return the recorded accounts whose provider lists requests, by name."""
    account, meter = schema.account, schema.meter
    statement = (
        select(account.c.name, account.c.id, meter.c.id.label("meter"))
        .join(meter, meter.c.account == account.c.id)
        .where(meter.c.counts == Counts.REQUESTS.value)
    )
    if accounts is not None:
        statement = statement.where(any_text_of(connection, account.c.name, accounts))
    return {row.name: Lister(row.id, row.meter) for row in connection.execute(statement)}


def interval_of(connection: Connection, account: int, meter: int, bounds: Bounds) -> timedelta:
    """Return how long after its last good poll an account with a list is asked again.

    Args:
        connection: A transaction that sees the last poll.
        account: The account's row id.
        meter: That of its counter of requests.
        bounds: Between what the interval lies.
    """
    rows = connection.execute(
        select(
            _poll.c.finished_at,
            _poll.c.listed_requests,
            _poll.c.rejected_requests,
            _poll.c.new_requests,
            _poll.c.unmatched_requests,
        )
        .where(_poll.c.account == account, _poll.c.kind == "poll", _poll.c.outcome == "ok")
        .order_by(_poll.c.id.desc())
        .limit(LOOKS + 1)
    ).all()
    if not rows:
        return bounds.longest
    looks = [_look(row, before) for row, before in zip(rows, [*rows[1:], None], strict=True)][:LOOKS]
    ahead = max(_HOUR, bounds.longest // timedelta(microseconds=1))
    known = _known(connection, meter, micros_of(rows[0].finished_at), ahead)
    whole = looks[0].length == known[0].value and not _left(connection, account)
    return interval(bounds, looks, usual_rate(_grown(known)), whole=whole)


def _look(row: _PollRow, before: _PollRow | None) -> Look:
    new, unmatched = row.new_requests or 0, row.unmatched_requests or 0
    seconds = None if before is None else (row.finished_at - before.finished_at).total_seconds()
    length = (row.listed_requests or 0) + (row.rejected_requests or 0)
    return Look(length, new + max(0, unmatched), seconds)


def _left(connection: Connection, account: int) -> bool:
    """Tell whether any request has left the list."""
    left = exists().where(_request.c.account == account, _request.c.last_seen_at.is_not(None))
    return bool(connection.scalar(select(left)))


def _known(connection: Connection, meter: int, now: int, ahead: int) -> list[Bracket]:
    """Return the counter now, an hour ago, and at both ends of what lay ahead a day and a week ago."""
    ats = [now, now - _HOUR, now - _DAY, now - _DAY + ahead, now - _WEEK, now - _WEEK + ahead]
    found = {one.at: one for one in brackets(connection, {meter: sorted({min(at, now) for at in ats})})[meter]}
    return [found[min(at, now)] for at in ats]


def _grown(known: list[Bracket]) -> list[tuple[int, float]]:
    """Return how much the counter grew, and in how many seconds, over each stretch that tells what is usual."""
    now, hour, day, day_ahead, week, week_ahead = known
    since = [_between(first, now) for first in (hour, day)]
    then = [_between(*both) for both in ((day, day_ahead), (week, week_ahead)) if both[0].observed is not None]
    return [one for one in since if one[1] >= LEAST_HISTORY_SECONDS] + then


def _between(first: Bracket, last: Bracket) -> tuple[int, float]:
    """Return growth and seconds between the values known at two boundaries; a fall is a new beginning."""
    (before, since), (after, until) = _stand(first), _stand(last)
    return (after - before if after >= before else after), (until - since) / SECOND


def _stand(one: Bracket) -> tuple[int, int]:
    """Return the value at a boundary and when it was observed; before the first snapshot, the first one."""
    if one.value is None or one.confirmed is None:
        return one.next_value or 0, one.next_observed or one.at
    return one.value, min(one.confirmed, one.at)
