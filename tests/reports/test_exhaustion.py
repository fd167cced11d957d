from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import CollectorError
from reports.exhaustion import COLUMNS, TOLD, days_needed, ends_at, exhaustion
from reports.forecasting.curves import LEVELS, Curves
from reports.forecasting.history import History
from reports.forecasting.prospect import METHOD, Prospect, prospect_of

if TYPE_CHECKING:
    import pandas as pd

    from reports.standing import QuotaStanding
    from tests.reports.conftest import Frames, Quotas

# The last value is of the midnight on which Monday, 2 March 2026 begins, unless a test says otherwise.
SEEN = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DTYPES = {
    "account": "str",
    "meter": "str",
    "unit": "str",
    "quota": "Int64",
    "used": "Int64",
    "remaining": "Int64",
    "period_start": "datetime64[us, UTC]",
    "period_end": "datetime64[us, UTC]",
    "status": "str",
    "exhausts_on": "str",
    "earliest": "str",
    "latest": "str",
    "probability": "float64",
    "per_day": "float64",
    "projected_usage": "Int64",
    "method": "str",
    "reason": "str",
    "projected_lower": "Int64",
    "projected_upper": "Int64",
    "warn_on": "str",
    "reset_on": "str",
    "soon": "str",
    "since": "str",
    "scale": "int64",
}


def history_of(standing: QuotaStanding, daily: list[float], left_out: tuple[str, ...] = ()) -> History:
    """Return so many days of usage that end at the last value."""
    values = np.array(daily, dtype="float64")
    dates = np.datetime64(standing.seen_at.date(), "D") - np.arange(len(values))[::-1] - 1
    return History(values, dates, np.ones(len(values)), standing.seen_at, standing.zone, left_out)


def even(standing: QuotaStanding, slowest: float = 10.0, fastest: float = 10.0, days: int = 28) -> Prospect:
    """Return a prospect by hand: each coming day uses as much as every other, between slowest and fastest."""
    rates = slowest + np.array(LEVELS) * (fastest - slowest)
    curves = Curves(np.array(LEVELS), rates[:, None] * np.arange(1, 731))
    return Prospect(history_of(standing, [10.0] * days), curves, METHOD)


def row_of(
    standing: QuotaStanding,
    prospect: Prospect | str | None = None,
    now: datetime | None = None,
    days: pd.DataFrame | None = None,
) -> dict[str, Any]:
    prospects = {1: even(standing) if prospect is None else prospect}
    by_meter = {} if days is None else {("nellie-prod", "credits"): days}
    frame = exhaustion([standing], prospects, by_meter, now or standing.seen_at)
    return {name: None if frame[name].isna()[0] else frame[name][0] for name in TOLD}


class TestFrame:
    def test_columns_are_those_of_the_contract(self) -> None:
        assert COLUMNS == (
            "account", "meter", "unit", "quota", "used", "remaining", "period_start", "period_end", "status",
            "exhausts_on", "earliest", "latest", "probability", "per_day", "projected_usage", "method", "reason",
        )  # fmt: skip

    @pytest.mark.parametrize("quota", [(), (None,), (1000,), (None, 1000)], ids=["empty", "none", "one", "both"])
    def test_dtypes_are_fixed(self, quotas: Quotas, quota: tuple[int | None, ...]) -> None:
        frame = exhaustion([quotas.standing(one) for one in quota], {}, {}, SEEN)
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == DTYPES

    def test_every_standing_is_a_row_in_its_order(self, quotas: Quotas) -> None:
        frame = exhaustion([quotas.standing(name="b"), quotas.standing(name="a")], {}, {}, SEEN)
        assert (frame["meter"].tolist(), frame.index.tolist()) == (["b", "a"], [0, 1])

    @pytest.mark.parametrize("amount", [2**53 + 1, 2**63 - 1], ids=str)
    def test_large_amounts_are_exact_beside_missing_ones(self, quotas: Quotas, amount: int) -> None:
        frame = exhaustion([quotas.standing(amount, amount - 2), quotas.standing(None, None)], {}, {}, SEEN)
        assert [frame[name][0] for name in ("quota", "used", "remaining")] == [amount, amount - 2, 2]

    @pytest.mark.parametrize("used", [2**63, -(2**63)], ids=str)
    def test_amount_beyond_64_bits_is_refused(self, quotas: Quotas, used: int) -> None:
        with pytest.raises(CollectorError, match="nellie-prod/credits does not fit into 64 bits"):
            exhaustion([quotas.standing(1000, used)], {}, {}, SEEN)

    def test_projection_beyond_64_bits_is_left_out(self, quotas: Quotas) -> None:
        standing = quotas.standing(2**63 - 1, 5)
        row = row_of(standing, even(standing, 2.0**62, 2.0**62))
        assert (row["status"], row["projected_usage"]) == ("exhausts", None)

    def test_period_is_told(self, quotas: Quotas) -> None:
        row = row_of(quotas.standing())
        assert [row[name] for name in ("period_start", "period_end", "reset_on")] == [
            datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC), "2026-04-01",
        ]  # fmt: skip

    def test_unknown_rates_are_nan_in_the_frame(self, quotas: Quotas) -> None:
        frame = exhaustion([quotas.standing(None, None)], {}, {}, SEEN)
        assert math.isnan(frame["probability"][0])
        assert math.isnan(frame["per_day"][0])


