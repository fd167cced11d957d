"""Draws the usage of weeks or months as bars that carry their figures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.charts.days import month_words
from reports.charts.drawn import Drawn, Spec
from reports.charts.figures import Magnitude, drawn, figure, magnitude
from reports.charts.frame import (
    HEIGHT,
    Point,
    field,
    framed,
    heights,
    layer,
    nothing,
    plain,
    value,
    width,
    written,
    zero_line,
)
from reports.charts.palette import Palette
from reports.charts.signs import Entry, Sign, key, signed
from reports.rendering import Cell

_CHARACTER = 7.6
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_WEEK = re.compile(r"([0-9]{4})-(W[0-9]{2})")


@dataclass(frozen=True, slots=True)
class PeriodBar:
    """A week or a month.

    Attributes:
        period: Such as ``2026-10`` or ``2026-W41``.
        usage, lower, upper: In units; None where not known.
        partial: It is not over, or not whole in the history.
        cost: Money, None where no price is known.
    """

    period: str
    usage: Cell
    lower: Cell
    upper: Cell
    partial: bool
    cost: Cell

    @property
    def label(self) -> str:
        """The name below the bar, in one or two lines."""
        if found := _MONTH.fullmatch(self.period):
            return f"{month_words(int(found[2]))}\n{found[1]}"
        return f"{found[2]}\n{found[1]}" if (found := _WEEK.fullmatch(self.period)) else self.period


def period_bars(
    bars: Sequence[PeriodBar], unit: str, palette: Palette, whiskers: str = "least and most possible"
) -> Drawn:
    """Return the picture; ``bars`` are in order of time, ``whiskers`` says what ``lower`` and ``upper`` are."""
    if not any(drawn(one.usage) is not None for one in bars):
        return nothing(palette, unit)
    scale = magnitude(value for one in bars for value in (one.usage, one.lower, one.upper))
    layers = [*_bars(bars, scale, unit, palette), zero_line(palette), *_whiskers(bars, scale, palette)]
    layers += [*_labels(bars, scale, palette), *_names(bars, palette)]
    below = 62 if any("\n" in one.label for one in bars) else 46
    layers += key(list(_entries(bars, whiskers)), palette, HEIGHT + below)
    return framed(layers, palette, scale.unit(_heading(bars, unit)))


def _heading(bars: Sequence[PeriodBar], unit: str) -> str:
    """Return the unit, per week or month where all periods are such."""
    for pattern, grain in ((_MONTH, "month"), (_WEEK, "week")):
        if all(pattern.fullmatch(one.period) for one in bars):
            return f"{unit} per {grain}"
    return unit


def _across(bars: Sequence[PeriodBar], name: str = "at") -> Spec:
    wide = max(len(bars), 3)  # a single bar must not fill the picture
    low = (len(bars) - wide) / 2
    return {
        "field": name,
        "type": "quantitative",
        "scale": {"domain": [low, low + wide], "nice": False, "zero": False},
        "axis": {"labels": False, "ticks": False, "title": None, "values": []},
    }


def _bars(bars: Sequence[PeriodBar], scale: Magnitude, unit: str, palette: Palette) -> Iterator[Spec]:
    reach = [scale.of(value) or 0.0 for one in bars for value in (one.usage, one.lower, one.upper)]
    whole = scale.divisor == 1 and all(isinstance(one.usage, int) for one in bars)
    inset = 0.16 if len(bars) <= 40 else 0.05
    for sign in (Sign.WHOLE, Sign.HATCHED):
        points: list[Point] = [
            {
                "at": place + inset,
                "until": place + 1 - inset,
                "height": scale.of(one.usage),
                "base": 0,
                "told": _told(one, unit),
            }
            for place, one in enumerate(bars)
            if drawn(one.usage) is not None and one.partial == (sign is Sign.HATCHED)
        ]
        upward = heights(min(reach), max(reach), whole=whole)
        yield from signed(points, sign, palette, x=_across(bars), x2=field("until"), y=upward, y2=field("base"))


def _told(one: PeriodBar, unit: str) -> str:
    cost = "" if one.cost is None else f", cost {figure(one.cost)}"
    return f"{one.period}: {figure(one.usage)} {unit}{cost}{', in part' if one.partial else ''}"


def _whiskers(bars: Sequence[PeriodBar], scale: Magnitude, palette: Palette) -> Iterator[Spec]:
    points: list[Point] = [
        {"middle": place + 0.5, "left": place + 0.4, "right": place + 0.6, "low": scale.of(one.lower),
         "high": scale.of(one.upper)}
        for place, one in enumerate(bars)
        if _is_bounded(one)
    ]  # fmt: skip
    yield from signed(points, Sign.WHISKER, palette, x=plain("middle"), y=plain("low"), y2=field("high"))
    if len(bars) <= 40:
        for end in ("low", "high"):
            yield from signed(points, Sign.WHISKER, palette, x=plain("left"), x2=field("right"), y=plain(end))


def _is_bounded(one: PeriodBar) -> bool:
    return one.lower is not None and one.upper is not None and one.lower != one.upper


def _labels(bars: Sequence[PeriodBar], scale: Magnitude, palette: Palette) -> list[Spec]:
    """Write the figures over the bars: over all where they fit, else over the highest and the last."""
    said = {place: scale.label(one.usage) for place, one in enumerate(bars) if drawn(one.usage) is not None}
    room, longest = width() / max(len(bars), 3), max(map(len, said.values()))
    tight = longest * 8.4 + 6 > room
    if longest * 7 + 3 > room:
        highest = max(said, key=lambda place: drawn(bars[place].usage) or 0.0)
        last = max(said)
        near = (last - highest) * width() / len(bars) < (len(said[last]) + len(said[highest])) * _CHARACTER
        said = {place: said[place] for place in ({highest} if near else {highest, last})}
    points: list[Point] = [
        {"at": place + 0.5, "height": _top(bars[place], scale), "said": words} for place, words in said.items()
    ]
    style: Spec = {"fontSize": 12, "fontWeight": 400} if tight and len(points) > 2 else {}
    return written(points, palette, plain("at"), plain("height"), dy=-11, **style)


def _top(one: PeriodBar, scale: Magnitude) -> float:
    return max(0.0, *(scale.of(value) or 0.0 for value in (one.usage, one.upper)))


def _names(bars: Sequence[PeriodBar], palette: Palette) -> list[Spec]:
    """Write the periods below the axis, the year only where it begins; some are left out where they are many."""
    longest = max(len(line) for one in bars for line in one.label.split("\n"))
    step = max(1, -(-int((longest * _CHARACTER + 8) * len(bars)) // width()))
    shown = range(0, len(bars), step)
    points: list[Point] = []
    year = ""
    for place in shown:
        first, _, second = bars[place].label.partition("\n")
        points.append({"at": place + 0.5, "said": first, "line": 20})
        if second and second != year:
            points.append({"at": place + 0.5, "said": second, "line": 38})
            year = second
    mark: Spec = {"type": "text", "fontSize": 14, "baseline": "middle", "fill": palette.muted}
    said: Spec = {"field": "said", "type": "nominal"}
    lines = {line: [one for one in points if one["line"] == line] for line in (20, 38)}
    return [
        layer(those, mark, x=plain("at"), y=value(HEIGHT + line), text=said) for line, those in lines.items() if those
    ]


def _entries(bars: Sequence[PeriodBar], whiskers: str) -> Iterator[Entry]:
    if any(one.partial for one in bars):
        yield Entry(Sign.HATCHED, "not over, or not whole")
    if any(map(_is_bounded, bars)):
        yield Entry(Sign.WHISKER, whiskers)
