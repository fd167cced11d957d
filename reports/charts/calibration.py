"""Whether past forecasts were as sure as they should have been: foretold probability against what came.

``reliability``: of all times at which 30 % was foretold, the quota should have run out in 30 %: dots on the diagonal.
``places``: what came should lie in each tenth of what was foretold equally often: bars of one height. Low at both ends
is too wide, high at both ends too narrow, a slope too high or too low.

Forecasts of neighbouring days share most of what came, so every picture says how many independent ones they are worth,
and its whiskers and band are as wide as by that count; what is as foretold lies within them in nine of ten cases.

Source: the interval of a share is Wilson's (1927); the histogram is that of the probability integral transform, A. P.
Dawid (1984).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

from reports.charts.drawn import Drawn, Spec
from reports.charts.figures import NOTHING, counted
from reports.charts.frame import SMALL, Point, field, framed, layer, nothing, plain, value, width
from reports.charts.palette import Palette
from reports.charts.signs import Entry, Sign, key, mark_of
from reports.document import Chart, Column, Kind, Table
from reports.rendering import Row

_TALL = 280
_TENTHS = 10
_FEW_BINS, _ENOUGH = 5, 40  # so many independent forecasts for ten classes, else five
_NINETY = 1.645  # standard deviations either side that hold 90 %
_SHARE: Spec = {"format": ".0%", "values": [0, 0.2, 0.4, 0.6, 0.8, 1], "title": None}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A foretold probability, 0..1, and whether it came."""

    foretold: float
    came: bool


@dataclass(frozen=True, slots=True)
class _Class:
    """Forecasts of about one probability: their mean, how often it came, between what that can be, how many."""

    foretold: float
    came: float
    low: float
    high: float
    count: int


def reliability(outcomes: Sequence[Outcome], *, independent: float, name: str, title: str) -> Chart:
    """Return foretold probabilities of running out against how often it did, with counts and 90 % whiskers.

    Args:
        outcomes: Every graded forecast.
        independent: How many independent ones they are worth, at least 1.
        name: Prefix of anchors, unique within a document.
        title: What people read above the chart.

    Returns:
        The chart; for no outcomes one that says so.
    """
    classes = _classes(outcomes, independent)
    columns = (
        Column("foretold", "Foretold", Kind.SHARE),
        Column("came", "Ran out", Kind.SHARE),
        Column("low", "At least", Kind.SHARE),
        Column("high", "At most", Kind.SHARE),
        Column("count", "Forecasts", Kind.COUNT),
    )
    rows: list[Row] = [
        {"foretold": one.foretold, "came": one.came, "low": one.low, "high": one.high, "count": one.count}
        for one in classes
    ]
    table = Table(f"{name}_figures", title, columns, rows, _worth(len(outcomes), independent))
    summary = _reliability_summary(classes, len(outcomes), independent)
    return Chart(name, title, summary, lambda palette: _reliability(classes, palette), table)


def _classes(outcomes: Sequence[Outcome], independent: float) -> list[_Class]:
    bins = _TENTHS if independent >= _ENOUGH else _FEW_BINS
    found: dict[int, list[Outcome]] = {}
    for one in outcomes:
        found.setdefault(min(int(one.foretold * bins), bins - 1), []).append(one)
    return [_class(each, independent / len(outcomes)) for _, each in sorted(found.items())]


def _class(each: Sequence[Outcome], worth: float) -> _Class:
    count = len(each)
    came = sum(one.came for one in each) / count
    low, high = _wilson(came, max(1.0, count * worth))
    return _Class(sum(one.foretold for one in each) / count, came, low, high, count)


def _wilson(share: float, count: float) -> tuple[float, float]:
    """Return the 90 % interval of a share that was seen ``count`` times."""
    square = _NINETY**2 / count
    middle = (share + square / 2) / (1 + square)
    half = _NINETY * sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def _worth(count: int, independent: float) -> str:
    if not count:
        return ""
    return f"{counted(count, 'forecast')}, which overlap: they are worth {independent:.0f} independent ones."


