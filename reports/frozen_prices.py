"""Prices as a closed statement keeps them: plain JSON, decimals as text, nothing rounded.

With them what becomes known of a closed period later is priced as the period was closed, whatever the settings say
since then.

Public: ``frozen_prices``, ``thawed_prices``, ``in_force``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

from collector.domain.prices import Price, Tier, TierMode

Frozen: TypeAlias = dict[str, Any]  # a price as JSON has it


def frozen_prices(prices: Iterable[Price]) -> list[Frozen]:
    """Return prices as JSON has them."""
    return [
        {
            "per_unit": _text(price.per_unit),
            "valid_from": None if price.valid_from is None else price.valid_from.isoformat(),
            "included": price.included,
            "tiers": [{"up_to": tier.up_to, "per_unit": _text(tier.per_unit)} for tier in price.tiers],
            "mode": price.mode.value,
            "minimum": _text(price.minimum),
        }
        for price in prices
    ]


def thawed_prices(frozen: Iterable[Mapping[str, Any]]) -> tuple[Price, ...]:
    """Return what ``frozen_prices`` made JSON of."""
    return tuple(
        Price(
            per_unit=_decimal(one["per_unit"]),
            valid_from=None if one["valid_from"] is None else date.fromisoformat(one["valid_from"]),
            included=one["included"],
            tiers=tuple(Tier(tier["up_to"], Decimal(tier["per_unit"])) for tier in one["tiers"]),
            mode=TierMode(one["mode"]),
            minimum=_decimal(one["minimum"]),
        )
        for one in frozen
    )


def in_force(prices: Iterable[Price], start: date, end: date) -> list[Price]:
    """Return the prices of the local days ``[start, end)``, from when on they hold within them."""
    found: list[Price] = []
    for price in sorted(prices, key=lambda one: one.valid_from or date.min):
        if price.valid_from is None or price.valid_from <= start:
            found = [replace(price, valid_from=None)]
        elif price.valid_from < end:
            found.append(price)
    return found


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
