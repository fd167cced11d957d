"""Usage against a quota: the cumulative course with its forecast fan, and burn rates over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from reports.charts.ahead import FAN, NOTHING_AHEAD, Ahead, interval_words, rounded
from reports.charts.cumulative import Course, course_of, draw
from reports.charts.days import by_day, day_axis, day_words, middle, range_words
from reports.charts.drawn import Drawn
from reports.charts.figures import NOTHING, Number, counted, drawn, figure, magnitude, number
from reports.charts.frame import HEIGHT, Point, days_across, framed, heights, layer, nothing, zero_line
from reports.charts.palette import Palette
from reports.charts.signs import Entry, Sign, key, mark_of
from reports.document import Chart, Column, Kind, Table
from reports.forecasting.words import percent
from reports.rendering import Row

__all__ = ["Ahead", "burn_rate", "cumulative"]

_Days: TypeAlias = Sequence[tuple[date, Row]]
_Quota: TypeAlias = int | float | Decimal | None
_QUANTILES = {
    "low": "Forecast, 10 %",
    "low_half": "Forecast, 25 %",
    "middle": "Forecast, middle",
    "high_half": "Forecast, 75 %",
    "high": "Forecast, 90 %",
}
_RATES = (("per_day_7", Sign.LINE, "last 7 days"), ("per_day_28", Sign.DASHED, "last 28 days"))


def cumulative(
    days: Sequence[Row], *, name: str, title: str, unit: str, quota: _Quota, ahead: Ahead = NOTHING_AHEAD
) -> Chart:
    """Return cumulative usage with the quota as a rule, and the forecast as a fan that begins at the last observation.

    Args:
        days: ``day``; ``used``, what the period had used by the day's end; and ``unseen`` where a day was not observed
            and its usage is interpolated.
        name: Prefix of anchors, unique within a document.
        title: What people read above the chart.
        unit: Of all quantities.
        quota: The allowance of the period; None for none.
        ahead: What is to come.

    Returns:
        The chart; for no rows one that says so.
    """
    course = course_of(by_day(days), quota, unit, ahead)
    return Chart(name, title, _summary(course), lambda palette: draw(course, palette), _figures(name, title, course))


def _figures(name: str, title: str, course: Course) -> Table:
    """Return what is drawn, as a table: a row for each day, the last one observed with both."""
    columns = [Column("day", "Day", Kind.DAY), Column("used", f"Used by its end, {course.unit}", Kind.QUANTITY)]
    rows: dict[date, Row] = {day: {"day": row["day"], "used": row.get("used")} for day, row in course.days}
    if any(row.get("unseen") for _, row in course.days):
        columns.append(Column("unseen", "Interpolated", Kind.FLAG))
        rows = {day: {**rows[day], "unseen": bool(row.get("unseen"))} for day, row in course.days}
    told = [one for one in FAN if any(row.get(one) is not None for _, row in course.fan)]
    columns += [Column(one, _QUANTILES[one], Kind.NUMBER) for one in told]
    for day, row in course.fan:
        known = rows.get(day, {"day": row["day"], "used": None})
        rows[day] = {**known, **{one: row.get(one) for one in told}}
    keys = [one.key for one in columns]
    return Table(
        name + "_figures", title, tuple(columns), [{one: row.get(one) for one in keys} for row in rows.values()]
    )


def _summary(course: Course) -> str:
    known = [(day, used) for day, row in course.days if (used := number(row.get("used"))) is not None]
    if not known:
        return NOTHING
    told = [_so_far(course, *known[-1]), _expected(course), _ends(course), _unseen(course)]
    return " ".join(one for one in told if one)


def _so_far(course: Course, last: date, used: Number) -> str:
    seen = course.ahead.seen_at
    by = f"{day_words(last, year=True)}, {seen:%H:%M}" if seen is not None and seen.date() == last else ""
    said = f"{figure(used)} {course.unit} were used by {by or f'the end of {day_words(last, year=True)}'}"
    allowed = number(course.quota)
    if allowed is not None:
        share = f", {float(used) / float(allowed):.1%}" if allowed else ""
        said += f"{share} of the quota of {figure(allowed)}".replace("%", " %")
    return f"{said}."


def _expected(course: Course) -> str:
    if not course.fan:
        return ""
    day, row = course.fan[-1]
    low, high = rounded(row.get("low")), rounded(row.get("high"))
    if drawn(row.get("middle")) is None:
        return f"By the end of {day_words(day, year=True)} with 80 % probability: {low} to {high}."
    said = f"Expected by the end of {day_words(day, year=True)}: {rounded(row.get('middle'))}"
    half = ""
    if drawn(row.get("low_half")) is not None and drawn(row.get("high_half")) is not None:
        half = f"with 50 % probability {rounded(row.get('low_half'))} to {rounded(row.get('high_half'))}, "
    return f"{said}, {half}with 80 % probability {low} to {high}."


def _ends(course: Course) -> str:
    """Tell when the quota runs out, as the marks on its line do."""
    ahead = course.ahead
    said = ""
    if ahead.probability is not None and not ahead.is_sure:
        said = f"The quota runs out before the period ends with {percent(ahead.probability)} probability"
        said += "" if ahead.earliest is None else f", from {day_words(ahead.earliest.date(), year=True)} on"
    elif ahead.exhausts is not None:
        said = f"The quota runs out around {day_words(ahead.exhausts.date(), year=True)}"
        said += f", with 80 % probability {interval_words(ahead, year=True)}"
    elif ahead.earliest is not None:
        said = f"The quota runs out with 80 % probability {interval_words(ahead, year=True)}"
    if said and ahead.warning is not None:
        said += f"; plan for {day_words(ahead.warning.date(), year=True)}"
    return f"{said}." if said else ""


def _unseen(course: Course) -> str:
    count = sum(bool(row.get("unseen")) for _, row in course.days)
    if not count:
        return ""
    return f"{counted(count, 'day was', 'days were')} not observed; the course there is interpolated."


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
