"""The trend of usage: days as points, moving mean and median as lines, what was expected as a band."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TypeAlias

from reports.charts.day_marks import side
from reports.charts.days import DayAxis, by_day, day_axis, day_words, middle, range_words
from reports.charts.drawn import Drawn, Spec
from reports.charts.figures import NOTHING, Magnitude, counted, drawn, figure, magnitude, number
from reports.charts.frame import (
    HEIGHT,
    Point,
    days_across,
    field,
    framed,
    heights,
    layer,
    moment,
    nothing,
    plain,
    width,
    written,
    zero_line,
)
from reports.charts.palette import Palette
from reports.charts.signs import Entry, Sign, key, mark_of, signed
from reports.document import Chart, Column, Kind, Table
from reports.rendering import Row

_Days: TypeAlias = Sequence[tuple[date, Row]]
_MOST_LABELS = 6
_DRAWN = ("usage", "mean", "median", "expected_low", "expected_high")


def trend_line(rows: Sequence[Row], *, name: str, title: str, unit: str) -> Chart:
    """Return usage by day with its moving mean and median, the expected range, and unusual days ringed by date.

    Args:
        rows: ``day, usage, mean, median, expected_low, expected_high, unusual, partial``; what is not known is None.
        name: Prefix of anchors, unique within a document.
        title: What people read above the chart.
        unit: Of all figures.

    Returns:
        The chart; for no rows one that says so.
    """
    days = by_day(rows)
    columns = (
        Column("day", "Day", Kind.DAY),
        Column("usage", f"Used, {unit}", Kind.QUANTITY),
        Column("mean", "Moving mean", Kind.NUMBER),
        Column("median", "Moving median", Kind.NUMBER),
        Column("expected_low", "Expected from", Kind.NUMBER),
        Column("expected_high", "Expected to", Kind.NUMBER),
        Column("unusual", "Unusual", Kind.FLAG),
        Column("partial", "Partial day", Kind.FLAG),
    )
    table = Table(
        f"{name}_figures", title, columns, [{one.key: row.get(one.key) for one in columns} for _, row in days]
    )
    return Chart(name, title, _summary(days, unit), lambda palette: _picture(days, unit, palette), table)


def _summary(days: _Days, unit: str) -> str:
    known = [(day, value) for day, row in days if (value := number(row.get("mean"))) is not None]
    if not any(number(row.get("usage")) is not None for _, row in days):
        return NOTHING
    said = f"{unit} per day, {range_words(days[0][0], days[-1][0])}."
    if len(known) > 1:
        (first, low), (last, high) = known[0], known[-1]
        went = f"from {figure(float(low))} on {day_words(first, year=True)}"
        said += f" The moving mean went {went} to {figure(float(high))} on {day_words(last, year=True)}."
    unusual = [(day, row) for day, row in days if row.get("unusual")]
    if unusual:
        told = ", ".join(f"{day_words(day)} with {figure(row.get('usage'))}" for day, row in unusual[-3:])
        rest = "" if len(unusual) <= 3 else "; the latest"
        said += f" {counted(len(unusual), 'day was', 'days were')} unusual{rest}: {told}."
    return said


def _picture(days: _Days, unit: str, palette: Palette) -> Drawn:
    if not any(drawn(row.get("usage")) is not None for _, row in days):
        return nothing(palette, f"{unit} per day")
    axis = day_axis([day for day, _ in days])
    scale = magnitude(row.get(name) for _, row in days for name in _DRAWN)
    known = [scale.of(row.get(name)) or 0.0 for _, row in days for name in _DRAWN]
    upward = heights(min(known), max(known))
    layers = [*_band(days, axis, scale, upward, palette), zero_line(palette)]
    layers += [*_points(days, axis, scale, unit, upward, palette), *_lines(days, axis, scale, upward, palette)]
    layers += [*_unusual(days, axis, scale, max(known), palette), *key(list(_entries(days)), palette, HEIGHT + 48)]
    return framed(layers, palette, f"{scale.unit(unit)} per day, {axis.words}")


def _band(days: _Days, axis: DayAxis, scale: Magnitude, upward: Spec, palette: Palette) -> Iterator[Spec]:
    points: list[Point] = []
    run = 0
    for day, row in days:
        low, high = scale.of(row.get("expected_low")), scale.of(row.get("expected_high"))
        if low is None or high is None:
            run += 1
        else:
            points.append({"at": middle(day), "low": low, "high": high, "run": run})
    if points:
        mark: Spec = {"type": "area", "fill": palette.band}
        runs: Spec = {"field": "run", "type": "nominal"}
        yield layer(points, mark, x=days_across(axis), y={**upward, "field": "low"}, y2=field("high"), detail=runs)


def _points(days: _Days, axis: DayAxis, scale: Magnitude, unit: str, upward: Spec, palette: Palette) -> Iterator[Spec]:
    size = 30 if axis.count <= 120 else 12 if axis.count <= 400 else 7
    for partial in (False, True):
        points: list[Point] = [
            {
                "at": middle(day),
                "height": scale.of(row.get("usage")),
                "told": f"{day_words(day, year=True)}: {figure(row.get('usage'))} {unit}{', partial day' * partial}",
            }
            for day, row in days
            if drawn(row.get("usage")) is not None and bool(row.get("partial")) is partial
        ]
        mark: Spec = {**mark_of(Sign.PARTIAL_POINT if partial else Sign.POINT, palette), "size": size}
        if points:
            yield layer(points, mark, x=days_across(axis), y=upward)


def _lines(days: _Days, axis: DayAxis, scale: Magnitude, upward: Spec, palette: Palette) -> Iterator[Spec]:
    for name, sign in (("median", Sign.DASHED), ("mean", Sign.LINE)):
        points: list[Point] = [{"at": middle(day), "height": scale.of(row.get(name))} for day, row in days]
        if any(one["height"] is not None for one in points):
            yield layer(points, mark_of(sign, palette), x=days_across(axis), y=upward)


def _unusual(days: _Days, axis: DayAxis, scale: Magnitude, top: float, palette: Palette) -> list[Spec]:
    ringed = [(day, row) for day, row in days if row.get("unusual") and drawn(row.get("usage")) is not None]
    points: list[Point] = [{"at": middle(day), "height": scale.of(row.get("usage"))} for day, row in ringed]
    layers = signed(points, Sign.RING, palette, x=moment("at"), y=plain("height"))
    year = axis.first.year != axis.last.year
    for day, row in _labelled(ringed, axis, scale, top):
        low = number(row.get("expected_low"))
        used = drawn(row.get("usage")) or 0.0
        below = low is not None and used < low and used / scale.divisor > top / 8
        label: list[Point] = [
            {"at": middle(day), "height": scale.of(row.get("usage")), "said": day_words(day, year=year)}
        ]
        style: Spec = {"dy": 18 if below else -15, "align": side(day, axis)}
        layers += written(label, palette, moment("at"), plain("height"), **style)
    return layers


def _labelled(ringed: _Days, axis: DayAxis, scale: Magnitude, top: float) -> list[tuple[date, Row]]:
    """Return the unusual days that get their date, the farthest from what was expected first, none over another."""
    chosen: list[tuple[date, Row]] = []
    taken: list[tuple[float, float]] = []
    wide = 95 if axis.first.year != axis.last.year else 60
    for day, row in sorted(ringed, key=lambda one: _surprise(one[1]), reverse=True):
        across = (day - axis.first).days / axis.count * width()
        down = (1 - (scale.of(row.get("usage")) or 0.0) / (top or 1.0)) * HEIGHT
        if all(abs(across - x) > wide or abs(down - y) > 22 for x, y in taken) and len(chosen) < _MOST_LABELS:
            chosen.append((day, row))
            taken.append((across, down))
    return chosen


def _surprise(row: Row) -> float:
    used, low, high = (drawn(row.get(name)) for name in ("usage", "expected_low", "expected_high"))
    if used is None or low is None or high is None:
        return 0.0
    return max(low - used, used - high, 0.0)


def _entries(days: _Days) -> Iterator[Entry]:
    yield Entry(Sign.POINT, "day")
    for name, sign, words in (
        ("mean", Sign.LINE, "moving mean"),
        ("median", Sign.DASHED, "moving median"),
        ("expected_low", Sign.BAND, "expected"),
    ):
        if any(drawn(row.get(name)) is not None for _, row in days):
            yield Entry(sign, words)
    if any(row.get("unusual") for _, row in days):
        yield Entry(Sign.RING, "unusual")
    if any(row.get("partial") and drawn(row.get("usage")) is not None for _, row in days):
        yield Entry(Sign.PARTIAL_POINT, "partial day")
