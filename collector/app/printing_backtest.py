"""Prints what ``backtest`` found: a table for people, the same figures as JSON or CSV for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from collector.app.printing import print_table
from reports.rendering import write_csv, write_json

if TYPE_CHECKING:
    from reports.backtest import MeterBacktest
    from reports.rendering import Cell, Row
    from reports.tables import Sheet

_CAPTION = (
    "days off: median distance of the foretold day from the real one, where the quota ran out; in 80 %: of the usage "
    "until the reset; Brier: of running out before it, 0 is perfect; in brackets the mean of 28 days"
)


def print_backtest(found: Sequence[MeterBacktest], chosen: str, out: TextIO) -> None:
    """Write the report ``backtest`` to ``out`` as ``table``, ``json`` or ``csv``."""
    from reports.backtest import COLUMNS, backtest_rows

    rows = backtest_rows(found)
    if chosen == "json":
        write_json(rows, out)
    elif chosen == "csv":
        write_csv(rows, COLUMNS, out)
    else:
        print_table(_table(rows), out)


def _table(rows: Sequence[Row]) -> Sheet:
    from reports.backtest import words_of
    from reports.tables import meter_name, named_sheet, plain, plain_table, share

    figures = ("forecasts", "days off", "in 80 %", "Brier")
    table = plain_table(("account", "meter", *figures, "in words"), figures)
    for row in rows:
        table.add_row(
            plain(row["account"]),
            meter_name(row),
            _counted(row),
            _beside(row["median_error_days"], row["mean28_median_error_days"], ".1f"),
            share(row["covered"]),
            _beside(row["brier"], row["mean28_brier"], ".3f"),
            plain(words_of(row)),
        )
    return named_sheet(table, figures, _CAPTION)


def _counted(row: Row) -> str:
    count = row["forecasts"]
    return f"{count or 0:,} {row['kind']}"


def _beside(value: Cell, mean: Cell, form: str) -> str:
    """Return a figure with that of the 28-day mean in brackets; a dash where it is not known."""
    said = f"{value:{form}}" if isinstance(value, float) else "–"
    return f"{said} ({mean:{form}})" if isinstance(mean, float) else said
