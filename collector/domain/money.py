"""Money: the decimal places of a currency, the one rounding, and arithmetic that cannot round by accident.

An amount is a ``Decimal`` to its end. Whatever is computed on the way is exact: ``EXACT`` refuses to give a result
that is not. It is rounded once, half-even, to the currency's minor unit, when it is shown or compared with a bill.

Public: ``CURRENCIES``, ``EXACT``, ``minor_unit``, ``rounded``.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from types import MappingProxyType

_DIGITS = 100  # a quantity of 2^63 in units of 10^-18 at a price of 33 digits has 71; sums of thousands need a few more

# A product or sum with more digits than these raises decimal.Inexact: a figure is exact or it is none.
EXACT = Context(prec=_DIGITS, rounding=ROUND_HALF_EVEN, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])

_ROUNDING = Context(prec=_DIGITS, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, Overflow])

# Source: ISO 4217:2015, list one (SIX Financial Information, the maintenance agency), as published on 2026-01-01.
# Left out are the codes for which it states no minor unit: metals, bond market units, drawing rights, tests.
_PLACES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY
    COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR
    MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
    STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

# Withdrawn since 2021 (ISO 4217, list three): still to be met in the history and the invoices of their time.
_WITHDRAWN = {2: "ANG BGN CUC HRK SLL ZWL"}

CURRENCIES: Mapping[str, int] = MappingProxyType(
    {code: places for table in (_PLACES, _WITHDRAWN) for places, codes in table.items() for code in codes.split()}
)


def minor_unit(currency: str) -> int:
    """Return the decimal places of an ISO 4217 currency: 2 for ``EUR``, 0 for ``JPY``.

    Raises:
        ValueError: The code is unknown, or stands for something without a minor unit, such as gold.
    """
    try:
        return CURRENCIES[currency]
    except KeyError:
        raise ValueError(f"{currency} is no currency of ISO 4217 with a minor unit") from None


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Return ``amount`` rounded half-even to the currency's minor unit; zero has no sign.

    Raises:
        ValueError: The currency is unknown.
    """
    unit = Decimal(1).scaleb(-minor_unit(currency))
    return _ROUNDING.plus(amount.quantize(unit, context=_ROUNDING))
