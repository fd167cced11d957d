"""Worked by hand where the figures are few, by hypothesis where the claim is for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.money import EXACT
from collector.domain.prices import (
    DayCharge,
    DayQuantity,
    Price,
    PriceLine,
    Rating,
    Tier,
    TierMode,
    price_on,
    rate,
)

FIRST = date(2026, 10, 1)
NOTHING = Decimal(0)
CENT = Decimal("0.01")
TIERS = (Tier(100, Decimal("0.10")), Tier(300, Decimal("0.05")), Tier(None, Decimal("0.02")))


def day(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


def used(*quantities: int | str, first: int = 1) -> list[DayQuantity]:
    return [DayQuantity(day(first + index), Decimal(quantity)) for index, quantity in enumerate(quantities)]


def amounts(rating: Rating) -> list[Decimal | None]:
    return [charge.amount for charge in rating.days]


def exactly(*figures: str) -> list[Decimal]:
    return [Decimal(figure) for figure in figures]


def short(rating: Rating) -> list[tuple[str, int, int, str]]:
    """Return each line as kind, day of October, quantity, amount."""
    return [(line.kind, line.starts_on.day, int(line.quantity), f"{line.amount:.2f}") for line in rating.lines]


def test_one_price_per_unit_is_one_line() -> None:
    assert rate([Price(Decimal("0.004"))], used(10, 15)) == Rating(
        days=(
            DayCharge(day(1), Decimal(10), Decimal("0.040")),
            DayCharge(day(2), Decimal(15), Decimal("0.060")),
        ),
        lines=(PriceLine("unit", day(1), Decimal(25), Decimal("0.004"), Decimal("0.100")),),
        amount=Decimal("0.100"),
        unpriced=NOTHING,
    )


def test_included_units_are_the_first_ones_used() -> None:
    rating = rate([Price(CENT, included=100)], used(60, 60, 60))

    assert amounts(rating) == exactly("0", "0.20", "0.60")
    assert short(rating) == [("included", 1, 100, "0.00"), ("unit", 1, 80, "0.80")]


def test_included_units_have_no_price_of_their_own() -> None:
    assert rate([Price(CENT, included=100)], used(60)).lines == (
        PriceLine("included", day(1), Decimal(60), None, NOTHING),
    )


def test_graduated_units_cost_what_their_tier_says() -> None:
    rating = rate([Price(tiers=TIERS)], used(90, 20, 300))

    # 90 at 0.10; then 10 at 0.10 and 10 at 0.05; then 190 at 0.05 and 110 at 0.02
    assert amounts(rating) == exactly("9.00", "1.50", "11.70")
    assert short(rating) == [("tier", 1, 100, "10.00"), ("tier", 1, 200, "10.00"), ("tier", 1, 110, "2.20")]


def test_line_of_a_tier_says_its_limit() -> None:
    assert [line.up_to for line in rate([Price(tiers=TIERS)], used(400)).lines] == [100, 300, None]


def test_limit_of_a_tier_counts_billable_units_and_is_the_last_one_in_it() -> None:
    rating = rate([Price(tiers=TIERS, included=50)], used(150, 1))

    assert amounts(rating) == exactly("10.00", "0.05")


@pytest.mark.parametrize(
    ("total", "amount"),
    [("100", "10.00"), ("101", "5.05"), ("300", "15.00"), ("301", "6.02"), ("100.5", "5.025"), ("0", "0")],
    ids=str,
)
def test_volume_of_the_period_chooses_the_tier_of_all_units(total: str, amount: str) -> None:
    assert rate([Price(tiers=TIERS, mode=TierMode.VOLUME)], used(total)).amount == Decimal(amount)


def test_volume_reprices_the_days_before_the_limit() -> None:
    rating = rate([Price(tiers=TIERS, mode=TierMode.VOLUME)], used(60, 60))

    assert amounts(rating) == exactly("3.00", "3.00")
    assert rating.lines == (PriceLine("tier", day(1), Decimal(120), Decimal("0.05"), Decimal("6.00"), 300),)


def test_volume_is_of_the_units_beyond_the_included_ones() -> None:
    rating = rate([Price(tiers=TIERS, mode=TierMode.VOLUME, included=50)], used(100, 50))

    assert amounts(rating) == exactly("5.00", "5.00")


def test_change_of_price_applies_from_its_local_day() -> None:
    prices = [Price(CENT), Price(Decimal("0.02"), valid_from=day(3))]
    rating = rate(prices, used(10, 10, 10, 10))

    assert amounts(rating) == exactly("0.10", "0.10", "0.20", "0.20")
    assert short(rating) == [("unit", 1, 20, "0.20"), ("unit", 3, 20, "0.40")]


def test_change_of_price_grants_included_units_no_second_time() -> None:
    prices = [Price(CENT, included=15), Price(Decimal("0.02"), valid_from=day(2), included=15)]

    assert amounts(rate(prices, used(10, 10))) == exactly("0", "0.10")


def test_change_of_price_goes_on_in_the_tier_it_finds() -> None:
    doubled = tuple(Tier(tier.up_to, 2 * tier.per_unit) for tier in TIERS)
    prices = [Price(tiers=TIERS), Price(tiers=doubled, valid_from=day(2))]

    # 90 at 0.10; then 10 at 0.20 and 20 at 0.10
    assert amounts(rate(prices, used(90, 30))) == exactly("9.00", "4.00")


def test_volume_of_the_whole_period_chooses_the_tier_of_each_price() -> None:
    volume = Price(tiers=TIERS, mode=TierMode.VOLUME, valid_from=day(2))

    assert amounts(rate([Price(CENT), volume], used(90, 30))) == exactly("0.90", "1.50")


def test_correction_gives_back_what_its_positions_cost() -> None:
    rating = rate([Price(tiers=TIERS)], used(120, -40))

    # the last 20 had cost 0.05, the 20 before them 0.10
    assert amounts(rating) == exactly("11.00", "-3.00")
    assert short(rating) == [("tier", 1, 80, "8.00")]


def test_correction_beyond_the_period_gives_back_at_the_first_price() -> None:
    assert rate([Price(tiers=TIERS)], used(-10)).amount == Decimal("-1.00")


def test_correction_beyond_the_period_gives_nothing_for_included_units() -> None:
    assert rate([Price(CENT, included=100)], used(-10)).amount == NOTHING


def test_volume_of_less_than_nothing_is_the_first_tiers() -> None:
    assert rate([Price(tiers=TIERS, mode=TierMode.VOLUME)], used(-10)).amount == Decimal("-1.00")


def test_what_is_missing_to_the_minimum_is_a_line_and_part_of_the_last_day() -> None:
    rating = rate([Price(CENT, minimum=Decimal(10))], used(100, 200))

    assert amounts(rating) == exactly("1.00", "9.00")
    assert rating.lines[-1] == PriceLine("minimum", day(2), NOTHING, None, Decimal("7.00"))
    assert rating.amount == Decimal(10)


@pytest.mark.parametrize("quantity", [1000, 2000], ids=["reached", "exceeded"])
def test_minimum_that_is_reached_adds_nothing(quantity: int) -> None:
    assert rate([Price(CENT, minimum=Decimal(10))], used(quantity)) == rate([Price(CENT)], used(quantity))


def test_minimum_of_an_idle_period_is_all_it_costs() -> None:
    assert rate([Price(CENT, minimum=Decimal(10))], used(0, 0)).amount == Decimal(10)


def test_minimum_is_that_of_the_price_in_force_on_the_last_day() -> None:
    prices = [Price(CENT, minimum=Decimal(99)), Price(CENT, valid_from=day(2), minimum=Decimal(5))]

    assert rate(prices, used(100, 100)).amount == Decimal(5)


def test_day_before_the_first_price_has_no_amount_and_is_counted_apart() -> None:
    rating = rate([Price(CENT, valid_from=day(2))], used(7, 10))

    assert amounts(rating) == [None, Decimal("0.10")]
    assert (rating.amount, rating.unpriced) == (Decimal("0.10"), Decimal(7))


def test_units_without_a_price_use_up_no_included_ones() -> None:
    assert rate([Price(CENT, valid_from=day(2), included=10)], used(10, 20)).amount == Decimal("0.10")


def test_units_without_a_price_are_no_volume() -> None:
    price = Price(tiers=TIERS, mode=TierMode.VOLUME, valid_from=day(2))

    assert rate([price], used(1000, 10)).amount == Decimal("1.00")


@pytest.mark.parametrize("prices", [[], [Price(CENT, valid_from=day(9), minimum=Decimal(10))]], ids=["none", "later"])
def test_without_a_price_on_any_day_there_is_no_amount(prices: list[Price]) -> None:
    rating = rate(prices, used(7, 8))

    assert (rating.amount, rating.lines, rating.unpriced) == (None, (), Decimal(15))


def test_period_without_days_has_no_amount() -> None:
    assert rate([Price(CENT, minimum=Decimal(10))], []) == Rating((), (), None, NOTHING)


def test_free_of_charge_is_an_amount() -> None:
    assert rate([Price(NOTHING)], used(7)).amount == NOTHING


def test_last_price_that_has_begun_is_in_force() -> None:
    prices = [Price(CENT, valid_from=day(5)), Price(NOTHING), Price(CENT, valid_from=day(3))]

    assert [price_on(prices, day(number)) for number in (1, 3, 4, 5)] == [prices[1], prices[2], prices[2], prices[0]]


def test_before_the_first_price_none_is_in_force() -> None:
    assert price_on([Price(CENT, valid_from=day(2))], day(1)) is None


@pytest.mark.parametrize("fields", [{}, {"per_unit": CENT, "tiers": TIERS}], ids=["neither", "both"])
def test_price_is_either_per_unit_or_in_tiers(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="either per_unit or tiers"):
        Price(**fields)


@pytest.mark.parametrize("limits", [[10], [20, 10, None], [10, 10, None], [None, None], [None, 10]], ids=str)
def test_tiers_rise_to_an_open_last_one(limits: list[int | None]) -> None:
    with pytest.raises(ValueError, match="only the last tier has none"):
        Price(tiers=tuple(Tier(limit, CENT) for limit in limits))


_MONEY = st.decimals(0, 10**15, places=18, allow_nan=False).map(abs)
_QUANTITY = st.decimals(-(2**63), 2**63, places=6, allow_nan=False)
_SMALL = st.integers(-400, 900).map(Decimal)


@st.composite
def _prices(draw: st.DrawFn, valid_from: date | None = None, modes: Sequence[TierMode] = tuple(TierMode)) -> Price:
    included = draw(st.sampled_from([0, 0, 50, 500]))
    minimum = draw(st.none() | _MONEY)
    if draw(st.booleans()):
        return Price(draw(_MONEY), valid_from, included, minimum=minimum)
    limits: list[int | None] = [*sorted(draw(st.sets(st.integers(1, 1000), max_size=4))), None]
    tiers = tuple(Tier(limit, draw(_MONEY)) for limit in limits)
    return Price(None, valid_from, included, tiers, draw(st.sampled_from(modes)), minimum)


@st.composite
def _price_lists(draw: st.DrawFn) -> list[Price]:
    begins = draw(st.lists(st.none() | st.integers(-3, 12).map(day), max_size=3, unique=True))
    return [draw(_prices(valid_from)) for valid_from in begins]


_DAYS = st.lists(_QUANTITY | _SMALL, max_size=10).map(lambda quantities: used(*map(str, quantities)))


def _sum(figures: Sequence[Decimal]) -> Decimal:
    with localcontext(EXACT):
        return sum(figures, NOTHING)


@given(_price_lists(), _DAYS)
def test_sum_of_the_days_is_the_amount(prices: list[Price], days: list[DayQuantity]) -> None:
    rating = rate(prices, days)

    assert _sum([one for one in amounts(rating) if one is not None]) == (rating.amount or NOTHING)


@given(_price_lists(), _DAYS)
def test_sum_of_the_lines_is_the_amount(prices: list[Price], days: list[DayQuantity]) -> None:
    rating = rate(prices, days)

    assert _sum([line.amount for line in rating.lines]) == (rating.amount or NOTHING)


@given(_price_lists(), _DAYS)
def test_no_unit_is_lost_between_days_and_lines(prices: list[Price], days: list[DayQuantity]) -> None:
    rating = rate(prices, days)

    assert _sum([line.quantity for line in rating.lines] + [rating.unpriced]) == _sum([one.quantity for one in days])


@given(_price_lists(), _DAYS)
def test_days_come_back_in_their_order(prices: list[Price], days: list[DayQuantity]) -> None:
    assert [DayQuantity(one.day, one.quantity) for one in rate(prices, days).days] == days


@given(_price_lists(), _DAYS, st.data())
def test_day_in_two_parts_costs_what_it_costs_in_one(
    prices: list[Price], days: list[DayQuantity], data: st.DataObject
) -> None:
    parts = list(days)
    if days:
        index = data.draw(st.integers(0, len(days) - 1))
        part = data.draw(_SMALL)
        rest = EXACT.subtract(days[index].quantity, part)
        parts[index : index + 1] = [DayQuantity(days[index].day, part), DayQuantity(days[index].day, rest)]
    whole, split = rate(prices, days), rate(prices, parts)

    assert (split.amount, split.lines, split.unpriced) == (whole.amount, whole.lines, whole.unpriced)


@given(_prices(modes=[TierMode.GRADUATED]), _DAYS, st.integers(0, 1000))
def test_graduated_usage_more_never_costs_less(price: Price, days: list[DayQuantity], more: int) -> None:
    further = rate([price], [*days, DayQuantity(day(11), Decimal(more))]).amount

    assert further is not None
    assert further >= (rate([price], [*days, DayQuantity(day(11), NOTHING)]).amount or NOTHING)


@given(_prices(modes=[TierMode.GRADUATED]), st.lists(_SMALL, min_size=1, max_size=6), st.randoms())
def test_order_of_the_days_does_not_move_their_sum(price: Price, quantities: list[Decimal], chance: Any) -> None:
    shuffled = list(quantities)
    chance.shuffle(shuffled)

    assert rate([price], used(*map(str, shuffled))).amount == rate([price], used(*map(str, quantities))).amount
