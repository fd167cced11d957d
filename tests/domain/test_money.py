from __future__ import annotations

from decimal import Decimal, Inexact

import pytest

from collector.domain.money import CURRENCIES, EXACT, minor_unit, rounded


@pytest.mark.parametrize(
    ("currency", "places"),
    [("EUR", 2), ("USD", 2), ("JPY", 0), ("KRW", 0), ("ISK", 0), ("HUF", 2), ("BHD", 3), ("TND", 3), ("CLF", 4)],
    ids=str,
)
def test_minor_unit_is_that_of_iso_4217(currency: str, places: int) -> None:
    assert minor_unit(currency) == places


@pytest.mark.parametrize("currency", ["XCG", "ZWG", "VED", "SLE", "XAD"], ids=str)
def test_young_currencies_are_known(currency: str) -> None:
    assert minor_unit(currency) == 2


@pytest.mark.parametrize("currency", ["BGN", "HRK"], ids=str)
def test_currencies_of_old_invoices_are_known(currency: str) -> None:
    assert minor_unit(currency) == 2


@pytest.mark.parametrize("currency", ["XAU", "XXX", "XTS", "XDR"], ids=str)
def test_what_has_no_minor_unit_is_no_currency_of_a_bill(currency: str) -> None:
    with pytest.raises(ValueError, match=f"{currency} is no currency of ISO 4217 with a minor unit"):
        minor_unit(currency)


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "ABC"], ids=repr)
def test_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="is no currency of ISO 4217"):
        rounded(Decimal(1), currency)


def test_every_code_is_three_capitals() -> None:
    assert {len(code) for code in CURRENCIES if code.isalpha() and code.isupper()} == {3}
    assert len(CURRENCIES) == 171


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("2.345", "EUR", "2.34"),
        ("2.355", "EUR", "2.36"),
        ("2.345000000000000001", "EUR", "2.35"),
        ("-2.345", "EUR", "-2.34"),
        ("40", "EUR", "40.00"),
        ("0.5", "JPY", "0"),
        ("1.5", "JPY", "2"),
        ("1.0005", "KWD", "1.000"),
        ("0.00005", "CLF", "0.0000"),
        ("9223372036854775807.005", "EUR", "9223372036854775807.00"),
    ],
    ids=str,
)
def test_amount_is_rounded_half_even_to_the_minor_unit(amount: str, currency: str, shown: str) -> None:
    assert str(rounded(Decimal(amount), currency)) == shown


def test_rounded_to_nothing_has_no_sign() -> None:
    assert str(rounded(Decimal("-0.004"), "EUR")) == "0.00"


def test_largest_quantity_times_the_longest_price_is_exact() -> None:
    product = EXACT.multiply(Decimal(2**63 - 1), Decimal("999999999999999.999999999999999999"))

    assert int(product.scaleb(18, EXACT)) == (2**63 - 1) * (10**33 - 1)


def test_result_that_is_not_exact_is_refused() -> None:
    with pytest.raises(Inexact):
        EXACT.divide(Decimal(1), Decimal(3))
