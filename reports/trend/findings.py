"""What stands out in a meter's trend, as rows with a sentence each: unusual and top days, changes, idle stretches.

A day is unusual only where the day alone, whatever a gap hides, lies outside of what such a day usually uses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import cast

from collector.store.engine import Database
from reports.daily import COLUMNS
from reports.rendering import Cell, Row, Value
from reports.rows import rows_of, scaled
from reports.tables import number
from reports.trend.causes import DayRequests, causes, compared, in_units, largest_rows, requests_of_days
from reports.trend.meter import MeterTrend
from reports.trend.usual import WEEKLY_FROM, Usual

TOP = 5
IDLE_FROM = 3
"""The least whole days without usage that are told as idle; shorter ones are weekends."""
_EXPLAINED = 20

Facts = Mapping[str, DayRequests | None]


def day_rows(trend: MeterTrend) -> list[Row]:
    """Return the days with their quantities in units, and where it is known what they usually use.

    Columns of the report ``daily`` but for account, meter and unit; ``observed`` bool, whether the day teaches
    something of itself; the moving figures; ``expected_low``, ``expected_high`` quantities or None; ``unusual`` bool.
    """
    moving = ("mean_7", "median_7", "mean_28", "median_28")
    rows = rows_of(trend.days, (*COLUMNS[3:], "observed", *moving))
    return [
        {**row, **_expected(trend.usual, place, trend.row.scale), "unusual": _is_unusual(trend, row, place)}
        for place, row in enumerate(rows)
    ]


def _expected(usual: Usual | None, place: int, scale: int) -> Row:
    if usual is None:
        return {"expected_low": None, "expected_high": None}
    unit = 10**scale
    low = math.ceil(round(float(usual.low[place]) * unit, 6))
    high = max(low, math.floor(round(float(usual.high[place]) * unit, 6)))
    return {"expected_low": scaled(low, scale), "expected_high": scaled(high, scale)}


def _is_unusual(trend: MeterTrend, row: Row, place: int) -> bool:
    """Tell whether the day's bounds lie wholly outside its range; a partial day may only be too much already."""
    if trend.usual is None:
        return False
    unit = 10.0**trend.row.scale
    low, high = float(trend.usual.low[place]), float(trend.usual.high[place])
    edge = 0.5 / unit
    lower, upper = _amount(row["lower"]), _amount(row["upper"])
    if lower is not None and lower > high + edge * (unit > 1):
        return True
    return not row["partial"] and row["held"] == 0 and upper is not None and upper < low - edge * (unit > 1)


def _amount(value: Cell) -> float | None:
    return None if value is None else float(cast("int", value))


def top_of(rows: Sequence[Row]) -> list[int]:
    """Return the places of the days with the most usage, most first, earlier before later; none without usage."""
    used = [place for place, row in enumerate(rows) if (_amount(row["usage"]) or 0) > 0]
    return sorted(used, key=lambda place: (-(_amount(rows[place]["usage"]) or 0), place))[:TOP]


def unusual_of(rows: Sequence[Row]) -> list[int]:
    """Return the places of the unusual days, in order."""
    return [place for place, row in enumerate(rows) if row["unusual"]]


def requests_of(database: Database, trend: MeterTrend, rows: Sequence[Row]) -> Facts:
    """Return the requests of the days that are told about, by day: the top ones and the newest unusual ones."""
    places = sorted({*top_of(rows), *unusual_of(rows)[-_EXPLAINED:]})
    windows = [trend.windows[place] for place in places]
    found = requests_of_days(database, trend.row, [(one.start, one.end) for one in windows])
    return {one.name: made for one, made in zip(windows, found, strict=True)}


