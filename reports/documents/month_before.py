"""A meter's month beside the ones before it: usage, amount, and usage per day on equal numbers of days.

A month that is running is held against the first days of the earlier ones, as many as it has whole days behind it; one
that is over is compared by day, because months differ in length. A period that was not observed from its beginning is
shown, and compared with nothing.

Public: ``Earlier``, ``earlier_periods``, ``kind_of``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from collector.domain.accounts import Agreement
from collector.domain.calendar import start_of_day
from collector.domain.instants import instant_of, micros_of
from collector.domain.money import rounded
from collector.domain.named_periods import name_of, span_of
from collector.domain.periods import Billing, Period, PeriodKind, period_of
from collector.store.engine import Database
from collector.store.reading import MeterRow
from reports.charges import ChargedDay, PeriodCharges, period_charges
from reports.documents.month_words import units
from reports.rendering import Cell
from reports.rows import rows_of, scaled
from reports.windows import Window, observed_share, usage_windows

MOST = 12
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier period; quantities in units, money rounded.

    Attributes:
        days: How many days it has.
        per_day: Usage of an average day of it; of one that was not observed from its beginning, of the days that were
            seen whole. None where there is none.
        first_days: What was used on as many of its first days as are compared; None where it has fewer.
        whole: True where it was observed from its beginning.
    """

    name: str
    period: Period
    usage: Cell
    lower: Cell
    upper: Cell
    coverage: float
    amount: Decimal | None
    currency: str | None
    days: int
    per_day: float | None
    first_days: Cell
    whole: bool


def kind_of(billing: Billing, name: str) -> Billing:
    """Return ``billing``, or the calendar's own periods of the kind that ``name`` is of where there are none."""
    if billing.kind is not PeriodKind.NONE:
        return billing
    return Billing(span_of(name).kind, currency=billing.currency)


def earlier_periods(
    database: Database, row: MeterRow, agreement: Agreement, period: Period, name: str, compared: int
) -> list[Earlier]:
    """Return up to twelve periods before ``period`` with a history, the oldest first; none where none fits before it.

    Args:
        database: Where the ledger is.
        row: The meter.
        agreement: In whose zone the periods are, and at whose prices they are rated.
        period: The month that is compared.
        name: Its name, such as ``2026-10``.
        compared: On how many first days the running month is compared.
    """
    billing = kind_of(agreement.billing, name)
    priced = replace(agreement, billing=billing)
    periods = _before(row, priced, period)
    if not periods:
        return []
    charges = period_charges(database, [(row, priced, one) for one in periods])
    windows = [Window(one.starts_on.isoformat(), micros_of(one.start), micros_of(one.end)) for one in periods]
    frame = usage_windows(database, [(row, windows)])
    shares = observed_share(frame["observed_us"], frame["length_us"]).tolist()
    bounds = rows_of(frame, ("usage", "lower", "upper"))
    return [
        Earlier(
            name=name_of(one, billing),
            period=one,
            usage=bound["usage"],
            lower=bound["lower"],
            upper=bound["upper"],
            coverage=float(share),
            amount=_amount(charged, billing.currency),
            currency=billing.currency,
            days=len(charged.days),
            per_day=_per_day(charged.days, instant_of(row.first_at), units(bound["usage"]), priced, row.scale),
            first_days=_first_days(charged.days, compared, row.scale),
            whole=instant_of(row.first_at) <= one.start,
        )
        for one, charged, bound, share in zip(periods, charges, bounds, shares, strict=True)
    ]


def _per_day(
    days: tuple[ChargedDay, ...], first_at: datetime, seen: Decimal, agreement: Agreement, scale: int
) -> float | None:
    """Return usage of an average day that was seen whole; of all days where the first observation is before them."""
    whole = [day for day in days if start_of_day(day.day, agreement.zone) >= first_at]
    if len(whole) == len(days):
        return float(seen) / len(days) if days else None
    return float(Decimal(sum(day.usage for day in whole)).scaleb(-scale)) / len(whole) if whole else None


def _before(row: MeterRow, agreement: Agreement, period: Period) -> list[Period]:
    """Return the periods before ``period``, the oldest first."""
    found: list[Period] = []
    begins = period
    first = instant_of(row.first_at)
    while len(found) < MOST and begins.start > first:
        before = period_of(begins.starts_on - _ONE_DAY, agreement.billing, agreement.zone)
        if before.end != begins.start or before.start >= before.end:
            break  # the account's periods are others today than when this one was closed
        found.append(before)
        begins = before
    return found[::-1]


def _amount(charged: PeriodCharges, currency: str | None) -> Decimal | None:
    amount = charged.rating.amount
    return None if amount is None or currency is None else rounded(amount, currency)


def _first_days(days: tuple[ChargedDay, ...], compared: int, scale: int) -> Cell:
    return scaled(sum(day.usage for day in days[:compared]), scale) if compared <= len(days) else None
