"""How a run or a delivery is claimed: found by a reader, then taken under a lease by one writer at a time.

Nearly always nothing is due, and polls must not queue behind a writer that has nothing to write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, select, update

from collector.store.engine import Database


def claim_first(
    database: Database,
    table: Table,
    due: Callable[[Connection], Sequence[ColumnElement[bool]]],
    order: Sequence[ColumnElement[Any]],
    values: Mapping[str, object],
) -> Row[Any] | None:
    """Set ``values`` in the first row that is due, and return the row; None where none is, or others just take it.

    Args:
        database: Where the table is.
        table: What is claimed; rows are told apart by its primary key.
        due: Returns what must hold of a row.
        order: Which row is the first.
        values: The lease, and whatever else changes with it.
    """
    keys = list(table.primary_key.columns)
    with database.read() as connection:
        first = select(*keys).where(*due(connection)).order_by(*order).limit(1)
        if connection.execute(first).one_or_none() is None:
            return None
    with database.write() as connection:
        found = connection.execute(first.with_for_update(skip_locked=True)).one_or_none()
        if found is None:
            return None
        these = (key == value for key, value in zip(keys, found, strict=True))
        return connection.execute(update(table).where(*these).values(**values).returning(*table.c)).one()
