"""What a chart of cumulative usage shows of what is to come: the fan, and when a quota is used up.

    used ━━━━━━━ seen ░░▒▒▓▓▓▒▒░░ ends        ░ 10 % to 90 %    ▒ 25 % to 75 %    ▓ the median
    quota ──────────────├──◆──●─────┤          earliest, warning, exhausts, latest

Public: ``Ahead``, ``FAN``, ``NOTHING_AHEAD``, ``fan_layers``, ``quota_marks``, ``mark_labels``, ``whole_fan``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from reports.charts.days import DayAxis, by_day, closes, day_words, place_of, range_words
from reports.charts.drawn import Spec
from reports.charts.figures import Magnitude, drawn, figure
from reports.charts.frame import Point, days_across, field, layer, moment, plain
from reports.charts.labels import ABOVE, BELOW, Label
from reports.charts.palette import Palette
from reports.charts.signs import Sign, mark_of
from reports.forecasting.words import SURELY
from reports.rendering import Cell, Row

FAN = ("low", "low_half", "middle", "high_half", "high")
_SIDES: tuple[tuple[str, float], ...] = (("left", 0), ("right", 0))


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is to come; instants are aware, on the clock of the days.

    Attributes:
        fan: ``day, low, low_half, middle, high_half, high``: what will have been used at the end of each coming day,
            as the quantiles 10, 25, 50, 75 and 90 %. Only the outer two where no more may be told. May be empty.
        begins: What was used at the beginning of the first day that is shown; None where that is not known.
        seen_at: The last observation; there the fan begins. None for the end of the last day.
        now: When the question was asked; None where nobody needs to know.
        starts, ends: The first and the last day of the billing period; None for a lifetime quota.
        earliest, warning, exhausts, latest: When the quota is used up with 10, 25, 50 and 90 % probability; None where
            nothing is said of it, or where it is later than the fan.
        probability: That it is used up before the period ends; None where nothing ends, or nothing is said of it.
    """

    fan: Sequence[Row] = ()
    begins: Cell = None
    seen_at: datetime | None = None
    now: datetime | None = None
    starts: date | None = None
    ends: date | None = None
    earliest: datetime | None = None
    warning: datetime | None = None
    exhausts: datetime | None = None
    latest: datetime | None = None
    probability: float | None = None

    @property
    def is_sure(self) -> bool:
        """True where running out may be told as a fact."""
        return self.probability is None or self.probability >= SURELY


NOTHING_AHEAD = Ahead()


def whole_fan(ahead: Ahead) -> list[tuple[date, Row]]:
    """Return the rows of the fan that have an interval, in order of time."""
    return [one for one in by_day(ahead.fan) if all(drawn(one[1].get(key)) is not None for key in ("low", "high"))]


def fan_layers(
    fan: Sequence[tuple[date, Row]], start: Point, scale: Magnitude, axis: DayAxis, upward: Spec, palette: Palette
) -> Iterator[Spec]:
    """Yield the bands and the median from ``start`` on, the last known point; nothing for no rows."""
    if not fan:
        return
    points: list[Point] = [{"at": start["at"], **dict.fromkeys(FAN, start["height"])}]
    points += [{"at": closes(day), **{one: scale.of(row.get(one)) for one in FAN}} for day, row in fan]
    across = days_across(axis)
    for low, high, sign in (("low", "high", Sign.BAND), ("low_half", "high_half", Sign.HALF_BAND)):
        known = [one for one in points if one[low] is not None and one[high] is not None]
        if len(known) > 1:
            mark: Spec = {**mark_of(sign, palette), "type": "area", "clip": True}
            yield layer(known, mark, x=across, y={**upward, "field": low}, y2=field(high))
    known = [one for one in points if one["middle"] is not None]
    if len(known) > 1:
        yield layer(known, {**mark_of(Sign.DASHED, palette), "clip": True}, x=across, y={**upward, "field": "middle"})


def quota_marks(ahead: Ahead, height: float, axis: DayAxis, palette: Palette) -> Iterator[Spec]:
    """Yield on the quota's line at ``height`` when it is used up: the interval, the median, the warning date."""
    if ahead.earliest is not None:
        end = axis.domain[1] if ahead.latest is None else place_of(ahead.latest)
        told = f"runs out with 80 % probability: {interval_words(ahead)}"
        bar: list[Point] = [{"at": place_of(ahead.earliest), "until": end, "height": height, "told": told}]
        mark: Spec = {"type": "rule", "stroke": palette.bad, "strokeWidth": 8, "strokeOpacity": 0.45}
        yield layer(bar, mark, x=moment("at"), x2=field("until"), y=plain("height"))
    if ahead.exhausts is not None:
        drop: list[Point] = [{"at": place_of(ahead.exhausts), "height": height, "ground": 0.0}]
        line: Spec = {"type": "rule", "stroke": palette.bad, "strokeWidth": 1, "strokeDash": [2, 3]}
        yield layer(drop, line, x=moment("at"), y=plain("height"), y2=field("ground"))
        yield _mark(ahead.exhausts, height, "circle", palette.bad, palette)
    if ahead.warning is not None:
        yield _mark(ahead.warning, height, "diamond", palette.warning, palette)


def _mark(at: datetime, height: float, shape: str, fill: str, palette: Palette) -> Spec:
    mark: Spec = {
        "type": "point", "filled": True, "opacity": 1, "shape": shape, "size": 90, "fill": fill,
        "stroke": palette.ground, "strokeWidth": 1.5,
    }  # fmt: skip
    return layer([{"at": place_of(at), "height": height}], mark, x=moment("at"), y=plain("height"))


def mark_labels(ahead: Ahead, height: float) -> Iterator[Label]:
    """Yield what is written at the marks, the most important first."""
    if ahead.exhausts is not None:
        day = _day(ahead.exhausts)
        short = f"runs out {day}" if ahead.is_sure else f"50 % by {day}"
        said = f"{short} ({interval_words(ahead)})" if ahead.is_sure else short
        yield Label(said, place_of(ahead.exhausts), height, (*ABOVE[1:], *ABOVE[:1]), short=short)
    elif ahead.earliest is not None:
        yield Label(f"from {_day(ahead.earliest)} on", place_of(ahead.earliest), height, ABOVE)
    if ahead.warning is not None:
        yield Label(f"plan for {_day(ahead.warning)}", place_of(ahead.warning), height, (BELOW[0], BELOW[2]))


def interval_words(ahead: Ahead, *, year: bool = False) -> str:
    """Return when the quota is used up with 80 % probability: ``9–17 Oct``, with the ``year`` where it is wanted."""
    if ahead.earliest is None:
        return ""
    if ahead.latest is None:
        return f"{_day(ahead.earliest, year=year)} or later"
    first, last = ahead.earliest.date(), ahead.latest.date()
    if year or first.year != last.year:
        return range_words(first, last)
    return range_words(first, last).removesuffix(f" {last.year}")


def _day(at: datetime, *, year: bool = False) -> str:
    return day_words(at.date(), year=year)


def rounded(one: Cell) -> str:
    """Return a forecast in whole units: more would claim what nobody knows."""
    known = drawn(one)
    return "–" if known is None else figure(round(known) if abs(known) >= 100 else known)
