"""What became known of closed periods after they were closed.

    correction = as now known - as closed - what later closes corrected already

"Now" is reckoned for the instants that were closed, in the zone, the currency and with the prices they were closed in,
whatever became of the account's settings since: only a late fact makes a correction, another price does not. A closed
statement itself never changes.

Public: ``closed_as``, ``closed_period``, ``corrections``, ``priced_otherwise``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from collector.domain.accounts import Agreement
from collector.domain.calendar import day_of
from collector.domain.periods import Period
from collector.store.accounts import recorded_zones
from collector.store.engine import Database
from collector.store.reading import MeterRow, meters
from collector.store.statements import ClosedStatement, Closing
from reports.frozen_prices import in_force
from reports.question import Question
from reports.statement import Asked, statements
from reports.statement_views import CorrectionLine, StatementView, corrections_in, view_of, views_of


def closed_period(closed: ClosedStatement, agreement: Agreement) -> tuple[Agreement, Period]:
    """Return the period of a closed statement, and what is agreed now but for the zone and the prices of the close."""
    closing = closed.closing
    priced = {
        view.meter: replace(agreement.terms_of(view.meter), prices=view.prices)
        for view in views_of(closed)
        if view.prices is not None
    }
    billing = replace(agreement.billing, currency=closing.currency) if priced else agreement.billing
    held = replace(agreement, zone=ZoneInfo(closing.timezone), billing=billing, terms={**agreement.terms, **priced})
    return held, Period(*_local_days(closing), closing.period_start, closing.period_end)


def closed_as(own: Sequence[ClosedStatement], name: str, period: Period) -> ClosedStatement | None:
    """Return the one of an account's statements that closed ``period``: of the same instants, or by another clock.

    Periods of another day or kind may have the same ``name``; what is in them is not closed with its namesake.
    """
    for one in own:
        if (one.closing.period_start, one.closing.period_end) == (period.start, period.end):
            return one
    days = period.starts_on, period.ends_on
    return next((one for one in own if one.closing.period == name and _local_days(one.closing) == days), None)


def _local_days(closing: Closing) -> tuple[date, date]:
    zone = ZoneInfo(closing.timezone)
    return day_of(closing.period_start, zone), day_of(closing.period_end, zone)


def priced_otherwise(closed: ClosedStatement, agreement: Agreement) -> list[str]:
    """Return the meters whose prices in a closed period are declared otherwise by ``agreement``."""
    _, period = closed_period(closed, agreement)
    span = period.starts_on, period.ends_on
    return [
        view.meter
        for view in views_of(closed)
        if view.prices is not None
        and in_force(view.prices, *span) != in_force(agreement.terms_of(view.meter).prices, *span)
    ]


def corrections(database: Database, question: Question, closed: Sequence[ClosedStatement]) -> list[CorrectionLine]:
    """Return what must be corrected of ``closed``: all closed statements of some accounts, by account and number.

    Nothing for a statement that is as it was closed, or has been corrected already.
    """
    zones = recorded_zones(database)
    with database.read() as connection:
        rows = meters(connection, sorted({one.account for one in closed}))
    wanted = [
        asked
        for one in closed
        for asked in _asked(one, question.agreed_with(one.account, zones.get(one.account, "UTC")), rows)
    ]
    now = {
        (one.asked.key, one.asked.period.start, one.asked.period.end): view_of(one)
        for one in statements(database, wanted)
    }
    done = [line for one in closed for line in corrections_in(one)]
    found: list[CorrectionLine] = []
    for one in closed:
        before = {view.meter: view for view in views_of(one)}
        for row in rows:
            key = ((one.account, row.name), one.closing.period_start, one.closing.period_end)
            if row.account == one.account and key in now:
                found += _correction(one, now[key], before.get(row.name), done)
    return found


def _asked(closed: ClosedStatement, agreement: Agreement, rows: Iterable[MeterRow]) -> Iterator[Asked]:
    held, period = closed_period(closed, agreement)
    for row in rows:
        if row.account == closed.account:
            asked = Asked(row, held, period, closed.closing.period)
            if asked.has_history:
                yield asked


def _correction(
    closed: ClosedStatement, now: StatementView, before: StatementView | None, done: Iterable[CorrectionLine]
) -> Iterator[CorrectionLine]:
    """Yield the correction of one meter's closed statement, if there is any."""
    own = [one for one in done if (one.account, one.meter, one.number) == (closed.account, now.meter, closed.number)]
    usage = _quantity(now, "usage") - _quantity(before, "usage") - sum(one.usage for one in own)
    currency = now.figures["currency"]
    amount = None
    if before is None or currency == before.figures["currency"]:
        amount = _less([_money(now)], [_money(before), *(one.amount for one in own)])
    if usage or amount:
        shown = str(currency) if currency is not None and amount is not None else None
        yield CorrectionLine(closed.account, now.meter, closed.number, closed.closing.period, usage, amount, shown)


def _quantity(view: StatementView | None, name: str) -> int | Decimal:
    value = 0 if view is None else view.figures[name]
    return value if isinstance(value, int | Decimal) else 0


def _money(view: StatementView | None) -> Decimal | None:
    value = None if view is None else view.figures["amount"]
    return value if isinstance(value, Decimal) else None


def _less(now: Iterable[Decimal | None], before: Iterable[Decimal | None]) -> Decimal | None:
    """Return the difference of two sums of what is known in them; None where nothing is."""
    plus = [one for one in now if one is not None]
    minus = [one for one in before if one is not None]
    return sum(plus, Decimal(0)) - sum(minus, Decimal(0)) if plus or minus else None
