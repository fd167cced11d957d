"""What a running month comes to by its end: usage, amount and quota, from the weekdays of the last four weeks.

    period   [ used so far ─── seen ╌╌╌ expected ╌╌╌ )        low, middle, high at the end of each coming day

Nothing is said where too little was observed to say it (``reports.forecast``); then ``reason`` tells why.

Public: ``Outlook``, ``running_period``, ``outlook_of``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import NormalDist

from collector.domain.accounts import Agreement
from collector.domain.calendar import day_of
from collector.domain.instants import instant_of
from collector.domain.money import rounded
from collector.domain.named_periods import name_of
from collector.domain.periods import Period, period_at
from collector.domain.prices import DayQuantity, Price
from collector.store.engine import Database
from collector.store.reading import MeterRow
from reports.charges import ChargedDay, period_charges
from reports.daily import daily_deltas
from reports.documents.month_before import kind_of
from reports.documents.month_money import amount_of
from reports.forecast import LEAST_DAYS, MOST_DAYS, Course, course, days_ahead, observed_days, weekday_profile
from reports.rendering import Cell, Row
from reports.rows import scaled
from reports.spikes import with_spikes
from reports.windows import local_days, usage_windows

_EIGHTY = NormalDist().inv_cdf(0.9)
"""How many standard deviations either side hold 80 %."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """A running period; quantities in units, money rounded.

    Attributes:
        used: What was used of it until ``seen_at``.
        amount: What that costs.
        reason: Why nothing is projected; empty where something is.
        projected, low, high: Usage expected at its end, and the 80 % interval.
        projected_amount, low_amount, high_amount: What these cost.
        fan: Cumulative usage expected at the end of each coming day: ``day, low, middle, high``.
    """

    name: str
    period: Period
    seen_at: datetime
    used: Cell
    amount: Decimal | None
    currency: str | None
    reason: str = ""
    per_day: float = 0.0
    projected: Cell = None
    low: Cell = None
    high: Cell = None
    projected_amount: Decimal | None = None
    low_amount: Decimal | None = None
    high_amount: Decimal | None = None
    fan: tuple[Row, ...] = ()


def running_period(agreement: Agreement, name: str, now: datetime) -> Period | None:
    """Return the billing period that runs at ``now``; of an account without any, of the kind that ``name`` is of."""
    return period_at(now, kind_of(agreement.billing, name), agreement.zone)


def outlook_of(
    database: Database, row: MeterRow, agreement: Agreement, period: Period, name: str, now: datetime
) -> Outlook | None:
    """Return what ``period``, which runs at ``now``, comes to; None where nothing of it was observed yet.

    ``name`` says of which kind it is where the account has no billing periods.
    """
    seen_at = min(instant_of(row.good_at), now)
    if seen_at < period.start:
        return None
    billing = kind_of(agreement.billing, name)
    (charged,) = period_charges(database, [(row, replace(agreement, billing=billing), period)])
    used = sum(day.usage for day in charged.days)
    told = Outlook(
        name=name_of(period, billing),
        period=period,
        seen_at=seen_at,
        used=scaled(used, row.scale),
        amount=_rounded(charged.rating.amount, billing.currency),
        currency=billing.currency,
    )
    expected = _expected(database, row, agreement, (seen_at, period.end), now)
    if isinstance(expected, str):
        return replace(told, reason=expected)
    per_day, ahead = expected
    prices = agreement.terms_of(row.name).prices
    ends = [_end(used, ahead, spread) for spread in (0.0, -_EIGHTY, _EIGHTY)]
    amounts = [
        _rounded(amount_of(prices, _days(charged.days, ahead, end - used, row.scale)), billing.currency)
        if _is_priced(prices)
        else None
        for end in ends
    ]
    return replace(
        told,
        per_day=per_day / 10**row.scale,
        projected=scaled(ends[0], row.scale),
        low=scaled(ends[1], row.scale),
        high=scaled(ends[2], row.scale),
        projected_amount=amounts[0],
        low_amount=amounts[1],
        high_amount=amounts[2],
        fan=tuple(_fan(used, ahead, row.scale)),
    )


def _is_priced(prices: Sequence[Price]) -> bool:
    return bool(prices)


def _expected(
    database: Database, row: MeterRow, agreement: Agreement, span: tuple[datetime, datetime], now: datetime
) -> tuple[float, Course] | str:
    """Return usage per day and its course over the rest of the period, or why nothing can be expected."""
    if now - span[0] > timedelta(days=MOST_DAYS):
        return f"the last observation is more than {MOST_DAYS} days old"
    first = day_of(instant_of(row.last_at), agreement.zone) - timedelta(days=MOST_DAYS)
    wanted = [(row, local_days(row, agreement.zone, first, None))]
    days = with_spikes(database, wanted, daily_deltas(usage_windows(database, wanted)))
    profile = weekday_profile(days)
    if profile is None:
        seen = int(observed_days(days).sum())
        return f"only {seen} of the {LEAST_DAYS} whole days that a forecast needs were observed"
    if profile.per_day <= 0:
        return f"nothing was used in the last {MOST_DAYS} whole days"
    ahead = days_ahead(*span, agreement.zone)
    return (profile.per_day, course(profile, ahead)) if ahead else "it is over"


def _end(used: int, ahead: Course, spread: float) -> int:
    """Return the expected usage at the period's end, in the smallest unit; never less than was used already."""
    return max(used, used + round(float(ahead.mean[-1]) + spread * float(ahead.spread[-1])))


def _days(seen: Sequence[ChargedDay], ahead: Course, more: int, scale: int) -> list[DayQuantity]:
    """Return the days so far, and ``more`` spread over the coming ones as the forecast has them, to the unit."""
    known = [DayQuantity(day.day, Decimal(day.usage).scaleb(-scale)) for day in seen if day.day <= ahead.days[0]]
    whole = float(ahead.mean[-1])
    reached = 0
    for day, mean in zip(ahead.days, ahead.mean.tolist(), strict=True):
        last = day == ahead.days[-1]
        upto = more if last or not whole else round(more * mean / whole)
        known.append(DayQuantity(day, Decimal(upto - reached).scaleb(-scale)))
        reached = upto
    return known


def _fan(used: int, ahead: Course, scale: int) -> list[Row]:
    rows: list[Row] = []
    for day, mean, spread in zip(ahead.days, ahead.mean.tolist(), ahead.spread.tolist(), strict=True):
        low, middle, high = (
            scaled(max(used, used + round(mean + deviations * spread)), scale) for deviations in (-_EIGHTY, 0, _EIGHTY)
        )
        rows.append({"day": _text(day), "low": low, "middle": middle, "high": high})
    return rows


def _text(day: date) -> str:
    return day.isoformat()


def _rounded(amount: Decimal | None, currency: str | None) -> Decimal | None:
    return None if amount is None or currency is None else rounded(amount, currency)
