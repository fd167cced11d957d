from __future__ import annotations

import itertools
import math
import statistics
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import CollectorError
from reports.exhaustion import COLUMNS, days_needed, exhaustion

if TYPE_CHECKING:
    from reports.standing import QuotaStanding
    from tests.reports.conftest import Frames, Quotas

# The last value is of the midnight on which Monday, 2 March 2026 begins, unless a test says otherwise.
SEEN = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
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
    "scale": "int64",
}
WEEK = [70, 60, 50, 40, 30, 20, 10]
UNEVEN = [12, 9, 11, 8, 10, 7, 13] * 2 + [9, 12, 8, 11, 10, 13, 7] * 2


def row_of(standing: QuotaStanding, days: pd.DataFrame | None, now: datetime | None = None) -> dict[str, Any]:
    by_meter = {} if days is None else {("nellie-prod", "credits"): days}
    frame = exhaustion([standing], by_meter, now or standing.seen_at)
    return {name: None if frame[name].isna()[0] else frame[name][0] for name in COLUMNS}


class TestFrame:
    def test_columns_are_those_of_the_contract(self) -> None:
        assert COLUMNS == (
            "account", "meter", "unit", "quota", "used", "remaining", "period_start", "period_end", "status",
            "exhausts_on", "earliest", "latest", "probability", "per_day", "projected_usage", "method", "reason",
        )  # fmt: skip

    @pytest.mark.parametrize("quota", [(), (None,), (1000,), (None, 1000)], ids=["empty", "none", "one", "both"])
    def test_dtypes_are_fixed(self, quotas: Quotas, quota: tuple[int | None, ...]) -> None:
        frame = exhaustion([quotas.standing(one) for one in quota], {}, SEEN)
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == DTYPES

    def test_every_standing_is_a_row_in_its_order(self, quotas: Quotas) -> None:
        frame = exhaustion([quotas.standing(name="b"), quotas.standing(name="a")], {}, SEEN)
        assert (frame["meter"].tolist(), frame.index.tolist()) == (["b", "a"], [0, 1])

    @pytest.mark.parametrize("amount", [2**53 + 1, 2**63 - 1], ids=str)
    def test_large_amounts_are_exact_beside_missing_ones(self, quotas: Quotas, amount: int) -> None:
        frame = exhaustion([quotas.standing(amount, amount - 2), quotas.standing(None, None)], {}, SEEN)
        assert [frame[name][0] for name in ("quota", "used", "remaining")] == [amount, amount - 2, 2]

    @pytest.mark.parametrize("used", [2**63, -(2**63)], ids=str)
    def test_amount_beyond_64_bits_is_refused(self, quotas: Quotas, used: int) -> None:
        with pytest.raises(CollectorError, match="nellie-prod/credits does not fit into 64 bits"):
            exhaustion([quotas.standing(1000, used)], {}, SEEN)

    def test_projection_beyond_64_bits_is_left_out(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(2**63 - 1, 5), frames.days([2**62] * 28))
        assert (row["status"], row["projected_usage"]) == ("exhausts", None)

    def test_period_is_told(self, quotas: Quotas) -> None:
        row = row_of(quotas.standing(), None)
        assert (row["period_start"], row["period_end"]) == (
            datetime(2026, 3, 1, tzinfo=UTC),
            datetime(2026, 4, 1, tzinfo=UTC),
        )


