"""Meters as they stood at an earlier instant.

    ──●────────●──────────┆──●──        ● good values, ┆ the instant that is asked for
      first    └ value    ┆  └ known since: what lay before ┆ is interpolated as at any other boundary

What falls turned out to be is taken as it is decided now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from collector.domain.edges import Bracket
from collector.store.reading import MeterRow, brackets


def rows_until(connection: Connection, rows: Sequence[MeterRow], until: int) -> list[MeterRow]:
    """Return the meters whose history began before ``until``, as if it had ended there.

    Args:
        connection: A reading transaction.
        rows: As ``collector.store.reading.meters`` returns them; their order is kept.
        until: Microseconds since 1970 UTC.
    """
    begun = [row for row in rows if row.first_at < until]
    found = brackets(connection, {row.id: [until] for row in begun if row.last_at > until})
    return [_ended(row, found.get(row.id, ()), until) for row in begun]


def _ended(row: MeterRow, found: Iterable[Bracket], until: int) -> MeterRow:
    for _, observed, confirmed, value, _, next_observed, next_value in found:
        if observed is None or confirmed is None or value is None:
            continue
        good_at, good_value = min(confirmed, until), value
        if next_observed is not None and next_value is not None and next_value >= value and confirmed < until:
            good_at = until
            good_value += (next_value - value) * (until - confirmed) // (next_observed - confirmed)
        latest = row.latest if next_observed is None else good_value
        return replace(row, last_at=until, good_at=good_at, good_value=good_value, latest=latest, until=until)
    return replace(row, until=until)
