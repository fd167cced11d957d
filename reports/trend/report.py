"""The report ``trend``: one object per account and meter for JSON and pages, one row per period for CSV.

Nothing is made up from too little history: a part that cannot be told is empty, and ``too_little`` says what it needs.
What is learned (``learned_from``, ``recent_from``) reaches back before the asked range; only what was asked is shown.

Public: ``trend``, ``TrendReport``, ``long_rows``, ``LONG_COLUMNS``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import cast

import numpy as np
import pandas as pd

from collector.domain.calendar import start_of_day
from collector.domain.instants import instant_of, micros_of
from collector.store.engine import Database
from reports.daily import COLUMNS
from reports.question import Question
from reports.rendering import Row, Value
from reports.rows import rows_of
from reports.trend import changes, growth, usual
from reports.trend.findings import (
    change_rows,
    day_rows,
    idle_rows,
    reason_of,
    requests_of,
    top_days,
    unusual_days,
    unusual_of,
)
from reports.trend.meter import MeterTrend, meter_trends
from reports.trend.periods import Comparison

LONG_COLUMNS = (
    "account",
    "meter",
    "unit",
    "grain",
    "period",
    "start",
    "end",
    "usage",
    "lower",
    "upper",
    "coverage",
    "partial",
    "mean",
    "median",
    "expected_low",
    "expected_high",
    "unusual",
    "reason",
    "cost",
    "currency",
)
WEEKDAYS_FROM = 14
_SCALED = ("usage", "lower", "upper", "coverage", "partial")


@dataclass(frozen=True, slots=True)
class TrendReport:
    """The report of one meter, quantities in units.

    Attributes:
        found: What it was worked out from.
        facts: The object that JSON shows.
    """

    found: MeterTrend
    facts: Mapping[str, Value]

    def rows(self, part: str) -> Sequence[Mapping[str, Value]]:
        """Return the rows of a part, such as ``days`` or ``unusual``."""
        return cast("Sequence[Mapping[str, Value]]", self.facts[part])


def trend(database: Database, question: Question) -> Iterator[TrendReport]:
    """Yield the report of each meter with a history in the asked local dates, by account and meter.

    Keys of ``facts``: ``account, meter, unit, timezone, start, end`` (local dates, half-open), ``observed_until``,
    ``learned_from, recent_from`` (local dates), ``days, weeks, months, weekdays, hours, hours_source, hours_note,
    week_hours, comparisons, growth, top_days, changes, unusual, idle, cost, too_little``. Moving figures are trailing;
    quantities are in units, rates and shares are numbers.
    """
    for found in meter_trends(database, question):
        yield _report(database, found)


def _report(database: Database, found: MeterTrend) -> TrendReport:
    days = day_rows(found)
    facts = requests_of(database, found, days)
    reasons = {place: reason_of(found, days[place], place, facts) for place in unusual_of(days)}
    first, last = (date.fromisoformat(str(days[place]["day"])) for place in (0, -1))
    end = last + timedelta(days=1)
    return TrendReport(
        found,
        {
            "account": found.row.account,
            "meter": found.row.name,
            "unit": found.row.unit,
            "timezone": found.zone.key,
            "start": first.isoformat(),
            "end": end.isoformat(),
            "observed_until": instant_of(found.row.last_at),
            "learned_from": found.begins.isoformat(),
            "recent_from": found.recent_from.isoformat(),
            "days": [_day(found, row, reasons.get(place)) for place, row in enumerate(days)],
            "weeks": _periods(found, found.weeks, "week"),
            "months": _periods(found, found.months, "month"),
            "weekdays": _weekdays(found),
            "hours": found.hours.hours,
            "hours_source": found.hours.source,
            "hours_note": found.hours.note,
            "week_hours": found.hours.week,
            "comparisons": [_comparison(found, *one) for one in found.compared],
            "growth": _growth(found),
            "top_days": list(top_days(found, days, facts)),
            "changes": list(change_rows(found)),
            "unusual": list(unusual_days(found, days, facts)),
            "idle": list(idle_rows(found, days)),
            "cost": {
                "total": found.costs.between(first, end),
                "currency": found.costs.currency,
                "note": found.costs.note,
            },
            "too_little": dict(_too_little(found)),
        },
    )


def _day(found: MeterTrend, row: Row, reason: str | None) -> Row:
    day = date.fromisoformat(str(row["day"]))
    return {**row, "reason": reason, "cost": found.costs.days.get(day)}


def _periods(found: MeterTrend, frame: pd.DataFrame, name: str) -> list[Row]:
    """Return weeks or months: usage, and mean and median of the observed days in them."""
    rows = rows_of(frame, COLUMNS[3:])
    return [_period(found, row, name) for row in rows]


def _period(found: MeterTrend, row: Row, name: str) -> Row:
    period = str(row["day"])
    first, end = found.spans[period]
    ordinals = found.series.ordinals
    held = found.series.amounts[(ordinals >= first.toordinal()) & (ordinals < end.toordinal())]
    return {
        name: period,
        "start": first.isoformat(),
        "end": end.isoformat(),
        "days": (end - first).days,
        **{key: row[key] for key in _SCALED},
        "mean": round(float(held.mean()), 6) if len(held) else None,
        "median": round(float(np.median(held)), 6) if len(held) else None,
        "cost": found.costs.between(first, end),
    }


def _weekdays(found: MeterTrend) -> list[Row]:
    """Return mean, median and quartiles of each weekday's observed days; nothing from under two weeks of them."""
    series = found.recent
    if len(series) < WEEKDAYS_FROM:
        return []
    rows: list[Row] = []
    for weekday in range(7):
        own = series.amounts[series.weekdays == weekday]
        low, high = np.quantile(own, (0.25, 0.75), method="inverted_cdf") if len(own) else (None, None)
        middle = float(np.median(own)) if len(own) else None
        rows.append(
            {
                "weekday": weekday,
                "name": f"{date(2024, 1, 1 + weekday):%A}",
                "mean": round(float(own.mean()), 6) if len(own) else None,
                "median": _number(middle),
                "low": _number(low),
                "high": _number(high),
                "days": len(own),
            }
        )
    return rows


