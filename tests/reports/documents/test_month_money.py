from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from collector.domain.prices import Price, Tier, TierMode
from reports.documents.month_money import amount_bounds
from reports.rendering import Cell, Row
from reports.statement_views import StatementView

CENT = Price(Decimal("0.01"))
# Up to a hundred units cost a unit each, from the hundred and first on all of them half.
VOLUME = Price(tiers=(Tier(100, Decimal(1)), Tier(None, Decimal("0.5"))), mode=TierMode.VOLUME)
DEARER = (CENT, Price(Decimal("0.03"), valid_from=date(2026, 10, 3)))


def view(
    used: int, lower: Cell, upper: Cell, *prices: Price, amount: Decimal | None = Decimal(0), days: int = 3
) -> StatementView:
    """Return a statement whose usage was all on its second day."""
    figures: Row = {"usage": used, "lower": lower, "upper": upper, "amount": amount, "currency": "EUR"}
    rows: list[Row] = [
        {"day": f"2026-10-{number:02}", "usage": used if number == 2 else 0, "coverage": 1.0, "snapshots": 1}
        for number in range(1, days + 1)
    ]
    start, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 1 + days, tzinfo=UTC)
    return StatementView(
        "a", "credits", "credits", "2026-10", start, end, "UTC", figures, tuple(rows), (), None, (), prices
    )


@pytest.mark.parametrize(
    ("lower", "upper", "prices", "bounds"),
    [
        pytest.param(90, 120, (CENT,), ("0.90", "1.20"), id="a price for each unit"),
        pytest.param(90, None, (CENT,), ("0.90", None), id="open above"),
        # 90 cost 90, 100 cost 100, 101 cost 50.5, 120 cost 60: the dearest and the cheapest lie between the bounds.
        pytest.param(90, 120, (VOLUME,), ("50.50", "100.00"), id="a volume price that falls"),
        # 20 more on the third day cost 3 cents each, 10 less of it spare as much.
        pytest.param(90, 120, DEARER, ("0.70", "1.60"), id="two prices"),
        pytest.param(90, 120, (Price(Decimal("0.01"), minimum=Decimal("1.10")),), ("1.10", "1.20"), id="a minimum"),
    ],
)
def test_bounds_are_what_the_usage_s_bounds_cost(
    lower: int, upper: int | None, prices: tuple[Price, ...], bounds: tuple[str, str | None]
) -> None:
    least, most = bounds
    assert amount_bounds(view(100, lower, upper, *prices)) == (Decimal(least), None if most is None else Decimal(most))


def test_exact_usage_costs_the_statement_s_amount() -> None:
    assert amount_bounds(view(100, 100, 100, CENT, amount=Decimal("1.00"))) == (Decimal("1.00"), Decimal("1.00"))


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(view(100, 90, 120, CENT, amount=None), id="no price in force"),
        pytest.param(view(100, 90, 120), id="closed without its prices"),
        pytest.param(view(100, 90, 120, CENT, days=0), id="no day"),
    ],
)
def test_without_an_amount_there_are_no_bounds(one: StatementView) -> None:
    assert amount_bounds(one) is None