class TestUnknown:
    @pytest.mark.parametrize(
        ("standing", "usages", "reason"),
        [
            ({"quota": None, "used": None}, [], "no quota is declared for this meter"),
            ({"used": None}, [10] * 28, "nothing was observed yet in this billing period"),
            ({}, [], "0 of the 7 whole days that a forecast needs were observed"),
            ({}, [10] * 6, "6 of the 7 whole days that a forecast needs were observed"),
            ({}, [0] * 28, "no usage in the last 28 whole days to project"),
        ],
        ids=["no quota", "new period", "no day", "six days", "no burn"],
    )
    def test_reason_is_told(
        self, quotas: Quotas, frames: Frames, standing: dict[str, Any], usages: list[int], reason: str
    ) -> None:
        row = row_of(quotas.standing(**standing), frames.days(usages))
        assert (row["status"], row["reason"]) == ("unknown", reason)

    @pytest.mark.parametrize("usages", [[], [10] * 6, [0] * 28], ids=["no day", "six days", "no burn"])
    def test_nothing_is_claimed(self, quotas: Quotas, frames: Frames, usages: list[int]) -> None:
        row = row_of(quotas.standing(), frames.days(usages))
        assert [row[name] for name in ("exhausts_on", "earliest", "latest", "probability")] == [None] * 4

    def test_what_is_used_is_told_all_the_same(self, quotas: Quotas) -> None:
        row = row_of(quotas.standing(1000, 100), None)
        assert (row["quota"], row["used"], row["remaining"]) == (1000, 100, 900)

    def test_no_burn_is_a_rate_of_nothing(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(1000, 100), frames.days([0] * 28))
        assert (row["per_day"], row["projected_usage"]) == (0, 100)

    def test_two_snapshots_a_month_apart_teach_nothing(self, quotas: Quotas, frames: Frames) -> None:
        days = frames.days([10] * 28, observed_us=0, snapshots=0, lower=0, upper=280)
        assert row_of(quotas.standing(), days)["status"] == "unknown"

    def test_values_older_than_what_is_learned_from_are_not_projected(self, quotas: Quotas, frames: Frames) -> None:
        standing = quotas.standing(lifetime=True)
        row = row_of(standing, frames.days([10] * 28), SEEN + timedelta(days=29))
        assert (row["status"], row["reason"]) == (
            "unknown",
            "no forecast from values that end more than 28 days ago; the last value is 29 days old",
        )


class TestConstantUsage:
    """Ten units a day: the day follows from arithmetic."""

    @pytest.mark.parametrize(
        ("left", "exhausts_on"),
        [(1, "2026-03-02"), (10, "2026-03-02"), (11, "2026-03-03"), (100, "2026-03-11"), (300, "2026-03-31")],
        ids=["today", "all of today", "one more", "ten days", "the period's last day"],
    )
    def test_day_is_the_one_arithmetic_says(self, quotas: Quotas, frames: Frames, left: int, exhausts_on: str) -> None:
        row = row_of(quotas.standing(1000, 1000 - left), frames.days([10] * 28))
        assert (row["status"], row["exhausts_on"]) == ("exhausts", exhausts_on)

    def test_interval_closes_and_the_end_is_certain(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(1000, 900), frames.days([10] * 28))
        assert (row["earliest"], row["latest"], row["probability"]) == ("2026-03-11", "2026-03-11", 1.0)

    def test_one_unit_more_than_the_period_needs_lasts(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(1000, 699), frames.days([10] * 28))
        assert (row["status"], row["exhausts_on"], row["probability"]) == ("lasts", None, 0.0)

    @pytest.mark.parametrize("scale", [1, 3, 6])
    def test_decimal_places_do_not_move_the_day(self, quotas: Quotas, frames: Frames, scale: int) -> None:
        days = frames.days([1] * 28, scale=scale)
        row = row_of(quotas.standing(13, 10, scale=scale), days)
        assert (row["exhausts_on"], row["per_day"]) == ("2026-03-04", 10.0**-scale)

    @pytest.mark.parametrize(
        ("hours", "exhausts_on"),
        [(0, "2026-03-02"), (1, "2026-03-03"), (12, "2026-03-03"), (23, "2026-03-03"), (24, "2026-03-03")],
    )
    def test_rest_of_today_uses_its_share(self, quotas: Quotas, frames: Frames, hours: int, exhausts_on: str) -> None:
        standing = quotas.standing(1000, 990, seen_at=SEEN + hours * HOUR)
        assert row_of(standing, frames.days([10] * 28))["exhausts_on"] == exhausts_on

    @pytest.mark.parametrize(("left", "exhausts_on"), [(5, "2026-03-02"), (6, "2026-03-03"), (15, "2026-03-03")])
    def test_half_of_today_uses_half(self, quotas: Quotas, frames: Frames, left: int, exhausts_on: str) -> None:
        standing = quotas.standing(1000, 1000 - left, seen_at=SEEN + 12 * HOUR)
        assert row_of(standing, frames.days([10] * 28))["exhausts_on"] == exhausts_on

    @pytest.mark.parametrize("age", [timedelta(), 5 * HOUR, timedelta(days=3)], ids=["fresh", "hours", "days"])
    def test_time_since_the_last_value_is_used_too(self, quotas: Quotas, frames: Frames, age: timedelta) -> None:
        row = row_of(quotas.standing(1000, 950), frames.days([10] * 28), SEEN + age)
        assert row["exhausts_on"] == "2026-03-06"

    def test_projection_is_what_is_used_and_what_is_to_come(self, quotas: Quotas, frames: Frames) -> None:
        assert row_of(quotas.standing(1000, 100), frames.days([10] * 28))["projected_usage"] == 100 + 30 * 10

    def test_projection_counts_the_rest_of_today(self, quotas: Quotas, frames: Frames) -> None:
        standing = quotas.standing(1000, 100, seen_at=SEEN + 12 * HOUR)
        assert row_of(standing, frames.days([10] * 28))["projected_usage"] == 100 + 5 + 29 * 10

    def test_weekdays_are_walked_through_one_by_one(self, quotas: Quotas, frames: Frames) -> None:
        # From Monday on: 70, 130, 180, 220, 250, 270, 280, 350.
        row = row_of(quotas.standing(1000, 719), frames.days(WEEK * 4))
        assert row["exhausts_on"] == "2026-03-09"

    def test_days_are_those_of_the_asked_zone(self, quotas: Quotas, frames: Frames) -> None:
        standing = quotas.standing(1000, 999, seen_at=datetime(2026, 3, 2, 20, tzinfo=UTC), zone="Asia/Tokyo")
        assert row_of(standing, frames.days([10] * 28))["exhausts_on"] == "2026-03-03"

    def test_clock_that_went_back_behind_the_period_is_survived(self, quotas: Quotas, frames: Frames) -> None:
        standing = quotas.standing(1000, 100, good_at=10**15 * 2)
        assert row_of(standing, frames.days([10] * 28), SEEN)["status"] == "lasts"


