"""Sending many values in one statement: a JSON array on SQLite, arrays on PostgreSQL.

Bound parameters have a limit and every length would be another statement; one array has neither.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import BigInteger, ColumnElement, Connection, Text, bindparam, func, select
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
