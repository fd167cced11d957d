"""Draws what was used so far, against the quota and with what is to come; see ``reports.charts.quota`` for its words.

Heights stand where a day ends, the last one where the last observation was. What nobody observed is shaded and drawn
as dots, so that nobody takes an interpolated course for a measured one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from reports.charts.ahead import FAN, Ahead, fan_layers, mark_labels, quota_marks, rounded, whole_fan
from reports.charts.day_marks import runs_of
from reports.charts.days import DayAxis, closes, day_words, opens, place_of, time_axis
from reports.charts.drawn import Drawn, Spec
from reports.charts.figures import Magnitude, drawn, figure, magnitude
from reports.charts.frame import (
    HEIGHT,
    Point,
    days_across,
    field,
    framed,
    heights,
    layer,
    nothing,
    value,
    zero_line,
)
from reports.charts.labels import BELOW, Label, labelled
from reports.charts.palette import Palette
from reports.charts.signs import Entry, Sign, key, mark_of, signed
from reports.rendering import Cell, Row

_DAY = timedelta(days=1)
_OLD = timedelta(days=1)
_HIGHEST = 2.2
"""How many times as high as everything else the interval may make a picture; beyond that it is cut."""
_MOST_DOTS = 62
_END: tuple[tuple[str, float], ...] = (("right", -12), ("right", 15), ("right", -28), ("right", 30), ("right", 45))
"""How what is expected may lie to its end, where the quota's labels may stand already."""


@dataclass(frozen=True, slots=True)
class Course:
    """What is drawn.

    Attributes:
        days: ``day, used, unseen`` by day, in order of time.
        fan: The rows of ``ahead.fan`` that can be drawn.
    """

    days: Sequence[tuple[date, Row]]
    quota: Cell
    unit: str
    ahead: Ahead
    fan: Sequence[tuple[date, Row]]


def course_of(days: Sequence[tuple[date, Row]], quota: Cell, unit: str, ahead: Ahead) -> Course:
    """Return what is drawn; the fan and all that it tells only where there is a figure that it begins at."""
    if not any(drawn(row.get("used")) is not None for _, row in days):
        return Course(days, quota, unit, Ahead(), ())
    return Course(days, quota, unit, ahead, whole_fan(ahead))


def draw(course: Course, palette: Palette) -> Drawn:
    """Return the chart in the colours of ``palette``; one that says so where there is nothing to draw."""
    known = [one for one in course.days if drawn(one[1].get("used")) is not None]
    if not known:
        return nothing(palette, f"{course.unit} used")
    ahead, fan = course.ahead, course.fan
    bounds = [one for one in (ahead.starts, ahead.ends) if one is not None]
    axis = time_axis([*(day for day, _ in (*course.days, *fan)), *bounds])
    low, high, cut = _reach(course)
    figures = (*(row.get("used") for _, row in known), course.quota, high)
    scale = magnitude(figures)
    upward = heights(low / scale.divisor, high / scale.divisor / (1.06 if cut else 1.0))
    start = _point(*known[-1], course, scale)
    layers = [*_unseen(course, axis, palette), *_waited(course, axis, palette)]
    layers += [*fan_layers(fan, start, scale, axis, upward, palette), zero_line(palette), *_ended(axis, palette, ahead)]
    layers += [*_used(course, scale, axis, upward, palette)]
    quota = scale.of(course.quota)
    if quota is not None:
        rule: Spec = {"type": "rule", "stroke": palette.bad, "strokeWidth": 2}
        layers += [layer([{"height": quota}], rule, y=upward), *quota_marks(ahead, quota, axis, palette)]
    labels = _labels(course, scale, start, axis, (quota, cut))
    at, height = float(start["at"] or 0), float(start["height"] or 0)
    reach = (low / scale.divisor, _nice(low, high) / scale.divisor)
    layers += labelled(labels, axis, reach, palette, [(at, height)])
    layers += key(_entries(course), palette, HEIGHT + 48)
    return framed(layers, palette, f"{scale.unit(course.unit)} used so far, {axis.words}")


