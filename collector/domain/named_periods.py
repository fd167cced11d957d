"""How a billing period is written: ``2026-10``, ``2026-W41``, ``2026`` or ``2026-10-15``.

A text names a stretch of the calendar, and the billing period meant is the one that starts in it:

    text            2026-10 = [ 1 Oct ──────────── 1 Nov )
    monthly, 15th                   [ 15 Oct ──────────────── 15 Nov )

So a monthly account is asked for by month, a weekly one by ISO week, a yearly one by year, and each by the day on
which its period starts. An account without billing periods is asked for any of the four and gets the calendar's own.
Rule for editors: nothing is guessed. A text that names no period of the account, or several, is refused with the
spelling that comes nearest.

Public: ``Span``, ``span_of``, ``period_named``, ``name_of``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from collector.domain.calendar import start_of_day
from collector.domain.periods import Billing, Period, PeriodKind, period_of

_TEXT = re.compile(r"(\d{4})(?:-W(\d\d)|-(\d\d)(?:-(\d\d))?)?", re.ASCII)
# Beyond these lie no history, and midnights that some zone could not tell.
_FIRST_YEAR, _LAST_YEAR = 1900, 9000
_ONE_DAY = timedelta(days=1)
_SHAPES = {
    PeriodKind.DAILY: "a day such as 2026-10-15",
    PeriodKind.WEEKLY: "an ISO week such as 2026-W41, or its first day",
    PeriodKind.MONTHLY: "a month such as 2026-10, or its first day",
    PeriodKind.YEARLY: "a year such as 2026, or its first day",
}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the calendar ``[first, end)`` and what it is: a day, an ISO week, a month or a year."""

    kind: PeriodKind
    first: date
    end: date


def span_of(text: str) -> Span:
    """Return the stretch of the calendar that ``text`` names.

    Raises:
        ValueError: The text names none.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"a period is written 2026-10, 2026-W41, 2026 or 2026-10-15, not {text!r}")
    year = int(match[1])
    if not _FIRST_YEAR <= year < _LAST_YEAR:
        raise ValueError(f"a period lies in the years {_FIRST_YEAR} to {_LAST_YEAR - 1}, not in {text!r}")
    week, month, day = (None if part is None else int(part) for part in match.group(2, 3, 4))
    try:
        return _span(year, week, month, day)
    except ValueError:
        raise ValueError(f"the calendar has no {text!r}") from None


def _span(year: int, week: int | None, month: int | None, day: int | None) -> Span:
    if week is not None:
        monday = date.fromisocalendar(year, week, 1)
        return Span(PeriodKind.WEEKLY, monday, monday + timedelta(days=7))
    if month is None:
        return Span(PeriodKind.YEARLY, date(year, 1, 1), date(year + 1, 1, 1))
    if day is None:
        return Span(PeriodKind.MONTHLY, date(year, month, 1), date(year + month // 12, month % 12 + 1, 1))
    return Span(PeriodKind.DAILY, date(year, month, day), date(year, month, day) + _ONE_DAY)


def period_named(text: str, billing: Billing, zone: ZoneInfo) -> Period:
    """Return the billing period that ``text`` names: the one that starts in what the text says.

    Args:
        text: ``2026-10``, ``2026-W41``, ``2026`` or ``2026-10-15``.
        billing: The account's periods; without any the calendar's own day, ISO week, month or year is meant.
        zone: Whose midnights begin it.

    Raises:
        ValueError: The text names no period of the account, or several; the message has the nearest valid spelling.
    """
    span = span_of(text)
    if billing.kind is PeriodKind.NONE:
        return _lasting(
            Period(span.first, span.end, start_of_day(span.first, zone), start_of_day(span.end, zone)), zone
        )
    if span.kind not in {billing.kind, PeriodKind.DAILY}:
        near = name_of(period_of(span.first, billing, zone), billing)
        raise ValueError(
            f"{text} names no {billing.kind.value} billing period; it is asked for by {_SHAPES[billing.kind]} "
            f"(the one that holds {span.first} is {near})"
        )
    period = period_of(span.end - _ONE_DAY, billing, zone)
    if period.starts_on < span.first:
        near = name_of(period, billing)
        raise ValueError(f"no {billing.kind.value} billing period starts on {text}; the one that holds it is {near}")
    return _lasting(period, zone)


def _lasting(period: Period, zone: ZoneInfo) -> Period:
    if period.start >= period.end:
        raise ValueError(f"there was no {period.starts_on} in {zone.key}: the zone skipped that day")
    return period


def name_of(period: Period, billing: Billing) -> str:
    """Return how ``period`` is written; ``period_named`` reads it back."""
    kind = billing.kind if billing.kind is not PeriodKind.NONE else _calendar_kind(period)
    day = period.starts_on
    match kind:
        case PeriodKind.YEARLY:
            return f"{day.year:04}"
        case PeriodKind.MONTHLY:
            return f"{day.year:04}-{day.month:02}"
        case PeriodKind.WEEKLY:
            year, week, _ = day.isocalendar()
            return f"{year:04}-W{week:02}"
        case _:
            return day.isoformat()


def _calendar_kind(period: Period) -> PeriodKind:
    """Return which stretch of the calendar a period is, by its length: no two of them are equally long."""
    length = (period.ends_on - period.starts_on).days
    longest = ((1, PeriodKind.DAILY), (7, PeriodKind.WEEKLY), (31, PeriodKind.MONTHLY))
    return next((kind for days, kind in longest if length <= days), PeriodKind.YEARLY)
