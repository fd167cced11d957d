"""Billing periods: half-open, starting at the local midnight of an anchor day.

A month shorter than the anchor day starts its period on its last day, so an account anchored on the 31st renews on
28 February and again on 31 March. Weekly periods take the anchor as the ISO weekday (1 is Monday); yearly periods
start on the anchor day of the anchor month.

    [ 15 Jan ────────────)[ 15 Feb ─────────)[ 15 Mar ────────────)
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from collector.domain.calendar import day_of, start_of_day


class PeriodKind(StrEnum):
    """How long a billing period is."""

    NONE = "none"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    YEARLY = "yearly"


@dataclass(frozen=True, slots=True)
class Billing:
    """When an account's periods begin.

    Attributes:
        anchor_day: Day of the month 1..31, or ISO weekday 1..7 for weekly periods.
        anchor_month: Month 1..12 in which a yearly period starts.
        currency: ISO 4217 code of the account's prices.
    """

    kind: PeriodKind = PeriodKind.NONE
    anchor_day: int = 1
    anchor_month: int = 1
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """One billing period ``[start, end)`` as UTC instants, with the local dates on which it starts and ends."""

    starts_on: date
    ends_on: date
    start: datetime
    end: datetime


def period_at(instant: datetime, billing: Billing, zone: ZoneInfo) -> Period | None:
    """Return the billing period that contains ``instant``, or None where the account has no periods."""
    if billing.kind is PeriodKind.NONE:
        return None
    return period_of(day_of(instant, zone), billing, zone)


def period_of(day: date, billing: Billing, zone: ZoneInfo) -> Period:
    """Return the billing period that contains the local date ``day``.

    Raises:
        ValueError: The account has no periods.
    """
    starts_on = _start_on_or_before(day, billing)
    ends_on = _next_start(starts_on, billing)
    return Period(starts_on, ends_on, start_of_day(starts_on, zone), start_of_day(ends_on, zone))


def _start_on_or_before(day: date, billing: Billing) -> date:
    match billing.kind:
        case PeriodKind.DAILY:
            return day
        case PeriodKind.WEEKLY:
            return day - timedelta(days=(day.isoweekday() - billing.anchor_day) % 7)
        case PeriodKind.MONTHLY:
            start = _on_anchor(day.year, day.month, billing.anchor_day)
            return start if start <= day else _on_anchor(*_month_before(day), billing.anchor_day)
        case PeriodKind.YEARLY:
            start = _on_anchor(day.year, billing.anchor_month, billing.anchor_day)
            return start if start <= day else _on_anchor(day.year - 1, billing.anchor_month, billing.anchor_day)
        case _:
            raise ValueError("an account without billing periods has none to look up")


def _next_start(starts_on: date, billing: Billing) -> date:
    match billing.kind:
        case PeriodKind.WEEKLY:
            return starts_on + timedelta(days=7)
        case PeriodKind.MONTHLY:
            return _on_anchor(*_month_after(starts_on), billing.anchor_day)
        case PeriodKind.YEARLY:
            return _on_anchor(starts_on.year + 1, billing.anchor_month, billing.anchor_day)
        case _:
            return starts_on + timedelta(days=1)


def _on_anchor(year: int, month: int, anchor_day: int) -> date:
    return date(year, month, min(anchor_day, calendar.monthrange(year, month)[1]))


def _month_before(day: date) -> tuple[int, int]:
    return (day.year - 1, 12) if day.month == 1 else (day.year, day.month - 1)


def _month_after(day: date) -> tuple[int, int]:
    return (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
