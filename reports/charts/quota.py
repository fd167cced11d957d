"""Usage against a quota: the cumulative course with its forecast fan, and burn rates over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from reports.charts.day_marks import side
from reports.charts.days import DayAxis, by_day, day_axis, day_words, middle, range_words
from reports.charts.drawn import Drawn, Spec
from reports.charts.figures import NOTHING, Magnitude, drawn, figure, magnitude, number
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
    value,
    written,
    zero_line,
)
from reports.charts.palette import Palette
from reports.charts.signs import Entry, Sign, key, mark_of
from reports.document import Chart, Column, Kind, Table
from reports.rendering import Row

_Days: TypeAlias = Sequence[tuple[date, Row]]
_Quota: TypeAlias = int | float | Decimal | None
_FAN = ("low", "middle", "high")
_RATES = (("per_day_7", Sign.LINE, "last 7 days"), ("per_day_28", Sign.DASHED, "last 28 days"))


def cumulative(days: Sequence[Row], *, name: str, title: str, unit: str, quota: _Quota, fan: Sequence[Row]) -> Chart:
    """Return cumulative usage with the quota as a rule and the forecast as a fan.

    Args:
        days: ``day`` and ``used``, what the period had used by the day's end.
        name: Prefix of anchors, unique within a document.
        title: What people read above the chart.
        unit: Of all quantities.
        quota: The allowance of the period; None for none.
        fan: The forecast for the days after: ``day, low, middle, high``, the middle expected, low and high the ends of
            its 80 % interval. May be empty.

    Returns:
        The chart; for no rows one that says so.
    """
    known, ahead = by_day(days), by_day(fan)
    columns = [Column("day", "Day", Kind.DAY), Column("used", f"Used by its end, {unit}", Kind.QUANTITY)]
    cells: list[Row] = [{"day": row["day"], "used": row.get("used")} for _, row in known]
    if ahead:
        titles = ("Forecast, low", "Forecast, middle", "Forecast, high")
        columns += [Column(one, words, Kind.NUMBER) for one, words in zip(_FAN, titles, strict=True)]
        cells = [{**row, **dict.fromkeys(_FAN)} for row in cells]
        cells += [{"day": row["day"], "used": None, **{one: row.get(one) for one in _FAN}} for _, row in ahead]
    table = Table(f"{name}_figures", title, tuple(columns), cells)
    summary = _summary(known, unit, quota, ahead)
    return Chart(name, title, summary, lambda palette: _cumulative(known, ahead, quota, unit, palette), table)


def _summary(days: _Days, unit: str, quota: _Quota, fan: _Days) -> str:
    known = [(day, used) for day, row in days if (used := number(row.get("used"))) is not None]
    if not known:
        return NOTHING
    last, used = known[-1]
    said = f"{figure(used)} {unit} were used by the end of {day_words(last, year=True)}"
    allowed = number(quota)
    if allowed is not None:
        share = f", {float(used) / float(allowed):.1%}" if allowed else ""
        said += f"{share} of the quota of {figure(allowed)}".replace("%", " %")
    said += "."
    if fan and (middle_ := drawn(fan[-1][1].get("middle"))) is not None:
        day, row = fan[-1]
        said += (
            f" Expected by {day_words(day, year=True)}: {_rounded(middle_)}, "
            f"with 80 % probability {_rounded(row.get('low'))} to {_rounded(row.get('high'))}."
        )
    return said


def _rounded(one: object) -> str:
    """Return a forecast in whole units: more would claim what nobody knows."""
    known = drawn(one) if isinstance(one, int | float | Decimal) else None
    return "–" if known is None else figure(round(known) if abs(known) >= 100 else known)


def _cumulative(days: _Days, fan: _Days, quota: _Quota, unit: str, palette: Palette) -> Drawn:
    if not any(drawn(row.get("used")) is not None for _, row in days):
        return nothing(palette, f"{unit} used")
    axis = day_axis([day for day, _ in (*days, *fan)])
    figures = [*(row.get("used") for _, row in days), *(row.get(one) for _, row in fan for one in _FAN), quota]
    scale = magnitude(figures)
    known = [scale.of(one) or 0.0 for one in figures]
    upward = heights(min(known), max(known))
    layers = [*_fan(days, fan, axis, scale, upward, palette), zero_line(palette)]
    layers += [*_used(days, axis, scale, unit, upward, palette), *_rule(quota, scale, upward, palette)]
    layers += _ends(days, fan, axis, scale, palette)
    if fan:
        entries = [Entry(Sign.LINE, "used"), Entry(Sign.DASHED, "expected"), Entry(Sign.BAND, "80 % probable")]
        layers += key(entries, palette, HEIGHT + 48)
    return framed(layers, palette, f"{scale.unit(unit)} used so far, {axis.words}")


def _used(days: _Days, axis: DayAxis, scale: Magnitude, unit: str, upward: Spec, palette: Palette) -> Iterator[Spec]:
    points: list[Point] = [
        {
            "at": middle(day),
            "height": scale.of(row.get("used")),
            "told": f"{day_words(day, year=True)}: {figure(row.get('used'))} {unit} by the end of the day",
        }
        for day, row in days
    ]
    yield layer(points, mark_of(Sign.LINE, palette), x=days_across(axis), y=upward)
    if axis.count <= 62:
        dots: Spec = {**mark_of(Sign.POINT, palette), "fill": palette.series[0], "size": 22}
        seen = [one for one in points if one["height"] is not None]
        yield layer(seen, dots, x=days_across(axis), y=upward)


def _fan(days: _Days, fan: _Days, axis: DayAxis, scale: Magnitude, upward: Spec, palette: Palette) -> Iterator[Spec]:
    points: list[Point] = [
        {"at": middle(day), **{one: scale.of(row.get(one)) for one in _FAN}}
        for day, row in fan
        if all(drawn(row.get(one)) is not None for one in _FAN)
    ]
    if not points:
        return
    day, row = next(one for one in reversed(days) if drawn(one[1].get("used")) is not None)
    points.insert(0, {"at": middle(day), **dict.fromkeys(_FAN, scale.of(row.get("used")))})
    across = days_across(axis)
    band: Spec = {"type": "area", "fill": palette.band}
    yield layer(points, band, x=across, y={**upward, "field": "low"}, y2=field("high"))
    yield layer(points, mark_of(Sign.DASHED, palette), x=across, y={**upward, "field": "middle"})


def _rule(quota: _Quota, scale: Magnitude, upward: Spec, palette: Palette) -> list[Spec]:
    allowed = scale.of(quota)
    if allowed is None:
        return []
    points: list[Point] = [{"height": allowed, "said": f"quota {scale.label(quota)}"}]
    rule: Spec = {"type": "rule", "stroke": palette.bad, "strokeWidth": 2}
    label: Spec = {"align": "left", "baseline": "bottom", "dy": -4}
    return [layer(points, rule, y=upward), *written(points, palette, value(4), plain("height"), **label)]


def _ends(days: _Days, fan: _Days, axis: DayAxis, scale: Magnitude, palette: Palette) -> list[Spec]:
    """Label where the usage stands, and where it is expected to end."""
    day, row = next(one for one in reversed(days) if drawn(one[1].get("used")) is not None)
    used: list[Point] = [{"at": middle(day), "height": scale.of(row.get("used")), "said": scale.label(row.get("used"))}]
    align = "left" if side(day, axis) == "left" else "right"
    layers = written(used, palette, moment("at"), plain("height"), dy=-13, align=align)
    if fan and (expected := drawn(fan[-1][1].get("middle"))) is not None:
        last, row = fan[-1]
        said = _rounded(expected) if scale.divisor == 1 else scale.label(expected)
        end: list[Point] = [{"at": middle(last), "height": scale.of(row.get("high")), "said": f"expected {said}"}]
        layers += written(end, palette, moment("at"), plain("height"), dy=-10, align="right")
    return layers


def burn_rate(rows: Sequence[Row], *, name: str, title: str, unit: str) -> Chart:
    """Return usage per day over the 7 and the 28 days up to each day.

    Args:
        rows: ``day, per_day_7, per_day_28``; what is not known is None.
        name: Prefix of anchors, unique within a document.
        title: What people read above the chart.
        unit: Of the meter, without "per day".

    Returns:
        The chart; for no rows one that says so.
    """
    days = by_day(rows)
    columns = (
        Column("day", "Day", Kind.DAY),
        Column("per_day_7", f"{unit} per day over 7 days", Kind.NUMBER),
        Column("per_day_28", f"{unit} per day over 28 days", Kind.NUMBER),
    )
    table = Table(
        f"{name}_figures", title, columns, [{one.key: row.get(one.key) for one in columns} for _, row in days]
    )
    return Chart(name, title, _burn_summary(days, unit), lambda palette: _rates(days, unit, palette), table)


def _burn_summary(days: _Days, unit: str) -> str:
    last = {
        words: next(((day, row.get(name)) for day, row in reversed(days) if drawn(row.get(name)) is not None), None)
        for name, _, words in _RATES
    }
    told = [
        f"{figure(drawn(found[1]))} {unit} per day over the {words} up to {day_words(found[0], year=True)}"
        for words, found in last.items()
        if found is not None
    ]
    return f"{'; '.join(told)}. Shown: {range_words(days[0][0], days[-1][0])}." if told else NOTHING


def _rates(days: _Days, unit: str, palette: Palette) -> Drawn:
    scale = magnitude(row.get(name) for _, row in days for name, _, _ in _RATES)
    known = [one for _, row in days for name, _, _ in _RATES if (one := scale.of(row.get(name))) is not None]
    if not known:
        return nothing(palette, f"{unit} per day")
    axis = day_axis([day for day, _ in days])
    upward = heights(min(known), max(known))
    layers = [zero_line(palette)]
    for name, sign, _ in reversed(_RATES):
        points: list[Point] = [
            {
                "at": middle(day),
                "height": scale.of(row.get(name)),
                "told": f"{day_words(day, year=True)}: {figure(drawn(row.get(name)))} {unit} per day",
            }
            for day, row in days
        ]
        seen = [one for one in points if one["height"] is not None]
        if seen:
            layers.append(layer(points, mark_of(sign, palette), x=days_across(axis), y=upward))
        if len(seen) == 1:  # a line needs two
            layers.append(layer(seen, mark_of(Sign.POINT, palette), x=days_across(axis), y=upward))
    layers += key([Entry(sign, words) for _, sign, words in _RATES], palette, HEIGHT + 48)
    return framed(layers, palette, f"{scale.unit(unit)} per day, {axis.words}")
