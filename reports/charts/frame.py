"""What all charts share: their size, their quiet axes, the line above and the key below the picture.

A chart is written as plain Vega-Lite, see ``reports.charts.drawn``. Everything is 510 units wide plus labels, with text
of 14: the whole is near 580, so it reads at the width of a page and still on a phone.

The key is drawn by hand, because a legend cannot show a hatched bar, a whisker or a ring. Marks of a layer that is
called ``hatched…`` are filled with a hatching where the picture is made; elsewhere they are pale with a dashed outline,
which tells them apart as well. Rule for editors: text that comes from outside goes into points and headings, which are
data; no expression is ever put together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from reports.charts.days import DayAxis
from reports.charts.drawn import Drawn, Spec
from reports.charts.figures import NOTHING, inert, named
from reports.charts.palette import Palette

_WIDTH, _PHONE = 510, 270
HEIGHT = 240
FONT = 14
SMALL = 13

_width: ContextVar[int] = ContextVar("width", default=_WIDTH)

Point: TypeAlias = Mapping[str, float | str | None]


def width() -> int:
    """Return how wide pictures are drawn now, without the labels beside them."""
    return _width.get()


@contextmanager
def narrow() -> Iterator[None]:
    """Draw pictures as wide as a phone shows them at the size of their words."""
    before = _width.set(_PHONE)
    try:
        yield
    finally:
        _width.reset(before)


def layer(points: Sequence[Point], mark: Spec, **encoding: Spec) -> Spec:
    """Return one layer: ``points`` drawn as ``mark``; each point's field ``told``, if any, is its tooltip."""
    if points and "told" in points[0]:
        encoding["tooltip"] = {"field": "told", "type": "nominal"}
    return {"data": [_data(one) for one in points], "mark": mark, "encoding": encoding}


def _data(point: Point) -> dict[str, float | str | None]:
    return {name: named(one) if isinstance(one, str) else one for name, one in point.items()}


def value(at: float) -> Spec:
    """Return the encoding of a fixed place in the picture, in its own units from its upper left."""
    return {"value": at}


def field(name: str) -> Spec:
    """Return the encoding of a second place, such as where a bar ends, on the scale of the first."""
    return {"field": name}


def days_across(axis: DayAxis, name: str = "at") -> Spec:
    """Return the encoding of a field of milliseconds as days across the picture."""
    return {
        "field": name,
        "type": "temporal",
        "scale": {"type": "utc", "domain": list(axis.domain), "nice": False},
        "axis": {"values": list(axis.ticks), "format": axis.format, "title": None},
    }


def heights(low: float, high: float, name: str = "height", *, whole: bool = False) -> Spec:
    """Return the encoding of a field as height from zero; ``whole`` where only whole numbers make sense."""
    top = high * 1.06 if high > 0 else 0.0 if low < 0 else 1.0
    axis: Spec = {"title": None, "format": ",~f", "tickCount": 5}
    if whole and max(top, -low) < 5:
        axis["values"] = list(range(math.floor(min(0.0, low)), math.ceil(top) + 1))
    return {
        "field": name,
        "type": "quantitative",
        "scale": {"domain": [min(0.0, low), top], "nice": 5, "zero": True},
        "axis": axis,
    }


def zero_line(palette: Palette) -> Spec:
    """Return the line at zero."""
    return layer([{"height": 0}], {"type": "rule", "stroke": palette.muted, "strokeWidth": 1}, y=plain("height"))


def plain(name: str) -> Spec:
    """Return the encoding of a field on a scale that another layer describes."""
    return {"field": name, "type": "quantitative"}


def moment(name: str) -> Spec:
    """Return the encoding of a field of milliseconds on a scale of days that another layer describes."""
    return {"field": name, "type": "temporal"}


def written(points: Sequence[Point], palette: Palette, across: Spec, upward: Spec, **style: object) -> list[Spec]:
    """Return the field ``said`` of ``points`` as text, with a halo of the ground, so that it reads over anything."""
    mark: Spec = {"type": "text", "fontSize": SMALL, "fontWeight": 600, "fill": palette.ink, **style}
    halo = {**mark, "stroke": palette.ground, "strokeWidth": 4, "strokeJoin": "round", "fill": palette.ground}
    said: Spec = {"field": "said", "type": "nominal"}
    return [layer(points, one, x=across, y=upward, text=said) for one in (halo, mark)]


def framed(layers: Sequence[Spec], palette: Palette, heading: str, *, size: tuple[int, int] | None = None) -> Drawn:
    """Return the whole picture: ``layers`` over each other, the first behind, and ``heading`` above.

    Args:
        layers: As ``layer`` makes them; at least one.
        palette: The colours.
        heading: What is measured, in which unit, of when.
        size: Width and height without labels; None for the usual ones.
    """
    across, down = size or (width(), HEIGHT)
    points = {f"points_{place}": one["data"] for place, one in enumerate(layers)}
    return Drawn(
        {
            "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
            "layer": [{**one, "data": {"name": name}} for name, one in zip(points, layers, strict=True)],
            "datasets": points,
            "width": across,
            "height": down,
            "title": heading_of(inert(heading, 70 if width() == _WIDTH else 42), palette),
            "config": _house(palette),
        }
    )


def heading_of(words: str, palette: Palette, title: str = "") -> Spec:
    """Return the line above a picture; with ``title`` in bold over it."""
    common: Spec = {"anchor": "start", "frame": "bounds", "offset": 14}
    below = {"subtitle": words, "subtitleFontSize": FONT, "subtitleColor": palette.muted, "subtitlePadding": 6}
    if title:
        return {**common, **below, "text": title, "fontSize": 17, "fontWeight": 700, "color": palette.ink}
    return {**common, "text": words, "fontSize": FONT, "fontWeight": "normal", "color": palette.muted}


def nothing(palette: Palette, heading: str) -> Drawn:
    """Return the picture for no rows: it says so."""
    mark: Spec = {"type": "text", "fontSize": FONT, "fill": palette.muted}
    said: Spec = {"field": "said", "type": "nominal"}
    only = layer([{"said": NOTHING}], mark, x=value(width() / 2), y=value(36), text=said)
    return framed([only], palette, heading, size=(width(), 72))


def _house(palette: Palette) -> Spec:
    return {
        "aria": False,
        "background": palette.ground,
        "font": palette.font,
        "padding": 8,
        "view": {"stroke": None},
        "axis": {
            "domainColor": palette.line,
            "gridColor": palette.line,
            "tickColor": palette.line,
            "labelColor": palette.muted,
            "labelFontSize": FONT,
            "labelPadding": 6,
            "labelLimit": 220,
            "labelOverlap": True,
        },
        "axisY": {"domain": False, "ticks": False},
        "axisX": {"grid": False, "tickSize": 5, "labelFlush": False},
        "style": {"group-title": {"fontSize": FONT}},
    }
