"""The table of collectors that run: no facts, only who is at work now; a clean stop takes its row away.

Change it only together with a migration.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData, PrimaryKeyConstraint, Table, Text, text

from collector.store.types import Instant


def process_table(metadata: MetaData) -> Table:
    """Return the table, made in ``metadata``."""
    return Table(
        "collector_process",
        metadata,
        Column("owner", Text, nullable=False, comment="by what it signs its leases"),
        Column("host", Text, nullable=False),
        Column("pid", BigInteger, nullable=False),
        Column("started_at", Instant, nullable=False),
        Column("seen_at", Instant, nullable=False, comment="when it last wrote this row"),
        Column("version", Text, nullable=False, comment="of the program"),
        Column("troubles", Text, nullable=False, server_default=text("'[]'"), comment="JSON list of names"),
        PrimaryKeyConstraint("owner"),
        sqlite_with_rowid=False,
    )
