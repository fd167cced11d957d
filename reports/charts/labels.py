"""Puts direct labels where they lie over nothing else that is written, and within the picture.

Each label tries a few places around its point, in order of liking; the first one that is free is taken. One that finds
no free place is left out where it may be (what it says stands in the table and in the summary too), else it takes the
place that is covered least.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reports.charts.days import DayAxis
from reports.charts.drawn import Spec
from reports.charts.frame import HEIGHT, Point, moment, plain, width, written
from reports.charts.palette import Palette

# How wide a character of a label is, in the mean, and how high a line.
_CHARACTER = 7.8
_LINE = 15.0
_BESIDE = 8.0
_NEAR = 4.0

ABOVE = (("left", -12), ("center", -12), ("right", -12))
BELOW = (("left", 15), ("center", 15), ("right", 15))
_Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Label:
    """Words at a point.

    Attributes:
        at: Where on the axis of days, in milliseconds.
        height: Where on the axis of heights.
        places: How it may lie to its point: how the text is aligned there, and how much lower its middle is.
        needed: It is shown whatever it covers.
        short: Fewer words that will do where all of them find no free place; empty for none.
    """

    said: str
    at: float
    height: float
    places: Sequence[tuple[str, float]] = (*ABOVE, *BELOW)
    needed: bool = True
    short: str = ""


def labelled(
    labels: Iterable[Label],
    axis: DayAxis,
    reach: tuple[float, float],
    palette: Palette,
    free: Iterable[tuple[float, float]] = (),
) -> Iterator[Spec]:
    """Yield the layers of ``labels``, the most important first.

    Args:
        labels: Of them the same words are shown once: a label may be given again for another point, should the first
            have no free place.
        axis: The days across.
        reach: The lowest and the highest height.
        palette: The colours.
        free: Points that nothing is laid over, each with where it is on either axis.
    """
    taken = [_around(*_point(*point, axis, reach)) for point in free]
    shown: set[str] = set()
    for label in labels:
        if label.said in shown:
            continue
        across, down = _point(label.at, label.height, axis, reach)
        ways = [(said, place) for said in (label.said, label.short) if said for place in label.places]
        boxes = [_box(said, across, down, place) for said, place in ways]
        covered = [_beyond(box) + sum(_shared(box, other) for other in taken) for box in boxes]
        best = min(range(len(boxes)), key=lambda one: (covered[one], one))
        if covered[best] and not label.needed:
            continue
        taken.append(boxes[best])
        shown.add(label.said)
        yield from _laid(*ways[best], label, palette)


def _laid(said: str, place: tuple[str, float], label: Label, palette: Palette) -> list[Spec]:
    align, lower = place
    aside = {"left": _BESIDE, "right": -_BESIDE}.get(align, 0.0) if abs(lower) < _LINE / 2 else 0.0
    point: Point = {"at": label.at, "height": label.height, "said": said}
    style = {"align": align, "baseline": "middle", "dy": lower, "dx": aside}
    return written([point], palette, moment("at"), plain("height"), **style)


def _point(at: float, height: float, axis: DayAxis, reach: tuple[float, float]) -> tuple[float, float]:
    """Return where a point is, in the picture's own units from its upper left."""
    first, last = axis.domain
    low, high = reach
    return (at - first) / (last - first) * width(), (high - height) / (high - low) * HEIGHT


def _around(across: float, down: float) -> _Box:
    return across - _NEAR, down - _NEAR, across + _NEAR, down + _NEAR


def _box(said: str, across: float, down: float, place: tuple[str, float]) -> _Box:
    """Return left, top, right and bottom of words."""
    align, lower = place
    wide = len(said) * _CHARACTER
    left = across - {"left": 0.0, "center": wide / 2, "right": wide}[align]
    middle = down + lower
    return left, middle - _LINE / 2, left + wide, middle + _LINE / 2


def _shared(one: _Box, other: _Box) -> float:
    """Return the area that two boxes share."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, across) * max(0.0, down)


def _beyond(one: _Box) -> float:
    """Return how much of a box lies beside the picture, weighed more than what it may cover."""
    beside = max(0.0, -one[0]) + max(0.0, one[2] - width() - 4)
    over = max(0.0, -8 - one[1]) + max(0.0, one[3] - HEIGHT)
    return 4 * (beside * _LINE + over * (one[2] - one[0]))
