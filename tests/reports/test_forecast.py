from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.forecast import Ahead, Profile, course, days_ahead, observed_days, weekday_profile

if TYPE_CHECKING:
    from tests.reports.conftest import Frames

UTC_ZONE, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")
EVEN = Profile((240.0,) * 7, (4,) * 7, 0.0)
SUNDAY = date(2026, 3, 1)


def learned(frames: Frames, usages: list[int], **changes: Any) -> Profile:
    profile = weekday_profile(frames.days(usages, **changes))
    assert profile is not None
    return profile


class TestWhatTeaches:
    @pytest.mark.parametrize(
        ("day", "teaches"),
        [
            ({}, True),
            ({"observed_us": 0}, True),
            ({"snapshots": 0}, True),
            ({"observed_us": 0, "snapshots": 0}, True),
            ({"observed_us": 0, "snapshots": 0, "upper": 20}, False),
            ({"observed_us": 0, "snapshots": 0, "upper": None}, False),
            ({"observed_us": 1, "snapshots": 0, "upper": 20}, False),
            ({"observed_us": 3_600_000_000, "snapshots": 0, "upper": 20}, True),
            ({"observed_us": 0, "snapshots": 1, "upper": None}, True),
            ({"last_at": datetime(2026, 3, 1, 23, tzinfo=UTC)}, False),
            ({"first_at": datetime(2026, 3, 1, 1, tzinfo=UTC)}, False),
        ],
        ids=[
            "ordinary", "seen now and then", "idle and watched", "interpolated without doubt", "in a gap",
            "in a gap with a reset", "a microsecond is nothing", "an hour", "one snapshot", "not over", "began within",
        ],
    )  # fmt: skip
    def test_day_teaches_if_something_of_it_was_observed(
        self, frames: Frames, day: dict[str, Any], teaches: bool
    ) -> None:
        assert observed_days(frames.days([10], **day)).tolist() == [teaches]

    def test_no_days_teach_nothing(self, frames: Frames) -> None:
        assert observed_days(frames.days([])).dtype == "bool"

    @pytest.mark.parametrize("count", [0, 1, 6])
    def test_under_seven_whole_days_there_is_no_profile(self, frames: Frames, count: int) -> None:
        assert weekday_profile(frames.days([10] * count)) is None

    def test_partial_days_do_not_count(self, frames: Frames) -> None:
        days = frames.days([10] * 8)
        days.loc[[0, 7], "partial"] = True
        assert weekday_profile(days) is None

    def test_days_in_a_gap_do_not_count(self, frames: Frames) -> None:
        assert weekday_profile(frames.days([10] * 28, observed_us=0, snapshots=0, upper=280)) is None

    def test_seven_days_are_enough(self, frames: Frames) -> None:
        assert weekday_profile(frames.days([10] * 7)) is not None

    def test_days_before_the_last_28_are_forgotten(self, frames: Frames) -> None:
        assert learned(frames, [9_999] * 50 + [10] * 28) == learned(frames, [10] * 28)


class TestProfile:
    def test_each_weekday_has_its_own_mean(self, frames: Frames) -> None:
        week = [70, 60, 50, 40, 30, 20, 10]
        assert learned(frames, [*week, *[one + 2 for one in week]]).weekday == (71, 61, 51, 41, 31, 21, 11)

    def test_average_day_is_the_mean_of_the_week(self, frames: Frames) -> None:
        assert learned(frames, [70, 60, 50, 40, 30, 20, 10]).per_day == 40

    def test_how_often_each_weekday_was_seen_is_known(self, frames: Frames) -> None:
        assert learned(frames, [10] * 10).learned == (1, 1, 1, 1, 2, 2, 2)

    def test_usage_of_a_gap_stays_in_the_mean(self, frames: Frames) -> None:
        days = frames.days([10] * 21)
        days.loc[0:6, ["usage", "upper"]] = 40
        days.loc[0:6, ["coverage", "snapshots"]] = 0
        profile = weekday_profile(days)
        assert profile is not None
        assert profile.per_day == 20

    def test_gap_does_not_make_the_profile_surer(self, frames: Frames) -> None:
        days = frames.days([10, 30] * 14)
        watched = learned(frames, [10, 30] * 14)
        days.loc[0:13, ["coverage", "snapshots", "upper"]] = [0.0, 0, 999]
        profile = weekday_profile(days)
        assert profile is not None
        assert (profile.learned, watched.learned) == ((2,) * 7, (4,) * 7)

    def test_same_week_again_and_again_has_no_deviation(self, frames: Frames) -> None:
        assert learned(frames, [70, 60, 50, 40, 30, 20, 10] * 4).deviation == 0

    def test_deviation_is_that_around_the_weekdays(self, frames: Frames) -> None:
        usages = [97] * 7 + [103] * 7 + [97] * 7 + [103] * 7
        assert learned(frames, usages).deviation == pytest.approx((28 * 9 / 21) ** 0.5)

    def test_two_weeks_are_enough_to_tell_weekdays_apart(self, frames: Frames) -> None:
        assert learned(frames, [70, 60, 50, 40, 30, 20, 10] * 2).deviation == 0

    def test_one_week_has_the_deviation_of_its_days(self, frames: Frames) -> None:
        week = [70, 60, 50, 40, 30, 20, 10]
        assert learned(frames, week).deviation == pytest.approx(float(np.std(week, ddof=1)))

    def test_weekday_that_was_taken_back_is_no_expectation(self, frames: Frames) -> None:
        assert learned(frames, [-30, 20, 20, 20, 20, 20, 70]).weekday == (20,) * 7

    def test_more_taken_back_than_used_means_no_usage(self, frames: Frames) -> None:
        assert learned(frames, [-300, 20, 20, 20, 20, 20, 20]).per_day == 0

    def test_unseen_weekday_has_the_mean_of_all(self, frames: Frames) -> None:
        days = frames.days([10, 20] * 7)
        sundays = pd.to_datetime(days["day"]).dt.day_of_week == 6
        profile = weekday_profile(days.loc[~sundays])
        assert profile is not None
        assert profile.weekday[6] == pytest.approx(15)

    def test_large_usage_does_not_overflow(self, frames: Frames) -> None:
        assert learned(frames, [2**63 - 1] * 7).per_day == pytest.approx(2.0**63)


