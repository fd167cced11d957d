"""What a billing period costs: included units, tiers, changes of price and a minimum, exactly and unrounded.

Units are thought of as standing in a row, in the order in which they were used: the *position* of a unit is how many
were used before it in the period. A price lays bands over the positions, and a unit costs what its band says:

    0 ── included ──)[ tier 1 ── up_to 1 ──)[ tier 2 ── up_to 2 ──)[ last tier ──→

So a day costs what lies between the position at its start and the one at its end, and all days together cost what
lies between zero and the period's end: Σ days = Σ lines = amount, whatever the days are.

* *Graduated* tiers are such bands. *Volume* tiers are one band: the period's whole billable quantity (beyond
  ``included``) chooses the tier for all units.
* A price holds from the local day ``valid_from`` until the next one's. The position goes on where it was, so a change
  of price grants the included units and the cheap tiers no second time.
* A day of negative usage, a correction, walks back and gives back what its positions cost. Positions below zero
  belong to the first band.
* A day without a price in force has no amount, and its units take no position.
* ``minimum`` is that of the price in force on the last day. What is missing to it is a line of its own and part of
  the last day.

Rule for editors: nothing in here rounds; ``collector.domain.money`` does, once, at the end.

Public: ``Price``, ``Tier``, ``TierMode``, ``DayQuantity``, ``DayCharge``, ``PriceLine``, ``Rating``, ``rate``,
``price_on``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, localcontext
from enum import StrEnum
from itertools import groupby
from operator import itemgetter

from collector.domain.money import EXACT

_NOTHING = Decimal(0)
_ENDLESS = Decimal("Infinity")


class TierMode(StrEnum):
    """How tiers are applied: each unit by the tier it falls into, or all units by the tier of their sum."""

    GRADUATED = "graduated"
    VOLUME = "volume"


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of a price.

    Attributes:
        up_to: The last unit of the period's billable quantity (beyond ``included``) in it; None for the last tier.
    """

    up_to: int | None
    per_unit: Decimal


