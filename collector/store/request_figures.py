"""Figures of an account's request records, worked out by the database: a million records never pass through here.

A question is about the records made in ``[start, end)``, None leaving a side open; a record without a time of creation
counts from when it was first seen, as everywhere. Distributions come as values in order with how often each occurs, so
that any rank of them can be found in one walk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    func,
    literal_column,
    select,
    type_coerce,
    union_all,
)

from collector.domain.requests import FINAL_STATUSES, UNRESOLVED
from collector.store import schema
from collector.store.request_sums import last_good_poll

_AnySelect: TypeAlias = "Select[*tuple[Any, ...]]"
_CHUNK = 2000
_HALF = literal_column(str(2**32), BigInteger)
_SECOND = literal_column("1000000", BigInteger)
_QUARTER = literal_column(str(900_000_000), BigInteger)
_request = schema.usage_request
_made = func.coalesce(_request.c.created_at, _request.c.first_seen_at)
_settled = func.coalesce(_request.c.completed_at, _request.c.created_at, _request.c.first_seen_at)
_MOST_FIRST = (_request.c.credits_used.desc(), _request.c.request_id)
_took: ColumnElement[int] = type_coerce(_request.c.completed_at, BigInteger) - type_coerce(
    _request.c.created_at, BigInteger
)


@dataclass(frozen=True, slots=True)
class RequestSpan:
    """Which records: those of one account, made in ``[start, end)``.

    Attributes:
        last_good: When the account's list was last seen, None if never: what left it before is unresolved.
    """

    account: int
    start: datetime | None
    end: datetime | None
    last_good: datetime | None


class Counted(NamedTuple):
    """A value and how often it occurs."""

    value: int
    times: int


class Quarter(NamedTuple):
    """What was made within a quarter of an hour that begins ``at``, in microseconds since 1970 UTC."""

    at: int
    requests: int
    credits: int


class ShownRequest(NamedTuple):
    """One record as a summary shows it."""

    request_id: str
    status: str
    created_at: datetime | None
    completed_at: datetime | None
    credits_used: int | None


def request_span(connection: Connection, name: str, start: datetime | None, end: datetime | None) -> RequestSpan | None:
    """Return the span of the account called ``name``, or None if it is not recorded."""
    found = connection.scalar(select(schema.account.c.id).where(schema.account.c.name == name))
    return None if found is None else RequestSpan(found, start, end, last_good_poll(connection, found))


def has_list(connection: Connection, span: RequestSpan) -> bool:
    """Return True if the account ever had a request record, whenever it was made."""
    return (
        connection.scalar(select(_request.c.request_id).where(_request.c.account == span.account).limit(1)) is not None
    )


def status_counts(connection: Connection, span: RequestSpan) -> list[tuple[str, bool, int]]:
    """Return status, whether the record left the list before its end, and how many there are."""
    gone = _unresolved(span)
    records = _within(select(_request.c.status, gone.label("gone")), span).subquery()
    rows = connection.execute(
        select(records.c.status, records.c.gone, func.count()).group_by(records.c.status, records.c.gone)
    )
    return sorted((status, bool(left), count) for status, left, count in rows)


def credit_counts(connection: Connection, span: RequestSpan) -> Iterator[Counted]:
    """Yield the credits of completed requests in rising order with how many used each."""
    used = _request.c.credits_used
    statement = _within(select(type_coerce(used, BigInteger), func.count()), span)
    statement = statement.where(used.is_not(None), _request.c.status == "completed")
    yield from _counted(connection, statement.group_by(used).order_by(used))


def duration_counts(connection: Connection, span: RequestSpan) -> Iterator[Counted]:
    """Yield the whole seconds from creation to completion in rising order with how many requests took each.

    Records that end before they begin are left out: they tell of a clock, not of a request.
    """
    seconds = _took // _SECOND
    statement = _within(select(seconds, func.count()), span).where(_took >= 0)
    yield from _counted(connection, statement.group_by(seconds).order_by(seconds))


def by_quarter(connection: Connection, span: RequestSpan) -> Iterator[Quarter]:
    """Yield the quarters of an hour in which requests were made, in order, with how many and their credits.

    Only records with a time of creation: when one was first seen says when somebody looked.
    """
    at: ColumnElement[int] = type_coerce(_request.c.created_at, BigInteger) // _QUARTER
    used = type_coerce(_request.c.credits_used, BigInteger)
    statement = (
        _within(
            select(
                at.label("quarter"),
                func.count(),
                func.coalesce(func.sum(used // _HALF), 0),
                func.coalesce(func.sum(used % _HALF), 0),
            ),
            span,
        )
        .where(_request.c.created_at.is_not(None))
        .group_by(at)
        .order_by(at)
    )
    for quarter, count, high, low in connection.execute(statement, execution_options={"yield_per": _CHUNK}):
        yield Quarter(int(quarter) * 900_000_000, count, (int(high) << 32) + int(low))


def longest_requests(connection: Connection, span: RequestSpan, limit: int) -> list[ShownRequest]:
    """Return the completed records that took longest, longest first."""
    statement = _within(_shown(), span).where(_took >= 0).order_by(_took.desc(), _request.c.request_id)
    return [_as_shown(row) for row in connection.execute(statement.limit(limit))]


def running_requests(connection: Connection, span: RequestSpan, limit: int) -> list[ShownRequest]:
    """Return the records that are listed and not final, oldest first."""
    statement = _within(_shown(), span).where(_request.c.status.not_in(FINAL_STATUSES), ~_unresolved(span))
    return [_as_shown(row) for row in connection.execute(statement.order_by(_made, _request.c.request_id).limit(limit))]


def unresolved_requests(connection: Connection, span: RequestSpan, limit: int) -> list[ShownRequest]:
    """Return the records that left the list before their end, newest first."""
    statement = _within(_shown(), span).where(_unresolved(span)).order_by(_made.desc(), _request.c.request_id)
    return [_as_shown(row) for row in connection.execute(statement.limit(limit))]


def status_counts_of(connection: Connection, spans: Sequence[RequestSpan]) -> list[dict[str, int]]:
    """Return of each span how many records were made in it, by status, with one statement for all.

    The status of those that left the list before their end is ``unresolved``.
    """
    parts = []
    for place, span in enumerate(spans):
        records = _within(select(_request.c.status, _unresolved(span).label("gone")), span).subquery()
        counted = select(_number(place), records.c.status, records.c.gone, func.count().label("times"))
        parts.append(counted.group_by(records.c.status, records.c.gone))
    found: list[dict[str, int]] = [{} for _ in spans]
    for place, status, gone, times in connection.execute(union_all(*parts)) if parts else ():
        shown = UNRESOLVED if gone else status
        found[place][shown] = found[place].get(shown, 0) + times
    return [dict(sorted(one.items())) for one in found]


def largest_requests_of(
    connection: Connection, spans: Sequence[RequestSpan], limit: int
) -> list[tuple[ShownRequest, ...]]:
    """Return of each span the records whose credits fell into it and were most, most first, with one statement."""
    parts = []
    for place, span in enumerate(spans):
        used = _shown().where(_request.c.account == span.account, _request.c.credits_used > 0, *_settled_in(span))
        largest = used.order_by(*_MOST_FIRST).limit(limit).subquery()
        parts.append(select(_number(place), *largest.c))
    found: list[list[ShownRequest]] = [[] for _ in spans]
    for row in connection.execute(union_all(*parts)) if parts else ():
        found[row.place].append(_as_shown(row))
    return [tuple(sorted(one, key=lambda shown: (-(shown.credits_used or 0), shown.request_id))) for one in found]


def _number(place: int) -> ColumnElement[int]:
    return literal_column(str(place), BigInteger).label("place")


def _settled_in(span: RequestSpan) -> Iterator[ColumnElement[bool]]:
    if span.start is not None:
        yield _settled >= span.start
    if span.end is not None:
        yield _settled < span.end


def _shown() -> _AnySelect:
    return select(
        _request.c.request_id,
        _request.c.status,
        _request.c.created_at,
        _request.c.completed_at,
        _request.c.credits_used,
    )


def _as_shown(row: Row[Any]) -> ShownRequest:
    return ShownRequest(row.request_id, row.status, row.created_at, row.completed_at, row.credits_used)


def _counted(connection: Connection, statement: _AnySelect) -> Iterator[Counted]:
    for value, count in connection.execute(statement, execution_options={"yield_per": _CHUNK}):
        yield Counted(int(value), count)


def _unresolved(span: RequestSpan) -> ColumnElement[bool]:
    """Return the condition that a later list no longer showed a record that was not final."""
    if span.last_good is None:
        return literal_column("1") == literal_column("0")
    # A record that is still listed has no last_seen_at; compared alone the condition were unknown, not false.
    left = _request.c.last_seen_at.is_not(None) & (_request.c.last_seen_at < span.last_good)
    return left & _request.c.status.not_in(FINAL_STATUSES)


def _within(statement: _AnySelect, span: RequestSpan) -> _AnySelect:
    statement = statement.where(_request.c.account == span.account)
    if span.start is not None:
        statement = statement.where(_made >= span.start)
    if span.end is not None:
        statement = statement.where(_made < span.end)
    return statement
