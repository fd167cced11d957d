"""Draws the usage of very many days as one outline of their bars, with what was possible as a band."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.charts.day_marks import DayBar, runs_of
from reports.charts.days import DAY_MILLIS, DayAxis, opens
from reports.charts.drawn import Spec
from reports.charts.figures import Magnitude, drawn
from reports.charts.frame import Point, days_across, field, layer
from reports.charts.palette import Palette


def outline(bars: Sequence[DayBar], axis: DayAxis, scale: Magnitude, upward: Spec, palette: Palette) -> Iterator[Spec]:
    """Yield the layers: observed days filled, interpolated ones as a line only, bounds as a pale band over both."""
    steps: Spec = {"type": "area", "interpolate": "step-after"}
    across, base = days_across(axis), field("base")
    run: Spec = {"field": "run", "type": "nominal"}
    seen = _corners([one for one in bars if not one.unseen and drawn(one.usage) is not None], scale)
    if seen:
        solid: Spec = {**steps, "fill": palette.series[0]}
        yield layer(seen, solid, x=across, y=upward, y2=base, detail=run)
    bounded = _corners([one for one in bars if one.is_bounded], scale)
    if bounded:
        pale: Spec = {**steps, "fill": palette.band, "fillOpacity": 0.7}
        yield layer(bounded, pale, x=across, y={**upward, "field": "low"}, y2=field("high"), detail=run)
    unseen = _corners([one for one in bars if one.unseen and drawn(one.usage) is not None], scale)
    if unseen:
        line: Spec = {"type": "line", "interpolate": "step-after", "stroke": palette.series[0], "strokeWidth": 1.2}
        yield layer(unseen, line, x=across, y=upward, detail=run)


def _corners(bars: Sequence[DayBar], scale: Magnitude) -> list[Point]:
    """Return where each day begins, and once more the end of the last day of each run of neighbours."""
    by_day = {one.day: one for one in bars}
    ends = {last: first for first, last in runs_of(sorted(by_day))}
    points: list[Point] = []
    run = 0
    for day in sorted(by_day):
        points.append(_corner(by_day[day], opens(day), run, scale))
        if day in ends:
            points.append(_corner(by_day[day], opens(day) + DAY_MILLIS, run, scale))
            run += 1
    return points


def _corner(one: DayBar, at: int, run: int, scale: Magnitude) -> Point:
    bounds = {"low": scale.of(one.lower), "high": scale.of(one.upper)}
    return {"at": at, "run": run, "height": scale.of(one.usage), "base": 0, **bounds}
