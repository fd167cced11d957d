"""Closed statements that explain an invoice: it has the figures as they were closed, or is less what was corrected.

A late fact changes what is now known of a period, and neither the statement that was closed nor, perhaps, the invoice.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from collector.store.engine import Database
from collector.store.statements import closed_statements
from reports.reconciliation import usage_of
from reports.statement import MeterStatement
from reports.statement_views import corrections_in, views_of


def closed_matches(database: Database, statement: MeterStatement, invoiced: Decimal) -> Iterator[str]:
    """Yield which closed figures of the statement's period are just the ``invoiced`` quantity, in units."""
    asked = statement.asked
    with database.read() as connection:
        every = closed_statements(connection, [asked.row.account])
    for one in every:
        if (one.closing.period_start, one.closing.period_end) != (asked.period.start, asked.period.end):
            continue
        closed = f"as it was closed on {one.closing.closed_at:%Y-%m-%d}"
        if any(view.meter == asked.row.name and view.figures["usage"] == invoiced for view in views_of(one)):
            yield f"the invoice equals the statement {closed}: what differs became known later"
        made = [line for line in corrections_in(one) if line.meter == asked.row.name]
        if made and usage_of(statement) + sum((line.usage for line in made), Decimal(0)) == invoiced:
            named = ", ".join(f"{line.usage:+,} of {line.period}" for line in made)
            yield f"the invoice equals the statement {closed} with the corrections made in it: {named}"
