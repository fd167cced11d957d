"""When scheduled reports are due, and which period each is about.

A schedule speaks in wall-clock times of a zone and is turned into instants here, so that nobody who waits for them can
be misled by daylight saving. Rule for editors: a time that a zone skips means the first instant after the gap, one that
happens twice the first of the two, and every local day is looked at once; so a day gives each of its times one instant.

    wall     01:30  02:00 ┄┄ skipped ┄┄ 03:00        01:30  02:00  02:30  02:00  02:30  03:00
    "02:30"               ╰──────────▶  ●                          ●             ○ not again

The period is the last one that is over when the report is due, and a report is made once for each period, whatever the
clock does.

Public: ``ReportKind``, ``About``, ``Schedule``, ``local_instant``, ``runs_between``, ``next_run``, ``period_before``,
``period_called``, ``backoff``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from collector.domain.calendar import day_of
from collector.domain.cron import Cron
from collector.domain.named_periods import name_of, period_named
from collector.domain.periods import Billing, Period, PeriodKind, period_of

_ONE_DAY = timedelta(days=1)
_TWO_DAYS = timedelta(days=2)
_ONE_SECOND = timedelta(seconds=1)
_FARTHEST = timedelta(days=9 * 366)  # 29 February may be eight years away
_LONGEST_DOUBLING = 20


class ReportKind(StrEnum):
    """What can be reported on schedule."""

    DAILY = "daily"
    BURN = "burn"
    EXHAUSTION = "exhaustion"
    TREND = "trend"
    REQUESTS = "requests"
    MONTH = "month"
    RECONCILE = "reconcile"

    @property
    def of_billing_period(self) -> bool:
        """True for reports that are about a billing period, never about any other stretch of time."""
        return self in {ReportKind.MONTH, ReportKind.RECONCILE}

    @property
    def of_standing(self) -> bool:
        """True for reports on where things stand at one instant, here the end of a period."""
        return self in {ReportKind.BURN, ReportKind.EXHAUSTION}


class About(StrEnum):
    """How long a stretch a scheduled report is about."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_CALENDAR = {About.DAY: PeriodKind.DAILY, About.WEEK: PeriodKind.WEEKLY, About.MONTH: PeriodKind.MONTHLY}


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a report is due.

    Attributes:
        about: What it is about: the day, ISO week or month before.
        zone: Whose wall clock is meant.
        at: The time of day; not looked at where there is a ``cron``.
        weekday: ISO weekday 1..7 on which a weekly one is due.
        day: Day of the month 1..31 on which a monthly one is due; shorter months use their last day.
        cron: Instead of the three.
    """

    about: About
    zone: ZoneInfo
    at: time = time(7)
    weekday: int = 1
    day: int = 1
    cron: Cron | None = None


def local_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the first UTC instant at which the wall clock of ``zone`` shows ``at`` on ``day`` or has passed it."""
    wanted = datetime.combine(day, at)
    instant = wanted.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wanted:
        return instant
    early, late = instant - _TWO_DAYS, instant
    while late - early > _ONE_SECOND:
        middle = (early + (late - early) / 2).replace(microsecond=0)
        if middle.astimezone(zone).replace(tzinfo=None) >= wanted:
            late = middle
        else:
            early = middle
    return late


def runs_between(schedule: Schedule, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the instants in ``(after, until]`` at which a report is due, in order, each once."""
    first = after.astimezone(schedule.zone).date() - _ONE_DAY
    last = until.astimezone(schedule.zone).date() + _ONE_DAY
    before = after
    for number in range((last - first).days + 1):
        day = first + number * _ONE_DAY
        for at in _times_on(schedule, day):
            instant = local_instant(day, at, schedule.zone)
            if before < instant <= until:
                before = instant
                yield instant


def next_run(schedule: Schedule, after: datetime) -> datetime | None:
    """Return the first instant after ``after`` at which a report is due, or None if there is none in nine years."""
    return next(runs_between(schedule, after, after + _FARTHEST), None)


def _times_on(schedule: Schedule, day: date) -> tuple[time, ...]:
    if schedule.cron is not None:
        return schedule.cron.times_on(day)
    match schedule.about:
        case About.DAY:
            due = True
        case About.WEEK:
            due = day.isoweekday() == schedule.weekday
        case _:
            last = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - _ONE_DAY
            due = day.day == min(schedule.day, last.day)
    return (schedule.at,) if due else ()


def period_before(instant: datetime, kind: ReportKind, schedule: Schedule, billing: Billing) -> tuple[str, Period]:
    """Return the name and the bounds of the last period that is over at ``instant``, in the schedule's zone.

    Args:
        instant: When the report is due.
        kind: A month and a reconciliation are about billing periods, where there are any.
        schedule: How long a stretch any other report is about, and whose midnights bound it.
        billing: The billing periods that all accounts of the report share; a month is theirs if they have months.
    """
    meant = billing_meant(kind, schedule.about, billing)
    current = period_of(day_of(instant, schedule.zone), meant, schedule.zone)
    period = period_of(current.starts_on - _ONE_DAY, meant, schedule.zone)
    return name_of(period, meant), period


def period_called(text: str, kind: ReportKind, schedule: Schedule, billing: Billing) -> tuple[str, Period]:
    """Return the name and the bounds of the period that an operator calls ``text``.

    Raises:
        ValueError: The text names no period of such a report; the message has the nearest valid spelling.
    """
    meant = billing_meant(kind, schedule.about, billing)
    period = period_named(text, meant, schedule.zone)
    return name_of(period, meant), period


def billing_meant(kind: ReportKind, about: About, billing: Billing) -> Billing:
    """Return the periods that a report is about, as billing periods: those of the accounts, or the calendar's."""
    own = billing.kind is not PeriodKind.NONE and (
        kind.of_billing_period or (about is About.MONTH and billing.kind is PeriodKind.MONTHLY)
    )
    return billing if own else Billing(_CALENDAR[about])


def backoff(attempts: int, shortest: timedelta, longest: timedelta, chance: float) -> timedelta:
    """Return how long to wait after ``attempts`` failures in a row: doubling, with up to a quarter taken off.

    Args:
        attempts: At least 1.
        shortest: The first wait.
        longest: The longest.
        chance: A random number in [0, 1), so that many who fail together do not try again together.
    """
    doubled: int = 2 ** min(attempts - 1, _LONGEST_DOUBLING)
    return min(longest, shortest * doubled) * (1 - chance / 4)
