"""Every row of a ledger with names in place of the engine's own row numbers, which a rolled back insert may use up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Table, select

from collector.store import schema
from collector.store.engine import Database

Rows = dict[str, list[dict[str, Any]]]

# Who polls when, and when the machine's clock stood where: no facts.
_PASSING = {"account": {"id", "lease_until", "lease_owner"}, "meter": {"id"}}
_NO_FACTS = {"collector_process"}


def ledger(database: Database, leave_out: Mapping[str, Collection[str]] | None = None) -> Rows:
    """Return the rows of every table, sorted, without what ``leave_out`` names by table."""
    with database.read() as connection:
        accounts = {row.id: row.name for row in connection.execute(select(schema.account))}
        meters = {
            row.id: f"{accounts[row.account]}/{row.name}" for row in connection.execute(select(schema.meter)).all()
        }
        return {
            table.name: _rows(connection, table, {"account": accounts, "meter": meters}, leave_out or {})
            for table in schema.metadata.sorted_tables
            if table.name not in _NO_FACTS
        }


def _rows(
    connection: Connection,
    table: Table,
    names: Mapping[str, Mapping[int, str]],
    leave_out: Mapping[str, Collection[str]],
) -> list[dict[str, Any]]:
    without = {*_PASSING.get(table.name, ()), *leave_out.get(table.name, ())}
    found = []
    for row in connection.execute(select(table)).mappings():
        kept = {str(name): value for name, value in row.items() if str(name) not in without}
        for name in names.keys() & kept.keys():
            kept[name] = names[name].get(kept[name], kept[name])
        found.append(kept)
    return sorted(found, key=repr)
