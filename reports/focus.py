"""Rows of the FinOps Open Cost and Usage Specification (FOCUS), versions 1.2 and 1.0: what cost tools read.

One row per account, meter and local day. A day that neither used nor cost anything has no row: it is no charge. All
columns of the version are there, those that mean nothing here empty; columns with the prefix ``x_`` are ours.

How the ledger is told in the specification's words:

* **Costs** are exact and unrounded: the rows of a billing period add up to the statement's amount before it is rounded.
  List, contracted, billed and effective cost are the same, because one price is known, the declared one.
* **Unit price** is what the day's units cost each. A day across several tiers, or with what is missing to a minimum
  charge, has its average, to the 34 digits of decimal128.
* **No price** in force: the specification allows no empty cost, so the row says 0 and ``x_Priced`` false. An account
  without a currency has ISO 4217's code for that, ``XXX``.
* **A negative day** took usage back. Its description says so; ``ChargeClass`` stays empty, as FOCUS wants it of a
  correction within its own billing period, and a day's row always stands in the period of that day.
* **A minimum charge** on a last day without usage is a ``Purchase``; nothing was consumed.
* **Decimals** have a decimal point, so that no program takes their column for one of integers.
* **Virtual currency.** A meter of credits, tokens or points is priced in them, one each, and billed in money. FOCUS 1.0
  has no columns for that.

Source: FOCUS specification v1.2 and v1.0, "columns" and "attributes".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Context, Decimal
from enum import StrEnum

from collector.domain.instants import instant_of
from collector.domain.money import EXACT
from reports.charges import ChargedDay, MeterCharges, PeriodCharges
from reports.rendering import Cell, Row


class FocusVersion(StrEnum):
    """A version of the specification."""

    V1_2 = "1.2"
    V1_0 = "1.0"


# ISO 4217: "the codes assigned for transactions where no currency is involved".
NO_CURRENCY = "XXX"

# FOCUS 1.2, "currency format": a virtual currency is one such as tokens or credits.
_VIRTUAL = frozenset({"credits", "tokens", "points"})
_DECIMAL128 = Context(prec=34)
_TENTH = Decimal("0.1")

_SINCE_1_0 = """
    AvailabilityZone BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart
    ChargeCategory ChargeClass ChargeDescription ChargeFrequency ChargePeriodEnd ChargePeriodStart
    CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountName CommitmentDiscountStatus
    CommitmentDiscountType ConsumedQuantity ConsumedUnit ContractedCost ContractedUnitPrice EffectiveCost
    InvoiceIssuerName ListCost ListUnitPrice PricingCategory PricingQuantity PricingUnit ProviderName PublisherName
    RegionId RegionName ResourceId ResourceName ResourceType ServiceCategory ServiceName SkuId SkuPriceId SubAccountId
    SubAccountName Tags
"""
_SINCE_1_2 = """
    BillingAccountType CapacityReservationId CapacityReservationStatus CommitmentDiscountQuantity
    CommitmentDiscountUnit InvoiceId PricingCurrency PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost
    PricingCurrencyListUnitPrice ServiceSubcategory SkuMeter SkuPriceDetails SubAccountType
