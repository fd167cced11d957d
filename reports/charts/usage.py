"""Usage by day, by period and its trend, from the rows of the reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from reports.charts.daily_bars import daily_bars
from reports.charts.day_marks import DayBar
from reports.charts.days import by_day, day_words, range_words
from reports.charts.figures import NOTHING, counted, figure, inert, mean, number, total
from reports.charts.period_bars import PeriodBar, period_bars
from reports.charts.trend import trend_line
from reports.document import Chart, Column, Kind, Table
from reports.rendering import Row

__all__ = ["PLACED", "daily_usage", "period_usage", "trend_line"]

PLACED = "usage there is interpolated, or placed by the times of requests"
"""How usage gets to days that nobody observed."""


def daily_usage(rows: Sequence[Row], *, name: str, title: str, unit: str) -> Chart:
    """Return the usage of every day as bars: bounds as whiskers, partial days hatched, gaps marked.

    Args:
        rows: Of the report ``daily``, of one meter.
        name: Prefix of anchors, unique within a document.
        title: What people read above the chart.
        unit: Of ``usage``, ``lower`` and ``upper``.

    Returns:
        The chart; for no rows one that says so.
    """
    bars = [_day_bar(day, row) for day, row in by_day(rows)]
    keys = ("day", "usage", "lower", "upper", "coverage", "partial")
    columns = (
        Column("day", "Day", Kind.DAY),
        Column("usage", f"Used, {unit}", Kind.QUANTITY),
        Column("lower", "At least", Kind.QUANTITY),
        Column("upper", "At most", Kind.QUANTITY),
        Column("coverage", "Observed", Kind.SHARE),
        Column("partial", "Partial day", Kind.FLAG),
    )
    table = Table(f"{name}_figures", title, columns, [{one: row.get(one) for one in keys} for _, row in by_day(rows)])
    return Chart(name, title, _daily_summary(bars, unit), lambda palette: daily_bars(bars, unit, palette), table)


def _day_bar(day: date, row: Row) -> DayBar:
    unseen = row.get("coverage") == 0 and not row.get("snapshots")
    partial = bool(row.get("partial"))
    whole = not partial and row.get("coverage") in {None, 1}
    return DayBar(day, row.get("usage"), row.get("lower"), row.get("upper"), partial, unseen, whole)


def _daily_summary(bars: Sequence[DayBar], unit: str) -> str:
    known = [(one.day, value) for one in bars if (value := number(one.usage)) is not None]
    if not known:
        return NOTHING
    day, most = max(known, key=lambda one: one[1])
    used = [one for _, one in known]
    said = [f"{figure(total(used))} {unit} were used, {range_words(bars[0].day, bars[-1].day)}"]
    if len(known) > 1 and most:
        over = [one for one in bars if not one.partial]
        wanted = [one for one in over if one.whole] or over
        whole = [value for one in wanted if (value := number(one.usage)) is not None]
        said += [f", {figure(mean(whole))} a day on average"] if whole else []
        said += [f"; the highest day was {day_words(day)} with {figure(most)}"]
    said.append(".")
    said += [f" {sentence}" for sentence in _doubts(bars)]
    return "".join(said)


def _doubts(bars: Sequence[DayBar]) -> list[str]:
    partial = sum(one.partial for one in bars)
    gaps = sum(one.unseen and not one.partial for one in bars)
    return [
        *([f"{counted(partial, 'day is', 'days are')} only partly in the history."] if partial else []),
        *([f"{counted(gaps, 'day was', 'days were')} not observed; {PLACED}."] if gaps else []),
    ]


def period_usage(rows: Sequence[Row], *, name: str, title: str, unit: str) -> Chart:
    """Return the usage of weeks or months as bars with direct labels.

    Args:
        rows: In order of time: ``period`` str, ``usage``, ``lower``, ``upper``, ``partial``, and ``cost`` if known.
        name: Prefix of anchors, unique within a document.
        title: What people read above the chart.
        unit: Of ``usage``, ``lower`` and ``upper``.

    Returns:
        The chart; for no rows one that says so.
    """
    bars = [
        PeriodBar(inert(str(row["period"]), 24), row.get("usage"), row.get("lower"), row.get("upper"),
                  bool(row.get("partial")), row.get("cost"))
        for row in rows
    ]  # fmt: skip
    columns = [
        Column("period", "Period"),
        Column("usage", f"Used, {unit}", Kind.QUANTITY),
        Column("lower", "At least", Kind.QUANTITY),
        Column("upper", "At most", Kind.QUANTITY),
        Column("partial", "Not over or not whole", Kind.FLAG),
    ]
    if any(row.get("cost") is not None for row in rows):
        columns.append(Column("cost", "Cost", Kind.MONEY))
    cells = [{one.key: row.get(one.key) for one in columns} for row in rows]
    table = Table(f"{name}_figures", title, tuple(columns), cells)
    return Chart(name, title, _period_summary(bars, unit), lambda palette: period_bars(bars, unit, palette), table)


def _period_summary(bars: Sequence[PeriodBar], unit: str) -> str:
    known = [(one.period, value, one.partial) for one in bars if (value := number(one.usage)) is not None]
    if not known:
        return NOTHING
    period, value, partial = known[-1]
    said = [f"{period}: {figure(value)} {unit}{' so far or in part' if partial else ''}."]
    whole = [one for one in known if not one[2]]
    if len(whole) > 1:
        highest, lowest = max(whole, key=lambda one: one[1]), min(whole, key=lambda one: one[1])
        said.append(
            f"Of {counted(len(whole), 'whole period')} the highest was {highest[0]} with {figure(highest[1])}, "
            f"the lowest {lowest[0]} with {figure(lowest[1])}."
        )
    return " ".join(said)
