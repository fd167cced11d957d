"""Closed statements: frozen lines under a chain of SHA-256 digests, one chain for each account.

A close adds one row to ``statement`` and its lines to ``statement_line``, and nothing ever changes them: its digest is
over the digest of the account's close before it, the row itself, and every line in order. So an altered, exchanged or
removed row is found by ``broken_statements``. What no chain can show by itself is that its newest link is gone: after
the newest close of an account is deleted, nothing contradicts the rest. Keep the digest that ``close`` prints.

Rule for editors: what enters the digest is read back as it is stored, instants as plain microseconds, so that a value
no program would write can still be told from the one that was written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    Select,
    cast,
    insert,
    select,
    type_coerce,
    union,
)

from collector.domain.instants import micros_of
from collector.store import schema
from collector.store.rows import any_text_of

_account = schema.account
_statement = schema.statement
_line = schema.statement_line
_START = bytes(32)
_TEXTS = ("period", "timezone", "currency", "closed_by")

Header: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One frozen line.

    Attributes:
        kind: ``meter``, ``day``, ``price``, ``requests`` or ``correction``.
        meter: The meter's name; None for what belongs to the whole account.
        body: Its figures as canonical JSON.
    """

    kind: str
    meter: str | None
    body: str


@dataclass(frozen=True, slots=True)
class Closing:
    """What is to be frozen.

    Attributes:
        period: The period as written, such as ``2026-10``.
        period_start, period_end: Its instants, which hold whatever becomes of the account's zone and periods.
    """

    period: str
    period_start: datetime
    period_end: datetime
    timezone: str
    currency: str | None
    closed_at: datetime
    closed_by: str


@dataclass(frozen=True, slots=True)
class ClosedStatement:
    """A closed statement as it is stored; ``number`` counts the account's closes from 1."""

    account: str
    number: int
    closing: Closing
    digest: bytes
    lines: tuple[StatementLine, ...]


@dataclass(frozen=True, slots=True)
class BrokenStatement:
    """A closed statement that is not what was closed; ``number`` and ``period`` as far as they are known."""

    account: str
    number: int
    period: str | None
    fault: str


