"""Whether an invoice's line bills the period asked for: that very one, the same under another clock, or another one.

    asked for   [ 1 Oct 00:00 Berlin ────────────── 1 Nov 00:00 Berlin )
    SAME        [ ─────────────────────────────────────────────────── )
    SHIFTED        [ 1 Oct 00:00 New York ────────────── 1 Nov 00:00 New York )    by instants, hours apart
    OVERLAPPING                          [ 15 Oct ──────────────────────── …

Dates are days of the account, so a line with dates is the same or it is not. Only instants can say that the provider
keeps another clock; such a line is held against the period all the same, and the difference is explained.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from collector.domain.calendar import start_of_day
from collector.domain.periods import Period
from collector.errors import UsageError
from reports.invoices import InvoiceLine

# The clocks of the earth are up to 26 hours apart: UTC-12 to UTC+14.
_FARTHEST = timedelta(hours=26)
_ONE_DAY = timedelta(days=1)


class Relation(Enum):
    """How the billed period lies to the one asked for."""

    SAME = "same"
    SHIFTED = "shifted"
    OVERLAPPING = "overlapping"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Billed:
    """A line with its period as instants."""

    line: InvoiceLine
    start: datetime
    end: datetime
    relation: Relation


def billed(line: InvoiceLine, period: Period, zone: ZoneInfo) -> Billed:
    """Return the line with its period in the days of ``zone``, and how it lies to ``period``.

    Raises:
        UsageError: It ends on the period's last day: nothing says whether that day is billed.
    """
    start, end = _instant(line.period_start, zone), _instant(line.period_end, zone)
    if start == period.start and line.period_end == period.ends_on - _ONE_DAY:
        raise UsageError(
            f"{line.place}: period_end is the day to stop before; {line.period_end} would leave the period's last day "
            f"out: write {period.ends_on}"
        )
    by_instant = isinstance(line.period_start, datetime) and isinstance(line.period_end, datetime)
    return Billed(line, start, end, relation_of(start, end, period, by_instant=by_instant))


def relation_of(start: datetime, end: datetime, period: Period, *, by_instant: bool) -> Relation:
    """Return how ``[start, end)`` lies to ``period``; only what is given by instants can be of another clock."""
    if (start, end) == (period.start, period.end):
        return Relation.SAME
    near = min(_FARTHEST, (period.end - period.start) / 2)
    if by_instant and abs(start - period.start) <= near and abs(end - period.end) <= near:
        return Relation.SHIFTED
    return Relation.OVERLAPPING if start < period.end and period.start < end else Relation.OTHER


def _instant(moment: date | datetime, zone: ZoneInfo) -> datetime:
    return moment if isinstance(moment, datetime) else start_of_day(moment, zone)
