"""Days along an axis: where each begins and ends, which get a tick, and how people write them.

A local day is drawn as one step of an even scale, whatever its length in hours: days are counted in milliseconds of
UTC since 1970 as if each had 24 hours, so no picture depends on the zone of the machine that draws it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from reports.rendering import Cell, Row

DAY_MILLIS = 86_400_000
_SECOND_MILLIS = 1000
_HOURS = 6
_EPOCH = date(1970, 1, 1).toordinal()
_MOST_TICKS = 7


@dataclass(frozen=True, slots=True)
class DayAxis:
    """The days of a picture.

    Attributes:
        first, last: The first and the last day.
        ticks: Where labels stand, in milliseconds.
        format: How d3 writes them.
    """

    first: date
    last: date
    ticks: tuple[int, ...]
    format: str

    @property
    def count(self) -> int:
        """How many days there are."""
        return (self.last - self.first).days + 1

    @property
    def domain(self) -> tuple[int, int]:
        """From the beginning of the first day to the end of the last, in milliseconds."""
        return opens(self.first), opens(self.last) + DAY_MILLIS

    @property
    def words(self) -> str:
        """The range for people, such as ``1–31 Oct 2026``."""
        return range_words(self.first, self.last)


def opens(day: date) -> int:
    """Return where ``day`` begins on the axis."""
    return (day.toordinal() - _EPOCH) * DAY_MILLIS


def middle(day: date) -> int:
    """Return where the middle of ``day`` is on the axis: there stand its tick, its point and its label."""
    return opens(day) + DAY_MILLIS // 2


def closes(day: date) -> int:
    """Return where ``day`` ends on the axis."""
    return opens(day) + DAY_MILLIS


def place_of(at: datetime) -> int:
    """Return where an instant is on the axis, by the wall clock of its zone."""
    clock = timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)
    return opens(at.date()) + int(clock.total_seconds()) * _SECOND_MILLIS


def day_cell(value: Cell) -> date:
    """Return the day that a cell such as ``2026-01-31`` names."""
    return date.fromisoformat(str(value))


def by_day(rows: Sequence[Row]) -> list[tuple[date, Row]]:
    """Return ``rows`` with their days, in order of time."""
    return sorted(((day_cell(row["day"]), row) for row in rows), key=lambda one: one[0])


def day_axis(days: Sequence[date]) -> DayAxis:
    """Return the axis for ``days``, at least one."""
    first, last = min(days), max(days)
    count = (last - first).days + 1
    if count <= _MOST_TICKS * 9:
        step = next(one for one in (1, 2, 7, 14) if count <= one * _MOST_TICKS or one == 14)
        return DayAxis(first, last, _every(first, last, step), "%-d %b")
    return DayAxis(first, last, _months(first, last), "%b %Y")


def time_axis(days: Sequence[date]) -> DayAxis:
    """Return the axis for instants on ``days``: ticks stand where days begin; of one or two days every six hours."""
    axis = day_axis(days)
    if axis.count > 2:
        shift = DAY_MILLIS // 2 if axis.format == "%-d %b" else 0
        return replace(axis, ticks=tuple(tick - shift for tick in axis.ticks))
    step = DAY_MILLIS * _HOURS // 24
    return replace(axis, ticks=tuple(range(axis.domain[0], axis.domain[1] + 1, step)), format="%H:%M")


def _every(first: date, last: date, step: int) -> tuple[int, ...]:
    start = first.toordinal()
    if step >= 7:  # weeks begin on Mondays
        start += (7 - first.weekday()) % 7
    return tuple(middle(date.fromordinal(day)) for day in range(start, last.toordinal() + 1, step))


def _months(first: date, last: date) -> tuple[int, ...]:
    """Return the beginnings of months, thinned so that they stand at whole quarters, halves or years."""
    low, high = first.year * 12 + first.month - 1, last.year * 12 + last.month - 1
    steps = (1, 2, 3, 6, 12, 24, 60, 120, 600, 2400, 12000, 24_000)
    step = next(one for one in steps if (high - low) // one < _MOST_TICKS - 1)
    months = [one for one in range(low, high + 1) if one % step == 0]
    days = [date(one // 12, one % 12 + 1, 1) for one in months if one >= 12]
    return tuple(opens(day) for day in days if first <= day <= last)


def day_words(day: date, *, year: bool = False) -> str:
    """Return such as ``14 Oct``, or ``14 Oct 2026`` with the year."""
    return f"{day.day} {_MONTHS[day.month - 1]}{f' {day.year}' if year else ''}"


def range_words(first: date, last: date) -> str:
    """Return a range of days, both included, for people."""
    if first == last:
        return day_words(first, year=True)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{day_words(last, year=True)}"
    return f"{day_words(first, year=first.year != last.year)} – {day_words(last, year=True)}"


# Not from the locale of the machine: a report reads the same wherever it is made.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def month_words(number: int) -> str:
    """Return the short name of month ``number``, 1..12."""
    return _MONTHS[number - 1]
