"""Copies a whole history into an empty database of the other engine, row for row.

Nothing is interpreted on the way: the copy has the same facts, decisions and chain of digests. One reading transaction
on one side, one writing transaction on the other, so the copy is of one moment and either whole or not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text

from collector.errors import UsageError
from collector.store.engine import Database
from collector.store.revision import require_head
from collector.store.schema import account, decision, metadata

_CHUNK = 5000
# Nobody holds an account of the copy.
_FREE = {"lease_owner": None, "lease_until": None}


def copy_history(source: Database, target: Database) -> dict[str, int]:
    """Copy every row of ``source`` into ``target`` and return the number of rows by table.

    Raises:
        UsageError: The target holds accounts already.
        RevisionError: One of the two does not have this program's schema.
        StorageError: One of the two cannot be used; nothing was copied.
    """
    require_head(source)
    require_head(target)
    with source.read() as reading, target.write() as writing:
        if writing.scalar(select(func.count()).select_from(account)):
            raise UsageError(f"{target.place} holds accounts already; choose an empty database")
        counts = {table.name: _copy_table(reading, writing, table) for table in metadata.sorted_tables}
        if not target.is_sqlite:
            _advance_identities(writing)
    return counts


def _copy_table(reading: Connection, writing: Connection, table: Table) -> int:
    copied = 0
    for rows in _chunks(reading, table):
        writing.execute(insert(table), rows)
        copied += len(rows)
    return copied


def _chunks(reading: Connection, table: Table) -> Iterator[list[Mapping[str, Any]]]:
    # A decision names the later one that replaced it, which must be there first.
    order = [decision.c.meter, decision.c.id.desc()] if table is decision else list(table.primary_key.columns)
    result = reading.execute(select(table).order_by(*order), execution_options={"yield_per": _CHUNK})
    for part in result.mappings().partitions():
        yield [{**row, **_FREE} if table is account else dict(row) for row in part]


def _advance_identities(writing: Connection) -> None:
    """Let PostgreSQL number new rows behind the copied ones."""
    for table in ("account", "meter"):
        writing.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "  # noqa: S608 - two names of our own
                f"greatest((SELECT coalesce(max(id), 1) FROM {table}), 1))"
            )
        )
