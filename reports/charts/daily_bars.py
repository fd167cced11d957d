"""Draws the usage of days: one bar each, with all that is uncertain about it; over half a year, their outline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.charts.daily_outline import outline
from reports.charts.day_marks import DayBar, highest_day, reach, unseen_stretches
from reports.charts.days import DAY_MILLIS, DayAxis, day_axis, day_words, middle, opens
from reports.charts.drawn import Drawn, Spec
from reports.charts.figures import Magnitude, drawn, figure, magnitude
from reports.charts.frame import (
    HEIGHT,
    Point,
    days_across,
    field,
    framed,
    heights,
    moment,
    nothing,
    plain,
    width,
    zero_line,
)
from reports.charts.palette import Palette
from reports.charts.signs import Entry, Sign, key, signed

_CAPS = 45  # days; with more, the ends of whiskers would run into each other
_MOST_BARS = 180  # days; with more, no eye tells one bar from the next
_WIDEST = 56  # how wide a bar may be


def daily_bars(bars: Sequence[DayBar], unit: str, palette: Palette) -> Drawn:
    """Return the picture; ``bars`` are in order of time."""
    if not any(drawn(one.usage) is not None for one in bars):
        return nothing(palette, f"{unit} per day")
    axis = day_axis([one.day for one in bars])
    scale = magnitude(value for one in bars for value in (one.usage, one.lower, one.upper))
    whole = scale.divisor == 1 and all(isinstance(one.usage, int) for one in bars)
    upward = heights(*reach(bars, scale), whole=whole)
    many = axis.count > _MOST_BARS
    used = outline(bars, axis, scale, upward, palette) if many else _bars(bars, axis, scale, unit, upward, palette)
    layers = [*unseen_stretches(bars, axis, palette), *used, zero_line(palette)]
    layers += [*_bounds(bars, scale, palette, many=many), *highest_day(bars, axis, scale, palette)]
    layers += key(list(_entries(bars, many=many)), palette, HEIGHT + 48)
    return framed(layers, palette, f"{scale.unit(unit)} per day, {axis.words}")


def _bars(
    bars: Sequence[DayBar], axis: DayAxis, scale: Magnitude, unit: str, upward: Spec, palette: Palette
) -> Iterator[Spec]:
    for sign in (Sign.WHOLE, Sign.HATCHED, Sign.HOLLOW):
        known = [one for one in bars if one.sign is sign and drawn(one.usage) is not None]
        points = [_point(one, axis, scale, unit) for one in known]
        yield from signed(points, sign, palette, x=days_across(axis), x2=field("until"), y=upward, y2=field("base"))


def _point(one: DayBar, axis: DayAxis, scale: Magnitude, unit: str) -> Point:
    inset = round(DAY_MILLIS * (1 - min(0.78, _WIDEST * axis.count / width())) / 2)
    bounds = f", at least {figure(one.lower)}, at most {figure(one.upper)}" if one.lower != one.upper else ""
    doubt = ", not observed" if one.unseen else ", partial day" if one.partial else ""
    return {
        "at": opens(one.day) + inset,
        "until": opens(one.day) + DAY_MILLIS - inset,
        "height": scale.of(one.usage),
        "base": 0,
        "told": f"{day_words(one.day, year=True)}: {figure(one.usage)} {unit}{bounds}{doubt}",
    }


def _bounds(bars: Sequence[DayBar], scale: Magnitude, palette: Palette, *, many: bool) -> Iterator[Spec]:
    points = [] if many else [_ends(one, scale) for one in bars if one.is_bounded]
    across = moment("middle")
    yield from signed(points, Sign.WHISKER, palette, x=across, y=plain("low"), y2=field("high"))
    if len(bars) <= _CAPS:
        for end in ("low", "high"):
            yield from signed(points, Sign.WHISKER, palette, x=moment("left"), x2=field("right"), y=plain(end))
    tops = [{**_ends(one, scale), "high": scale.of(one.usage)} for one in bars if one.is_open]
    yield from signed(tops, Sign.OPEN, palette, x=across, y=plain("high"))


def _ends(one: DayBar, scale: Magnitude) -> Point:
    centre, arm = middle(one.day), DAY_MILLIS // 6
    ends = {"low": scale.of(one.lower), "high": scale.of(one.upper)}
    return {"middle": centre, "left": centre - arm, "right": centre + arm, **ends}


def _entries(bars: Sequence[DayBar], *, many: bool) -> Iterator[Entry]:
    if not many and any(one.sign is Sign.HATCHED for one in bars):
        yield Entry(Sign.HATCHED, "partial day")
    if any(one.unseen for one in bars):
        yield Entry(Sign.LINE if many else Sign.HOLLOW, "interpolated")
        yield Entry(Sign.GAP, "not observed")
    if any(one.is_bounded for one in bars):
        yield Entry(Sign.BAND if many else Sign.WHISKER, "least and most possible")
    if any(one.is_open for one in bars):
        yield Entry(Sign.OPEN, "no upper bound")
