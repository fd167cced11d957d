from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.forecasting.history import History
from reports.forecasting.hours import Hours
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
        worth = f"worth {found.recalibrated.origins} independent forecasts"
        assert found.method == f"{METHOD}, recalibrated on its own record ({worth})"

    @pytest.mark.parametrize(
        ("daily", "weight", "words"),
        [
            (1, 1.0, "only 1 day of history"),
            (4, 1.0, "only 4 days of history"),
            (4, 0.999, "only 4 days of history"),
            (5, 1.0, ""),
            (5, 0.999, ""),
            (5, 0.89, "only about 4 of 5 days observed"),
            (29, 0.1, "only about 3 of 29 days observed"),
        ],
    )
    def test_under_five_known_days_there_is_an_interval_only(self, daily: int, weight: float, words: str) -> None:
        found = prospect_of(history([10.0] * daily, weight=weight), END + 30 * DAY, END)
        assert isinstance(found, Prospect)
        assert (found.interval_only, found.little) == (words != "", words)


class TestIdle:
    @pytest.mark.parametrize(
        ("daily", "words"),
        [
            ([10.0] * 20 + [0.0] * 9, "idle for 9 days"),
            ([10.0] * 40 + [0.0] * 130 + [10.0] * 10 + [0.0] * 100, "idle for 100 days"),
            ([0.0], "no usage in 1 day of history"),
            ([0.0] * 6, "no usage in 6 days of history"),
            ([0.0] * 40, "idle for 40 days"),
        ],
        ids=["longer than ever", "not longer, but nothing is foretold", "one day", "under a week", "never used"],
    )
    def test_meter_of_which_nothing_is_foretold_is_idle(self, daily: list[float], words: str) -> None:
        found = prospect(daily)
        assert (found.is_idle, found.idle) == (True, words)

    def test_weekend_is_not_idle(self) -> None:
        assert not prospect([10.0] * 26 + [0.0] * 2).is_idle


class TestToldInstant:
    def test_nothing_is_told_of_the_past(self) -> None:
        assert prospect([10.0] * 9).told(END + DAY, END + 3 * DAY) == END + 3 * DAY

    def test_midnight_belongs_to_the_day_before(self) -> None:
        midnight = END.replace(hour=0, minute=0) + DAY
        assert prospect([10.0] * 9).told(midnight, END).date() == END.date()


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


class TestHours:
    NIGHT = Hours(tuple(max(0.0, (hour - 14) / 10) for hour in range(25)))  # nothing is used in the next 14 hours

    def known(self) -> Prospect:
        return replace(prospect([100.0] * 28), hours=self.NIGHT)

    def test_what_is_not_used_at_night_does_not_run_out_at_night(self) -> None:
        known = self.known()
        assert known.odds(10, END + timedelta(hours=6)).probability == 0
        assert known.expected(END + timedelta(hours=6)) == (0, 0, 0)
        at = known.used_up_at(10, 0.5)
        assert at is not None
        assert END + timedelta(hours=14) < at < END + timedelta(hours=17)

    def test_whole_days_are_what_they_are_without_hours(self) -> None:
        known = self.known()
        assert known.expected(END + 5 * DAY) == prospect([100.0] * 28).expected(END + 5 * DAY)

    def test_chance_before_an_end_and_the_time_agree(self) -> None:
        known = self.known()
        for level, at in known.odds(250, END + 10 * DAY).at.items():
            assert known.odds(250, at).probability == pytest.approx(level, abs=0.02)

    @pytest.mark.parametrize(
        ("remaining", "days", "near"), [(200, 30, True), (900, 2, True), (900, 30, False)], ids=["quota", "end", "far"]
    )
    def test_they_matter_where_something_ends_within_three_days(self, remaining: int, days: int, near: bool) -> None:
        assert prospect([100.0] * 28).is_near(remaining, END + days * DAY) is near