class TestUnknown:
    @pytest.mark.parametrize(
        ("standing", "reason"),
        [
            ({"quota": None, "used": None}, "no quota is declared for this meter"),
            ({"used": None}, "nothing was observed yet in this billing period"),
            ({}, "less than 24 hours of history: a forecast needs a day"),
        ],
        ids=["no quota", "new period", "no forecast"],
    )
    def test_reason_is_told_and_nothing_claimed(self, quotas: Quotas, standing: dict[str, Any], reason: str) -> None:
        row = row_of(quotas.standing(**standing), "less than 24 hours of history: a forecast needs a day")
        assert (row["status"], row["reason"]) == ("unknown", reason)
        assert [row[name] for name in ("exhausts_on", "earliest", "latest", "probability", "per_day")] == [None] * 5

    def test_what_is_used_is_told_all_the_same(self, quotas: Quotas) -> None:
        row = row_of(quotas.standing(1000, 100), "no forecast")
        assert (row["quota"], row["used"], row["remaining"]) == (1000, 100, 900)

    def test_meter_without_a_prospect_was_not_observed(self, quotas: Quotas) -> None:
        assert exhaustion([quotas.standing()], {}, {}, SEEN)["reason"][0] == "nothing was observed yet"

    def test_idle_meter_is_foretold_no_usage_of_its_own(self, quotas: Quotas) -> None:
        standing = quotas.standing(10**6, 100)
        idle = prospect_of(history_of(standing, [10.0] * 28 + [0.0] * 9), ends_at(standing), SEEN)
        assert isinstance(idle, Prospect)
        row = row_of(standing, idle)
        assert [row[name] for name in ("status", "per_day", "projected_usage")] == ["lasts", None, None]
        assert row["reason"] == "idle for 9 days; not before the reset even at the former pace"

    @pytest.mark.parametrize("daily", [[0.0], [0.0] * 6, [10.0] * 40 + [0.0] * 130 + [10.0] * 10 + [0.0] * 100])
    def test_no_usage_is_never_foretold_for_ever(self, quotas: Quotas, daily: list[float]) -> None:
        standing = quotas.standing(110, 100)
        found = prospect_of(history_of(standing, daily), ends_at(standing), SEEN)
        row = row_of(standing, found)
        assert [row[name] for name in ("status", "probability", "per_day", "projected_usage")] == [
            "unknown", None, None, None,
        ]  # fmt: skip