def _reach(course: Course) -> tuple[float, float, bool]:
    """Return the lowest and the highest figure that is drawn, and whether the interval is cut there."""
    used = [drawn(row.get("used")) for _, row in course.days]
    ends = [drawn(row.get(name)) for _, row in course.fan[-1:] for name in ("low", "middle")]
    others = [one for one in (*used, *ends, drawn(course.quota), drawn(course.ahead.begins)) if one is not None]
    most = max((drawn(row.get("high")) or 0.0 for _, row in course.fan), default=0.0)
    low, usual = min(0.0, *others), max(0.0, *others)
    cut = usual > 0 and most > _HIGHEST * usual
    return low, _HIGHEST * usual if cut else max(usual, most), cut


def _nice(low: float, high: float) -> float:
    """Return the top of the axis for a highest figure: a multiple of its step, as d3 finds it for five ticks."""
    top = high * 1.06 if high > 0 else 0.0 if low < 0 else 1.0
    before = 0.0
    while (step := _step((top - low) / 5)) != before:
        before, top = step, math.ceil(top / step) * step
        low = math.floor(low / step) * step
    return top


def _step(rough: float) -> float:
    """Return the step of an axis: 1, 2, 5 or 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    share = rough / power
    return power * (
        10 if share >= math.sqrt(50) else 5 if share >= math.sqrt(10) else 2 if share >= math.sqrt(2) else 1
    )


def _point(day: date, row: Row, course: Course, scale: Magnitude) -> Point:
    """Return the end of a day, or the last observation where that was earlier."""
    seen = course.ahead.seen_at
    cut = seen is not None and seen.date() == day and day == course.days[-1][0]
    at = place_of(seen) if cut and seen is not None else closes(day)
    when = f"{day_words(day, year=True)}, {seen:%H:%M}" if cut else f"the end of {day_words(day, year=True)}"
    told = f"{figure(row.get('used'))} {course.unit} by {when}"
    return {"at": at, "height": scale.of(row.get("used")), "told": told}


def _used(course: Course, scale: Magnitude, axis: DayAxis, upward: Spec, palette: Palette) -> Iterator[Spec]:
    across = days_across(axis)
    first = course.days[0][0]
    begins: Point = {
        "at": opens(first),
        "height": scale.of(course.ahead.begins),
        "told": f"{figure(course.ahead.begins)} {course.unit} before {day_words(first, year=True)}",
    }
    points: list[Point] = [begins, *(_point(day, row, course, scale) for day, row in course.days)]
    if _has_unseen(course):
        yield layer(points, mark_of(Sign.DOTTED, palette), x=across, y=upward)
    yield layer(list(_solid(course, points)), mark_of(Sign.LINE, palette), x=across, y=upward)
    if axis.count <= _MOST_DOTS:
        seen = [one for one in points if one["height"] is not None]
        dots: Spec = {**mark_of(Sign.POINT, palette), "fill": palette.series[0], "size": 16}
        yield layer(seen, dots, x=across, y=upward)


def _solid(course: Course, points: Sequence[Point]) -> Iterator[Point]:
    """Yield the points with a break before the end of each day that was not observed: a line has none to draw there."""
    yield points[0]
    for (_, row), point in zip(course.days, points[1:], strict=True):
        if row.get("unseen"):
            yield {**point, "height": None}
        yield point


def _has_unseen(course: Course) -> bool:
    return any(row.get("unseen") for _, row in course.days)


def _unseen(course: Course, axis: DayAxis, palette: Palette) -> list[Spec]:
    """Shade the days that were not observed, and those before the history."""
    runs = runs_of([day for day, row in course.days if row.get("unseen")])
    if axis.first < course.days[0][0]:
        runs.insert(0, (axis.first, course.days[0][0] - _DAY))
    points: list[Point] = [{"at": opens(first), "until": closes(last)} for first, last in runs]
    return signed(points, Sign.GAP, palette, x=days_across(axis), x2=field("until"))


def _begins_late(course: Course) -> bool:
    return course.ahead.starts is not None and course.ahead.starts < course.days[0][0]


def _is_old(ahead: Ahead) -> bool:
    return ahead.seen_at is not None and ahead.now is not None and ahead.now - ahead.seen_at > _OLD


def _waited(course: Course, axis: DayAxis, palette: Palette) -> list[Spec]:
    """Shade the time since the last observation where that is long ago."""
    ahead = course.ahead
    if not _is_old(ahead) or ahead.seen_at is None or ahead.now is None:
        return []
    until = min(place_of(ahead.now), axis.domain[1])
    points: list[Point] = [{"at": place_of(ahead.seen_at), "until": until}]
    return signed(points, Sign.GAP, palette, x=days_across(axis), x2=field("until"))


def _ended(axis: DayAxis, palette: Palette, ahead: Ahead) -> list[Spec]:
    """Draw where the billing period ends."""
    if ahead.ends is None:
        return []
    mark: Spec = {"type": "rule", "stroke": palette.muted, "strokeWidth": 1.5, "strokeDash": [1, 3]}
    return [layer([{"at": closes(ahead.ends)}], mark, x=days_across(axis), y=value(0), y2=value(HEIGHT))]


def _labels(
    course: Course, scale: Magnitude, start: Point, axis: DayAxis, against: tuple[float | None, bool]
) -> Iterator[Label]:
    quota, cut = against
    ahead = course.ahead
    if quota is not None:
        yield from mark_labels(ahead, quota)
    at, height = float(start["at"] or 0), float(start["height"] or 0)
    used = course.days[-1][1].get("used") if drawn(course.days[-1][1].get("used")) is not None else None
    said = scale.label(used) if used is not None else figure(height)
    yield Label(said, at, height, (("right", -12), ("right", 0), ("left", 15), ("center", -12), ("right", 15)))
    yield from _expected(course, scale, axis, cut=cut)
    if quota is not None:
        whole = f"quota {scale.label(course.quota)}"
        first, last = axis.domain
        yield Label(whole, first, quota, (("left", -12), ("left", 15)), needed=False)
        yield Label(whole, last, quota, (("right", 15), ("right", -12)), needed=False)
    if ahead.ends is not None and (course.fan or ahead.now is not None):
        low, high, _ = _reach(course)
        for height_, lower in ((0.0, -9), (_nice(low, high) / scale.divisor, 10)):
            yield Label("period ends", closes(ahead.ends), height_, (("right", lower),), needed=False)
    if _is_old(ahead) and ahead.now is not None and place_of(ahead.now) < axis.domain[1]:
        yield Label("now", place_of(ahead.now), 0.0, (("left", -9), ("right", -9)), needed=False)


def _expected(course: Course, scale: Magnitude, axis: DayAxis, *, cut: bool) -> Iterator[Label]:
    """Yield what is expected at the end: the median where it may be told, else the interval."""
    if not course.fan:
        return
    _, row = course.fan[-1]

    def said(name: str) -> str:
        figure_ = row.get(name)
        return rounded(figure_) if scale.divisor == 1 else scale.label(figure_)

    middle, high = scale.of(row.get("middle")), scale.of(row.get("high")) or 0.0
    if middle is not None:
        yield Label(f"expected {said('middle')}", axis.domain[1], middle, _END)
    if middle is None or cut:
        both = f"80 %: {said('low')} to {said('high')}"
        low, highest, _ = _reach(course)
        top = min(high, _nice(low, highest) / scale.divisor)
        yield Label(both, axis.domain[1], top, (("right", 12), ("right", -12), *BELOW[:2]))


def _entries(course: Course) -> list[Entry]:
    entries = [Entry(Sign.LINE, "used")]
    if _has_unseen(course):
        entries += [Entry(Sign.DOTTED, "interpolated"), Entry(Sign.GAP, "not observed")]
    elif _is_old(course.ahead) or _begins_late(course):
        entries.append(Entry(Sign.GAP, "not observed"))
    if course.fan:
        known = {name for _, row in course.fan for name in FAN if drawn(row.get(name)) is not None}
        entries += [Entry(Sign.DASHED, "expected")] if "middle" in known else []
        entries += [Entry(Sign.HALF_BAND, "50 % probable")] if "low_half" in known else []
        entries.append(Entry(Sign.BAND, "80 % probable"))
    return entries