def canonical(body: object) -> str:
    """Return JSON that is the same text for the same content: sorted keys, no blanks, ASCII."""
    return json.dumps(body, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def held_account(connection: Connection, name: str) -> int:
    """Return the id of the account ``name`` and keep other writers of it out until the transaction ends."""
    found = connection.scalar(select(_account.c.id).where(_account.c.name == name).with_for_update())
    return int(found or 0)


def closed_statements(connection: Connection, accounts: Sequence[str] | None = None) -> list[ClosedStatement]:
    """Return the closed statements of the named accounts, or of all, by account and number."""
    statement = select(_statement, _account.c.name).join(_account, _account.c.id == _statement.c.account)
    if accounts is not None:
        statement = statement.where(any_text_of(connection, _account.c.name, accounts))
    headers = connection.execute(statement.order_by(_statement.c.account, _statement.c.number)).all()
    lines = _lines_of(connection, sorted({row.account for row in headers}))
    found = [_closed(row, lines.get((row.account, row.number), [])) for row in headers]
    return sorted(found, key=lambda one: (one.account, one.number))


def _lines_of(connection: Connection, ids: Sequence[int]) -> dict[tuple[int, int], list[StatementLine]]:
    found: dict[tuple[int, int], list[StatementLine]] = {}
    for account in ids:
        rows = connection.execute(
            select(_line).where(_line.c.account == account).order_by(_line.c.statement, _line.c.line)
        )
        for row in rows:
            found.setdefault((account, row.statement), []).append(StatementLine(row.kind, row.meter, row.body))
    return found


def _closed(row: Row[Any], lines: Sequence[StatementLine]) -> ClosedStatement:
    closing = Closing(
        row.period, row.period_start, row.period_end, row.timezone, row.currency, row.closed_at, row.closed_by
    )
    return ClosedStatement(row.name, row.number, closing, row.digest, tuple(lines))


def add_statement(
    connection: Connection, account: int, closing: Closing, lines: Sequence[StatementLine]
) -> tuple[int, bytes]:
    """Freeze a statement at the end of the account's chain and return its number and digest.

    The caller holds the account (``held_account``) and knows that the period is not closed yet.
    """
    name = connection.scalar(select(_account.c.name).where(_account.c.id == account))
    last = connection.execute(
        select(_statement.c.number, _statement.c.digest)
        .where(_statement.c.account == account)
        .order_by(_statement.c.number.desc())
        .limit(1)
    ).first()
    number = 1 if last is None else last.number + 1
    numbered = [(count, one.kind, one.meter, one.body) for count, one in enumerate(lines, 1)]
    header = (
        name, number, closing.period, micros_of(closing.period_start), micros_of(closing.period_end),
        closing.timezone, closing.currency, micros_of(closing.closed_at), closing.closed_by,
    )  # fmt: skip
    digest = _chained(_START if last is None else last.digest, header, numbered)
    connection.execute(
        insert(_statement).values(
            account=account,
            number=number,
            period=closing.period,
            period_start=closing.period_start,
            period_end=closing.period_end,
            timezone=closing.timezone,
            currency=closing.currency,
            closed_at=closing.closed_at,
            closed_by=closing.closed_by,
            digest=digest,
        )
    )
    if numbered:
        connection.execute(
            insert(_line),
            [
                {"account": account, "statement": number, "line": count, "kind": kind, "meter": meter, "body": body}
                for count, kind, meter, body in numbered
            ],
        )
    return number, digest


def _chained(previous: bytes, header: Header, lines: Sequence[tuple[object, ...]]) -> bytes:
    text = canonical([list(header), [list(line) for line in lines]])
    return hashlib.sha256(previous + text.encode("ascii")).digest()


def broken_statements(connection: Connection) -> Iterator[BrokenStatement]:
    """Recompute every account's chain and yield each statement that is not what was closed, by account and number.

    A statement missing from the middle of a chain is found by its number, a missing newest one is not.
    """
    names = {row.id: row.name for row in connection.execute(select(_account.c.id, _account.c.name))}
    accounts = connection.scalars(union(select(_statement.c.account), select(_line.c.account))).all()
    for account in sorted(accounts):
        rows = connection.execute(_raw_headers(connection).where(_statement.c.account == account)).all()
        lines = _raw_lines(connection, account)
        yield from _broken_of(account, names.get(account), rows, lines)
        for number in sorted(lines):
            fault = "it has lines, and the statement itself is gone"
            yield BrokenStatement(names.get(account, f"number {account}"), number, None, fault)


def _broken_of(
    account: int,
    name: str | None,
    rows: Sequence[Row[Any]],
    lines: dict[int, list[tuple[object, ...]]],
) -> Iterator[BrokenStatement]:
    """Yield what is wrong with one account's chain; its lines are taken out of ``lines``."""
    shown = name or f"number {account}"
    previous: bytes | None = _START
    expected = 1
    for row in rows:
        period = _readable(row.period)
        own = lines.pop(row.number, [])
        if name is None:
            yield BrokenStatement(shown, row.number, period, "it belongs to an account that is not there")
            continue
        for missing in _skipped(expected, row.number):
            previous = None
            yield BrokenStatement(shown, missing, None, "it is missing, so the one after it cannot be proved")
        if previous is not None and not _proved(previous, _header(shown, row), own, row.digest):
            yield BrokenStatement(shown, row.number, period, "it is not what was closed: its digest does not fit")
        previous, expected = row.digest, row.number + 1


def _skipped(expected: int, found: int) -> range:
    """Return the numbers that are missing before ``found``; at most one where the number itself is beyond reason."""
    return range(expected, found) if found - expected <= 1000 else range(expected, expected + 1)


def _proved(previous: bytes, header: Header, lines: Sequence[tuple[object, ...]], digest: object) -> bool:
    try:
        return _chained(previous, header, lines) == digest
    except (TypeError, ValueError):  # a value that is not even text or a number any more
        return False


def _header(name: str, row: Row[Any]) -> Header:
    return (
        name, row.number, _text(row.period), row.period_start, row.period_end,
        _text(row.timezone), _text(row.currency), row.closed_at, _text(row.closed_by),
    )  # fmt: skip


def _raw(connection: Connection, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a text column as the bytes that are stored: a flipped bit may have left no text at all."""
    return cast(column, LargeBinary).label(column.key) if connection.dialect.name == "sqlite" else column


def _raw_headers(connection: Connection) -> Select[Any]:
    instants = [type_coerce(_statement.c[key], BigInteger).label(key) for key in ("period_start", "period_end")]
    return select(
        _statement.c.account,
        _statement.c.number,
        *instants,
        type_coerce(_statement.c.closed_at, BigInteger).label("closed_at"),
        *(_raw(connection, _statement.c[key]) for key in _TEXTS),
        _statement.c.digest,
    ).order_by(_statement.c.number)


def _raw_lines(connection: Connection, account: int) -> dict[int, list[tuple[object, ...]]]:
    """Return an account's lines by the number of their statement."""
    found: dict[int, list[tuple[object, ...]]] = {}
    texts = (_raw(connection, _line.c[key]) for key in ("kind", "meter", "body"))
    rows = connection.execute(
        select(_line.c.statement, _line.c.line, *texts)
        .where(_line.c.account == account)
        .order_by(_line.c.statement, _line.c.line)
    )
    for row in rows:
        found.setdefault(row.statement, []).append((row.line, _text(row.kind), _text(row.meter), _text(row.body)))
    return found


def _text(value: object) -> object:
    """Return what was text as text, and bytes that are none in a form that no text has."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return [value.hex()]


def _readable(value: object) -> str | None:
    found = _text(value)
    return found if isinstance(found, str) else None
