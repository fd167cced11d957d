"""Local days: where a day begins in a zone, and which days an interval touches.

A local day is half-open and runs from its first instant to the first instant of the next date, so it has 23, 24 or
25 hours and days tile time without holes. A zone whose midnight is skipped starts that day at the instant of the
change; a date that a zone skipped altogether has no length and is left out.

    ──[ 28 March ──────)[ 29 March, 23 h ──────)[ 30 March ──────)──
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_ONE_DAY = timedelta(days=1)
_ONE_SECOND = timedelta(seconds=1)


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the first UTC instant of the local date ``day``.

    Where the zone skipped the whole date the result equals that of the next date.
    """
    midnight = datetime.combine(day, time(), zone)
    instant = midnight.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return instant
    return _first_instant_not_before(day, zone, instant)


def _first_instant_not_before(day: date, zone: ZoneInfo, late: datetime) -> datetime:
    """Find by bisection the change of offset that skipped the midnight of ``day``; ``late`` is not before it."""
    early = late - _ONE_DAY
    while late - early > _ONE_SECOND:
        middle = (early + (late - early) / 2).replace(microsecond=0)
        if middle.astimezone(zone).date() >= day:
            late = middle
        else:
            early = middle
    return late


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """Return the local day that contains an aware ``instant``.

    It is the date on the wall, except where a clock was set back over a midnight it had already passed (St. John's
    until 2010, at 00:01): the minutes repeated before that midnight belong to the day that had begun.

    Raises:
        ValueError: The datetime is naive.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    local = instant.astimezone(zone)
    day = local.date()
    if local.fold and start_of_day(day + _ONE_DAY, zone) <= instant:
        return day + _ONE_DAY
    return day


def days_between(first: date, end: date, zone: ZoneInfo) -> Iterator[tuple[date, datetime, datetime]]:
    """Yield ``(day, start, end)`` for every local date in ``[first, end)`` that has a length, in order."""
    start = start_of_day(first, zone)
    day = first
    while day < end:
        following = day + _ONE_DAY
        stop = start_of_day(following, zone)
        if start < stop:
            yield day, start, stop
        day, start = following, stop
