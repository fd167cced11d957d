"""How the month report writes figures, instants and stretches of time, so that everybody reads them alike.

Figures are those of the terminal's tables; instants stand on the account's clock, as people write them:
``12 Oct 2026, 03:10–05:40 Europe/Berlin``.

Public: ``counted``, ``money``, ``between``, ``day_text``, ``when``, ``span``, ``lasting``, ``period_text``,
``period_words``, ``percent_more``, ``sentence``, ``named``, ``rate_text``, ``units``.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from collector.domain.calendar import day_of
from reports.rendering import Cell
from reports.tables import number

_ONE_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_SHOWN = 80


def units(value: Cell) -> Decimal:
    """Return a quantity of a row as a decimal; 0 where it is not known."""
    return Decimal(value) if isinstance(value, int | Decimal) else Decimal(0)


def counted(count: Cell, unit: str) -> str:
    """Return a count with its unit, whose name is a plural: ``1 credit``, ``3,807 credits``."""
    one = isinstance(count, int) and count == 1
    return f"{number(count)} {unit.removesuffix('s') if one else unit}"


def money(amount: Cell, currency: Cell) -> str:
    """Return an amount with its currency: ``38.07 EUR``."""
    return f"{number(amount)} {currency or ''}".rstrip()


def rate_text(value: float) -> str:
    """Return a computed figure such as usage per day: whole from 100 on, one decimal place below."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"


def between(lower: Cell, upper: Cell, unit: str) -> str:
    """Return what a quantity can have been: exactly, at least, or between two figures."""
    if upper is None:
        return f"at least {counted(lower, unit)}, with no upper limit known"
    if lower == upper:
        return f"exactly {counted(lower, unit)}"
    return f"between {number(lower)} and {counted(upper, unit)}"


def day_text(day: date) -> str:
    """Return a date: ``12 Oct 2026``."""
    return f"{day.day} {day:%b} {day.year:04}"


def when(at: datetime, zone: ZoneInfo) -> str:
    """Return an instant on the clock of ``zone``: ``12 Oct 2026, 03:10 Europe/Berlin``."""
    local = at.astimezone(zone)
    return f"{day_text(local.date())}, {local:%H:%M} {zone.key}"


def span(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Return an interval on the clock of ``zone``; the second date stands only where it is another one."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    begins = f"{day_text(first.date())}, {first:%H:%M}"
    if first.date() == last.date():
        return f"{begins}–{last:%H:%M} {zone.key}"
    return f"{begins} – {day_text(last.date())}, {last:%H:%M} {zone.key}"


def lasting(length: timedelta) -> str:
    """Return a duration in its two largest units: ``2 h 30 min``, ``3 days 4 h``."""
    if length < _MINUTE:
        return f"{length.total_seconds():.0f} s"
    days, rest = divmod(length, _ONE_DAY)
    hours, rest = divmod(rest, _HOUR)
    parts = [(days, "day" if days == 1 else "days"), (hours, "h"), (rest // _MINUTE, "min")]
    told = [f"{count} {word}" for count, word in parts if count]
    return " ".join(told[:2])


def period_text(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Return a period's name for people: ``October 2026``, ``15 Oct – 14 Nov 2026``, ``2026``, ``12 Oct 2026``."""
    first, last = day_of(start, zone), day_of(end, zone) - _ONE_DAY
    if first >= last:
        return day_text(first)
    if (first.day, (last + _ONE_DAY).day) == (1, 1):
        if (first.year, first.month) == (last.year, last.month):
            return f"{first:%B} {first.year:04}"
        if (first.month, last.month) == (1, 12) and first.year == last.year:
            return f"{first.year:04}"
    year = "" if first.year == last.year else f" {first.year:04}"
    return f"{first.day} {first:%b}{year} – {day_text(last)}"


def period_words(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Return a period's name within a sentence: a range of days is called one."""
    name = period_text(start, end, zone)
    return f"the period {name}" if "–" in name else name


def percent_more(now: float, before: float) -> str:
    """Return how much more or less ``now`` is than ``before``, which is not 0: ``12 % more than``."""
    change = (now - before) / abs(before) * 100
    shown = f"{abs(change):,.0f}" if abs(change) >= 10 else f"{abs(change):,.1f}"
    if shown == "0.0":
        return "as much as"
    return f"{shown} % {'more' if change > 0 else 'less'} than"


def named(name: str) -> str:
    """Return a name as it stands within a sentence, cut where nobody would read on."""
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"


def sentence(text: str) -> str:
    """Return ``text`` with a capital first and a full stop last."""
    shown = text[:1].upper() + text[1:]
    return shown if shown.endswith((".", "!", "?", "…")) else f"{shown}."
