"""The tables of scheduled reports and of what is to be sent: no facts, only what was done, said and is still to do.

A report has one run for each period, and each run one delivery for each target, by their keys; whatever clocks and
collectors do, neither exists twice. No address is kept: a target is the place where its address is configured, or the
fingerprint of one that stands in the settings, and a recipient who was reached is a fingerprint. Change a table only
together with a migration.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from collector.store.forecast_table import forecast_table
from collector.store.types import Instant


class OutboxTables(NamedTuple):
    """Since when reports are made, their runs, the deliveries of these, and what they foretold."""

    scheduled_report: Table
    report_run: Table
    delivery: Table
    forecast: Table


def outbox_tables(metadata: MetaData) -> OutboxTables:
    """Return the tables, made in ``metadata``."""
    return OutboxTables(
        _scheduled_report(metadata), _report_run(metadata), _delivery(metadata), forecast_table(metadata)
    )


def _scheduled_report(metadata: MetaData) -> Table:
    return Table(
        "scheduled_report",
        metadata,
        Column("report", Text, nullable=False, comment="its name in the settings"),
        Column("since", Instant, nullable=False, comment="when it was first seen; nothing before is made by itself"),
        Column("planned_until", Instant, nullable=False, comment="runs due until then are in report_run"),
        PrimaryKeyConstraint("report"),
        sqlite_with_rowid=False,
    )


def _report_run(metadata: MetaData) -> Table:
    table = Table(
        "report_run",
        metadata,
        Column("report", Text, nullable=False),
        Column("period", Text, nullable=False, comment="as written, such as 2026-10"),
        Column("period_start", Instant, nullable=False),
        Column("period_end", Instant, nullable=False),
        Column("due_at", Instant, nullable=False),
        Column("not_before", Instant, nullable=False, comment="when it is looked at next"),
        Column("attempts", Integer, nullable=False, server_default=text("0"), comment="failures to make it, in a row"),
        Column("lease_until", Instant),
        Column("lease_owner", Text),
        Column("made_at", Instant, comment="empty while it is still to be made"),
        Column("error", Text, comment="why it was not made when it was tried last"),
        Column("missing", Text, nullable=False, server_default=text("'[]'"), comment="JSON: accounts without data"),
        Column("files", Text, nullable=False, server_default=text("'[]'"), comment="JSON: paths of what was made"),
        PrimaryKeyConstraint("report", "period"),
        CheckConstraint("period_end > period_start", name="length"),
        sqlite_with_rowid=False,
    )
    waiting = table.c.made_at.is_(None)
    Index("ix_report_run_to_make", table.c.not_before, sqlite_where=waiting, postgresql_where=waiting)
    return table


def _delivery(metadata: MetaData) -> Table:
    table = Table(
        "delivery",
        metadata,
        Column("report", Text, nullable=False),
        Column("period", Text, nullable=False),
        Column("target", Text, nullable=False, comment="where its address is configured, never the address"),
        Column("state", Text, nullable=False),
        Column("message_id", Text, nullable=False, comment="the same for every attempt"),
        Column("not_before", Instant, nullable=False, comment="when it is tried next"),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("tried_since", Instant, comment="when it was claimed first, since it was opened"),
        Column("lease_until", Instant),
        Column("lease_owner", Text),
        Column("finished_at", Instant, comment="when it was sent or given up"),
        Column("reached", Text, nullable=False, server_default=text("'[]'"), comment="JSON: fingerprints"),
        Column("error", Text, comment="what went wrong last"),
        PrimaryKeyConstraint("report", "period", "target"),
        ForeignKeyConstraint(["report", "period"], ["report_run.report", "report_run.period"]),
        CheckConstraint("state in ('pending', 'sending', 'sent', 'partly', 'failed')", name="state"),
        sqlite_with_rowid=False,
    )
    unsent = table.c.finished_at.is_(None)
    Index("ix_delivery_to_send", table.c.not_before, sqlite_where=unsent, postgresql_where=unsent)
    return table
