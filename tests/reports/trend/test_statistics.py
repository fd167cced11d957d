from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

from reports.trend.changes import changes
from reports.trend.growth import LEAST_DAYS, _discordant, growth
from reports.trend.series import balanced, inflation, ranks, without_weekdays
from reports.trend.usual import usual
from tests.reports.trend.noise import FIRST, NOISES, Noise, drawn, normal, rhythm, series

EVERY = pytest.mark.parametrize("noise", NOISES.values(), ids=list(NOISES))
SEEDS = range(12)


def test_ties_share_their_mean_rank() -> None:
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_a_weekly_rhythm_alone_leaves_nothing() -> None:
    assert set(without_weekdays(series(100 * rhythm(28))).round(9)) == {100.0}


def test_a_balanced_series_keeps_the_mean_level_and_loses_the_rhythm() -> None:
    assert balanced(series(700 * rhythm(28))).amounts.round(6).tolist() == [round(100 * float(rhythm(7).sum()), 6)] * 28


def test_a_weekday_without_usage_is_left_out_of_a_balanced_series() -> None:
    found = balanced(series(np.resize([7.0, 7, 7, 7, 7, 0, 0], 28)))
    assert (len(found), set(found.weekdays.tolist())) == (20, {0, 1, 2, 3, 4})


def test_independent_days_are_hardly_inflated() -> None:
    amounts = np.random.default_rng(1).normal(0.0, 1.0, 2000)
    assert inflation(series(amounts).ordinals, amounts) < 1.1


def test_days_that_resemble_each_other_are_inflated() -> None:
    smooth = np.sin(np.arange(200) / 10)
    assert inflation(series(smooth).ordinals, smooth) > 10


class TestGrowth:
    def test_of_a_straight_line_with_a_rhythm_is_its_slope(self) -> None:
        found = growth(series(np.resize([0.0, 5, 9, 2, 4, -20, -30], 70) + 100 + 1.0 * np.arange(70)))
        assert found is not None
        assert found.slope == pytest.approx(1.0, rel=0.2)

    def test_of_a_growing_rhythm_is_that_of_the_mean_day(self) -> None:
        level = 100 + 0.5 * np.arange(364)
        found = growth(series(level * rhythm(364)))
        assert found is not None
        assert found.slope == pytest.approx(0.5 * float(rhythm(7).mean()), rel=0.05)

    def test_is_not_told_from_under_four_weeks(self) -> None:
        assert growth(series(np.ones(LEAST_DAYS - 1))) is None

    def test_is_not_moved_by_a_wild_day(self) -> None:
        calm = drawn(normal, 3, 120)
        wild = calm.copy()
        wild[60] = 1e9
        one, other = growth(series(calm)), growth(series(wild))
        assert one is not None
        assert other is not None
        assert other.slope == pytest.approx(one.slope, abs=0.1)

    def test_of_four_weeks_has_an_exact_interval_around_it(self) -> None:
        found = growth(series(drawn(normal, 5, 28)))
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.slope < found.high

    @EVERY
    def test_is_not_certain_where_there_is_none(self, noise: Noise) -> None:
        certain = [found for seed in SEEDS if (found := growth(series(drawn(noise, seed)))) and found.is_certain]
        assert len(certain) <= 2

    @EVERY
    def test_is_certain_where_usage_doubles_in_a_year(self, noise: Noise) -> None:
        slope = 1 + np.arange(365) / 365
        found = [growth(series(drawn(noise, seed) * slope)) for seed in range(4)]
        assert all(one is not None and one.is_certain and one.slope > 0 for one in found)

    def test_counts_discordant_pairs_as_all_orders_do(self) -> None:
        orders = list(permutations(range(4)))
        counted = [sum(one > other for one, other in combinations(order, 2)) for order in orders]
        expected = [counted.count(number) / len(orders) for number in range(7)]
        assert _discordant([4]).round(12).tolist() == [round(one, 12) for one in expected]


