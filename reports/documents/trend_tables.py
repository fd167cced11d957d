"""The tables of a trend: its periods, comparisons and findings, typed as they are in the report's JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from reports.document import Column, Kind, Table
from reports.rendering import Row
from reports.trend.report import LONG_COLUMNS, TrendReport
from reports.trend.words import compared_name

_TITLES = {
    "usage": "Used",
    "lower": "At least",
    "upper": "At most",
    "coverage": "Observed",
    "mean": "Mean",
    "median": "Median",
    "mean_7": "Mean of 7 days",
    "median_7": "Median of 7 days",
    "mean_28": "Mean of 28 days",
    "median_28": "Median of 28 days",
    "expected_low": "Expected from",
    "expected_high": "Expected to",
    "start": "From",
    "end": "Until before",
    "before_start": "Against, from",
    "before_end": "Until before",
    "before_usage": "Used then",
    "before": "Before",
    "after": "After",
    "share": "Of all",
    "reason": "Why",
    "partial": "In part",
    "ongoing": "Goes on",
}
_KINDS = {
    **dict.fromkeys(
        ("usage", "lower", "upper", "expected_low", "expected_high", "before_usage", "before", "after"), Kind.QUANTITY
    ),
    **dict.fromkeys(("mean", "median", "mean_7", "median_7", "mean_28", "median_28"), Kind.NUMBER),
    **dict.fromkeys(("coverage", "share", "change"), Kind.SHARE),
    **dict.fromkeys(("day", "start", "end", "before_start", "before_end"), Kind.DAY),
    **dict.fromkeys(("partial", "unusual", "ongoing", "observed"), Kind.FLAG),
    **dict.fromkeys(("days", "requests", "failed"), Kind.COUNT),
    "cost": Kind.MONEY,
}


def _columns(*keys: str) -> tuple[Column, ...]:
    return tuple(
        Column(key, _TITLES.get(key, key.replace("_", " ").capitalize()), _KINDS.get(key, Kind.TEXT)) for key in keys
    )


def _rows(report: TrendReport, part: str) -> Sequence[Row]:
    return cast("Sequence[Row]", report.rows(part))


def _priced(report: TrendReport, *keys: str) -> tuple[Column, ...]:
    """Return the columns, and the cost where days have one; its currency stands in the heading."""
    currency = report.found.costs.currency
    return _columns(*keys) if currency is None else (*_columns(*keys), Column("cost", f"Cost, {currency}", Kind.MONEY))


def long_table(rows: Sequence[Row]) -> Table:
    """Return the report's own rows: one per day, week and month of each meter."""
    return Table("trend", "Usage by day, week and month", _columns(*LONG_COLUMNS), rows)


def period_table(name: str, report: TrendReport, grain: str) -> Table:
    """Return the weeks or months of a meter."""
    keys = (grain, "start", "end", "usage", "lower", "upper", "coverage", "partial", "mean", "median")
    note = "Mean and median are those of the observed days within."
    return Table(f"{name}_{grain}_table", f"Usage by {grain}", _priced(report, *keys), _rows(report, f"{grain}s"), note)


def day_table(name: str, report: TrendReport) -> Table:
    """Return the days of a meter."""
    keys = (
        "day", "usage", "lower", "upper", "coverage", "partial", "mean_7", "median_7", "mean_28", "median_28",
        "expected_low", "expected_high", "unusual",
    )  # fmt: skip
    return Table(f"{name}_days", "Usage by day", _priced(report, *keys), _rows(report, "days"))


def comparison_table(name: str, report: TrendReport) -> Table:
    """Return the comparisons of a meter."""
    keys = ("days", "start", "end", "usage", "before_start", "before_end", "before_usage", "change", "reason")
    rows: list[Row] = [{**row, "name": compared_name(row)} for row in _rows(report, "comparisons")]
    return Table(f"{name}_comparisons", "Comparisons", (Column("name", "Compared"), *_columns(*keys)), rows)


def change_table(name: str, report: TrendReport) -> Table:
    """Return the changes of level of a meter."""
    columns = _columns("day", "before", "after", "change", "reason")
    note = "A day's usage before and after, the weekdays balanced."
    return Table(f"{name}_changes", "Changes of level", columns, _rows(report, "changes"), note)


def unusual_table(name: str, report: TrendReport) -> Table:
    """Return the unusual days of a meter."""
    columns = _columns("day", "usage", "expected_low", "expected_high", "reason")
    return Table(f"{name}_unusual", "Unusual days", columns, _rows(report, "unusual"))


def idle_table(name: str, report: TrendReport) -> Table:
    """Return the idle stretches of a meter."""
    columns = _columns("start", "end", "days", "ongoing")
    note = "Stretches of at least three whole days on which certainly nothing was used."
    return Table(f"{name}_idle", "Idle stretches", columns, _rows(report, "idle"), note)


def top_table(name: str, report: TrendReport) -> Table:
    """Return the days with the most usage of a meter, and what made them."""
    columns = _columns("day", "usage", "share", "requests", "failed")
    return Table(f"{name}_top", "Top days", (*columns, Column("reason", "What made it")), _rows(report, "top_days"))