def _number(value: float | None) -> float | None:
    return None if value is None else round(float(value), 6)


def _comparison(found: MeterTrend, one: Comparison, frame: pd.DataFrame) -> Row:
    """Return a comparison; without figures, and with the reason, where the history does not hold both stretches."""
    now, before = rows_of(frame, ("usage", "lower", "upper"))
    begins = found.row.first_at
    reason = None
    if micros_of(start_of_day(one.before, found.zone)) < begins:
        begun = instant_of(begins).astimezone(found.zone)
        reason = f"needs the history from {one.before} 00:00 on; it begins at {begun:%Y-%m-%d %H:%M} ({found.zone.key})"
        before = dict.fromkeys(before)
        if micros_of(start_of_day(one.start, found.zone)) < begins:
            now = dict.fromkeys(now)
    used, earlier = now["usage"], before["usage"]
    change = None
    if isinstance(used, int | Decimal) and isinstance(earlier, int | Decimal):
        change = round(float(used - earlier) / float(earlier), 6) if earlier > 0 else None
        reason = None if earlier > 0 else "nothing was used before, so there is no share"
    return {
        "name": one.name,
        "days": one.days,
        "start": one.start.isoformat(),
        "end": one.end.isoformat(),
        **now,
        "before_start": one.before.isoformat(),
        "before_end": one.before_end.isoformat(),
        **{f"before_{key}": value for key, value in before.items()},
        "change": change,
        "reason": reason,
    }


def _growth(found: MeterTrend) -> Row | None:
    """Return by how much a day's usage changes, per day and in four weeks, with the interval; None for too few days."""
    one = found.growth
    if one is None:
        return None
    verdict = "steady" if not one.is_certain else "rising" if one.slope > 0 else "falling"
    return {
        "slope": round(one.slope, 9),
        "low": None if one.low is None else round(one.low, 9),
        "high": None if one.high is None else round(one.high, 9),
        "confidence": growth.CONFIDENCE,
        "level": round(one.level, 6),
        "share_28_days": round(28 * one.slope / one.level, 6) if one.level > 0 else None,
        "verdict": verdict,
        "days": one.days,
        "start": date.fromordinal(one.first).isoformat(),
        "end": date.fromordinal(one.last + 1).isoformat(),
        "method": "Theil-Sen within weekdays",
    }


def _too_little(found: MeterTrend) -> Iterator[tuple[str, str]]:
    for part, least, series in (
        ("weekdays", WEEKDAYS_FROM, found.recent),
        ("growth", growth.LEAST_DAYS, found.recent),
        ("changes", changes.LEAST_DAYS, found.series),
        ("unusual", usual.LEAST_DAYS, found.series),
    ):
        if len(series) < least:
            yield part, f"needs {least} observed days, has {len(series)}"
    if found.hours.source is None:
        yield "hours", found.hours.note


def long_rows(report: TrendReport) -> Iterator[Row]:
    """Yield one row per day, week and month with the columns of ``LONG_COLUMNS``.

    ``mean`` and ``median`` are the trailing ones of seven days for a day, those of the observed days within for a week
    or month; ``start`` and ``end`` are local dates, half-open. Σ ``usage`` is the same over each grain.
    """
    names = {key: cast("str", report.facts[key]) for key in ("account", "meter", "unit")}
    currency = report.found.costs.currency
    for grain, part in (("day", "days"), ("week", "weeks"), ("month", "months")):
        for row in cast("Sequence[Row]", report.facts[part]):
            whole: Row = {**names, "grain": grain, "period": row[grain], **_bounds_of(grain, row), **row}
            priced = currency if row["cost"] is not None else None
            yield {**{column: whole.get(column) for column in LONG_COLUMNS}, "currency": priced}


def _bounds_of(grain: str, row: Row) -> Row:
    if grain != "day":
        return {}
    day = date.fromisoformat(str(row["day"]))
    return {
        "start": day.isoformat(),
        "end": (day + timedelta(days=1)).isoformat(),
        "mean": row["mean_7"],
        "median": row["median_7"],
    }