class TestChanges:
    @EVERY
    def test_stationary_noise_of_a_year_has_none(self, noise: Noise) -> None:
        assert sum(bool(changes(series(drawn(noise, seed)))) for seed in SEEDS) <= 1

    @pytest.mark.parametrize("factor", [2.0, 0.5], ids=["doubling", "halving"])
    @EVERY
    def test_a_lasting_change_is_found_within_a_week(self, noise: Noise, factor: float) -> None:
        hits = 0
        for seed in SEEDS:
            amounts = drawn(noise, seed)
            amounts[200:] *= factor
            hits += any(abs(one.ordinal - FIRST - 200) <= 7 for one in changes(series(amounts)) or ())
        assert hits >= 9

    def test_says_what_a_day_uses_before_and_after(self) -> None:
        amounts = np.concatenate([np.full(40, 10.0), np.full(40, 30.0)]) + np.resize([0.0, 0.5, 1.0], 80)
        found = changes(series(amounts)) or ()
        assert [(one.ordinal - FIRST, round(one.before), round(one.after)) for one in found] == [(40, 10, 30)]

    def test_both_ends_of_a_busy_quarter_are_found(self) -> None:
        amounts = drawn(normal, 7)
        amounts[120:210] *= 2
        assert [round((one.ordinal - FIRST) / 10) for one in changes(series(amounts)) or ()] == [12, 21]

    def test_steady_growth_is_no_staircase(self) -> None:
        level = 1 + 2 * np.arange(365) / 365
        assert sum(bool(changes(series(drawn(normal, seed) * level))) for seed in SEEDS) <= 1

    def test_a_wild_week_is_no_change(self) -> None:
        amounts = drawn(normal, 2)
        amounts[100:107] *= 20
        assert changes(series(amounts)) == []

    @pytest.mark.parametrize("amounts", [np.zeros(60), np.full(60, 7.0)], ids=["noughts", "constant"])
    def test_days_that_are_all_alike_have_none(self, amounts: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
        assert changes(series(amounts)) == []

    def test_are_not_told_from_under_four_weeks(self) -> None:
        assert changes(series(np.ones(27))) is None


def _unusual(amounts: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[int]:
    found = series(amounts)
    range_ = usual(found, changes(found) or (), found.ordinals, 1.0)
    assert range_ is not None
    return np.flatnonzero((found.amounts > range_.high) | (found.amounts < range_.low)).tolist()


class TestUsual:
    @EVERY
    def test_stationary_noise_has_at_most_two_unusual_days_a_year(self, noise: Noise) -> None:
        assert sum(len(_unusual(drawn(noise, seed))) for seed in SEEDS) <= 2 * len(SEEDS)

    @EVERY
    def test_a_day_of_six_times_the_usual_stands_out(self, noise: Noise) -> None:
        for seed in range(4):
            amounts = drawn(noise, seed)
            amounts[161] = 6 * float(np.median(amounts[:5])) + 20
            assert 161 in _unusual(amounts)

    def test_a_working_day_without_usage_stands_out(self) -> None:
        amounts = drawn(normal, 4)
        amounts[161] = 0
        assert 161 in _unusual(amounts)

    def test_a_quiet_weekend_is_usual(self) -> None:
        assert _unusual(np.resize([100.0, 103, 99, 101, 98, 0, 0], 60)) == []

    def test_a_busy_sunday_stands_out_where_a_busy_monday_does_not(self) -> None:
        amounts = np.resize([100.0, 103, 99, 101, 98, 0, 0], 63)
        amounts[34] = 100
        assert _unusual(amounts) == [34]

    def test_six_events_are_not_unusual_where_three_are_usual(self) -> None:
        amounts = np.full(60, 3.0)
        amounts[30] = 6
        assert _unusual(amounts) == []

    def test_days_after_a_change_of_level_are_usual_again(self) -> None:
        amounts = drawn(normal, 9)
        amounts[200:] *= 3
        assert [day for day in _unusual(amounts) if day > 203] == []

    def test_two_weeks_know_working_days_from_weekends(self) -> None:
        found = series(np.resize([100.0, 103, 99, 101, 98, 10, 12], 14))
        range_ = usual(found, (), found.ordinals, 1.0)
        assert range_ is not None
        assert range_.high[5] < range_.low[4]

    def test_is_not_told_from_under_two_weeks(self) -> None:
        found = series(np.ones(13))
        assert usual(found, (), found.ordinals, 1.0) is None

    def test_nothing_but_noughts_is_usual(self) -> None:
        assert _unusual(np.zeros(40)) == []
