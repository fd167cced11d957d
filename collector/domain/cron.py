"""Cron expressions of five fields, asked for the times of one local day.

    minute  hour  day of month  month  day of week        ``0 7 * * 1``, ``30 6 1,15 * *``, ``0 8 * * mon-fri``

As in cron, Sunday is 0 and 7, and where both days are restricted either will do. A day that begins with ``*`` is not
restricted, also ``*/2``: then both must fit. Only days and times of the wall clock
are known here; what they are as instants is decided in ``report_schedule``, so that cron and plain schedules treat
daylight saving alike (schedulers' own cron fires twice or never around the change, or counts weekdays from Monday).

Source: Vixie cron and cronie; crontab(5) speaks of days that "aren't *", their ``entry.c`` decides by the field's first
character (``DOM_STAR``, ``DOW_STAR``), and ``cron.c`` lets either day do only where neither is set.

Public: ``Cron``, ``parse_cron``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(?:\*|([0-9a-z]{1,3})(?:-([0-9a-z]{1,3}))?)(?:/([0-9]{1,2}))?", re.ASCII)
_STAR = "*"


@dataclass(frozen=True, slots=True)
class _Field:
    what: str
    lowest: int
    highest: int
    names: Sequence[str] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, ("", *_MONTHS)),
    _Field("day of the week", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """One expression.

    Attributes:
        text: As it was written.
        days: Days of the month 1..31, or None for any.
        weekdays: ISO weekdays 1..7, or None for any.
        either: Whether one of both will do: true where neither field began with ``*``.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None
    either: bool

    def times_on(self, day: date) -> tuple[time, ...]:
        """Return the wall-clock times on a local day, in order; empty where none is meant."""
        if day.month not in self.months or not self._is_day(day):
            return ()
        return tuple(time(hour, minute) for hour in sorted(self.hours) for minute in sorted(self.minutes))

    def _is_day(self, day: date) -> bool:
        of_month = self.days is None or day.day in self.days
        of_week = self.weekdays is None or day.isoweekday() in self.weekdays
        return of_month or of_week if self.either else of_month and of_week


def parse_cron(text: str) -> Cron:
    """Return the expression that ``text`` is.

    Raises:
        ValueError: It has not five fields, or a field holds what cron does not know.
    """
    parts = text.lower().split()
    if len(parts) != len(_FIELDS):
        raise ValueError('a cron expression has five fields, such as "0 7 * * 1": minute, hour, day, month, weekday')
    minutes, hours, days, months, weekdays = (_values(part, one) for part, one in zip(parts, _FIELDS, strict=True))
    return Cron(
        text=" ".join(parts),
        minutes=minutes,
        hours=hours,
        days=None if parts[2] == _STAR else days,
        months=months,
        weekdays=None if parts[4] == _STAR else frozenset(one or 7 for one in weekdays),
        either=not any(part.startswith(_STAR) for part in (parts[2], parts[4])),
    )


def _values(text: str, field: _Field) -> frozenset[int]:
    return frozenset(value for part in text.split(",") for value in _part(part, field))


def _part(text: str, field: _Field) -> Iterator[int]:
    match = _PART.fullmatch(text)
    if match is None:
        raise ValueError(f"cron knows no {field.what} {text[:20]!r}")
    first, last, step = match[1], match[2], int(match[3] or 1)
    if first is None:
        start, end = field.lowest, field.highest
    else:
        start = _number(first, field)
        end = field.highest if last is None and match[3] else start if last is None else _number(last, field)
    if step < 1 or start > end:
        raise ValueError(f"cron knows no {field.what} {text[:20]!r}")
    yield from range(start, end + 1, step)


def _number(text: str, field: _Field) -> int:
    if text in field.names and text:
        return list(field.names).index(text)
    if not text.isdigit() or not field.lowest <= int(text) <= field.highest:
        raise ValueError(f"cron knows no {field.what} {text!r}; it is from {field.lowest} to {field.highest}")
    return int(text)
