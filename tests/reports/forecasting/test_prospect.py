from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.forecasting.history import History
from reports.forecasting.prospect import METHOD, MOST_AHEAD, TIMES, Prospect, prospect_of

END = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
DAILY = st.lists(st.floats(0, 1e9), min_size=1, max_size=60)


def history(daily: list[float], *, weight: float = 1.0, whole: bool = True) -> History:
    values = np.array(daily, dtype="float64")
    dates = np.datetime64("2026-03-02", "D") - np.arange(len(values))[::-1] - 1
    return History(values, dates, np.full(len(values), weight), END, ZoneInfo("UTC"), whole=whole)


def prospect(daily: list[float], days: float = 30) -> Prospect:
    found = prospect_of(history(daily), END + days * DAY, END)
    assert isinstance(found, Prospect)
    return found


class TestWhyNothingCanBeSaid:
    @pytest.mark.parametrize(
        ("known", "age", "reason"),
        [
            (None, timedelta(), "nothing was observed yet"),
            (history([5] * 40), timedelta(days=28, hours=1), "no forecast from values that end more than 28 days ago"),
            (history([5], whole=False), timedelta(), "less than 24 hours of history: a forecast needs a day"),
        ],
        ids=["no history", "stale", "under 24 hours"],
    )
    def test_reason_is_told(self, known: History | None, age: timedelta, reason: str) -> None:
        assert prospect_of(known, END + 30 * DAY, END + age) == reason

    def test_one_day_is_enough_to_say_something(self) -> None:
        assert prospect([5]).expected(END + DAY)[1] > 0


class TestCurves:
    def test_usage_counts_from_the_newest_observation_not_from_now(self) -> None:
        known = history([10.0] * 28)
        early, late = prospect_of(known, END + 30 * DAY, END), prospect_of(known, END + 30 * DAY, END + 9 * DAY)
        assert isinstance(early, Prospect)
        assert isinstance(late, Prospect)
        assert early.expected(END + 20 * DAY) == late.expected(END + 20 * DAY)

    @pytest.mark.parametrize(("days", "horizon"), [(-3, 28), (0.5, 28), (30.2, 31), (9999, MOST_AHEAD)], ids=str)
    def test_curves_reach_as_far_as_is_asked_within_bounds(self, days: float, horizon: int) -> None:
        assert prospect([10.0] * 28, days).curves.cumulative.shape[1] == horizon

    def test_nothing_is_used_in_no_time(self) -> None:
        assert prospect([10.0] * 28).expected(END - DAY) == (0, 0, 0)

    def test_steady_usage_is_expected_to_go_on(self) -> None:
        assert prospect([10.0] * 60).per_day == pytest.approx(10, rel=0.05)

    def test_method_is_told(self) -> None:
        assert prospect([10.0] * 28).method == METHOD

    def test_recalibrated_method_says_on_what(self) -> None:
        found = prospect([10.0, 30.0, 20.0, 5.0] * 91)
        assert found.recalibrated is not None
        assert found.method == f"{METHOD}, recalibrated on {found.recalibrated.origins} own forecasts"

    @pytest.mark.parametrize(("daily", "weight", "only"), [(4, 1.0, True), (5, 1.0, False), (29, 0.1, True)], ids=str)
    def test_under_five_known_days_there_is_an_interval_only(self, daily: int, weight: float, *, only: bool) -> None:
        found = prospect_of(history([10.0] * daily, weight=weight), END + 30 * DAY, END)
        assert isinstance(found, Prospect)
        assert found.interval_only is only


class TestFormerPace:
    def test_idle_days_are_taken_as_if_they_had_not_been(self) -> None:
        former = prospect([10.0] * 30 + [0.0] * 10).at_former_pace()
        assert former is not None
        assert former.per_day == prospect([10.0] * 30).per_day

    def test_it_counts_from_the_same_instant(self) -> None:
        former = prospect([10.0] * 30 + [0.0] * 10).at_former_pace()
        assert former is not None
        assert former.history.end == END

    def test_meter_that_was_never_used_had_none(self) -> None:
        assert prospect([0.0] * 30).at_former_pace() is None


class TestOdds:
    @given(daily=DAILY, remaining=st.floats(0.001, 1e12), days=st.floats(0, 60))
    def test_times_are_in_order_and_before_the_end(self, daily: list[float], remaining: float, days: float) -> None:
        odds = prospect(daily, days).odds(remaining, END + days * DAY)
        assert list(odds.at.values()) == sorted(odds.at.values())
        assert all(END <= at <= END + days * DAY + timedelta(microseconds=1) for at in odds.at.values())

    @given(daily=DAILY, remaining=st.floats(0.001, 1e12), days=st.floats(0, 60))
    def test_time_is_told_where_its_quantile_lies_before_the_end(
        self, daily: list[float], remaining: float, days: float
    ) -> None:
        odds = prospect(daily, days).odds(remaining, END + days * DAY)
        assert set(odds.at) == {level for level in TIMES if level <= odds.probability}

    @given(daily=DAILY, less=st.floats(0, 1e10), more=st.floats(0, 1e10), days=st.floats(0, 60))
    def test_more_left_is_never_used_up_more_probably_or_sooner(
        self, daily: list[float], less: float, more: float, days: float
    ) -> None:
        found, end = prospect(daily, days), END + days * DAY
        small, large = found.odds(less, end), found.odds(less + more, end)
        assert small.probability >= large.probability
        assert all(small.at[level] <= at for level, at in large.at.items())

    @given(daily=DAILY, remaining=st.floats(0, 1e10), days=st.floats(0, 60), longer=st.floats(0, 60))
    def test_later_end_is_never_reached_less_probably(
        self, daily: list[float], remaining: float, days: float, longer: float
    ) -> None:
        early = prospect(daily, days).odds(remaining, END + days * DAY)
        late = prospect(daily, days + longer).odds(remaining, END + (days + longer) * DAY)
        assert early.probability <= late.probability + 1e-9

    def test_nothing_left_is_certain(self) -> None:
        assert prospect([10.0] * 9).odds(0, END).probability == 1

    def test_no_usage_has_no_odds(self) -> None:
        assert prospect([0.0] * 40).odds(1, END + 30 * DAY).at == {}

    def test_time_beyond_the_curves_is_not_told(self) -> None:
        assert prospect([10.0] * 30).used_up_at(1e9, 0.5) is None

    def test_time_is_counted_from_the_newest_observation(self) -> None:
        at = prospect([10.0] * 60).used_up_at(100, 0.5)
        assert at is not None
        assert (at - END) / DAY == pytest.approx(10, rel=0.1)