class TestDates:
    """Ten units a day: the day follows from arithmetic."""

    @pytest.mark.parametrize(
        ("left", "exhausts_on"),
        [(1, "2026-03-02"), (10, "2026-03-02"), (11, "2026-03-03"), (100, "2026-03-11"), (300, "2026-03-31")],
        ids=["today", "all of today", "one more", "ten days", "the period's last day"],
    )
    def test_day_is_the_one_arithmetic_says(self, quotas: Quotas, left: int, exhausts_on: str) -> None:
        row = row_of(quotas.standing(1000, 1000 - left))
        assert (row["status"], row["exhausts_on"]) == ("exhausts", exhausts_on)

    def test_one_unit_more_than_the_period_needs_lasts(self, quotas: Quotas) -> None:
        row = row_of(quotas.standing(1000, 699))
        assert (row["status"], row["exhausts_on"], row["probability"]) == ("lasts", None, 0.01)

    def test_dates_are_the_quantiles_and_the_early_quarter_is_the_warning(self, quotas: Quotas) -> None:
        standing = quotas.standing(1000, 860)
        row = row_of(standing, even(standing, 5.0, 15.0))
        assert [row[name] for name in ("earliest", "warn_on", "exhausts_on", "latest", "probability")] == [
            "2026-03-11", "2026-03-13", "2026-03-15", "2026-03-25", 0.99,
        ]  # fmt: skip

    def test_end_behind_the_period_is_left_open(self, quotas: Quotas) -> None:
        standing = quotas.standing(1000, 760)
        row = row_of(standing, even(standing, 5.0, 15.0))
        assert (row["status"], row["latest"]) == ("exhausts", None)

    @pytest.mark.parametrize("scale", [1, 3, 6])
    def test_decimal_places_do_not_move_the_day(self, quotas: Quotas, scale: int) -> None:
        row = row_of(quotas.standing(1000, 970, scale=scale))
        assert (row["exhausts_on"], row["per_day"]) == ("2026-03-04", pytest.approx(10 * 10.0**-scale))

    @pytest.mark.parametrize(("left", "exhausts_on"), [(5, "2026-03-02"), (6, "2026-03-03"), (15, "2026-03-03")])
    def test_half_of_today_uses_half(self, quotas: Quotas, left: int, exhausts_on: str) -> None:
        assert row_of(quotas.standing(1000, 1000 - left, seen_at=SEEN + 12 * HOUR))["exhausts_on"] == exhausts_on

    @pytest.mark.parametrize("age", [timedelta(), 5 * HOUR, 3 * DAY], ids=["fresh", "hours", "days"])
    def test_time_since_the_last_value_is_used_too(self, quotas: Quotas, age: timedelta) -> None:
        assert row_of(quotas.standing(1000, 950), now=SEEN + age)["exhausts_on"] == "2026-03-06"

    def test_nothing_is_told_of_the_past(self, quotas: Quotas) -> None:
        standing = quotas.standing(1000, 970)
        row = row_of(standing, even(standing, 5.0, 15.0), now=SEEN + 3 * DAY)
        assert [row[name] for name in ("earliest", "warn_on", "exhausts_on", "latest")] == [
            "2026-03-05", "2026-03-05", "2026-03-05", "2026-03-06",
        ]  # fmt: skip

    def test_days_are_those_of_the_asked_zone(self, quotas: Quotas) -> None:
        standing = quotas.standing(1000, 999, seen_at=datetime(2026, 3, 2, 20, tzinfo=UTC), zone="Asia/Tokyo")
        assert row_of(standing)["exhausts_on"] == "2026-03-03"

    def test_under_three_days_ahead_hours_are_told(self, quotas: Quotas) -> None:
        assert row_of(quotas.standing(1000, 990))["soon"] == "in about 24 hours"

    def test_clock_that_went_back_behind_the_period_is_survived(self, quotas: Quotas) -> None:
        assert row_of(quotas.standing(1000, 100, good_at=10**15 * 2), now=SEEN)["status"] == "lasts"


