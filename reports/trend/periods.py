"""The windows of a trend: local days, ISO weeks, calendar months, and stretches of equal length to compare.

    days      │01│02│03│04│ …            every window is the difference of the ledger's totals at its two ends,
    weeks     │──── W40 ────│ …          so Σ days = Σ weeks = Σ months = growth, exactly
    months    │──────── 2026-10 ────…

Weeks and months are cut at the ends of the asked range; such a one is partial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from collector.domain.calendar import start_of_day
from collector.domain.instants import micros_of
from collector.domain.named_periods import span_of
from reports.windows import Window

_ONE_DAY = timedelta(days=1)
_LEAST_DAYS = 7


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two stretches of ``days`` local days each: from ``start``, and from ``before`` on.

    Attributes:
        name: ``last_7_days``, ``last_28_days``, ``month_to_date``, ``last_month``, ``last_month_year_ago``,
            ``month_year_ago``, ``year_to_date``.
    """

    name: str
    start: date
    before: date
    days: int

    @property
    def end(self) -> date:
        """The day after the later stretch."""
        return self.start + timedelta(days=self.days)

    @property
    def before_end(self) -> date:
        """The day after the earlier stretch."""
        return self.before + timedelta(days=self.days)


def week_of(day: date) -> str:
    """Return the ISO week of ``day`` as it is written: ``2026-W41``."""
    year, week, _ = day.isocalendar()
    return f"{year:04}-W{week:02}"


def month_of(day: date) -> str:
    """Return the calendar month of ``day`` as it is written: ``2026-10``."""
    return f"{day.year:04}-{day.month:02}"


def joined(days: Sequence[Window], named: Callable[[date], str], zone: ZoneInfo) -> Iterator[Window]:
    """Yield the weeks or months that consecutive local ``days`` make up, cut at their ends.

    Args:
        days: Local days in order, each named by its date.
        named: ``week_of`` or ``month_of``.
        zone: Whose midnights begin the days; a window stands for the whole week or month in it.
    """
    for name, group in groupby(days, key=lambda one: named(date.fromisoformat(one.name))):
        held = list(group)
        span = span_of(name)
        whole = micros_of(start_of_day(span.end, zone)) - micros_of(start_of_day(span.first, zone))
        yield Window(name, held[0].start, held[-1].end, whole)


def comparisons(last: date, since: date) -> list[Comparison]:
    """Return what is compared where ``last`` is the last whole day: stretches of equal length, said by name.

    A month is compared with the month before and with the same month a year earlier from their first days on, for as
    many days as the shorter of the two has. What lies a year back begins with ``since``, the history's first whole day,
    on both sides where it would begin earlier and at least a week of it is left.
    """
    month, end = last.replace(day=1), last + _ONE_DAY
    earlier = (month - _ONE_DAY).replace(day=1)
    found = [
        Comparison("last_7_days", end - timedelta(days=7), end - timedelta(days=14), 7),
        Comparison("last_28_days", end - timedelta(days=28), end - timedelta(days=56), 28),
        _from_firsts("month_to_date", month, earlier, end),
    ]
    if end.month == last.month:
        before_that = (earlier - _ONE_DAY).replace(day=1)
        found.append(_from_firsts("last_month", earlier, before_that, month))
        year_ago = _from_firsts("last_month_year_ago", earlier, earlier.replace(year=earlier.year - 1), month)
        found.append(_known_since(year_ago, since))
    found.append(_known_since(_from_firsts("month_year_ago", month, month.replace(year=month.year - 1), end), since))
    january = last.replace(month=1, day=1)
    days = (end - january).days
    year = Comparison("year_to_date", january, january.replace(year=january.year - 1), days)
    found.append(_known_since(year, since))
    return found


def _known_since(one: Comparison, since: date) -> Comparison:
    later = max(0, (since - one.before).days)
    left = one.days - later
    if left < _LEAST_DAYS:
        return one
    shift = timedelta(days=later)
    return Comparison(one.name, one.start + shift, one.before + shift, left)


def _from_firsts(name: str, first: date, before: date, end: date) -> Comparison:
    following = (before.replace(day=28) + timedelta(days=4)).replace(day=1)
    return Comparison(name, first, before, min((end - first).days, (following - before).days))


def compared_windows(found: Sequence[Comparison], zone: ZoneInfo) -> list[Window]:
    """Return both stretches of each comparison as windows, the later one first."""
    spans = [span for one in found for span in ((one.start, one.end), (one.before, one.before_end))]
    return [
        Window(first.isoformat(), micros_of(start_of_day(first, zone)), micros_of(start_of_day(end, zone)))
        for first, end in spans
    ]
