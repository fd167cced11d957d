"""When usage happens: by weekday and hour, and by weekday."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from reports.charts.drawn import Drawn, Spec
from reports.charts.figures import NOTHING, Number, drawn, figure, magnitude, number, total
from reports.charts.frame import SMALL, Point, field, framed, layer, nothing, value, width
from reports.charts.palette import Palette
from reports.charts.period_bars import PeriodBar, period_bars
from reports.document import Chart, Column, Kind, Table
from reports.rendering import Row

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT = tuple(day[:3] for day in WEEKDAYS)
_TALL = 30  # of one weekday's row
_HOUR = 20  # how wide it is where there is room
# How much of the largest value the classes reach: evenly, or, where one hour towers over all others, by squares.
_EVEN = tuple(count / 6 for count in range(1, 7))
_SQUARES = tuple((count / 6) ** 2 for count in range(1, 7))

_Cells: TypeAlias = Mapping[tuple[int, int], Number]


def week_by_hour(rows: Sequence[Row], *, name: str, title: str, unit: str) -> Chart:
    """Return a map of the week: a row for each weekday, a column for each hour, darker where more was used.

    Args:
        rows: ``weekday`` 0..6, Monday 0; ``hour`` 0..23, local; ``value``. An hour without a row is empty: not known.
        name: Prefix of anchors, unique within a document.
        title: What people read above the chart.
        unit: Of ``value``.

    Returns:
        The chart; for no rows one that says so.
    """
    known: dict[tuple[int, int], Number] = {}
    for row in rows:
        amount = number(row.get("value"))
        if amount is not None:
            known[int(str(row["weekday"])), int(str(row["hour"]))] = amount
    columns = (
        Column("weekday", "Weekday"),
        Column("hour", "Hour"),
        Column("value", unit[:1].upper() + unit[1:], Kind.NUMBER),
    )
    cells: list[Row] = [
        {"weekday": WEEKDAYS[int(str(row["weekday"]))], "hour": _hour(int(str(row["hour"]))), "value": row.get("value")}
        for row in rows
    ]
    table = Table(f"{name}_figures", title, columns, cells)
    return Chart(name, title, _map_summary(known, unit), lambda palette: _map(known, unit, palette), table)


def _hour(hour: int) -> str:
    return f"{hour:02}:00–{hour + 1:02}:00"


def _busiest(cells: _Cells) -> tuple[int, int] | None:
    place = max(cells, key=lambda one: cells[one], default=None)
    return place if place is not None and cells[place] > 0 else None


def _map_summary(cells: _Cells, unit: str) -> str:
    busiest = _busiest(cells)
    if busiest is None:
        return f"No {unit} in any hour of the week." if cells else NOTHING
    day, hour = busiest
    by_day = [total(amount for (one, _), amount in cells.items() if one == weekday) for weekday in range(7)]
    whole = float(total(by_day))
    most = max(range(7), key=lambda one: by_day[one])
    return (
        f"The busiest hour is {WEEKDAYS[day]} {_hour(hour)} with {figure(cells[busiest])} {unit}; "
        f"the busiest weekday is {WEEKDAYS[most]} with {100 * float(by_day[most]) / whole:.1f} % of all."
    )


def _map(cells: _Cells, unit: str, palette: Palette) -> Drawn:
    busiest = _busiest(cells)
    if not cells:
        return nothing(palette, unit)
    scale = magnitude(cells.values())
    top = max(0.0, *(float(one) for one in cells.values()))
    whole = scale.divisor == 1 and all(isinstance(one, int) for one in cells.values())
    bounds = _bounds(top, _SQUARES if _towers(cells, top) else _EVEN, whole=whole)
    layers: list[Spec] = []
    for step in range(len(bounds) + 1):
        points = [
            _cell(place, amount, unit) for place, amount in sorted(cells.items()) if _class(amount, bounds) == step
        ]
        if points:
            layers.append(layer(points, _fill(step, len(bounds), palette), **_places()))
    missing = [(day, hour) for day in range(7) for hour in range(24) if (day, hour) not in cells]
    if missing:
        dash: Spec = {"type": "text", "fontSize": SMALL, "fill": palette.muted}
        spots: list[Point] = [{"at": hour + 0.5, "day": _SHORT[day], "said": "–"} for day, hour in missing]
        at = {name: one for name, one in _places().items() if name != "x2"}
        layers.append(layer(spots, dash, **at, text={"field": "said", "type": "nominal"}))
        unknown: Spec = {**dash, "align": "left", "baseline": "top"}
        beside = 7 * _box() + 70 <= width()
        last = {"x": value(7 * _box() - 4 if beside else 0), "y": value(7 * _TALL + (42 if beside else 96))}
        layers.append(layer([{"said": "– unknown"}], unknown, **last, text={"field": "said", "type": "nominal"}))
    if busiest is not None:
        ring: Spec = {"type": "rect", "fillOpacity": 0, "stroke": palette.ink, "strokeWidth": 2}
        layers.append(layer([_cell(busiest, cells[busiest], unit)], ring, **_places()))
        told = [one if whole else _short(one / scale.divisor) for one in bounds]
        layers += _steps([figure(one) for one in told], palette)
    said = (
        f", most {_SHORT[busiest[0]]} {_hour(busiest[1])}: {scale.label(cells[busiest])}"
        if busiest and _wide() == 24 * _HOUR
        else ""
    )
    return framed(layers, palette, f"{scale.unit(unit)} by hour{said}", size=(_wide(), 7 * _TALL))


def _bounds(top: float, shares: Sequence[float], *, whole: bool) -> list[float]:
    """Return up to how much each class reaches; where only whole numbers occur, each of them once."""
    found = [top * share for share in shares]
    return sorted({float(math.floor(one)) for one in found if one >= 1}) or found if whole else found


def _wide() -> int:
    """Return how wide the map is: 20 for each hour, or what a phone has."""
    return 24 * min(_HOUR, width() // 24)


def _box() -> float:
    """Return how wide one class of the key is, with the room beside it."""
    return min(62.0, width() / 7)


def _short(bound: float) -> float:
    """Return a bound of the key at three digits."""
    return float(f"{bound:.3g}")


def _towers(cells: _Cells, top: float) -> bool:
    used = [float(one) for one in cells.values() if one > 0]
    return bool(used) and top > 5 * math.fsum(used) / len(used)


def _class(amount: Number, bounds: Sequence[float]) -> int:
    """Return 0 for nothing, else 1..6."""
    if amount <= 0:
        return 0
    return next((step for step, bound in enumerate(bounds, 1) if amount <= bound), len(bounds))


def _cell(place: tuple[int, int], amount: Number, unit: str) -> Point:
    day, hour = place
    told = f"{WEEKDAYS[day]} {_hour(hour)}: {figure(amount)} {unit}"
    return {"at": hour + 0.04, "until": hour + 0.96, "day": _SHORT[day], "told": told}


def _fill(step: int, classes: int, palette: Palette) -> Spec:
    """Return how a cell of class ``step`` is filled; the last of few ``classes`` is as dark as the last of many."""
    if step == 0:
        return {"type": "rect", "fill": palette.ground, "stroke": palette.line, "strokeWidth": 1}
    return {"type": "rect", "fill": palette.ramp[step - 1 - classes], "stroke": palette.line, "strokeWidth": 0.5}


def _places() -> dict[str, Spec]:
    hours: Spec = {
        "values": [0, 3, 6, 9, 12, 15, 18, 21, 24],
        # The same for all data: hours as clocks write them.
        "labelExpr": "format(datum.value, '02d') + ':00'",
        "title": None,
    }
    days: Spec = {"domain": list(_SHORT), "paddingInner": 0.08, "paddingOuter": 0.04}
    return {
        "x": {"field": "at", "type": "quantitative", "scale": {"domain": [0, 24], "nice": False}, "axis": hours},
        "x2": field("until"),
        "y": {"field": "day", "type": "ordinal", "sort": None, "scale": days, "axis": {"title": None, "grid": False}},
    }


def _steps(bounds: Sequence[str], palette: Palette) -> Iterator[Spec]:
    """Yield the key: the classes from few to many, each with up to how much it reaches."""
    top = 7 * _TALL + 44
    words: Spec = {"type": "text", "fontSize": SMALL, "fill": palette.muted, "baseline": "top", "align": "center"}
    labels = ["0", *(f"≤ {one}" for one in bounds)]
    tight = max(map(len, labels)) * 7.5 > _box()
    for step, label in enumerate(labels):
        left, right = step * _box(), (step + 1) * _box() - 10
        box = {"x": value(left), "x2": value(right), "y": value(top), "y2": value(top + 12)}
        yield layer([{}], _fill(step, len(bounds), palette), **box)
        said: Spec = {"field": "said", "type": "nominal"}
        yield layer(
            [{"said": label}],
            words,
            x=value((left + right) / 2),
            y=value(top + (34 if tight and step % 2 else 18)),
            text=said,
        )


def weekdays(rows: Sequence[Row], *, name: str, title: str, unit: str) -> Chart:
    """Return what each weekday uses on average, with its range as whiskers.

    Args:
        rows: ``weekday`` 0..6, Monday 0; ``mean, low, high``; what is not known is None.
        name: Prefix of anchors, unique within a document.
        title: What people read above the chart.
        unit: Of all figures.

    Returns:
        The chart; for no rows one that says so.
    """
    ordered = sorted(rows, key=lambda row: int(str(row["weekday"])))
    bars = [
        PeriodBar(_SHORT[int(str(row["weekday"]))], drawn(row.get("mean")), row.get("low"), row.get("high"),
                  partial=False, cost=None)
        for row in ordered
    ]  # fmt: skip
    columns = (
        Column("weekday", "Weekday"),
        Column("mean", f"Mean, {unit}", Kind.NUMBER),
        Column("low", "Low", Kind.NUMBER),
        Column("high", "High", Kind.NUMBER),
    )
    cells: list[Row] = [
        {"weekday": WEEKDAYS[int(str(row["weekday"]))], **{one: row.get(one) for one in ("mean", "low", "high")}}
        for row in ordered
    ]
    table = Table(f"{name}_figures", title, columns, cells)
    summary = _weekday_summary(ordered, unit)
    return Chart(name, title, summary, lambda palette: _weekday_bars(bars, unit, palette), table)


def _weekday_bars(bars: Sequence[PeriodBar], unit: str, palette: Palette) -> Drawn:
    return period_bars(bars, f"{unit} per day, mean", palette, "low to high")


def _weekday_summary(rows: Sequence[Row], unit: str) -> str:
    known = [(WEEKDAYS[int(str(row["weekday"]))], one) for row in rows if (one := drawn(row.get("mean"))) is not None]
    if not known:
        return NOTHING
    most, least = max(known, key=lambda one: one[1]), min(known, key=lambda one: one[1])
    return (
        f"{most[0]} uses most with {figure(most[1])} {unit} on average, {least[0]} least with {figure(least[1])}."
        if len(known) > 1
        else f"{most[0]}: {figure(most[1])} {unit} on average."
    )
