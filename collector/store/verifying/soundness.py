"""Proves that every column holds what it can: kinds of values, instants of a calendar, constraints, owners.

SQLite keeps any value in any column and only checks constraints while it writes itself; PostgreSQL holds all of that
by itself, so only its instants are looked at. What is found here would stop the other proofs half-way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    Connection,
    Double,
    LargeBinary,
    Table,
    Text,
    and_,
    func,
    literal_column,
    not_,
    or_,
    select,
    text,
)

from collector.errors import IntegrityError
from collector.store import schema
from collector.store.engine import Database
from collector.store.forecasts import pairs_of
from collector.store.types import Instant
from collector.store.verifying.findings import Check, Place, plain
from collector.store.verifying.raw import raw, text_of

_FIRST = -62_135_596_800_000_000
_LAST = 253_402_300_799_999_999
_PLAIN_INSTANTS = {
    "snapshot": ("observed_at", "confirmed_at"),
    "gap": ("started_at", "ended_at"),
    "decision": ("at", "since", "until"),
    "imported": ("observed_at",),
    "cadence": ("since",),
}
# Few rows, read by every report: their texts must be texts.
_SMALL = ("account", "meter", "decision")


def file_check(database: Database, connection: Connection) -> Check:
    """Let the engine check itself: pages and indexes.

    Raises:
        IntegrityError: The file is damaged.
    """
    check = Check("engine", "sound by the engine's own checks")
    check.counted["databases"] += 1
    if not database.is_sqlite:
        check.proved = "sound as far as the server says"
        check.notes.append("PostgreSQL keeps constraints by itself; its pages were not checked (pg_amcheck does that)")
        return check
    damage = [str(one) for one in connection.scalars(text("PRAGMA integrity_check(20)"))]
    # A broken constraint is found again below, by its row.
    damage = [one for one in damage if one != "ok" and "constraint failed" not in one and "NULL value in" not in one]
    if damage:
        raise IntegrityError(f"the database {database.place} is damaged: {'; '.join(damage)}: restore a backup")
    return check


def column_check(connection: Connection) -> Check:
    """Look for values no column can hold, and for rows without their owner."""
    check = Check("columns", "every column holds what it can, and every row has its owner")
    for table in schema.metadata.sorted_tables:
        check.counted["tables"] += 1
        _unsound_rows(connection, table, check)
        _orphans(connection, table, check)
    for name in _SMALL:
        _texts(connection, schema.metadata.tables[name], check)
    _forecasts(connection, check)
    return check


def _forecasts(connection: Connection, check: Check) -> None:
    """Look for kept forecasts that cannot be read; nothing can prove what they say, for they are no facts."""
    keys = list(schema.forecast.primary_key.columns)
    columns = [schema.forecast.c.times, schema.forecast.c.amounts]
    for row in connection.execute(select(*(raw(connection, one) for one in (*keys, *columns)))):
        for column, stored in zip(columns, row[len(keys) :], strict=True):
            try:
                pairs_of(_words(stored))
            except ValueError as error:
                check.find(_place(schema.forecast, row[: len(keys)]), f"{column.name}: {error}", "forecast")


def _unsound_rows(connection: Connection, table: Table, check: Check) -> None:
    wrong = dict(_conditions(connection, table))
    if not wrong:
        return
    flags = [condition.label(f"wrong_{index}") for index, condition in enumerate(wrong.values())]
    keys = [raw(connection, one) for one in table.primary_key.columns]
    statement = select(*keys, *flags).where(or_(*wrong.values())).limit(100)
    for row in connection.execute(statement):
        for name, is_wrong in zip(wrong, row[len(keys) :], strict=True):
            if is_wrong:
                check.find(_place(table, row[: len(keys)]), name, table.name)


def _place(table: Table, values: Any) -> Place:
    key = {one.name: value for one, value in zip(table.primary_key.columns, values, strict=True)}
    return Place(table.name, {name: one if isinstance(one, int) else _words(one) for name, one in key.items()})


def _words(value: object) -> str:
    return plain(text_of(value) if isinstance(value, bytes) else value)


def _conditions(connection: Connection, table: Table) -> Iterator[tuple[str, ColumnElement[bool]]]:
    is_sqlite = connection.dialect.name == "sqlite"
    for column in table.columns:
        if is_sqlite:
            yield f"{column.name} is no {_kind(column)}", _of_another_kind(column)
        if isinstance(column.type, Instant) or column.name in _PLAIN_INSTANTS.get(table.name, ()):
            stored = raw(connection, column)
            yield f"{column.name} is no instant of any calendar", not_(stored.between(_FIRST, _LAST))
    if is_sqlite:
        for constraint in table.constraints:
            if isinstance(constraint, CheckConstraint):
                sql = str(constraint.sqltext)
                yield f"it breaks the constraint {constraint.name}: {sql}", not_(literal_column(f"({sql})"))


def _kind(column: Column[Any]) -> str:
    for kind, name in ((Text, "text"), (LargeBinary, "blob"), (Double, "real")):
        if isinstance(column.type, kind):
            return name
    return "integer"


def _of_another_kind(column: Column[Any]) -> ColumnElement[bool]:
    other = func.typeof(column) != _kind(column)
    return and_(other, func.typeof(column) != "null") if column.nullable else other


def _orphans(connection: Connection, table: Table, check: Check) -> None:
    for constraint in table.foreign_key_constraints:
        mine = [one.parent for one in constraint.elements]
        owner = constraint.referred_table.alias()
        same = and_(*(owner.c[one.column.name] == one.parent for one in constraint.elements))
        keys = list(table.primary_key.columns)
        statement = (
            select(*(raw(connection, one) for one in keys))
            .where(*(one.is_not(None) for one in mine), ~select(1).select_from(owner).where(same).exists())
            .limit(100)
        )
        for row in connection.execute(statement):
            check.find(_place(table, row), f"its row of {constraint.referred_table.name} is not there", table.name)


def _texts(connection: Connection, table: Table, check: Check) -> None:
    texts = [one for one in table.columns if isinstance(one.type, Text)]
    keys = list(table.primary_key.columns)
    statement = select(*keys, *(raw(connection, one) for one in texts))
    for row in connection.execute(statement, execution_options={"yield_per": 1000}):
        for column, value in zip(texts, row[len(keys) :], strict=True):
            if isinstance(value, bytes) and not _is_text(value):
                check.find(_place(table, row[: len(keys)]), f"{column.name} is no text: {plain(value)}", table.name)


def _is_text(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
