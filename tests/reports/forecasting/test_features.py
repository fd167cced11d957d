from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.forecasting.features import MOST_DAYS, TREND, WIDTH, Features, Floats, features_of
from reports.forecasting.rhythm import rhythm_of

WORKING_WEEK = np.array([100.0, 100, 100, 100, 100, 20, 20])


def told(days: list[float] | Floats, weights: Floats | None = None) -> Features:
    daily = np.asarray(days, dtype="float64")
    return features_of(daily, np.ones(len(daily)) if weights is None else weights)


def trend(found: Features, name: str) -> float:
    return float(found.trend[TREND.index(name)])


def width(found: Features, name: str) -> float:
    return float(found.width[WIDTH.index(name)])


def test_the_level_is_the_mean_of_28_days_and_one_more_of_all() -> None:
    found = told([0.0] * 28 + [10.0] * 28)
    assert found.mean == pytest.approx(5)
    assert found.level == pytest.approx((28 * 10 + 5) / 29)


def test_one_day_is_its_own_level() -> None:
    assert told([7.0]).level == pytest.approx(7)


def test_a_steady_history_has_no_trend() -> None:
    assert told([3.0] * 60).trend == pytest.approx(np.zeros(len(TREND)), abs=1e-12)


def test_what_moves_the_median_is_believed_where_days_differ() -> None:
    assert told([3.0] * 60).unrest < 0.05
    assert told(np.tile(WORKING_WEEK, 9)).unrest < 0.5  # the weekdays are hardly unrest
    assert told([1.0, 30.0] * 28).unrest > 0.99
    assert 0.05 < told([3.0] * 7).unrest < 0.9  # a week of the same proves less


def test_a_last_week_above_the_others_moves_the_median_up() -> None:
    found = told([10.0] * 50 + [20.0] * 7)
    assert trend(found, "week") > 0.3
    assert trend(found, "quarter") < 0


def test_a_single_day_is_believed_less_than_three() -> None:
    assert trend(told([10.0] * 50 + [20.0] * 3), "three days") > trend(told([10.0] * 52 + [20.0]), "day") > 0


def test_spells_of_usage_last_and_scattered_days_do_not() -> None:
    spells, scattered = [1.0] * 20 + [9.0] * 20, [1.0, 9.0] * 20
    assert trend(told(spells), "lasting week") > 0.1
    assert trend(told([*scattered[:-7], *[9.0] * 7]), "lasting week") < trend(told(spells), "lasting week")


@pytest.mark.parametrize(
    ("name", "calm", "wild"),
    [
        pytest.param("weeks", [10.0] * 56, ([2.0] * 7 + [20.0] * 7) * 4, id="from week to week"),
        pytest.param("unevenness", [10.0] * 56, [1.0, 30.0] * 28, id="days against their mean"),
        pytest.param("steps", [10.0] * 56, [1.0, 30.0] * 28, id="from day to day"),
        pytest.param("own errors", [10.0] * 56, [1.0] * 28 + [30.0] * 28, id="what the mean missed"),
        pytest.param("idle days", [10.0] * 56, [0.0, 10.0] * 28, id="days without usage"),
        pytest.param("large days", [10.0] * 56, [1.0] * 55 + [300.0], id="few large days"),
        pytest.param("length", [10.0] * 14, [10.0] * 56, id="length"),
    ],
)
def test_a_width_grows_with(name: str, calm: list[float], wild: list[float]) -> None:
    assert width(told(wild), name) > width(told(calm), name)


def test_the_rhythm_is_not_unevenness() -> None:
    found = told(np.tile(WORKING_WEEK, 8))
    assert width(found, "unevenness beside the rhythm") < width(found, "unevenness") - 1


def test_days_before_the_last_90_say_nothing() -> None:
    recent: Floats = (np.arange(MOST_DAYS) % 11 + 1).astype("float64")
    old = np.concatenate([np.full(200, 1e6), recent])
    assert np.array_equal(told(old).width, told(recent).width)
    assert np.array_equal(told(old).trend, told(recent).trend)
    assert told(old).level == told(recent).level


@given(
    st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=60),
    st.sampled_from([0.125, 4.0, 1024.0]),  # powers of two, so that the arithmetic stays exact
)
def test_the_unit_never_matters(days: list[float], factor: float) -> None:
    daily = np.asarray(days, dtype="float64").round()
    one, other = told(daily), told(daily * factor)
    assert other.level == pytest.approx(one.level * factor)
    assert other.trend == pytest.approx(one.trend)
    assert other.width == pytest.approx(one.width)


def test_what_a_gap_used_is_known_in_sum_and_counts_fully_in_the_means() -> None:
    days, weights = np.array([10.0] * 40 + [50.0] * 10 + [10.0] * 6), np.ones(56)
    weights[40:50] = 0.1
    assert told(days, weights).level == told(days).level
    assert trend(told(days, weights), "week") == trend(told(days), "week")


def test_a_doubtful_day_makes_the_curves_less_wide() -> None:
    days, weights = np.array([10.0] * 40 + [500.0] + [10.0] * 15), np.ones(56)
    weights[40] = 0.05
    for name in ("weeks", "unevenness", "steps", "large days"):
        assert width(told(days, weights), name) < width(told(days), name)


def test_days_known_only_in_sum_count_as_a_shorter_history() -> None:
    days, weights = np.full(56, 10.0), np.ones(56)
    weights[20:40] = 0.1
    assert width(told(days, weights), "length") < width(told(days), "length")


def test_nothing_used_is_what_is_usual() -> None:
    found = told([0.0] * 30)
    assert (found.mean, found.level) == (0.0, 0.0)
    assert not found.width.any()


class TestRhythm:
    def test_it_begins_with_the_day_after_the_history(self) -> None:
        days = np.tile(WORKING_WEEK, 8)[:-2]  # the history ends on a Friday
        found = rhythm_of(days / days.mean(), np.ones(len(days)), 0.05)
        assert found[:2] == pytest.approx(found[:2].mean())
        assert found[:2].max() < 0.4
        assert found[2:].min() > 1

    def test_its_mean_is_one(self) -> None:
        assert rhythm_of(np.tile(WORKING_WEEK, 5), np.ones(35), 0.05).mean() == pytest.approx(1)

    def test_under_two_weeks_there_is_none(self) -> None:
        assert rhythm_of(WORKING_WEEK, np.ones(7), 0.05).tolist() == [1.0] * 7

    def test_one_odd_day_is_mostly_taken_for_chance(self) -> None:
        days = np.ones(21)
        days[10] = 8.0
        assert rhythm_of(days, np.ones(21), 0.05).max() < 2

    def test_newer_weeks_count_more(self) -> None:
        before, after = [1.0, 1, 1, 1, 1, 1, 1], [1.0, 1, 1, 1, 1, 1, 8]
        rising = rhythm_of(np.array(before * 4 + after * 4), np.ones(56), 0.05)
        falling = rhythm_of(np.array(after * 4 + before * 4), np.ones(56), 0.05)
        assert rising[-1] > falling[-1]