def _reliability_summary(classes: Sequence[_Class], count: int, independent: float) -> str:
    if not classes:
        return NOTHING
    off = [one for one in classes if not one.low <= one.foretold <= one.high]
    told = (
        "Wherever a probability was foretold, it came as often as chance allows."
        if not off
        else "Not as often as foretold: "
        + ", ".join(f"{_percent(one.foretold)} was foretold and {_percent(one.came)} came" for one in off)
        + "."
    )
    return f"{told} {_worth(count, independent)}"


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _reliability(classes: Sequence[_Class], palette: Palette) -> Drawn:
    heading = "ran out, by the probability foretold"
    if not classes:
        return nothing(palette, heading)
    across: Spec = {"field": "foretold", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": _SHARE}
    upward: Spec = {"field": "came", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": _SHARE}
    points: list[Point] = [
        {
            "foretold": one.foretold,
            "came": one.came,
            "low": one.low,
            "high": one.high,
            "said": f"{one.count:,}",
            "told": f"{_percent(one.foretold)} foretold, {_percent(one.came)} of {one.count:,} came",
        }
        for one in classes
    ]
    ends: list[Point] = [{"foretold": 0.0, "came": 0.0}, {"foretold": 1.0, "came": 1.0}]
    dots: Spec = {**mark_of(Sign.POINT, palette), "fill": palette.series[0], "size": 70}
    place = plain("foretold")
    layers = [
        layer(ends, _ideal(palette), x=across, y=upward),
        layer(points, mark_of(Sign.WHISKER, palette), x=place, y=plain("low"), y2=field("high")),
        layer(points, dots, x=place, y=plain("came")),
        *_counts(points, palette, place),
        *_key(dots, palette),
    ]
    return framed(layers, palette, heading, size=(width(), _TALL))


_RELIABILITY_KEY = (
    Entry(Sign.POINT, "came"),
    Entry(Sign.WHISKER, "90 % by chance"),
    Entry(Sign.DASHED, "as foretold"),
)


def _key(dots: Spec, palette: Palette) -> list[Spec]:
    """Return the key, its dot as the dots above."""
    first, *others = key(_RELIABILITY_KEY, palette, _TALL + 76)
    return [{**first, "mark": dots}, *others]


def _ideal(palette: Palette) -> Spec:
    """Return the line on which everything would lie."""
    return mark_of(Sign.DASHED, palette)


def _counts(points: Sequence[Point], palette: Palette, place: Spec) -> Iterator[Spec]:
    """Yield the number of forecasts below each dot, under the axis."""
    words: Spec = {"type": "text", "fontSize": SMALL, "fill": palette.muted, "baseline": "middle"}
    said: Spec = {"field": "said", "type": "nominal"}
    at = value(_TALL + 44)
    yield layer(points, words, x=place, y=at, text=said)
    yield layer([{"said": "n"}], {**words, "align": "right"}, x=value(-12), y=at, text=said)


def places(shares: Sequence[float], *, count: int, independent: float, name: str, title: str) -> Chart:
    """Return how often what came lay in each tenth of what was foretold, with the band of chance.

    Args:
        shares: Of each tenth, the lowest usage first, which share of what came lay in it; ten that add up to 1.
        count: How many forecasts that is.
        independent: How many independent ones they are worth, at least 1.
        name: Prefix of anchors, unique within a document.
        title: What people read above the chart.

    Returns:
        The chart; for no forecasts one that says so.
    """
    shown = list(shares) if count else []
    columns = (Column("tenth", "Levels"), Column("share", "Share", Kind.SHARE))
    rows: list[Row] = [{"tenth": _tenth(place), "share": share} for place, share in enumerate(shown)]
    table = Table(f"{name}_figures", title, columns, rows, _worth(count, independent))
    summary = f"{_places_summary(shown)} {_worth(count, independent)}" if shown else NOTHING
    return Chart(name, title, summary, lambda palette: _places(shown, independent, palette), table)


def _tenth(place: int) -> str:
    return f"{place * 10}–{place * 10 + 10} %"


def _places_summary(shares: Sequence[float]) -> str:
    inside = sum(shares[1:-1])
    return (
        f"The 80 % interval held {_percent(inside)} of what came; {_percent(shares[0])} was less than its lower end, "
        f"{_percent(shares[-1])} more than its upper."
    )


def _places(shares: Sequence[float], independent: float, palette: Palette) -> Drawn:
    heading = "what came, by its place in the forecast"
    if not shares:
        return nothing(palette, heading)
    low, high = _wilson(1 / _TENTHS, independent)
    top = max(0.2, *shares, high) * 1.06
    across: Spec = {"values": [one / _TENTHS for one in range(0, _TENTHS + 1, 2)], "format": ".0%", "title": None}
    upward: Spec = {
        "field": "share",
        "type": "quantitative",
        "scale": {"domain": [0, top], "nice": False},
        "axis": {"format": ".0%", "tickCount": 5, "title": None},
    }
    bars: list[Point] = [
        {
            "start": (place + 0.08) / _TENTHS,
            "end": (place + 0.92) / _TENTHS,
            "share": share,
            "ground": 0.0,
            "told": f"{_tenth(place)}: {share * 100:.1f} %",
        }
        for place, share in enumerate(shares)
    ]
    band: list[Point] = [{"start": 0.0, "end": 1.0, "low": low, "high": high}]
    even: list[Point] = [{"start": 0.0, "end": 1.0, "share": 1 / _TENTHS}]
    x: Spec = {"field": "start", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": across}
    whole: Spec = {"type": "rect", "fill": palette.series[0]}
    line: Spec = {**mark_of(Sign.DASHED, palette), "type": "rule"}
    edge: Spec = {"type": "rect", "fillOpacity": 0, "stroke": palette.ink, "strokeWidth": 1, "strokeDash": [2, 3]}
    layers = [
        layer(band, mark_of(Sign.BAND, palette), x=x, x2=field("end"), y=plain("low"), y2=field("high")),
        layer(bars, whole, x=plain("start"), x2=field("end"), y=upward, y2=field("ground")),
        layer(band, edge, x=plain("start"), x2=field("end"), y=plain("low"), y2=field("high")),
        layer(even, line, x=plain("start"), x2=field("end"), y=plain("share")),
        *key(_PLACES_KEY, palette, _TALL + 48),
    ]
    return framed(layers, palette, heading, size=(width(), _TALL))


_PLACES_KEY = (
    Entry(Sign.WHOLE, "came"),
    Entry(Sign.BAND, "90 % by chance"),
    Entry(Sign.DASHED, "as foretold"),
)
