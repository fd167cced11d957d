"""Rows as the reports give them, in the shapes that charts must bear."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta

import pytest

from reports.charts.calibration import Outcome, places, reliability
from reports.charts.quota import Ahead, burn_rate, cumulative
from reports.charts.requests import by_status, durations
from reports.charts.rhythm import week_by_hour, weekdays
from reports.charts.usage import daily_usage, period_usage, trend_line
from reports.document import Chart
from reports.rendering import Cell, Row

FIRST = date(2026, 10, 1)
HOSTILE = '</text><script>alert(1)</script><a href="javascript:alert(2)" onload="x()">\u202e\x1b[31m\x00\n"+datum.x+"'


def day_rows(usages: Sequence[Cell], first: date = FIRST, **changes: Cell) -> list[Row]:
    """Return rows of the report ``daily``, of whole days without doubt but for ``changes``."""
    plain = {"coverage": 1.0, "snapshots": 5, "partial": False}
    return [
        {
            "day": (first + timedelta(days=count)).isoformat(),
            "usage": one,
            "lower": one,
            "upper": one,
            **plain,
            **changes,
        }
        for count, one in enumerate(usages)
    ]


def every_chart(shape: str) -> Iterator[Chart]:
    """Yield one chart of each kind over figures of the given ``shape``."""
    figures = SHAPES[shape]
    days = day_rows(figures)
    unit = HOSTILE if shape == "hostile" else "credits"
    common = {"title": HOSTILE if shape == "hostile" else "What was used", "unit": unit}
    yield daily_usage(days, name="by_day", **common)
    yield period_usage(
        [{**row, "period": _period(place, shape)} for place, row in enumerate(days)], name="by_month", **common
    )
    extra = {"expected_low": 1, "expected_high": 2.5, "unusual": True}
    yield trend_line([{**row, "mean": row["usage"], "median": None, **extra} for row in days], name="trend", **common)
    used: list[Row] = [{"day": row["day"], "used": row["usage"]} for row in days]
    fan: list[Row] = [{"day": "2031-01-01", "low": 1, "middle": 2.5, "high": None}] if days else []
    ahead = Ahead(fan=[*fan, *({**row, "day": "2031-01-02", "high": 7} for row in fan)], begins=0)
    yield cumulative(used, name="cumulative", quota=None if shape == "unknown" else 10, ahead=ahead, **common)
    rates: list[Row] = [{"day": row["day"], "per_day_7": row["usage"], "per_day_28": None} for row in days]
    yield burn_rate(rates, name="burn", **common)
    hours: list[Row] = [
        {"weekday": place % 7, "hour": place % 24, "value": one} for place, one in enumerate(figures[:168])
    ]
    yield week_by_hour(hours, name="hours", **common)
    means: list[Row] = [
        {"weekday": place, "mean": one, "low": one, "high": None} for place, one in enumerate(figures[:7])
    ]
    yield weekdays(means, name="weekdays", **common)
    named = {"title": common["title"]}
    statuses: list[Row] = [
        {"status": f"{HOSTILE if shape == 'hostile' else 'status'} {place}", "requests": one}
        for place, one in enumerate(figures[:40])
    ]
    yield by_status(statuses, name="by_status", **named)
    bins: list[Row] = [
        {"from_seconds": 2.0**place, "to_seconds": 2.0 ** (place + 1), "requests": one}
        for place, one in enumerate(figures[:30])
    ]
    yield durations(bins, name="durations", **named)
    outcomes = [Outcome(place % 10 / 10 + 0.05, bool(one)) for place, one in enumerate(figures)]
    yield reliability(outcomes, independent=max(1, len(outcomes)), name="reliability", **named)
    yield places([0.1] * 10, count=len(outcomes), independent=max(1, len(outcomes)), name="places", **named)


def _period(place: int, shape: str) -> str:
    return f"{HOSTILE} {place}" if shape == "hostile" else f"{2026 + place // 12}-{place % 12 + 1:02}"


SHAPES: Mapping[str, Sequence[int | None]] = {
    "empty": [],
    "one": [7],
    "zeros": [0] * 31,
    "unknown": [None] * 5,
    "mixed": [3, None, 0, -2, 5],
    "enormous": [2**62, 2**62 - 1, 3 * 2**62],
    "years": [(place * 37) % 90 for place in range(1096)],
    "hostile": [4, 9, 2],
}


@pytest.fixture
def days() -> Callable[..., list[Row]]:
    """Return the function that builds rows of the report ``daily``."""
    return day_rows
