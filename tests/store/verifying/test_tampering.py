"""Whatever is changed by hand in a fact is found, and the row is named.

``UNPROVABLE`` names the few columns in which a change can leave no trace, and says why. Two more things no single
database can show: that its newest rows were removed together, and that it is an older copy; the heads that a proof
prints are for that.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, LargeBinary, Table, Text

from collector.store import schema
from collector.store.engine import Database
from collector.store.verifying.findings import Finding
from tests.store.verifying.conftest import Fill, Shelf, findings_of

WHO_POLLS_WHEN = {"next_poll_at", "not_before", "failures", "lease_until", "lease_owner", "paused_reason"}
UNPROVABLE = {
    "cadence.gap_after": "no digest covers the row; a gap that comes or goes with it is found",
    "decision.superseded_at": "no digest covers it; found wherever superseded_by names what replaced the decision",
    "decision.superseded_by": "no digest covers it; one that was emptied looks like a decision that no longer follows",
}
COLUMNS = [
    (table, column)
    for table in schema.metadata.sorted_tables
    for column in table.columns
    if not (table.name == "account" and column.name in WHO_POLLS_WHEN)
    and f"{table.name}.{column.name}" not in UNPROVABLE
]
# One digest covers a closed statement with its lines, and one all that an import brought: the table of what is named
# where the row itself cannot be told, and the column by which.
HELD_BY = {
    "statement_line": ("statement", "statement"),
    "imported": ("poll", "poll"),
    "usage_request_change": ("poll", "poll"),
}


@pytest.fixture(scope="module")
def filled(upgraded_sqlite: Path, fill: Fill, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with a filled ledger, to be copied."""
    path = tmp_path_factory.mktemp("filled") / "usage.db"
    shutil.copy(upgraded_sqlite, path)
    database = Database(f"sqlite:///{path}")
    fill(database)
    database.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def copied(filled: Path, tmp_path: Path) -> Path:
    """A copy of the filled ledger."""
    path = tmp_path / "copy.db"
    shutil.copy(filled, path)
    return path


def alter(path: Path, *statements: tuple[str, Sequence[object]]) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        for statement, values in statements:
            connection.execute(statement, values)
        connection.commit()


def found_in(path: Path) -> list[Finding]:
    database = Database(f"sqlite:///{path}")
    try:
        return findings_of(database)
    finally:
        database.close()


def rows_of(path: Path, table: Table) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table.name}")]  # noqa: S608 - names of the schema


def chosen(rows: Sequence[dict[str, Any]], column: str) -> Iterator[dict[str, Any]]:
    """Yield one row in which the column is filled and one in which it is empty, from the middle of the table."""
    for filled_in in (True, False):
        kind = [row for row in rows if (row[column] is not None) is filled_in]
        if kind:
            yield kind[len(kind) // 2]


def flipped(value: Any, column: Column[Any]) -> object:
    match value:
        case int():
            return value ^ (64 if column.primary_key else 1)  # so that no other row has the key
        case bytes():
            return bytes([value[0] ^ 1]) + value[1:]
        case str() if value:
            middle = len(value) // 2
            return value[:middle] + chr(ord(value[middle]) ^ 1) + value[middle + 1 :]
        case str():
            return "x"
    if isinstance(column.type, Text):
        return "x"
    return b"x" if isinstance(column.type, LargeBinary) else 5


def where(table: Table) -> str:
    return " AND ".join(f'"{one.name}" = ?' for one in table.primary_key.columns)


def key_of(table: Table, row: dict[str, Any]) -> list[Any]:
    return [row[one.name] for one in table.primary_key.columns]


def names_row(findings: Sequence[Finding], table: Table, row: dict[str, Any]) -> bool:
    """Tell whether a finding names the row or, where one digest covers many rows, what holds them all."""
    key = {one.name: row[one.name] for one in table.primary_key.columns}
    if any(one.place.table == table.name and dict(one.place.key) == key for one in findings):
        return True
    if table.name in HELD_BY:
        holder, column = HELD_BY[table.name]
        return any(one.place.table == holder and row[column] in one.place.key.values() for one in findings)
    return any("row of" in one.fault and {*key.values()} & {*one.place.key.values()} for one in findings)


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=[f"{table.name}.{one.name}" for table, one in COLUMNS])
def test_a_flipped_bit_is_found_and_its_row_is_named(
    copied: Path, filled: Path, table: Table, column: Column[Any]
) -> None:
    for row in chosen(rows_of(filled, table), column.name):
        shutil.copy(filled, copied)
        changed = {**row, column.name: flipped(row[column.name], column)}
        statement = f'UPDATE {table.name} SET "{column.name}" = ? WHERE {where(table)}'  # noqa: S608 - names of the schema
        alter(copied, (statement, [changed[column.name], *key_of(table, row)]))
        findings = found_in(copied)
        assert names_row(findings, table, row) or names_row(findings, table, changed), (row, findings)


# A cadence row that is gone is found only where a gap follows from it; an account's row takes all of its rows with it.
# What was reported to whom is no fact of the ledger.
OUTBOX = {"scheduled_report", "report_run", "delivery", "forecast", "collector_process"}
DELETED = [one for one in schema.metadata.sorted_tables if one.name not in {"account", "cadence", *OUTBOX}]