class TestInterval:
    def test_days_are_in_order(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(1000, 850), frames.days(UNEVEN))
        assert row["earliest"] < row["exhausts_on"] < row["latest"]

    @pytest.mark.parametrize(("name", "level"), [("earliest", 0.1), ("exhausts_on", 0.5), ("latest", 0.9)])
    def test_day_is_the_first_whose_chance_reaches_its_level(
        self, quotas: Quotas, frames: Frames, name: str, level: float
    ) -> None:
        row = row_of(quotas.standing(1000, 0, lifetime=True), frames.days(UNEVEN))
        assert row[name] == first_day_by_hand(level, 1000)

    def test_end_behind_the_period_is_left_open(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(1000, 1000 - 299), frames.days(UNEVEN))
        assert (row["status"], row["latest"]) == ("exhausts", None)

    def test_risk_of_a_quota_that_lasts_is_told(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(1000, 1000 - 303), frames.days(UNEVEN))
        assert (row["status"], row["exhausts_on"]) == ("lasts", None)
        assert 0.1 < row["probability"] < 0.5

    def test_one_week_is_less_sure_than_four(self, quotas: Quotas, frames: Frames) -> None:
        standing = quotas.standing(1000, 0, lifetime=True)
        short, long = row_of(standing, frames.days(UNEVEN[:7])), row_of(standing, frames.days(UNEVEN))
        assert width(short) > width(long)

    @given(
        usages=st.lists(st.integers(-50, 500), min_size=7, max_size=30),
        used=st.integers(0, 5000),
        left=st.integers(1, 20_000),
        hours=st.integers(0, 29 * 24),
        lifetime=st.booleans(),
    )
    def test_row_agrees_with_itself(
        self, quotas: Quotas, frames: Frames, usages: list[int], used: int, left: int, hours: int, lifetime: bool
    ) -> None:
        standing = quotas.standing(used + left, used, seen_at=SEEN + hours * HOUR, lifetime=lifetime)
        row = row_of(standing, frames.days(usages, last=(SEEN + (hours - 24) * HOUR).date()))
        days = [row[name] for name in ("earliest", "exhausts_on", "latest") if row[name] is not None]
        assert days == sorted(days)
        assert row["status"] in {"exhausts", "lasts", "unknown"}
        if row["status"] != "unknown":
            assert (row["status"] == "exhausts") == (row["exhausts_on"] is not None) == (row["probability"] >= 0.5)
            assert 0 <= row["probability"] <= 1
        else:
            assert row["reason"]

    @given(
        usages=st.lists(st.integers(0, 500), min_size=7, max_size=28),
        quota=st.integers(101, 20_000),
        more=st.integers(1, 5_000),
    )
    def test_larger_quota_never_ends_sooner_or_more_probably(
        self, quotas: Quotas, frames: Frames, usages: list[int], quota: int, more: int
    ) -> None:
        days = frames.days([*usages, 1])
        small, large = row_of(quotas.standing(quota, 100), days), row_of(quotas.standing(quota + more, 100), days)
        assert small["probability"] >= large["probability"]
        for name in ("earliest", "exhausts_on", "latest"):
            assert (small[name] or "9999") <= (large[name] or "9999")


