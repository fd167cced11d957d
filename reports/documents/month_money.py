"""What a month can have cost, given what it can have used.

The bounds of the usage come from the period's two ends, so what may be less or more is put on its first or last day and
rated whole again. Between the bounds a tier may begin; a volume price is not even rising, so the tiers' limits are
tried as well.

Public: ``amount_bounds``, ``amount_of``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from collector.domain.money import rounded
from collector.domain.prices import DayQuantity, Price, rate
from reports.documents.month_words import units
from reports.statement_views import StatementView


def amount_bounds(view: StatementView) -> tuple[Decimal, Decimal | None] | None:
    """Return the least and the most that a statement can cost, rounded; the most is None where usage is open.

    None where the statement has no amount, or was closed without its prices.
    """
    currency, figures = view.figures["currency"], view.figures
    if figures["amount"] is None or not view.prices or not isinstance(currency, str) or not view.days:
        return None
    if figures["lower"] == figures["upper"]:
        amount = units(figures["amount"])
        return amount, amount
    days = [DayQuantity(date.fromisoformat(str(day["day"])), units(day["usage"])) for day in view.days]
    found = [
        rounded(amount, currency)
        for more in _tried(view)
        for place in {0, _last_seen(view)}
        for amount in [amount_of(view.prices, _with(days, place, more))]
        if amount is not None
    ]
    if not found:
        return None
    return min(found), None if figures["upper"] is None else max(found)


def amount_of(prices: Sequence[Price], days: Sequence[DayQuantity]) -> Decimal | None:
    """Return what the days of one period cost, unrounded; None where no price was in force."""
    return rate(prices, days).amount if days else None


def _tried(view: StatementView) -> Iterator[Decimal]:
    """Yield by how much usage may differ from the figure: to its bounds, and to the tiers' limits between them."""
    used, lower = units(view.figures["usage"]), units(view.figures["lower"])
    upper = used if view.figures["upper"] is None else units(view.figures["upper"])
    exponent = used.as_tuple().exponent
    smallest = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
    yield from (lower - used, Decimal(0), upper - used)
    for price in view.prices or ():
        for tier in price.tiers:
            if tier.up_to is not None:
                limit = Decimal(price.included + tier.up_to)
                yield from (one - used for one in (limit, limit + smallest) if lower <= one <= upper)


def _last_seen(view: StatementView) -> int:
    """Return the place of the last day of which something was observed."""
    seen = [place for place, day in enumerate(view.days) if day["coverage"] or day["snapshots"]]
    return seen[-1] if seen else 0


def _with(days: Sequence[DayQuantity], place: int, more: Decimal) -> list[DayQuantity]:
    return [DayQuantity(day.day, day.quantity + more) if index == place else day for index, day in enumerate(days)]