@pytest.mark.parametrize("table", DELETED, ids=[one.name for one in DELETED])
def test_a_deleted_row_is_found_and_named(copied: Path, filled: Path, table: Table) -> None:
    rows = rows_of(filled, table)
    row = rows[len(rows) // 2]
    if table.name == "decision":
        row = next(one for one in rows if one["superseded_by"] is None)
    statement = f"DELETE FROM {table.name} WHERE {where(table)}"  # noqa: S608 - names of the schema
    alter(copied, (statement, key_of(table, row)))
    findings = found_in(copied)
    assert names_row(findings, table, row) or any(one.place.table == NEIGHBOUR.get(table.name) for one in findings)


# What is deleted can be named by what stands next to it only.
NEIGHBOUR = {"snapshot": "snapshot", "decision": "decision", "statement": "statement"}

SWAPPED = {
    "two snapshots' values": ("snapshot", "value", "meter = 1 AND number IN (2, 3)"),
    "two polls' answers": ("poll", "finished_at", "account = 1 AND id IN (3, 4)"),
    "two polls' digests": ("poll", "digest", "account = 1 AND id IN (3, 4)"),
    "two requests' times": ("usage_request", "created_at", "request_id IN ('request-5', 'request-6')"),
    "two changes' credits": ("usage_request_change", "completed_at", "request_id IN ('request-5', 'request-6')"),
    "two imported values": ("imported", "value", "observed_at > 1767273000000000"),
    "two gaps' ends": ("gap", "ended_at", "meter = 2"),
    "two decisions' reasons": ("decision", "reason", "meter = 2"),
    "two statements' periods": ("statement", "period", "account = 1"),
    "two meters' names": ("meter", "name", "account = 1"),
    "two accounts' names": ("account", "name", "id IN (1, 2)"),
}


@pytest.mark.parametrize(("name", "column", "which"), SWAPPED.values(), ids=list(SWAPPED))
def test_two_swapped_values_are_found_and_a_row_is_named(
    copied: Path, filled: Path, name: str, column: str, which: str
) -> None:
    table = schema.metadata.tables[name]
    with closing(sqlite3.connect(filled)) as connection:
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute(f"SELECT * FROM {name} WHERE {which}")]  # noqa: S608 - named above
    one, other = rows[0], next(row for row in rows if row[column] != rows[0][column])
    statement = f'UPDATE {name} SET "{column}" = ? WHERE {where(table)}'  # noqa: S608 - names of the schema
    aside = "aside" if isinstance(table.c[column].type, Text) else one[column]
    alter(
        copied,
        (statement, [aside, *key_of(table, one)]),
        (statement, [one[column], *key_of(table, other)]),
        (statement, [other[column], *key_of(table, one)]),
    )
    findings = found_in(copied)
    assert names_row(findings, table, one) or names_row(findings, table, other), findings


ON_EVERY_ENGINE = {
    "a value": ("UPDATE snapshot SET value = value + 1 WHERE meter = 2 AND number = 4", "snapshot"),
    "a confirmation": (
        "UPDATE snapshot SET confirmed_at = confirmed_at + 1 WHERE meter = 1 AND number = 1", "snapshot"
    ),
    "an outcome": ("UPDATE poll SET outcome = 'http_500' WHERE account = 1 AND id = 5", "poll"),
    "a removed poll": ("DELETE FROM poll WHERE account = 2 AND id = 3", "poll"),
    "a gap": ("DELETE FROM gap WHERE meter = 2", "gap"),
    "a decision": ("UPDATE decision SET reason = 'because' WHERE id = 2 AND meter = 2", "decision"),
    "a record's status": ("UPDATE usage_request SET status = 'failed' WHERE request_id = 'request-3'", "usage_request"),
    "when a record left": (
        "UPDATE usage_request SET last_seen_at = NULL WHERE request_id = 'request-5'", "usage_request"
    ),
    "a change": ("UPDATE usage_request_change SET credits_used = 11 WHERE request_id = 'request-6'",
                 "usage_request_change"),
    "an imported value": ("UPDATE imported SET value = value + 4 WHERE value = 200", "imported"),
    "a closed line": ("UPDATE statement_line SET body = '{}' WHERE line = 1 AND statement = 2", "statement"),
    "a zone": ("UPDATE account SET timezone = 'Europe/Berlin' WHERE id = 2", "account"),
    "a scale": ("UPDATE meter SET scale = 2 WHERE id = 1", "meter"),
    "an instant of no calendar": (
        "UPDATE poll SET started_at = 4611686018427387904 WHERE account = 1 AND id = 2", "poll"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("statement", "table"), ON_EVERY_ENGINE.values(), ids=list(ON_EVERY_ENGINE))
def test_a_change_is_found_on_every_engine(shelf: Shelf, statement: str, table: str) -> None:
    shelf.alter(statement)
    assert table in {one.place.table for one in shelf.findings()}


def test_a_changed_value_is_named_once_with_what_it_was(shelf: Shelf) -> None:
    shelf.alter("UPDATE snapshot SET value = 33 WHERE meter = 1 AND number = 1 AND value = 1")
    named = [one for one in shelf.findings() if one.place.key.get("observed_at") == shelf.nellie.micros(300)]
    assert [one.fault.partition(";")[0] for one in named] == ["value is 33"]
    assert named[0].fault.endswith("proves that it was 1")