"""
# The rules of focus-validator 1.0.0 for FOCUS 1.0 demand these as well: four display names, which 1.0 nowhere calls a
# column, and the column of 0.5 that became ChargeCategory. They say the same as the columns they are found beside.
_DEMANDED = {
    "ChargeType": "ChargeCategory",
    "InvoiceIssuer": "InvoiceIssuerName",
    "Provider": "ProviderName",
    "Publisher": "PublisherName",
    "ResourceID": "ResourceId",
}
_OURS = (
    "x_FocusVersion",
    "x_Meter",
    "x_LocalDay",
    "x_TimeZone",
    "x_LowerQuantity",
    "x_UpperQuantity",
    "x_Coverage",
    "x_Partial",
    "x_Priced",
)

COLUMNS: Mapping[FocusVersion, tuple[str, ...]] = {
    FocusVersion.V1_2: (*sorted([*_SINCE_1_0.split(), *_SINCE_1_2.split()]), *_OURS),
    FocusVersion.V1_0: (*sorted(_SINCE_1_0.split()), *_DEMANDED, *_OURS),
}


def focus_rows(charged: MeterCharges, version: FocusVersion, provider: str) -> Iterator[Row]:
    """Yield the rows of one meter in order of time, with the columns of ``version``.

    Args:
        charged: The meter's charges; only the asked days become rows.
        version: Which columns.
        provider: What the provider is called by people.
    """
    for period in charged.periods:
        fixed = {**_account_cells(period, provider), **_sku_cells(period), "x_FocusVersion": version.value}
        for day in period.days:
            if charged.holds(day.day) and (day.usage or day.charge.amount):
                cells = fixed | _day_cells(period, day) | _charge_cells(period, day)
                yield {column: _plain(cells.get(_DEMANDED.get(column, column))) for column in COLUMNS[version]}


def _plain(cell: Cell) -> Cell:
    """Return a decimal with a decimal point: programs that guess types must not take a column of them for integers."""
    return cell.quantize(_TENTH, context=EXACT) if isinstance(cell, Decimal) and cell == cell.to_integral() else cell


def _account_cells(period: PeriodCharges, provider: str) -> dict[str, Cell]:
    return {
        "BillingAccountId": period.row.account,
        "BillingAccountName": period.row.account,
        "BillingAccountType": "Account",
        "BillingCurrency": _currency(period),
        "BillingPeriodStart": period.period.start,
        "BillingPeriodEnd": period.period.end,
        "InvoiceIssuerName": provider,
        "ProviderName": provider,
        "PublisherName": provider,
        "ServiceCategory": "Other",
        "ServiceSubcategory": "Other (Other)",
        "ServiceName": provider,
        "x_TimeZone": period.agreement.zone.key,
    }


def _sku_cells(period: PeriodCharges) -> dict[str, Cell]:
    sku = f"{period.row.provider}/{period.row.name}"
    return {
        "PricingCategory": "Standard",
        "SkuId": sku,
        "SkuPriceId": sku,
        "SkuMeter": _unit(period),
        "x_Meter": period.row.name,
    }


def _day_cells(period: PeriodCharges, day: ChargedDay) -> dict[str, Cell]:
    return {
        "ChargePeriodStart": instant_of(day.start),
        "ChargePeriodEnd": instant_of(day.end),
        "x_LocalDay": day.day.isoformat(),
        "x_LowerQuantity": _whole_units(day.lower, period),
        "x_UpperQuantity": None if day.upper is None else _whole_units(day.upper, period),
        "x_Coverage": day.coverage,
        "x_Partial": day.partial,
        "x_Priced": day.charge.amount is not None,
    }


def _charge_cells(period: PeriodCharges, day: ChargedDay) -> dict[str, Cell]:
    cost = EXACT.add(day.charge.amount or Decimal(0), Decimal(0))  # no cost is called -0
    costs: dict[str, Cell] = dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), cost)
    return costs | (_usage_cells(period, day, cost) if day.usage else _minimum_cells(period, day, cost))


def _usage_cells(period: PeriodCharges, day: ChargedDay, cost: Decimal) -> dict[str, Cell]:
    quantity = day.charge.quantity
    where = f"{period.row.name} of {period.row.account} on {day.day} ({period.agreement.zone.key})"
    cells: dict[str, Cell] = {
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeDescription": f"Correction of {where}" if quantity < 0 else f"Usage of {where}",
        "ChargeFrequency": "Usage-Based",
        "ConsumedQuantity": quantity,
        "ConsumedUnit": _unit(period),
        "PricingQuantity": quantity,
        "PricingUnit": _unit(period),
    }
    cells |= _unit_prices(period, _unit_price(cost, quantity), cost)
    if period.row.unit.lower() in _VIRTUAL:
        cells |= _pricing_currency(period.row.unit, Decimal(1), quantity)
    return cells


def _minimum_cells(period: PeriodCharges, day: ChargedDay, cost: Decimal) -> dict[str, Cell]:
    sku = f"{period.row.provider}/{period.row.name}/minimum"
    since = period.period.starts_on
    cells: dict[str, Cell] = {
        "ChargeCategory": "Purchase",
        "ChargeDescription": f"Minimum charge of {period.row.name} of {period.row.account} for the period of {since}",
        "ChargeFrequency": "Recurring",
        "PricingQuantity": Decimal(1),
        "PricingUnit": "Periods",
        "SkuId": sku,
        "SkuPriceId": sku,
        "SkuMeter": "Minimum charge",
    }
    return cells | _unit_prices(period, cost, cost)


def _unit_price(cost: Decimal, quantity: Decimal) -> Decimal | None:
    """Return what a unit cost; None where a minimum charge stands beside a correction and no price can be told."""
    price = _DECIMAL128.add(_DECIMAL128.divide(cost, quantity), Decimal(0))
    return None if price < 0 else price


def _unit_prices(period: PeriodCharges, price: Decimal | None, cost: Decimal) -> dict[str, Cell]:
    return {
        "ContractedUnitPrice": price,
        "ListUnitPrice": price,
        **_pricing_currency(_currency(period), price, cost),
    }


def _pricing_currency(currency: str, price: Decimal | None, cost: Decimal) -> dict[str, Cell]:
    return {
        "PricingCurrency": currency,
        "PricingCurrencyContractedUnitPrice": price,
        "PricingCurrencyEffectiveCost": cost,
        "PricingCurrencyListUnitPrice": price,
    }


def _currency(period: PeriodCharges) -> str:
    return period.agreement.billing.currency or NO_CURRENCY


def _unit(period: PeriodCharges) -> str:
    """Return the unit as FOCUS writes nouns that are counted: with a capital, such as ``Credits``."""
    return period.row.unit[:1].upper() + period.row.unit[1:]


def _whole_units(quantity: int, period: PeriodCharges) -> Decimal:
    return Decimal(quantity).scaleb(-period.row.scale, context=EXACT)
