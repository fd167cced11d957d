"""What every picture of daily usage shows besides the usage: stretches without observation, the highest day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from reports.charts.days import DAY_MILLIS, DayAxis, day_words, middle, opens
from reports.charts.drawn import Spec
from reports.charts.figures import Magnitude, drawn
from reports.charts.frame import Point, days_across, field, moment, plain, written
from reports.charts.palette import Palette
from reports.charts.signs import Sign, signed
from reports.rendering import Cell

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DayBar:
    """A day.

    Attributes:
        usage, lower, upper: In units; None where not known, or open to above.
        partial: The day is not whole.
        unseen: Nothing of it was observed: its usage is interpolated.
        whole: All of it was observed.
    """

    day: date
    usage: Cell
    lower: Cell
    upper: Cell
    partial: bool
    unseen: bool
    whole: bool = True

    @property
    def sign(self) -> Sign:
        """How its bar is drawn."""
        return Sign.HOLLOW if self.unseen else Sign.HATCHED if self.partial else Sign.WHOLE

    @property
    def is_open(self) -> bool:
        """True where nobody can say how much it was at most."""
        return self.upper is None and self.lower is not None and self.usage is not None

    @property
    def is_bounded(self) -> bool:
        """True where it can have been less or more than its usage, within known bounds."""
        return self.lower is not None and self.upper is not None and self.lower != self.upper


def reach(bars: Sequence[DayBar], scale: Magnitude) -> tuple[float, float]:
    """Return the lowest and the highest figure that a picture of ``bars`` holds; 0 is among them."""
    known = [scale.of(value) or 0.0 for one in bars for value in (one.usage, one.lower, one.upper)]
    return min(0.0, *known), max(0.0, *known)


def unseen_stretches(bars: Sequence[DayBar], axis: DayAxis, palette: Palette) -> list[Spec]:
    """Shade the stretches that were not observed, and the days of which there is no row at all."""
    seen = {one.day for one in bars if not one.unseen}
    days = (date.fromordinal(axis.first.toordinal() + count) for count in range(axis.count))
    runs = runs_of([day for day in days if day not in seen])
    points: list[Point] = [{"at": opens(first), "until": opens(last) + DAY_MILLIS} for first, last in runs]
    return signed(points, Sign.GAP, palette, x=days_across(axis), x2=field("until"))


def runs_of(days: Sequence[date]) -> list[tuple[date, date]]:
    """Return the first and last day of each run of neighbours; ``days`` are in order."""
    runs: list[tuple[date, date]] = []
    for day in days:
        if runs and runs[-1][1] + _DAY == day:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def highest_day(bars: Sequence[DayBar], axis: DayAxis, scale: Magnitude, palette: Palette) -> list[Spec]:
    """Label the highest day with its figure and date."""
    day = max(bars, key=lambda one: -1e308 if (known := drawn(one.usage)) is None else known)
    most = scale.of(day.usage)
    if not most or most < 0:
        return []
    top = max(most, scale.of(day.upper) or 0.0)
    when = day_words(day.day, year=axis.first.year != axis.last.year)
    said = f"{scale.label(day.usage)} on {when}" if axis.count > 1 else scale.label(day.usage)
    points: list[Point] = [{"at": middle(day.day), "height": top, "said": said}]
    return written(points, palette, moment("at"), plain("height"), dy=-10, align=side(day.day, axis))


def side(day: date, axis: DayAxis) -> str:
    """Return how text at ``day`` is aligned, so that it stays within the picture."""
    place = (middle(day) - axis.domain[0]) / (axis.domain[1] - axis.domain[0])
    return "left" if place < 0.25 else "right" if place > 0.75 else "center"
