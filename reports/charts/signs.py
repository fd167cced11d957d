"""How charts mark what was partly seen, not seen, bounded or unusual, and the key that says so in words.

None of them relies on a colour: whole bars are solid, partly observed ones hatched, interpolated ones hollow, gaps
shaded over the full height, bounds whiskers, unusual days ringed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from reports.charts.drawn import Spec
from reports.charts.frame import SMALL, Point, layer, value, width
from reports.charts.palette import Palette

HATCHED = "hatched"
# How wide a character of the key is, in the mean.
_CHARACTER = 7.7
_LINE = 25


class Sign(StrEnum):
    """What stands beside a word of the key."""

    WHOLE = "whole"
    HATCHED = "hatched"
    HOLLOW = "hollow"
    GAP = "gap"
    WHISKER = "whisker"
    OPEN = "open"
    RING = "ring"
    POINT = "point"
    PARTIAL_POINT = "partial point"
    BAND = "band"
    HALF_BAND = "half band"
    LINE = "line"
    DOTTED = "dotted"
    DASHED = "dashed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the key."""

    sign: Sign
    words: str


def mark_of(sign: Sign, palette: Palette) -> Spec:
    """Return the Vega-Lite mark that draws ``sign``."""
    outline: Spec = {"type": "rect", "stroke": palette.series[0], "strokeWidth": 1.2}
    point: Spec = {"type": "point", "filled": True, "opacity": 1}
    hollow: Spec = {**point, "filled": False, "shape": "circle", "strokeWidth": 2}
    marks: dict[Sign, Spec] = {
        Sign.WHOLE: {"type": "rect", "fill": palette.series[0]},
        Sign.HATCHED: {**outline, "fill": palette.band, "strokeDash": [4, 2]},
        Sign.HOLLOW: {**outline, "fill": palette.ground},
        Sign.GAP: {"type": "rect", "fill": palette.line, "fillOpacity": 0.55},
        Sign.BAND: {"type": "rect", "fill": palette.band},
        Sign.HALF_BAND: {"type": "rect", "fill": palette.ramp[2]},
        Sign.LINE: {"type": "line", "stroke": palette.series[0], "strokeWidth": 2.2},
        Sign.DOTTED: {"type": "line", "stroke": palette.series[0], "strokeWidth": 2.2, "strokeDash": [2, 4]},
        Sign.DASHED: {"type": "line", "stroke": palette.series[1], "strokeWidth": 2.2, "strokeDash": [6, 4]},
        Sign.WHISKER: {"type": "rule", "stroke": palette.ink, "strokeWidth": 1.3},
        Sign.OPEN: {**point, "shape": "triangle-up", "size": 55, "fill": palette.ink},
        Sign.POINT: {**point, "shape": "circle", "size": 30, "fill": palette.muted},
        Sign.PARTIAL_POINT: {**hollow, "size": 30, "fill": palette.ground, "stroke": palette.muted, "strokeWidth": 1.2},
        Sign.RING: {**hollow, "size": 130, "stroke": palette.bad},
    }
    return marks[sign]


def signed(points: Sequence[Point], sign: Sign, palette: Palette, **encoding: Spec) -> list[Spec]:
    """Return the layer that draws ``points`` as ``sign``; none for no points."""
    name = {"name": f"{HATCHED}_bars"} if sign is Sign.HATCHED else {}
    return [{**layer(points, mark_of(sign, palette), **encoding), **name}] if points else []


def key(entries: Sequence[Entry], palette: Palette, top: float) -> list[Spec]:
    """Return the layers of the key from ``top`` on, beside each other in as many lines as they need."""
    made: list[Spec] = []
    left, line = 0.0, top
    for number, entry in enumerate(entries):
        wide = 24 + len(entry.words) * _CHARACTER
        if left and left + wide > width():
            left, line = 0.0, line + _LINE
        made += [*_sample(entry.sign, palette, left, line, number), _words(entry.words, palette, left + 24, line)]
        left += wide + 12
    return made


def _words(words: str, palette: Palette, left: float, middle: float) -> Spec:
    mark: Spec = {"type": "text", "align": "left", "baseline": "middle", "fontSize": SMALL, "fill": palette.muted}
    return layer([{"said": words}], mark, x=value(left), y=value(middle), text={"field": "said", "type": "nominal"})


def _sample(sign: Sign, palette: Palette, left: float, middle: float, number: int) -> list[Spec]:
    mark, across, half = mark_of(sign, palette), value(left + 8), 7
    if mark["type"] == "point":
        return [layer([{}], mark, x=across, y=value(middle))]
    if mark["type"] == "line":
        return [layer([{}], {**mark, "type": "rule"}, x=value(left), x2=value(left + 17), y=value(middle))]
    if sign is Sign.WHISKER:
        upright = layer([{}], mark, x=across, y=value(middle - half), y2=value(middle + half))
        caps = (layer([{}], mark, x=value(left + 4), x2=value(left + 12), y=value(middle + at)) for at in (-half, half))
        return [upright, *caps]
    name = {"name": f"{HATCHED}_key_{number}"} if sign is Sign.HATCHED else {}
    box = {"x": value(left), "x2": value(left + 16), "y": value(middle - half), "y2": value(middle + half)}
    return [{**layer([{}], mark, **box), **name}]