class TestQuotaAndPeriod:
    def test_quota_that_changes_inside_the_period_counts_as_it_is_now(self, quotas: Quotas) -> None:
        before, after = row_of(quotas.standing(1000, 900)), row_of(quotas.standing(1200, 900))
        assert (before["exhausts_on"], after["exhausts_on"]) == ("2026-03-11", "2026-03-31")

    def test_billing_period_that_ends_first_decides(self, quotas: Quotas) -> None:
        seen_at = datetime(2026, 3, 30, tzinfo=UTC)
        assert row_of(quotas.standing(1000, 970, seen_at=seen_at))["status"] == "lasts"

    @pytest.mark.parametrize("used", [0, 100])
    def test_quota_of_zero_is_exhausted_and_says_so(self, quotas: Quotas, used: int) -> None:
        row = row_of(quotas.standing(0, used))
        assert [row[name] for name in ("status", "remaining", "probability", "exhausts_on", "reason")] == [
            "exhausted", 0, 1.0, None, "the quota is zero",
        ]  # fmt: skip

    def test_usage_that_was_taken_back_leaves_more_than_the_quota(self, quotas: Quotas) -> None:
        row = row_of(quotas.standing(100, -50))
        assert (row["remaining"], row["exhausts_on"]) == (150, "2026-03-16")

    def test_allowance_for_life_has_no_period(self, quotas: Quotas) -> None:
        row = row_of(quotas.standing(lifetime=True))
        assert [row[name] for name in ("period_start", "period_end", "projected_usage", "reset_on", "probability")] == [
            None
        ] * 5

    def test_allowance_for_life_may_end_years_ahead(self, quotas: Quotas) -> None:
        row = row_of(quotas.standing(7_000, 0, lifetime=True))
        assert row["exhausts_on"] == (SEEN + 699 * DAY).date().isoformat()

    def test_allowance_that_lasts_for_two_years_says_so(self, quotas: Quotas) -> None:
        row = row_of(quotas.standing(40_000, 0, lifetime=True))
        assert (row["status"], row["reason"]) == ("lasts", "longer than two years at this pace")


class TestProjection:
    def test_projection_is_what_is_used_and_what_is_to_come(self, quotas: Quotas) -> None:
        standing = quotas.standing(1000, 100)
        row = row_of(standing, even(standing, 5.0, 15.0))
        assert [row[name] for name in ("projected_lower", "projected_usage", "projected_upper")] == [
            100 + 30 * 6, 100 + 30 * 10, 100 + 30 * 14,
        ]  # fmt: skip

    def test_projection_counts_the_rest_of_today(self, quotas: Quotas) -> None:
        standing = quotas.standing(1000, 100, seen_at=SEEN + 12 * HOUR)
        assert row_of(standing)["projected_usage"] == 100 + 5 + 29 * 10

    def test_overage_is_projected(self, quotas: Quotas) -> None:
        row = row_of(quotas.standing(100, 200))
        assert (row["projected_usage"], row["per_day"]) == (500, 10)


class TestLaws:
    @given(
        daily=st.lists(st.floats(0, 500), min_size=1, max_size=30),
        used=st.integers(0, 5000),
        left=st.integers(1, 20_000),
        hours=st.integers(0, 29 * 24),
        lifetime=st.booleans(),
    )
    def test_row_agrees_with_itself(
        self, quotas: Quotas, daily: list[float], used: int, left: int, hours: int, lifetime: bool
    ) -> None:
        standing = quotas.standing(used + left, used, seen_at=SEEN + hours * HOUR, lifetime=lifetime)
        found = prospect_of(history_of(standing, daily), ends_at(standing), standing.seen_at)
        row = row_of(standing, found)
        days = [row[name] for name in ("earliest", "warn_on", "exhausts_on", "latest") if row[name] is not None]
        assert days == sorted(days)
        assert row["status"] in {"exhausts", "lasts", "unknown"}
        if row["status"] == "unknown":
            assert row["reason"]
        elif not lifetime:
            assert (row["status"] == "exhausts") == (row["probability"] >= 0.5)
            assert 0.01 <= row["probability"] <= 0.99
        if row["exhausts_on"] is not None:
            assert row["status"] == "exhausts"
            assert len(daily) >= 5

    @given(daily=st.lists(st.integers(0, 500), min_size=1, max_size=60), left=st.integers(1, 20_000))
    def test_same_question_has_the_same_answer(self, quotas: Quotas, daily: list[float], left: int) -> None:
        standing = quotas.standing(20_000, 20_000 - left)
        one, other = (
            row_of(standing, prospect_of(history_of(standing, daily), ends_at(standing), SEEN)) for _ in range(2)
        )
        assert one == other


