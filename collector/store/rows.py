"""Sending many values in one statement: a JSON array on SQLite, arrays on PostgreSQL.

Bound parameters have a limit and every length would be another statement; one array has neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import BigInteger, ColumnElement, Connection, Table, Text, bindparam, column, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY


def any_of(connection: Connection, column: ColumnElement[int], values: Sequence[int]) -> ColumnElement[bool]:
    """Return the condition that ``column`` is one of the integers ``values``."""
    if connection.dialect.name == "sqlite":
        return column.in_(select(func.json_each(json.dumps(list(values))).table_valued("value").c.value))
    return column == func.any(bindparam(None, list(values), ARRAY(BigInteger), unique=True))


def any_text_of(connection: Connection, column: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that ``column`` is one of the texts ``values``."""
    if connection.dialect.name == "sqlite":
        return column.in_(select(func.json_each(json.dumps(list(values))).table_valued("value").c.value))
    return column == func.any(bindparam(None, list(values), ARRAY(Text), unique=True))


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert the rows whose key is not there yet; none is a no-op."""
    if not rows:
        return
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    connection.execute(make(table).on_conflict_do_nothing(), [dict(row) for row in rows])


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert ``rows``, each with a value for every column of ``table`` in its order; none is a no-op.

    PostgreSQL gets one array per column: rows one by one cost it ten times as much.
    """
    if not rows:
        return
    columns = list(table.columns)
    if connection.dialect.name == "sqlite":
        _insert_by_place(connection, table, rows)
        return
    arrays = [
        bindparam(None, list(values), ARRAY(one.type), unique=True)
        for one, values in zip(columns, zip(*rows, strict=True), strict=True)
    ]
    source = func.unnest(*arrays).table_valued(*(column(one.name, one.type) for one in columns)).render_derived()
    connection.execute(insert(table).from_select([one.name for one in columns], select(*source.c)))


def _insert_by_place(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert as the driver likes it best: a dictionary for every row would take most of the time."""
    dialect, quoted = connection.dialect, connection.dialect.identifier_preparer
    columns = list(table.columns)
    written = [one.type.dialect_impl(dialect).bind_processor(dialect) for one in columns]
    if any(written):
        rows = [
            tuple(cell if write is None else write(cell) for write, cell in zip(written, row, strict=True))
            for row in rows
        ]
    names = ", ".join(quoted.format_column(one) for one in columns)
    marks = ", ".join("?" * len(columns))
    connection.exec_driver_sql(
        f"INSERT INTO {quoted.format_table(table)} ({names}) VALUES ({marks})",  # noqa: S608 - names of the schema only
        list(rows),
    )