class TestDaysAhead:
    @pytest.mark.parametrize(
        ("start", "end", "zone", "ahead"),
        [
            ("2026-03-02 00:00", "2026-03-04 00:00", UTC_ZONE, [("2026-03-02", 1.0), ("2026-03-03", 1.0)]),
            ("2026-03-02 18:00", "2026-03-04 00:00", UTC_ZONE, [("2026-03-02", 0.25), ("2026-03-03", 1.0)]),
            ("2026-03-02 18:00", "2026-03-03 12:00", UTC_ZONE, [("2026-03-02", 0.25), ("2026-03-03", 0.5)]),
            ("2026-03-02 06:00", "2026-03-02 12:00", UTC_ZONE, [("2026-03-02", 0.25)]),
            ("2026-03-02 12:00", "2026-03-02 12:00", UTC_ZONE, []),
            ("2026-03-03 12:00", "2026-03-02 12:00", UTC_ZONE, []),
            ("2026-03-28 23:00", "2026-03-29 22:00", BERLIN, [("2026-03-29", 1.0)]),
            ("2026-03-29 10:30", "2026-03-29 22:00", BERLIN, [("2026-03-29", 0.5)]),
            ("2026-10-25 10:30", "2026-10-25 23:00", BERLIN, [("2026-10-25", 0.5)]),
        ],
        ids=[
            "whole days", "rest of today", "two parts", "within a day", "nothing", "backwards", "23 hours",
            "half of 23 hours", "half of 25 hours",
        ],
    )  # fmt: skip
    def test_first_and_last_day_may_be_parts(
        self, start: str, end: str, zone: ZoneInfo, ahead: list[tuple[str, float]]
    ) -> None:
        found = days_ahead(_instant(start), _instant(end), zone)
        assert [(one.day.isoformat(), one.share) for one in found] == ahead

    @given(start=st.integers(0, 10**6), length=st.integers(1, 10**6), zone=st.sampled_from([UTC_ZONE, BERLIN]))
    def test_parts_of_days_add_up_to_the_time(self, start: int, length: int, zone: ZoneInfo) -> None:
        opens = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(seconds=start)  # no change of clocks within a month
        found = days_ahead(opens, opens + timedelta(seconds=length), zone)
        assert sum(one.share for one in found) == pytest.approx(length / 86_400)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestCourse:
    def test_rest_of_today_counts_for_its_share(self) -> None:
        found = course(EVEN, [Ahead(SUNDAY, 0.25), Ahead(date(2026, 3, 2), 1.0)])
        assert found.mean.tolist() == [60, 300]

    def test_weekdays_are_expected_by_name(self) -> None:
        profile = Profile((7, 6, 5, 4, 3, 2, 1), (4,) * 7, 0.0)
        found = course(profile, [Ahead(SUNDAY + timedelta(days=count), 1.0) for count in range(3)])
        assert found.mean.tolist() == [1, 8, 14]

    def test_constant_usage_has_no_spread(self) -> None:
        assert course(EVEN, [Ahead(SUNDAY, 1.0)]).spread.tolist() == [0]

    def test_spread_is_that_of_a_sum_of_days_and_of_their_estimated_means(self) -> None:
        profile = Profile((10.0,) * 7, (4,) * 7, 2.0)
        found = course(profile, [Ahead(SUNDAY + timedelta(days=count), 1.0) for count in range(14)])
        assert found.spread[13] == pytest.approx(2.0 * (14 + 14**2 / 28) ** 0.5)

    def test_one_day_rests_on_few_of_its_kind(self) -> None:
        assert course(Profile((10.0,) * 7, (4,) * 7, 2.0), [Ahead(SUNDAY, 1.0)]).spread[0] == pytest.approx(
            2.0 * (1 + 1 / 4) ** 0.5
        )

    def test_nothing_ahead_has_no_course(self) -> None:
        assert course(EVEN, []).mean.tolist() == []
