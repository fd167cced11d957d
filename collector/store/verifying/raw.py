"""Reads columns as they are stored: a flipped bit may have left a text that is none, or an instant no calendar has.

Every order here is one of bytes, whatever the database's own collation, so streams of several tables can be merged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    Select,
    Text,
    cast,
    type_coerce,
)

from collector.store.types import Instant

_CHUNK = 2000


def raw(connection: Connection, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a column as it is stored: instants as microseconds, and on SQLite texts as bytes."""
    name = column.key
    if isinstance(column.type, Text) and connection.dialect.name == "sqlite":
        return cast(column, LargeBinary).label(name)
    if isinstance(column.type, Instant):
        return type_coerce(column, BigInteger).label(name)
    return column.label(name)


def bytewise(connection: Connection, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a text column in the order of its bytes."""
    return column if connection.dialect.name == "sqlite" else column.collate("C")


def text_of(value: bytes | str) -> str:
    """Return a text; bytes that are none become characters no text has."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")


def maybe_text(value: bytes | str | None) -> str | None:
    """Return a text, or None."""
    return None if value is None else text_of(value)


def streamed(connection: Connection, statement: Select[Any]) -> Iterator[Row[Any]]:
    """Yield the rows of ``statement``, a few thousand at once."""
    return iter(connection.execute(statement, execution_options={"yield_per": _CHUNK}))
