"""Reads how complete the provider's lists were: the overruns, and sums over a period.

The instants of an account's good polls rise with their numbers, so a period is found by halving the numbers, and only
its own polls are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, literal_column, or_, select

from collector.domain.completeness import never_explained
from collector.store import schema
from collector.store.rows import any_text_of

_account = schema.account
_poll = schema.poll


@dataclass(frozen=True, slots=True)
class Overrun:
    """A poll at which requests were missed, or credits stayed unexplained.

    Attributes:
        missed_requests: Requests that no list will ever show; None where the list was overrun while the counter fell,
            so that nobody knows how many.
        missed_after, missed_before: The span in which they were made; None where the list was not overrun.
        unexplained: Growth of the credits less those of the listed requests; None where that is unknown.
    """

    account: str
    polled_at: datetime
    missed_requests: int | None
    missed_after: datetime | None
    missed_before: datetime | None
    new_requests: int | None
    listed_requests: int | None
    unexplained: int | None


def overruns(
    connection: Connection,
    accounts: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Iterator[Overrun]:
    """Yield the polls in ``[start, end)`` that missed requests or left credits unexplained, by account and time.

    Credits that later polls take back, as where the counter moves before its list, are no finding, also where those
    polls come after ``end``.
    """
    statement = select(_account.c.id, _account.c.name)
    if accounts is not None:
        statement = statement.where(any_text_of(connection, _account.c.name, accounts))
    named = sorted((row.name, row.id) for row in connection.execute(statement))
    for name, identity in named:
        found = _doubtful(connection, identity, name, start)
        unexplained = {one.polled_at for one in never_explained(found)}
        for one in found:
            if (end is None or one.polled_at < end) and (one.missed_before or one.polled_at in unexplained):
                yield one


def _doubtful(connection: Connection, account: int, name: str, start: datetime | None) -> list[Overrun]:
    rows = connection.execute(
        select(
            _poll.c.finished_at,
            _poll.c.missed_requests,
            _poll.c.missed_after,
            _poll.c.missed_before,
            _poll.c.new_requests,
            _poll.c.listed_requests,
            _poll.c.unexplained,
        )
        .where(
            *_good_polls(connection, account, start, None),
            or_(_poll.c.missed_before.is_not(None), _poll.c.unexplained != 0),
        )
        .order_by(_poll.c.id)
    )
    return [Overrun(name, *row) for row in rows]


@dataclass(frozen=True, slots=True)
class ListSums:
    """What an account's polls of a period found out about its list.

    Attributes:
        missed: Requests that no list will ever show, as far as they were counted.
        unmatched: Requests counted and not listed, with the sign; what merely lagged has cancelled out.
        unexplained: Credits that no listed request explains, with the sign.
        rejected: Records refused alone, counted at each poll that listed them.
        overruns: Polls at which the list was overrun.
    """

    missed: int = 0
    unmatched: int = 0
    unexplained: int = 0
    rejected: int = 0
    overruns: int = 0


def list_sums(
    connection: Connection, account: int, start: datetime | None = None, end: datetime | None = None
) -> ListSums | None:
    """Return the sums over the good polls of ``account`` in ``[start, end)``; None if none of them saw a list."""
    halves = [half for column in (_poll.c.unmatched_requests, _poll.c.unexplained) for half in _halves(column)]
    row = connection.execute(
        select(
            func.count(_poll.c.new_requests),
            func.coalesce(func.sum(_poll.c.missed_requests), 0),
            func.coalesce(func.sum(_poll.c.rejected_requests), 0),
            func.count(_poll.c.missed_before),
            *halves,
        ).where(*_good_polls(connection, account, start, end))
    ).one()
    listed, missed, rejected, found, *parts = (int(one) for one in row)
    if not listed:
        return None
    return ListSums(missed, (parts[0] << 32) + parts[1], (parts[2] << 32) + parts[3], rejected, found)


def _halves(column: ColumnElement[int | None]) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Sum in two halves: a sum beyond 64 bits is an error on SQLite. PostgreSQL shifts by no bound 64-bit number."""
    return (
        func.coalesce(func.sum(column.op(">>")(literal_column("32"))), 0),
        func.coalesce(func.sum(column.op("&")(literal_column("4294967295"))), 0),
    )


def _good_polls(
    connection: Connection, account: int, start: datetime | None, end: datetime | None
) -> list[ColumnElement[bool]]:
    """Return the conditions for the account's good polls of kind ``poll`` in ``[start, end)``."""
    wanted = _good(account)
    if start is not None:
        wanted.append(_poll.c.id >= _first_at(connection, account, start))
    if end is not None:
        wanted.append(_poll.c.id < _first_at(connection, account, end))
    return wanted


def _good(account: int) -> list[ColumnElement[bool]]:
    return [_poll.c.account == account, _poll.c.kind == "poll", _poll.c.outcome == "ok"]


def _first_at(connection: Connection, account: int, instant: datetime) -> int:
    """Return the number of the account's first good poll not before ``instant``, or one beyond the last."""
    low = 0
    high = (connection.scalar(select(func.max(_poll.c.id)).where(_poll.c.account == account)) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            select(_poll.c.id, _poll.c.finished_at)
            .where(and_(*_good(account)), _poll.c.id >= middle, _poll.c.id < high)
            .order_by(_poll.c.id)
            .limit(1)
        ).first()
        if row is None or row.finished_at >= instant:
            high = middle
        else:
            low = int(row.id) + 1
    return low
