"""What prices can be together; whole messages, so that a reader sees what an operator sees."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from collector.config import Settings
from collector.domain.prices import Price, Tier, TierMode

Loaded = Callable[..., Settings]
Refused = Callable[..., str]

ACCOUNT = '[[accounts]]\nname = "a"\nprovider = "nellie"\n'
METER = ACCOUNT + '[accounts.billing]\nperiod = "monthly"\ncurrency = "EUR"\n[accounts.meters.credits]\n'
CREDITS = "accounts[0].meters.credits"
SINCE_JULY = '[[accounts.meters.credits.prices]]\nvalid_from = 2026-07-01\nper_unit = "0.005"\n'
EVER_SINCE = '[[accounts.meters.credits.prices]]\nper_unit = "0.004"\n'


def tiers(*limits: int | None) -> str:
    each = (f'{{ {f"up_to = {limit}, " if limit else ""}per_unit = "0.01" }}' for limit in limits)
    return f"prices = [{{ tiers = [{', '.join(each)}] }}]"


def prices(settings: Settings) -> tuple[Price, ...]:
    return settings.accounts[0].terms["credits"].prices


def test_one_price_is_a_price_since_ever(loaded: Loaded) -> None:
    assert prices(loaded(f'{METER}price = "0.004"')) == (Price(Decimal("0.004")),)


def test_everything_said_of_a_price_arrives(loaded: Loaded) -> None:
    text = """
    [[accounts.meters.credits.prices]]
    valid_from = 2026-07-01
    included = 1000
    tiers = [{ up_to = 10000, per_unit = "0.004" }, { per_unit = "0.003" }]
    mode = "volume"
    minimum = "10.00"
    """
    expected = Price(
        valid_from=date(2026, 7, 1),
        included=1000,
        tiers=(Tier(10_000, Decimal("0.004")), Tier(None, Decimal("0.003"))),
        mode=TierMode.VOLUME,
        minimum=Decimal("10.00"),
    )

    assert prices(loaded(METER + text)) == (expected,)


def test_prices_are_in_the_order_in_which_they_begin(loaded: Loaded) -> None:
    since_may = SINCE_JULY.replace("07-01", "05-01")
    found = prices(loaded(METER + SINCE_JULY + since_may + EVER_SINCE))

    assert [price.valid_from for price in found] == [None, date(2026, 5, 1), date(2026, 7, 1)]


def test_meter_without_a_price_has_none(loaded: Loaded) -> None:
    assert prices(loaded(METER)) == ()


def test_prices_may_come_from_the_environment(loaded: Loaded) -> None:
    accounts = (
        '[{"name": "a", "provider": "nellie", "billing": {"currency": "EUR"}, "meters": {"credits": {"prices": '
        '[{"valid_from": "2026-07-01", "per_unit": "0.004"}]}}}]'
    )

    assert prices(loaded("", {"COLLECTOR_ACCOUNTS": accounts})) == (Price(Decimal("0.004"), date(2026, 7, 1)),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            METER + 'price = "0.004"\n' + EVER_SINCE,
            f"line 9: {CREDITS}.prices cannot stand beside price; write one of them",
        ),
        (
            METER + "[[accounts.meters.credits.prices]]\n",
            f"line 8: {CREDITS}.prices[0] must say what a unit costs: per_unit or tiers",
        ),
        (
            METER + EVER_SINCE + 'tiers = [{ per_unit = "0.004" }]',
            f"line 10: {CREDITS}.prices[0].tiers cannot stand beside per_unit; write one of them",
        ),
        (
            METER + tiers(20, 10, None),
            f"line 8: {CREDITS}.prices[0].tiers[1].up_to must be above 20 of the tier before; found 10",
        ),
        (METER + tiers(10, 10, None), "tiers[1].up_to must be above 10 of the tier before; found 10"),
        (
            METER + tiers(10, 20),
            "tiers[1].up_to must be left out of the last tier, which is for all further units",
        ),
        (METER + tiers(10), "tiers[0].up_to must be left out of the last tier"),
        (
            METER + tiers(None, None),
            f"{CREDITS}.prices[0].tiers[0] needs up_to; only the last tier goes without, for all further units",
        ),
        (
            METER + SINCE_JULY + SINCE_JULY,
            f"line 12: {CREDITS}.prices[1].valid_from must be unique; 2026-07-01 is that of prices[0] already",
        ),
        (
            METER + EVER_SINCE + EVER_SINCE,
            f"line 10: {CREDITS}.prices[1] needs a valid_from of its own; prices[0] holds since ever already",
        ),
        (ACCOUNT + EVER_SINCE, f"line 4: {CREDITS}.prices needs a currency; set billing.currency"),
        (
            METER + EVER_SINCE + 'minimum = "10.005"',
            f'line 10: {CREDITS}.prices[0].minimum must have no more decimals than EUR, which has 2; found "10.005"',
        ),
        (
            METER.replace("EUR", "JPY") + EVER_SINCE + 'minimum = "10.0"',
            'minimum must have no more decimals than JPY, which has 0; found "10.0"',
        ),
    ],
    ids=["price_and_prices", "no_cost", "two_costs", "falling_tiers", "equal_tiers", "closed_last_tier",
         "closed_only_tier", "two_open_tiers", "same_day", "twice_since_ever",
         "prices_without_currency", "minimum_of_mils", "minimum_of_sen"],
)  # fmt: skip
def test_contradiction_is_told_with_its_place_and_the_remedy(refused: Refused, text: str, message: str) -> None:
    assert message in refused(text)


@pytest.mark.parametrize(
    ("key", "line"),
    [("included", "included = 5"), ("minimum", 'minimum = "1.00"')],
    ids=["included", "minimum"],
)
def test_what_is_of_a_period_needs_periods(refused: Refused, key: str, line: str) -> None:
    text = METER.replace('period = "monthly"\n', "") + EVER_SINCE + line
    message = f"line 9: {CREDITS}.prices[0].{key} is per billing period, but the account has none; set billing.period"

    assert message in refused(text)


def test_tiers_need_periods(refused: Refused) -> None:
    text = METER.replace('period = "monthly"\n', "") + tiers(10, None)

    assert f"{CREDITS}.prices[0].tiers is per billing period, but the account has none" in refused(text)


def test_price_per_unit_needs_no_periods(loaded: Loaded) -> None:
    assert len(prices(loaded(METER.replace('period = "monthly"\n', "") + EVER_SINCE + SINCE_JULY))) == 2


def test_wrong_tiers_are_told_all_at_once(refused: Refused) -> None:
    assert "has 3 faults" in refused(METER + tiers(20, None, 10, 5))
