"""Fills an empty database once, and from then on copies the rows: many tests begin with the same month of polls."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import chain
from typing import Any

from sqlalchemy import Table, insert

from collector.store import copying
from collector.store.engine import Database
from collector.store.schema import metadata

_known: dict[Hashable, list[tuple[Table, list[dict[str, Any]]]]] = {}


def remembered(database: Database, key: Hashable, make: Callable[[], object]) -> None:
    """Bring an empty database to where ``make`` brings it; ``key`` holds all that this depends on."""
    if key not in _known:
        make()
        with database.read() as connection:
            parts = [(table, list(copying._chunks(connection, table))) for table in metadata.sorted_tables]
        _known[key] = [(table, [dict(row) for row in chain.from_iterable(rows)]) for table, rows in parts if rows]
        return
    with database.write() as connection:
        for table, rows in _known[key]:
            connection.execute(insert(table), rows)
        if not database.is_sqlite:
            copying._advance_identities(connection)