class TestExhausted:
    @pytest.mark.parametrize("used", [1000, 1001, 5000])
    def test_nothing_left_is_exhausted(self, quotas: Quotas, used: int) -> None:
        row = row_of(quotas.standing(1000, used), "no forecast")
        assert (row["status"], row["remaining"], row["probability"]) == ("exhausted", 0, 1.0)

    @pytest.mark.parametrize(
        ("used", "day"),
        [(1000, "2026-03-10"), (1009, "2026-03-10"), (1010, "2026-03-09"), (1025, "2026-03-08")],
    )
    def test_day_is_found_going_back_from_what_is_used(
        self, quotas: Quotas, frames: Frames, used: int, day: str
    ) -> None:
        days = frames.days([10] * 10, last=date(2026, 3, 10))
        standing = quotas.standing(1000, used, seen_at=datetime(2026, 3, 11, tzinfo=UTC))
        assert row_of(standing, days=days)["exhausts_on"] == day

    def test_day_is_that_of_the_last_crossing(self, quotas: Quotas, frames: Frames) -> None:
        # 1005 on the eighth, 985 after a correction on the ninth, 1005 again on the tenth.
        days = frames.days([10, -20, 20], last=date(2026, 3, 10))
        standing = quotas.standing(1000, 1005, seen_at=datetime(2026, 3, 11, tzinfo=UTC))
        assert row_of(standing, days=days)["exhausts_on"] == "2026-03-10"

    def test_day_before_the_history_cannot_be_told(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(1000, 9000, lifetime=True), days=frames.days([10] * 28))
        assert (row["exhausts_on"], row["reason"]) == (None, "used up before the history begins")

    def test_large_amounts_are_walked_back_exactly(self, quotas: Quotas, frames: Frames) -> None:
        days = frames.days([1, 1], last=date(2026, 3, 2))
        standing = quotas.standing(2**62 + 1, 2**62 + 2, seen_at=datetime(2026, 3, 3, tzinfo=UTC))
        assert row_of(standing, days=days)["exhausts_on"] == "2026-03-01"

    def test_short_history_is_exhausted_all_the_same(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(100, 105), "no forecast", days=frames.days([10]))
        assert (row["status"], row["exhausts_on"], row["method"]) == ("exhausted", "2026-03-01", None)


class TestHistoryThatBeginsWithinThePeriod:
    REMARK = "the history begins within this billing period: what was used before it is not counted"

    def row(self, quotas: Quotas, quota: int, used: int) -> dict[str, Any]:
        """Ten units a day, seen from the 11th to the 21st of March."""
        standing = quotas.standing(
            quota,
            used,
            seen_at=datetime(2026, 3, 21, tzinfo=UTC),
            first_at=datetime(2026, 3, 11, tzinfo=UTC),
            complete=False,
        )
        return row_of(standing, even(standing, days=10))

    @pytest.mark.parametrize("quota", [90, 150, 1000], ids=["exhausted", "exhausts", "lasts"])
    def test_is_always_told(self, quotas: Quotas, quota: int) -> None:
        assert self.REMARK in self.row(quotas, quota, 100)["reason"]

    @pytest.mark.parametrize(
        ("quota", "status"),
        [(90, "exhausted"), (150, "exhausts"), (250, "unknown"), (310, "unknown"), (311, "lasts"), (1000, "lasts")],
    )
    def test_it_lasts_only_if_it_would_have_lasted_from_the_periods_start(
        self, quotas: Quotas, quota: int, status: str
    ) -> None:
        assert self.row(quotas, quota, 100)["status"] == status

    def test_unknown_says_once_what_it_depends_on_and_claims_no_day(self, quotas: Quotas) -> None:
        row = self.row(quotas, 250, 100)
        assert row["reason"] == "it depends on what was used earlier in this billing period, before the history begins"
        assert [row[name] for name in ("exhausts_on", "earliest", "latest", "probability")] == [None] * 4