def first_day_by_hand(level: float, quota: int) -> str:
    """Return the first day at whose end ``quota`` is used up with that chance, after ``UNEVEN`` days up to a Sunday."""
    means = [statistics.mean(UNEVEN[weekday::7]) for weekday in range(7)]
    deviation = math.sqrt(sum((one - means[place % 7]) ** 2 for place, one in enumerate(UNEVEN)) / 21)
    ahead = [0] * 7
    for number in itertools.count():
        ahead[number % 7] += 1
        mean = sum(days * means[weekday] for weekday, days in enumerate(ahead))
        spread = deviation * math.sqrt(sum(ahead) + sum(days**2 / 4 for days in ahead))
        if 1 - statistics.NormalDist(mean, spread).cdf(quota) >= level:
            return (SEEN + timedelta(days=number)).date().isoformat()
    raise AssertionError


def width(row: dict[str, Any]) -> timedelta:
    return date.fromisoformat(row["latest"]) - date.fromisoformat(row["earliest"])


class TestLifetime:
    def test_quota_without_an_end_has_no_period(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(lifetime=True), frames.days([10] * 28))
        assert (row["period_start"], row["period_end"], row["projected_usage"]) == (None, None, None)

    def test_day_may_lie_years_ahead(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(10_000, 0, lifetime=True), frames.days([10] * 28))
        assert row["exhausts_on"] == (SEEN + timedelta(days=999)).date().isoformat()

    def test_more_than_ten_years_lasts_and_says_so(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(40_000, 0, lifetime=True), frames.days([10] * 28))
        assert (row["status"], row["reason"]) == ("lasts", "at this rate it lasts longer than 10 years")


class TestExhausted:
    @pytest.mark.parametrize("used", [1000, 1001, 5000])
    def test_nothing_left_is_exhausted(self, quotas: Quotas, used: int) -> None:
        row = row_of(quotas.standing(1000, used), None)
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
        assert row_of(standing, days)["exhausts_on"] == day

    def test_day_is_that_of_the_last_crossing(self, quotas: Quotas, frames: Frames) -> None:
        # 1005 on the eighth, 985 after a correction on the ninth, 1005 again on the tenth.
        days = frames.days([10, -20, 20], last=date(2026, 3, 10))
        standing = quotas.standing(1000, 1005, seen_at=datetime(2026, 3, 11, tzinfo=UTC))
        assert row_of(standing, days)["exhausts_on"] == "2026-03-10"

    def test_day_before_the_history_cannot_be_told(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(1000, 9000, lifetime=True), frames.days([10] * 28))
        assert (row["exhausts_on"], row["reason"]) == (None, "used up before the history begins")

    def test_large_amounts_are_walked_back_exactly(self, quotas: Quotas, frames: Frames) -> None:
        days = frames.days([1, 1], last=date(2026, 3, 2))
        standing = quotas.standing(2**62 + 1, 2**62 + 2, seen_at=datetime(2026, 3, 3, tzinfo=UTC))
        assert row_of(standing, days)["exhausts_on"] == "2026-03-01"

    def test_overage_is_projected(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(100, 200), frames.days([10] * 28))
        assert (row["projected_usage"], row["per_day"]) == (500, 10)

    def test_short_history_is_exhausted_all_the_same(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(100, 105), frames.days([10]))
        assert (row["status"], row["exhausts_on"], row["method"]) == ("exhausted", "2026-03-01", None)


