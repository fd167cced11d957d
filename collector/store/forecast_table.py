"""The table of what scheduled reports foretold: no facts, only what was shown, kept to be graded when its time is over.

Change it only together with a migration.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from collector.store.types import Instant, RowId


def forecast_table(metadata: MetaData) -> Table:
    """Return the table, made in ``metadata``."""
    return Table(
        "forecast",
        metadata,
        Column("meter", RowId, nullable=False),
        Column("report", Text, nullable=False),
        Column("period", Text, nullable=False, comment="the report's, as written, such as 2026-10"),
        Column("made_at", Instant, nullable=False),
        Column("seen_at", Instant, nullable=False, comment="the last good observation: it counts from there"),
        Column(
            "until", Instant, nullable=False, comment="how far it looks: the end of a billing period, if there is one"
        ),
        Column("quota", BigInteger, comment="in the meter's smallest unit, as used and remaining; empty without one"),
        Column("used", BigInteger),
        Column("remaining", BigInteger),
        Column("probability", Double, comment="that what remains is used before until, 0 to 1"),
        Column("times", Text, nullable=False, comment="JSON: pairs of level and days until the quota ends, or null"),
        Column("amounts", Text, nullable=False, comment="JSON: pairs of level and usage from seen_at to until"),
        Column("method", Text, nullable=False),
        PrimaryKeyConstraint("meter", "report", "period"),
        ForeignKeyConstraint(["meter"], ["meter.id"]),
        ForeignKeyConstraint(["report", "period"], ["report_run.report", "report_run.period"]),
        CheckConstraint("until > seen_at", name="length"),
        CheckConstraint("probability between 0 and 1", name="probability"),
        sqlite_with_rowid=False,
    )
