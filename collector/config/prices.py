"""A meter's prices: checked against each other and the account's billing, and turned into domain values.

Public: ``price_faults``, ``prices_of``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from collector.config.diagnosis import Fault
from collector.config.model import BillingTable, MeterTable, PriceTable, TierTable
from collector.config.wording import SettingPath, found, spelled
from collector.domain.money import minor_unit
from collector.domain.periods import PeriodKind
from collector.domain.prices import Price, Tier

_OF_A_PERIOD = ("included", "tiers", "minimum")


def price_faults(meter: MeterTable, where: SettingPath, billing: BillingTable) -> Iterator[Fault]:
    """Yield what is wrong with the prices of the meter at ``where``, whose single values are right."""
    place = (*where, "prices")
    if meter.price is not None and meter.prices:
        yield Fault(place, "cannot stand beside price; write one of them")
    if billing.currency is None and meter.prices:
        yield Fault(place, 'needs a currency; set billing.currency, such as currency = "EUR"')
    yield from _repeated_days(meter.prices, place)
    for index, price in enumerate(meter.prices):
        yield from _shape_faults(price, (*place, index))
        yield from _tier_faults(price.tiers, (*place, index, "tiers"))
        yield from _billing_faults(price, (*place, index), billing)


def prices_of(meter: MeterTable, currency: str | None) -> tuple[Price, ...]:
    """Return the prices of a table without faults, by the day they begin; none where nobody knows of what money."""
    if currency is None:
        return ()
    if meter.price is not None:
        return (Price(meter.price),)
    return tuple(_price(price) for price in sorted(meter.prices, key=lambda price: price.valid_from or date.min))


def _price(table: PriceTable) -> Price:
    return Price(
        per_unit=table.per_unit,
        valid_from=table.valid_from,
        included=table.included,
        tiers=tuple(Tier(tier.up_to, tier.per_unit) for tier in table.tiers),
        mode=table.mode,
        minimum=table.minimum,
    )


def _repeated_days(prices: list[PriceTable], where: SettingPath) -> Iterator[Fault]:
    first: dict[date | None, int] = {}
    for index, price in enumerate(prices):
        earlier = first.setdefault(price.valid_from, index)
        if earlier == index:
            continue
        other = spelled((where[-1], earlier))
        if price.valid_from is None:
            yield Fault((*where, index), f"needs a valid_from of its own; {other} holds since ever already")
        else:
            yield Fault((*where, index, "valid_from"), f"must be unique; {price.valid_from} is that of {other} already")


def _shape_faults(price: PriceTable, where: SettingPath) -> Iterator[Fault]:
    if price.per_unit is None and not price.tiers:
        yield Fault(where, "must say what a unit costs: per_unit or tiers")
    if price.per_unit is not None and price.tiers:
        yield Fault((*where, "tiers"), "cannot stand beside per_unit; write one of them")


def _tier_faults(tiers: list[TierTable], where: SettingPath) -> Iterator[Fault]:
    below = 0
    for index, tier in enumerate(tiers):
        last = index == len(tiers) - 1
        if tier.up_to is None and not last:
            yield Fault((*where, index), "needs up_to; only the last tier goes without, for all further units")
        elif tier.up_to is not None and last:
            yield Fault((*where, index, "up_to"), "must be left out of the last tier, which is for all further units")
        elif tier.up_to is not None and tier.up_to <= below:
            yield Fault((*where, index, "up_to"), f"must be above {below} of the tier before; found {tier.up_to}")
        below = tier.up_to or below


def _billing_faults(price: PriceTable, where: SettingPath, billing: BillingTable) -> Iterator[Fault]:
    for key in _OF_A_PERIOD:
        if getattr(price, key) and billing.period is PeriodKind.NONE:
            yield Fault((*where, key), "is per billing period, but the account has none; set billing.period")
    if price.minimum is not None and billing.currency is not None:
        places = minor_unit(billing.currency)
        minimum = f"{price.minimum:f}"
        if len(minimum.partition(".")[2]) > places:
            text = f"must have no more decimals than {billing.currency}, which has {places}; found {found(minimum)}"
            yield Fault((*where, "minimum"), text)