def top_days(trend: MeterTrend, rows: Sequence[Row], facts: Facts) -> Iterator[Mapping[str, Value]]:
    """Yield the days with the most usage, most first, with their share of the range and what made them."""
    whole = sum(_amount(row["usage"]) or 0.0 for row in rows)
    for place in top_of(rows):
        row = rows[place]
        found = facts.get(str(row["day"]))
        made = list(causes(row, trend.row.counts, found))
        yield {
            **{key: row[key] for key in ("day", "usage", "lower", "upper", "partial", "unusual")},
            "share": round((_amount(row["usage"]) or 0.0) / whole, 6) if whole > 0 else None,
            "requests": None if found is None else found.made,
            "failed": None if found is None else found.failed,
            "largest": largest_rows(found),
            "reason": "; ".join(made) or "nothing is known of what made it",
        }


def unusual_days(trend: MeterTrend, rows: Sequence[Row], facts: Facts) -> Iterator[Row]:
    """Yield the unusual days in order, each with the expected range and why it stands out."""
    for place in unusual_of(rows):
        row = rows[place]
        yield {
            **{key: row[key] for key in ("day", "usage", "lower", "upper", "expected_low", "expected_high")},
            "direction": "high" if _is_high(row) else "low",
            "reason": reason_of(trend, row, place, facts),
        }


def _is_high(row: Row) -> bool:
    return (_amount(row["lower"]) or 0.0) > (_amount(row["expected_high"]) or 0.0)


def reason_of(trend: MeterTrend, row: Row, place: int, facts: Facts) -> str:
    """Return why the unusual day at ``place`` stands out, in words."""
    assert trend.usual is not None  # noqa: S101 - no day is unusual without it
    day = date.fromisoformat(str(row["day"]))
    noun = f"{day:%A}" if len(trend.series) >= WEEKLY_FROM else "weekend day" if day.weekday() > 4 else "working day"
    middle = float(trend.usual.middle[place])
    expected = f"{number(row['expected_low'])} to {number(row['expected_high'])} expected"
    words = [f"{compared(_amount(row['usage']) or 0.0, middle, noun)} ({expected})"]
    words += causes(row, trend.row.counts, facts.get(str(row["day"])))
    return "; ".join(words)


def change_rows(trend: MeterTrend) -> Iterator[Row]:
    """Yield the changes of level: from which day on, the level before and after, and by which share it changed."""
    for one in trend.changes or ():
        day = date.fromordinal(one.ordinal)
        before, after = (in_units(value, trend.row.scale) for value in (one.before, one.after))
        share = round(one.after / one.before - 1, 6) if one.before > 0 else None
        by = "" if share is None else f" ({share * 100:+,.0f} %)"
        yield {
            "day": day.isoformat(),
            "before": before,
            "after": after,
            "change": share,
            "reason": f"from {day} on a day uses about {number(after)}, where it used about {number(before)}{by}",
        }


def idle_rows(trend: MeterTrend, rows: Sequence[Row]) -> Iterator[Row]:
    """Yield the stretches of at least ``IDLE_FROM`` whole days on which certainly nothing was used."""
    run: list[int] = []
    last_whole = max((place for place, row in enumerate(rows) if not row["partial"]), default=-1)
    for place in range(len(rows) + 1):
        idle = place < len(rows) and _is_idle(rows[place])
        if idle:
            run.append(place)
        elif run:
            if len(run) >= IDLE_FROM:
                yield _idle(trend, rows, run, ongoing=run[-1] == last_whole)
            run = []


def _is_idle(row: Row) -> bool:
    return not row["partial"] and row["held"] == 0 and row["lower"] == 0 and row["upper"] == 0


def _idle(trend: MeterTrend, rows: Sequence[Row], run: Sequence[int], *, ongoing: bool) -> Row:
    first = date.fromisoformat(str(rows[run[0]]["day"]))
    end = date.fromisoformat(str(rows[run[-1]]["day"])) + timedelta(days=1)
    days = f"{len(run):,} days without usage, from {first} to {end - timedelta(days=1)}"
    return {
        "start": first.isoformat(),
        "end": end.isoformat(),
        "days": len(run),
        "ongoing": ongoing,
        "reason": f"{days}, and on to the last whole day" if ongoing else days,
    }