@dataclass(frozen=True, slots=True)
class Price:
    """What a meter's units cost: either ``per_unit`` or ``tiers``, whose limits rise.

    Attributes:
        valid_from: The first local day it holds; None for ever since.
        included: Units of each billing period that cost nothing, the first ones used.
        minimum: What a period costs at least.
    """

    per_unit: Decimal | None = None
    valid_from: date | None = None
    included: int = 0
    tiers: tuple[Tier, ...] = ()
    mode: TierMode = TierMode.GRADUATED
    minimum: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse a price that does not say what each unit costs.

        Raises:
            ValueError: It has neither ``per_unit`` nor ``tiers`` or both, or tiers that do not rise to an open last.
        """
        if (self.per_unit is None) == (not self.tiers):
            raise ValueError("a price has either per_unit or tiers")
        limits = [_ENDLESS if tier.up_to is None else tier.up_to for tier in self.tiers]
        if limits and (limits != sorted(set(limits)) or limits[-1] != _ENDLESS):
            raise ValueError("the limits of tiers rise, and only the last tier has none")


@dataclass(frozen=True, slots=True)
class DayQuantity:
    """The usage of a local day, in units; negative where a correction outweighs it."""

    day: date
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class DayCharge:
    """What a local day cost, unrounded; ``amount`` is None where no price was in force."""

    day: date
    quantity: Decimal
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class PriceLine:
    """Units of a period that were priced alike.

    Attributes:
        kind: ``included``, ``unit``, ``tier`` or ``minimum`` (what is missing to it; no units).
        starts_on: The period's first day under this price; the last day for ``minimum``.
        per_unit: None for ``included`` and ``minimum``.
        amount: Unrounded.
        up_to: The limit of a tier that has one, in billable units.
    """

    kind: str
    starts_on: date
    quantity: Decimal
    per_unit: Decimal | None
    amount: Decimal
    up_to: int | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """What a billing period cost.

    Attributes:
        days: As given, each with its amount; their sum is ``amount``.
        lines: By price in order of time, each from its included units upwards; their sum is ``amount``.
        amount: Unrounded; None where no price was in force on any day.
        unpriced: The quantity of the days without a price.
    """

    days: tuple[DayCharge, ...]
    lines: tuple[PriceLine, ...]
    amount: Decimal | None
    unpriced: Decimal


@dataclass(frozen=True, slots=True)
class _Band:
    """A run of positions that cost the same, ``start`` excluded, ``end`` included; the first begins at -Infinity."""

    kind: str
    start: Decimal
    end: Decimal
    per_unit: Decimal | None
    up_to: int | None = None

    def between(self, before: Decimal, after: Decimal) -> Decimal:
        """Return how many of the units from position ``before`` to ``after`` are in this band."""
        return self._within(after) - self._within(before)

    def cost(self, quantity: Decimal) -> Decimal:
        """Return what ``quantity`` units of this band cost."""
        return _NOTHING if self.per_unit is None else self.per_unit * quantity

    def _within(self, position: Decimal) -> Decimal:
        return max(self.start, min(position, self.end))


def price_on(prices: Sequence[Price], day: date) -> Price | None:
    """Return the price in force on the local ``day``, or None before the first one."""
    begun = [price for price in prices if _valid_from(price) <= day]
    return max(begun, key=_valid_from, default=None)


def rate(prices: Sequence[Price], days: Sequence[DayQuantity]) -> Rating:
    """Return what one billing period costs, from its ``days`` in order; a day may be given in parts."""
    with localcontext(EXACT):
        priced = [(price_on(prices, day.day), day) for day in days]
        total = sum((day.quantity for price, day in priced if price is not None), _NOTHING)
        position = _NOTHING
        charges: list[DayCharge] = []
        lines: list[PriceLine] = []
        for price, run in groupby(priced, key=itemgetter(0)):
            run_days = [day for _, day in run]
            if price is None:
                charges.extend(DayCharge(day.day, day.quantity, None) for day in run_days)
                continue
            bands = tuple(_bands(price, total))
            before = position
            for day in run_days:
                start, position = position, position + day.quantity
                charges.append(DayCharge(day.day, day.quantity, _cost(bands, start, position)))
            lines.extend(_lines(bands, run_days[0].day, before, position))
        return _topped_up(charges, lines, priced[-1][0] if priced else None)


def _valid_from(price: Price) -> date:
    return price.valid_from or date.min


def _bands(price: Price, total: Decimal) -> Iterator[_Band]:
    start = Decimal("-Infinity")
    if price.included:
        yield _Band("included", start, Decimal(price.included), None)
        start = Decimal(price.included)
    if price.per_unit is not None:
        yield _Band("unit", start, _ENDLESS, price.per_unit)
        return
    billable = total - price.included
    for tier in price.tiers:
        end = _ENDLESS if tier.up_to is None else Decimal(price.included + tier.up_to)
        if price.mode is TierMode.GRADUATED:
            yield _Band("tier", start, end, tier.per_unit, tier.up_to)
            start = end
        elif tier.up_to is None or billable <= tier.up_to:
            yield _Band("tier", start, _ENDLESS, tier.per_unit, tier.up_to)
            return


def _cost(bands: Iterable[_Band], before: Decimal, after: Decimal) -> Decimal:
    return sum((band.cost(band.between(before, after)) for band in bands), _NOTHING)


def _lines(bands: Iterable[_Band], starts_on: date, before: Decimal, after: Decimal) -> Iterator[PriceLine]:
    for band in bands:
        quantity = band.between(before, after)
        if quantity:
            yield PriceLine(band.kind, starts_on, quantity, band.per_unit, band.cost(quantity), band.up_to)


def _topped_up(charges: list[DayCharge], lines: list[PriceLine], last: Price | None) -> Rating:
    amounts = [charge.amount for charge in charges if charge.amount is not None]
    amount = sum(amounts, _NOTHING) if amounts else None
    unpriced = sum((charge.quantity for charge in charges if charge.amount is None), _NOTHING)
    if last is None or last.minimum is None or amount is None or amount >= last.minimum:
        return Rating(tuple(charges), tuple(lines), amount, unpriced)
    *earlier, final = charges
    missing = last.minimum - amount
    topped = replace(final, amount=amounts[-1] + missing)
    line = PriceLine("minimum", final.day, _NOTHING, None, missing)
    return Rating((*earlier, topped), (*lines, line), last.minimum, unpriced)
