from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from collector.domain.accounts import Agreement
from collector.domain.instants import DAY, micros_of
from collector.domain.periods import Billing, PeriodKind
from reports.burn_rate import COLUMNS, burn_rates, burn_windows
from reports.windows import Window

if TYPE_CHECKING:
    from tests.reports.conftest import Frames, Quotas

LAST = datetime(2026, 3, 20, 18, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
DTYPES = {
    "account": "str",
    "meter": "str",
    "unit": "str",
    "window": "str",
    "window_start": "datetime64[us, UTC]",
    "window_end": "datetime64[us, UTC]",
    "usage": "Int64",
    "per_day": "float64",
    "coverage": "float64",
    "scale": "int64",
}


def windows_of(quotas: Quotas, first: datetime, agreement: Agreement) -> dict[str, Window]:
    row = quotas.standing(first_at=first, seen_at=LAST).row
    return {one.name: one for one in burn_windows(row, agreement)}


def test_columns_are_those_of_the_contract() -> None:
    assert COLUMNS == (
        "account", "meter", "unit", "window", "window_start", "window_end", "usage", "per_day", "coverage",
    )  # fmt: skip


@pytest.mark.parametrize("rows", [(), ({},), ({"length_us": 0},)], ids=["empty", "one", "no length"])
def test_dtypes_are_fixed(frames: Frames, rows: tuple[dict[str, object], ...]) -> None:
    frame = burn_rates(frames.windows(*rows))
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == DTYPES


@pytest.mark.parametrize(("name", "days"), [("1d", 1), ("7d", 7), ("28d", 28)])
def test_window_is_so_many_times_24_hours_up_to_the_last_observation(quotas: Quotas, name: str, days: int) -> None:
    window = windows_of(quotas, LAST - timedelta(days=90), Agreement(BERLIN))[name]
    assert (window.start, window.end) == (micros_of(LAST - timedelta(days=days)), micros_of(LAST))


def test_window_does_not_reach_back_before_the_history(quotas: Quotas) -> None:
    first = LAST - timedelta(days=3)
    window = windows_of(quotas, first, Agreement(BERLIN))["28d"]
    assert (window.start, window.nominal) == (micros_of(first), 28 * DAY)


def test_period_begins_at_the_accounts_own_midnight(quotas: Quotas) -> None:
    agreement = Agreement(BERLIN, Billing(PeriodKind.MONTHLY, 15))
    window = windows_of(quotas, LAST - timedelta(days=90), agreement)["period"]
    assert window.start == micros_of(datetime(2026, 3, 14, 23, tzinfo=UTC))


def test_period_that_began_before_the_history_knows_its_whole_length(quotas: Quotas) -> None:
    agreement = Agreement(ZoneInfo("UTC"), Billing(PeriodKind.MONTHLY))
    window = windows_of(quotas, datetime(2026, 3, 11, tzinfo=UTC), agreement)["period"]
    whole = micros_of(LAST) - micros_of(datetime(2026, 3, 1, tzinfo=UTC))
    assert (window.start, window.nominal) == (micros_of(datetime(2026, 3, 11, tzinfo=UTC)), whole)


def test_account_without_periods_has_no_such_window(quotas: Quotas) -> None:
    assert list(windows_of(quotas, LAST - timedelta(days=90), Agreement(BERLIN))) == ["1d", "7d", "28d"]


@pytest.mark.parametrize(
    ("usage", "length", "scale", "per_day"),
    [
        (70, 7 * DAY, 0, 10.0),
        (70, DAY // 2, 0, 140.0),
        (1_500_000, DAY, 6, 1.5),
        (-7, 7 * DAY, 0, -1.0),
        (0, 7 * DAY, 0, 0.0),
        (1, DAY // 24, 0, 24.0),
    ],
    ids=["week", "half a day", "decimal places", "taken back", "idle", "one hour"],
)
def test_rate_is_usage_over_days_of_24_hours(
    frames: Frames, usage: int, length: int, scale: int, per_day: float
) -> None:
    row = {"usage": usage, "length_us": length, "scale": scale}
    assert burn_rates(frames.windows(row))["per_day"].tolist() == [per_day]


@pytest.mark.parametrize("length", [0, DAY // 24 - 1], ids=["no length", "under an hour"])
def test_shorter_window_has_no_rate(frames: Frames, length: int) -> None:
    assert burn_rates(frames.windows({"length_us": length}))["per_day"].isna().all()


def test_coverage_counts_what_lies_before_the_history(frames: Frames) -> None:
    row = {"length_us": 7 * DAY, "nominal_us": 28 * DAY, "observed_us": 7 * DAY}
    assert burn_rates(frames.windows(row))["coverage"].tolist() == [0.25]


def test_window_without_a_length_is_not_observed(frames: Frames) -> None:
    row = {"length_us": 0, "nominal_us": 0, "observed_us": 0}
    assert burn_rates(frames.windows(row))["coverage"].tolist() == [0.0]


@pytest.mark.parametrize("usage", [2**53 + 1, 2**63 - 1], ids=str)
def test_large_usage_is_exact(frames: Frames, usage: int) -> None:
    assert burn_rates(frames.windows({"usage": usage}))["usage"].tolist() == [usage]