class TestRemarks:
    @pytest.mark.parametrize(
        ("age", "remark"),
        [
            (timedelta(days=1), None),
            (timedelta(days=1, seconds=1), "the last value is 24 hours old"),
            (timedelta(hours=47), "the last value is 47 hours old"),
            (timedelta(days=5, hours=3), "the last value is 5 days old"),
        ],
        ids=["a day", "over a day", "two days", "five days"],
    )
    @pytest.mark.parametrize("used", [100, 970, 1000], ids=["lasts", "exhausts", "exhausted"])
    def test_stale_value_is_told_whatever_the_outlook(
        self, quotas: Quotas, used: int, age: timedelta, remark: str | None
    ) -> None:
        assert row_of(quotas.standing(1000, used), now=SEEN + age)["reason"] == remark

    def test_old_value_is_told_where_nothing_of_the_period_was_seen(self, quotas: Quotas) -> None:
        row = row_of(quotas.standing(used=None), "no forecast", now=SEEN + 20 * DAY)
        assert row["reason"] == "nothing was observed yet in this billing period; the last value is 20 days old"

    def test_middle_that_has_passed_is_told_with_its_day(self, quotas: Quotas) -> None:
        standing = quotas.standing(1000, 970)
        row = row_of(standing, even(standing, 5.0, 15.0), now=SEEN + 10 * DAY)
        assert (row["since"], row["exhausts_on"], row["soon"]) == ("2026-03-04", "2026-03-12", None)

    def test_week_without_usage_is_told_also_where_the_meter_paused_longer_before(self, quotas: Quotas) -> None:
        standing = quotas.standing(10**6, 100)
        daily = [100.0] * 20 + [0.0] * 40 + [100.0] * 10 + [0.0] * 30
        found = prospect_of(history_of(standing, daily), ends_at(standing), SEEN)
        row = row_of(standing, found)
        assert (row["status"], row["reason"]) == ("lasts", "now idle for 30 days")

    @pytest.mark.parametrize(("used", "told"), [
        (100, "left out an unconfirmed spike of 8,000"),
        (1000, "left out of the forecast: an unconfirmed spike of 8,000, but counted as used"),
    ], ids=["left", "used up"])  # fmt: skip
    def test_spike_that_used_up_the_quota_is_counted(self, quotas: Quotas, used: int, told: str) -> None:
        standing = quotas.standing(1000, used)
        spike = ("left out an unconfirmed spike of 8,000",)
        found = prospect_of(history_of(standing, [10.0] * 28, spike), ends_at(standing), SEEN)
        assert row_of(standing, found)["reason"] == told

    def test_undecided_fall_is_told(self, quotas: Quotas) -> None:
        row = row_of(quotas.standing(good_value=5000, latest=4000))
        assert row["reason"] == "a fall of the counter is not yet decided"

    def test_what_was_left_out_is_told(self, quotas: Quotas) -> None:
        standing = quotas.standing()
        history = history_of(standing, [10.0] * 28, ("left out a correction of -10",))
        found = prospect_of(history, ends_at(standing), SEEN)
        assert row_of(standing, found)["reason"] == "left out a correction of -10"


class TestDaysNeeded:
    def names(self, standing: QuotaStanding) -> list[str]:
        return [one.name for one in days_needed(standing)]

    @pytest.mark.parametrize("quota", [{"quota": None}, {"used": None}, {}], ids=["no quota", "nothing used", "left"])
    def test_days_are_read_only_where_a_quota_is_used_up(self, quotas: Quotas, quota: dict[str, Any]) -> None:
        assert self.names(quotas.standing(**quota)) == []

    def test_used_up_period_is_read_from_its_start(self, quotas: Quotas) -> None:
        standing = quotas.standing(100, 100, seen_at=datetime(2026, 3, 31, 12, tzinfo=UTC))
        assert self.names(standing)[0] == "2026-03-01"

    def test_used_up_lifetime_is_read_from_the_first_day_on(self, quotas: Quotas) -> None:
        assert self.names(quotas.standing(100, 100, lifetime=True))[0] == "2026-01-01"
