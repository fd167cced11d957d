"""What a running month comes to by its end: usage and amount, from the forecast that the quota's outlook rests on.

    period   [ used so far ─── seen ╌╌╌ expected ╌╌╌ )        the median and the 80 % interval at its end

Nothing is said where nobody can (``reports.forecasting.prospect``), and nothing of a meter that is idle: most such
meters are used again. Then ``reason`` tells why. Of a history that is too short for a date there is an interval only.

Public: ``Projection``, ``Running``, ``running_period``, ``outlook_of``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from collector.domain.accounts import Agreement
from collector.domain.calendar import day_of, start_of_day
from collector.domain.instants import instant_of
from collector.domain.money import rounded
from collector.domain.named_periods import name_of
from collector.domain.periods import Period, period_at
from collector.domain.prices import DayQuantity
from collector.store.engine import Database
from collector.store.reading import MeterRow
from reports.charges import ChargedDay, period_charges
from reports.documents.fan import fan_rows
from reports.documents.month_before import kind_of
from reports.documents.month_money import amount_of
from reports.forecasting.history import History
from reports.forecasting.prospect import Prospect, prospect_of
from reports.rendering import Cell, Row
from reports.rows import scaled

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Projection:
    """A running period; quantities in units, money rounded.

    Attributes:
        used: What was used of it until ``seen_at``.
        amount: What that costs.
        reason: Why nothing is projected; empty where something is.
        projected, low, high: Usage expected at its end, and the 80 % interval; the first None where an interval alone
            may be told.
        projected_amount, low_amount, high_amount: What these cost.
        prospect: What is to come; None where ``reason`` says why not.
        fan: Cumulative usage expected at the end of each coming day, as ``reports.documents.fan.fan_rows`` has it.
    """

    name: str
    period: Period
    seen_at: datetime
    used: Cell
    amount: Decimal | None
    currency: str | None
    reason: str = ""
    prospect: Prospect | None = None
    projected: Cell = None
    low: Cell = None
    high: Cell = None
    projected_amount: Decimal | None = None
    low_amount: Decimal | None = None
    high_amount: Decimal | None = None
    fan: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """Which period is asked about, and when.

    Attributes:
        name: Of which kind it is where the account has no billing periods.
        now: The instant of the question, which it holds.
    """

    period: Period
    name: str
    now: datetime


def running_period(agreement: Agreement, name: str, now: datetime) -> Period | None:
    """Return the billing period that runs at ``now``; of an account without any, of the kind that ``name`` is of."""
    return period_at(now, kind_of(agreement.billing, name), agreement.zone)


def outlook_of(
    database: Database, row: MeterRow, agreement: Agreement, running: Running, known: Prospect | History | str | None
) -> Projection | None:
    """Return what the period that runs now comes to; None where nothing of it was observed yet.

    Args:
        database: Where the ledger is.
        row: The meter.
        agreement: What is agreed with its account.
        running: The period and the instant of the question.
        known: What is to come of the meter, or why nobody can say, where that was asked already; else its history, None
            without any.
    """
    period, now = running.period, running.now
    seen_at = min(instant_of(row.good_at), now)
    if seen_at < period.start:
        return None
    billing = kind_of(agreement.billing, running.name)
    (charged,) = period_charges(database, [(row, replace(agreement, billing=billing), period)])
    used = sum(day.usage for day in charged.days)
    told = Projection(
        name=name_of(period, billing),
        period=period,
        seen_at=seen_at,
        used=scaled(used, row.scale),
        amount=_rounded(charged.rating.amount, billing.currency),
        currency=billing.currency,
    )
    prospect = _prospect(known, period, now)
    if isinstance(prospect, str):
        return replace(told, reason=prospect)
    low, middle, high = (round(more) for more in prospect.expected(period.end))
    prices = agreement.terms_of(row.name).prices
    amounts: list[Decimal | None] = [None] * 3
    if prices:
        spread = [list(_days(charged.days, prospect, (period.end, more), row.scale)) for more in (low, middle, high)]
        amounts = [_rounded(amount_of(prices, days), billing.currency) for days in spread]
    return replace(
        told,
        prospect=prospect,
        projected=None if prospect.interval_only else scaled(used + middle, row.scale),
        low=scaled(used + low, row.scale),
        high=scaled(used + high, row.scale),
        projected_amount=None if prospect.interval_only else amounts[1],
        low_amount=amounts[0],
        high_amount=amounts[2],
        fan=tuple(fan_rows(prospect, used, row.scale, period.end)),
    )


def _prospect(known: Prospect | History | str | None, period: Period, now: datetime) -> Prospect | str:
    """Return what is to come, or why nothing can be expected."""
    if isinstance(known, Prospect) and not known.reaches(period.end):
        known = known.history
    prospect = known if isinstance(known, Prospect | str) else prospect_of(known, period.end, now)
    if isinstance(prospect, str):
        return prospect
    if prospect.history.end >= period.end:
        return "it is over"
    if prospect.is_idle:
        return f"{prospect.idle}, and nobody knows for how much longer"
    return prospect


def _days(
    seen: Sequence[ChargedDay], prospect: Prospect, ahead: tuple[datetime, int], scale: int
) -> Iterator[DayQuantity]:
    """Yield the days so far, and what is to come until the end spread over the coming ones, to the unit.

    It is spread as the median has it. The day of the last observation comes twice: as far as it was seen, and the rest.
    """
    end, more = ahead
    zone = prospect.history.zone
    today = day_of(prospect.history.end, zone)
    yield from (DayQuantity(one.day, Decimal(one.usage).scaleb(-scale)) for one in seen if one.day <= today)
    whole, reached, day = prospect.expected(end)[1], 0, today
    while start_of_day(day, zone) < end:
        closes = start_of_day(day + _DAY, zone)
        upto = more
        if closes < end:
            upto = round(more * prospect.expected(closes)[1] / whole) if whole else 0
        yield DayQuantity(day, Decimal(upto - reached).scaleb(-scale))
        reached, day = upto, day + _DAY


def _rounded(amount: Decimal | None, currency: str | None) -> Decimal | None:
    return None if amount is None or currency is None else rounded(amount, currency)
