"""Keeps the rows of a file aside in temporary tables until all of them were read and compared with each other.

Nothing here takes the database's write lock: polls go on while a file is read, however long that takes. Accounts and
meters are numbered as the file names them (*series*); which rows those are is looked up when the facts are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from sqlalchemy import BigInteger, Column, Connection, MetaData, SmallInteger, Table, Text, text
from sqlalchemy.schema import CreateTable

from collector.store.types import RowId

StagedSnapshot: TypeAlias = tuple[int, int, int, int]
"""Line, series, instant in microseconds since 1970 UTC, value in the smallest unit."""

StagedRecord: TypeAlias = tuple[int, int, str, str, int | None, int | None, int | None, int, int]
"""Line, series, request id, status, created, completed, credits, first seen, last seen."""

_metadata = MetaData()
_TEMPORARY = ["TEMPORARY"]

_staged_snapshot = Table(
    "staged_snapshot",
    _metadata,
    Column("line", RowId, primary_key=True, autoincrement=False),
    Column("series", BigInteger),
    Column("at", BigInteger),
    Column("value", BigInteger),
    prefixes=_TEMPORARY,
)
_wanted = Table(
    "wanted_snapshot",
    _metadata,
    Column("series", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("value", BigInteger),
    Column("highest", BigInteger),
    Column("line", BigInteger),
    prefixes=_TEMPORARY,
    sqlite_with_rowid=False,
)
_met = Table("met_snapshot", _metadata, Column("at", BigInteger), Column("value", BigInteger), prefixes=_TEMPORARY)
staged_record = Table(
    "staged_record",
    _metadata,
    Column("line", RowId, primary_key=True, autoincrement=False),
    Column("series", BigInteger),
    Column("request_id", Text),
    Column("status", Text),
    Column("created_at", BigInteger),
    Column("completed_at", BigInteger),
    Column("credits_used", BigInteger),
    Column("first_seen_at", BigInteger),
    Column("last_seen_at", BigInteger),
    prefixes=_TEMPORARY,
)
merged_record = Table(
    "merged_record",
    _metadata,
    Column("account", BigInteger),
    Column("request_id", Text),
    Column("kind", Text),
    Column("status", Text),
    Column("created_at", BigInteger),
    Column("completed_at", BigInteger),
    Column("credits_used", BigInteger),
    Column("first_seen_at", BigInteger),
    Column("last_seen_at", BigInteger),
    Column("keeps_seen", SmallInteger, comment="1 where the polls say when it was last seen"),
    prefixes=_TEMPORARY,
)

# One row for each meter and instant, with the lowest line that says so.
_SIFT = text("""
    INSERT INTO wanted_snapshot (series, at, value, highest, line)
    SELECT series, at, min(value), max(value), min(line) FROM staged_snapshot GROUP BY series, at ORDER BY series, at
""")
_FIRST_CONTRADICTION = text("""
    SELECT other.line AS line, other.series AS series, other.at AS at, other.value AS value,
           first.line AS first_line, first.value AS first_value
      FROM wanted_snapshot AS wanted
      JOIN staged_snapshot AS first ON first.line = wanted.line
      JOIN staged_snapshot AS other ON other.series = wanted.series AND other.at = wanted.at
     WHERE wanted.value <> wanted.highest AND other.value <> first.value
     ORDER BY other.line LIMIT 1
""")
_ANALYSES = ("ANALYZE wanted_snapshot", "ANALYZE staged_record")


def make_tables(connection: Connection) -> None:
    """Create the temporary tables, empty."""
    for table in _metadata.sorted_tables:
        connection.execute(CreateTable(table))


def stage_snapshots(connection: Connection, rows: Sequence[StagedSnapshot]) -> None:
    """Keep rows of snapshots aside."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("INSERT INTO staged_snapshot VALUES (?, ?, ?, ?)", cast("Any", rows))
        return
    _copy(connection, "staged_snapshot", "".join([f"{line}\t{one}\t{at}\t{value}\n" for line, one, at, value in rows]))


def stage_records(connection: Connection, rows: Sequence[StagedRecord]) -> None:
    """Keep rows of request records aside."""
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(staged_record.columns))
        connection.exec_driver_sql(f"INSERT INTO staged_record VALUES ({marks})", cast("Any", rows))  # noqa: S608 - only marks
        return
    _copy(connection, "staged_record", "".join("\t".join(map(_copied, row)) + "\n" for row in rows))


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _copied(cell: object) -> str:
    """Return a cell as COPY reads it. Source: PostgreSQL, COPY, "Text Format"."""
    return "\\N" if cell is None else str(cell).translate(_ESCAPES)


def _copy(connection: Connection, table: str, rows: str) -> None:
    cursor = cast("Any", connection.connection.cursor())
    with cursor.copy(f"COPY {table} FROM STDIN") as copy:
        copy.write(rows)
    cursor.close()


def sift(connection: Connection) -> Any | None:
    """Bring rows of snapshots into order, each meter and instant once.

    Returns:
        The first row that contradicts an earlier one: ``line, series, at, value, first_line, first_value``; or None.
    """
    connection.execute(_SIFT)
    if connection.dialect.name != "sqlite":
        for statement in _ANALYSES:
            connection.exec_driver_sql(statement)
    return connection.execute(_FIRST_CONTRADICTION).first()
