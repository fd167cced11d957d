"""What the days of billing periods used and cost: the one reckoning behind the statement and every ledger export.

Usage comes from the ledger's totals at the local midnights, prices from the account's terms. A period is always read
and rated whole, whoever asks for a part of it: what a day costs depends on what was used before it in its period.

    period   [ 15 Jan ─── 16 Jan ─── … ─── 14 Feb ───)   Σ days = growth of the ledger, Σ charges = the amount
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import cast

import pandas as pd

from collector.domain.accounts import Agreement
from collector.domain.calendar import days_between
from collector.domain.instants import micros_of
from collector.domain.money import EXACT
from collector.domain.periods import Billing, Period, PeriodKind, period_of
from collector.domain.prices import DayCharge, DayQuantity, Rating, rate
from collector.store.engine import Database
from collector.store.reading import MeterRow
from reports.daily import COLUMNS, daily_deltas
from reports.question import Question
from reports.rendering import Cell, Row
from reports.rows import rows_of
from reports.windows import Window, local_days, meters_asked, usage_windows


@dataclass(frozen=True, slots=True)
class ChargedDay:
    """One local day of a billing period; counts and bounds as in the report ``daily``.

    Attributes:
        start, end: The day ``[start, end)`` in microseconds since 1970 UTC.
        usage, lower, upper: In the meter's smallest unit; ``upper`` None where a reset left it open.
        coverage: The observed share of the whole day, 0..1.
        partial: The day is not over, was not observed to its end, or began before the first snapshot.
        charge: Its quantity in whole units, and what it cost, unrounded.
    """

    day: date
    start: int
    end: int
    usage: int
    lower: int
    upper: int | None
    coverage: float
    snapshots: int
    resets: int
    corrections: int
    held: int
    partial: bool
    charge: DayCharge


@dataclass(frozen=True, slots=True)
class PeriodCharges:
    """A billing period of one meter.

    Attributes:
        agreement: In whose zone the days and the period are.
        days: Every local day of the period in order, also those without data or still to come.
        rating: What the period cost, in whole units and unrounded.
    """

    row: MeterRow
    agreement: Agreement
    period: Period
    days: tuple[ChargedDay, ...]
    rating: Rating


@dataclass(frozen=True, slots=True)
class MeterCharges:
    """What a question about charges finds of one meter.

    Attributes:
        periods: The whole billing periods that overlap the asked dates and the history, in order.
        start: The first asked local date; None where the question leaves it open.
        end: The local date to stop before; None where the question leaves it open.
    """

    row: MeterRow
    agreement: Agreement
    periods: tuple[PeriodCharges, ...]
    start: date | None
    end: date | None

    def holds(self, day: date) -> bool:
        """Return True if the local ``day`` is among the asked ones."""
        return (self.start is None or self.start <= day) and (self.end is None or day < self.end)

    def asked_days(self) -> Iterator[ChargedDay]:
        """Yield the days asked for, in order."""
        return (day for period in self.periods for day in period.days if self.holds(day.day))


def charges_asked(database: Database, question: Question) -> Iterator[MeterCharges]:
    """Yield the charges of every meter with a history that ``question`` is about, by account and meter.

    Meters are read one after another, each with one look-up, so that a fleet never has to fit into memory. Billing
    periods begin at the accounts' own midnights, so the zone of a question does not count here.
    """
    for row in meters_asked(database, question):
        agreement = question.agreed_with(row.account, row.timezone)
        start, end = question.dates(agreement.zone)
        wanted = [(row, agreement, period) for period in billing_periods(row, agreement, start, end)]
        if wanted:
            yield MeterCharges(row, agreement, tuple(period_charges(database, wanted)), start, end)


def billing_periods(
    row: MeterRow, agreement: Agreement, start: date | None = None, end: date | None = None
) -> list[Period]:
    """Return the billing periods that overlap the history of ``row``, in order; calendar months where there are none.

    Args:
        row: The meter.
        agreement: In whose zone the periods are.
        start: Only periods that also hold a day from this local date on; None for all.
        end: Only periods that also hold a day before this local date; None for all.
    """
    days = local_days(row, agreement.zone, start, end)
    if not days:
        return []
    billing = agreement.billing
    if billing.kind is PeriodKind.NONE:
        billing = Billing(PeriodKind.MONTHLY, currency=billing.currency)
    last = date.fromisoformat(days[-1].name)
    found = [period_of(date.fromisoformat(days[0].name), billing, agreement.zone)]
    while found[-1].ends_on <= last:
        found.append(period_of(found[-1].ends_on, billing, agreement.zone))
    return found


def period_charges(database: Database, wanted: Sequence[tuple[MeterRow, Agreement, Period]]) -> list[PeriodCharges]:
    """Return what the days of each wanted period used and cost, in the given order, with one look-up for all.

    Args:
        database: Where the ledger is.
        wanted: Meters, what is agreed for each, and a period in the agreement's zone; a meter may come several times.
    """
    windows = [_windows(agreement, period) for _, agreement, period in wanted]
    by_meter: dict[int, tuple[MeterRow, list[Window]]] = {}
    for (row, _, _), days in zip(wanted, windows, strict=True):
        by_meter.setdefault(row.id, (row, []))[1].extend(days)
    frame = usage_windows(database, by_meter.values())
    read: dict[int, list[Row]] = {meter: [] for meter in by_meter}
    for meter, one in zip(frame["meter_id"].tolist(), _smallest_units(frame), strict=True):
        read[meter].append(one)
    ahead = {meter: iter(rows) for meter, rows in read.items()}
    return [
        _charged(asked, [(day, next(ahead[asked[0].id])) for day in days])
        for asked, days in zip(wanted, windows, strict=True)
    ]


def _windows(agreement: Agreement, period: Period) -> list[Window]:
    return [
        Window(day.isoformat(), micros_of(begins), micros_of(ends))
        for day, begins, ends in days_between(period.starts_on, period.ends_on, agreement.zone)
    ]


def _smallest_units(windows: pd.DataFrame) -> list[Row]:
    """Return the daily rows with quantities as they are stored: ``rows_of`` scales only what says its ``scale``."""
    return rows_of(daily_deltas(windows).drop(columns="scale"), COLUMNS)


def _charged(asked: tuple[MeterRow, Agreement, Period], days: Sequence[tuple[Window, Row]]) -> PeriodCharges:
    row, agreement, period = asked
    quantities = [
        DayQuantity(date.fromisoformat(window.name), Decimal(_count(found["usage"])).scaleb(-row.scale, context=EXACT))
        for window, found in days
    ]
    rating = rate(agreement.terms_of(row.name).prices, quantities)
    charged = tuple(_day(*day, charge) for day, charge in zip(days, rating.days, strict=True))
    return PeriodCharges(row, agreement, period, charged, rating)


def _day(window: Window, found: Row, charge: DayCharge) -> ChargedDay:
    return ChargedDay(
        day=charge.day,
        start=window.start,
        end=window.end,
        usage=_count(found["usage"]),
        lower=_count(found["lower"]),
        upper=None if found["upper"] is None else _count(found["upper"]),
        coverage=cast("float", found["coverage"]),
        snapshots=_count(found["snapshots"]),
        resets=_count(found["resets"]),
        corrections=_count(found["corrections"]),
        held=_count(found["held"]),
        partial=cast("bool", found["partial"]),
        charge=charge,
    )


def _count(cell: Cell) -> int:
    return cast("int", cell)
