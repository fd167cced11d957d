"""Counts an account's request records of a period, and sums the credits that fell into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Connection, false, func, literal_column, select

from collector.domain.requests import FINAL_STATUSES, UNRESOLVED
from collector.store import schema

_HALF = literal_column(str(2**32), BigInteger)
_request = schema.usage_request
_poll = schema.poll


@dataclass(frozen=True, slots=True)
class RequestSums:
    """What the request records say of a period ``[start, end)``.

    Attributes:
        statuses: How many were made in it, by status; ``unresolved`` for those that left the list before their end.
        credits: What was used in it: credits count when a request was completed, else when it was made or first seen.
    """

    statuses: Mapping[str, int]
    credits: int

    @property
    def made(self) -> int:
        """How many requests were made in the period, as far as the records tell."""
        return sum(self.statuses.values())


def request_sums(connection: Connection, account: int, start: datetime, end: datetime) -> RequestSums:
    """Return what the records of ``account`` say of ``[start, end)``."""
    return RequestSums(_statuses(connection, account, start, end), _credits(connection, account, start, end))


def last_good_poll(connection: Connection, account: int) -> datetime | None:
    """Return when the account's list was last seen, or None."""
    found: datetime | None = connection.scalar(
        select(_poll.c.finished_at)
        .where(_poll.c.account == account, _poll.c.outcome == "ok", _poll.c.kind == "poll")
        .order_by(_poll.c.id.desc())
        .limit(1)
    )
    return found


def _statuses(connection: Connection, account: int, start: datetime, end: datetime) -> dict[str, int]:
    made = func.coalesce(_request.c.created_at, _request.c.first_seen_at)
    latest = last_good_poll(connection, account)
    # Where nobody ever asked, no list can show that a record left it.
    left = false() if latest is None else _request.c.last_seen_at < latest
    records = (
        select(_request.c.status, left.label("left"))
        .where(_request.c.account == account, made >= start, made < end)
        .subquery()
    )
    rows = connection.execute(
        select(records.c.status, records.c.left, func.count()).group_by(records.c.status, records.c.left)
    )
    found: dict[str, int] = {}
    for status, left, count in rows:
        shown = UNRESOLVED if left and status not in FINAL_STATUSES else status
        found[shown] = found.get(shown, 0) + count
    return dict(sorted(found.items()))


def _credits(connection: Connection, account: int, start: datetime, end: datetime) -> int:
    """Sum in two halves: a sum beyond 64 bits is an error on SQLite."""
    settled = func.coalesce(_request.c.completed_at, _request.c.created_at, _request.c.first_seen_at)
    used = _request.c.credits_used
    high, low = connection.execute(
        select(
            func.coalesce(func.sum(used // _HALF), 0),
            func.coalesce(func.sum(used % _HALF), 0),
        ).where(_request.c.account == account, settled >= start, settled < end)
    ).one()
    return (int(high) << 32) + int(low)