class TestHistoryThatBeginsWithinThePeriod:
    REMARK = "the history begins within this billing period: what was used before it is not counted"

    def row(self, quotas: Quotas, frames: Frames, quota: int, used: int) -> dict[str, Any]:
        """Ten units a day, seen from the 11th to the 21st of March."""
        standing = quotas.standing(
            quota,
            used,
            seen_at=datetime(2026, 3, 21, tzinfo=UTC),
            first_at=datetime(2026, 3, 11, tzinfo=UTC),
            complete=False,
        )
        return row_of(standing, frames.days([10] * 10, last=date(2026, 3, 20)))

    @pytest.mark.parametrize("quota", [90, 150, 250, 1000], ids=["exhausted", "exhausts", "unknown", "lasts"])
    def test_is_always_told(self, quotas: Quotas, frames: Frames, quota: int) -> None:
        assert self.REMARK in self.row(quotas, frames, quota, 100)["reason"]

    @pytest.mark.parametrize(
        ("quota", "status"),
        [(90, "exhausted"), (150, "exhausts"), (250, "unknown"), (310, "unknown"), (311, "lasts"), (1000, "lasts")],
    )
    def test_it_lasts_only_if_it_would_have_lasted_from_the_periods_start(
        self, quotas: Quotas, frames: Frames, quota: int, status: str
    ) -> None:
        assert self.row(quotas, frames, quota, 100)["status"] == status

    def test_unknown_says_what_it_depends_on(self, quotas: Quotas, frames: Frames) -> None:
        row = self.row(quotas, frames, 250, 100)
        assert row["reason"] == f"whether it lasts depends on what was used earlier in the period; {self.REMARK}"

    def test_unknown_claims_no_day(self, quotas: Quotas, frames: Frames) -> None:
        row = self.row(quotas, frames, 250, 100)
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
        self, quotas: Quotas, frames: Frames, used: int, age: timedelta, remark: str | None
    ) -> None:
        days = frames.days([10] * 28, last=date(2026, 3, 2))
        assert row_of(quotas.standing(1000, used), days, SEEN + age)["reason"] == remark

    def test_undecided_fall_is_told(self, quotas: Quotas, frames: Frames) -> None:
        row = row_of(quotas.standing(good_value=5000, latest=4000), frames.days([10] * 28))
        assert row["reason"] == "a fall of the counter is not yet decided"


class TestDaysNeeded:
    def names(self, standing: QuotaStanding) -> list[str]:
        return [one.name for one in days_needed(standing)]

    @pytest.mark.parametrize("quota", [{"quota": None}, {"used": None}], ids=["no quota", "nothing used"])
    def test_nothing_is_read_for_nothing(self, quotas: Quotas, quota: dict[str, Any]) -> None:
        assert self.names(quotas.standing(**quota)) == []

    def test_four_weeks_before_the_last_value_are_read(self, quotas: Quotas) -> None:
        found = self.names(quotas.standing(seen_at=datetime(2026, 3, 20, 12, tzinfo=UTC)))
        assert (found[0], found[-1], len(found)) == ("2026-02-20", "2026-03-20", 29)

    def test_no_day_before_the_history_is_read(self, quotas: Quotas) -> None:
        assert self.names(quotas.standing(first_at=datetime(2026, 2, 27, 5, tzinfo=UTC)))[0] == "2026-02-27"

    def test_used_up_period_is_read_from_its_start(self, quotas: Quotas) -> None:
        standing = quotas.standing(100, 100, seen_at=datetime(2026, 3, 31, 12, tzinfo=UTC))
        assert self.names(standing)[0] == "2026-03-01"

    def test_used_up_lifetime_is_read_from_the_first_day_on(self, quotas: Quotas) -> None:
        assert self.names(quotas.standing(100, 100, lifetime=True))[0] == "2026-01-01"


def test_unknown_rates_are_nan_in_the_frame(quotas: Quotas) -> None:
    frame = exhaustion([quotas.standing(None, None)], {}, SEEN)
    assert math.isnan(frame["probability"][0])
    assert math.isnan(frame["per_day"][0])
