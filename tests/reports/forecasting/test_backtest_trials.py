from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.forecasting.backtest_trials import Trial, grade_of, place_among, share_within

LEVELS = [0.1, 0.5, 0.9]


@pytest.mark.parametrize(
    ("amounts", "amount", "place"),
    [
        ([10, 20, 30], 20, (0.5, 0.5)),
        ([10, 20, 30], 25, (0.7, 0.7)),
        ([10, 20, 30], 5, (0.0, 0.1)),
        ([10, 20, 30], 31, (0.9, 1.0)),
        ([0, 0, 30], 0, (0.0, 0.5)),
        ([10, 30, 30], 30, (0.5, 1.0)),
        ([0, 0, 0], 0, (0.0, 1.0)),
    ],
    ids=["on a quantile", "between two", "below all", "above all", "tie below", "tie above", "all tie"],
)
def test_place_among_the_quantiles(amounts: list[float], amount: float, place: tuple[float, float]) -> None:
    assert place_among(LEVELS, amounts, amount) == pytest.approx(place)


@given(
    amounts=st.lists(st.integers(0, 5), min_size=3, max_size=3).map(sorted),
    amount=st.integers(0, 6),
    cuts=st.lists(st.floats(0.01, 0.99), max_size=5).map(sorted),
)
def test_what_came_lies_in_parts_that_add_up_to_one(amounts: list[int], amount: int, cuts: list[float]) -> None:
    place = place_among(LEVELS, amounts, amount)
    parts = [share_within(place, low, high) for low, high in pairwise([0.0, *cuts, 1.0])]
    assert sum(parts) == pytest.approx(1.0)
    assert min(parts) >= 0


def trial(origin: float, probability: float | None, came: bool, plain: bool | None = None, **changes: object) -> Trial:
    found = Trial(origin, 7.0, probability, came, plain=plain)
    return Trial(**{**{name: getattr(found, name) for name in Trial.__slots__}, **changes})


def test_grade_counts_and_scores() -> None:
    trials = [
        trial(0, 0.8, True, True, place=(0.5, 0.5), error=2.0, plain_error=-4.0),
        trial(7, 0.4, False, True, place=(0.0, 0.2)),
        trial(14, None, True, error=-1.0),
    ]
    found = grade_of(trials, 28)
    assert (found.trials, found.origins, found.probabilities, found.ran_out, found.dated) == (3, 3, 2, 1, 2)
    assert found.brier == pytest.approx((0.2**2 + 0.4**2) / 2)
    assert found.plain_brier == 0.5
    assert (found.median_error, found.plain_error) == (1.5, 4.0)
    assert (found.covered, found.below, found.above) == pytest.approx((0.75, 0.25, 0.0))


def test_trials_that_overlap_are_worth_what_fits_one_after_the_other() -> None:
    daily = [trial(day, 0.5, True) for day in range(22)]
    assert grade_of(daily, 28).independent == pytest.approx(4.0)


def test_trials_about_one_reset_are_worth_one() -> None:
    same = [trial(day, 0.5, True, days=30.0 - day) for day in range(20)]
    assert grade_of(same, 365).independent == 1.0


def test_without_dates_or_probabilities_there_is_nothing_to_tell() -> None:
    found = grade_of([trial(0, None, False)], 7)
    assert (found.brier, found.plain_brier, found.median_error, found.covered, found.better) == (None,) * 5


@pytest.mark.parametrize(
    ("foretold", "plain", "better"),
    [(0.9, False, "forecast"), (0.1, True, "mean28"), (0.5, None, None)],
    ids=["forecast", "mean", "nothing to compare with"],
)
def test_the_better_one_is_named(foretold: float, plain: bool | None, better: str | None) -> None:
    trials = [trial(7.0 * week, foretold, True, plain) for week in range(9)]
    assert grade_of(trials, 63).better == better


def test_a_difference_that_chance_makes_names_nobody() -> None:
    trials = [trial(7.0 * week, 0.5, week % 2 == 0, week % 4 == 0) for week in range(6)]
    assert grade_of(trials, 42).better == "neither"


def test_where_nobody_can_tell_the_mean_is_not_graded_either() -> None:
    found = grade_of(
        [
            trial(0, 0.5, True, True, error=1.0, plain_error=2.0),
            trial(7, None, True, False, plain_error=30.0, unknown=True),
        ],
        14,
    )
    assert (found.unknown, found.probabilities, found.plain_brier, found.plain_error) == (1, 1, 0.0, 2.0)


@pytest.mark.parametrize("origins", [1, 2, 7])
def test_under_eight_independent_trials_nobody_is_better(origins: int) -> None:
    trials = [trial(7.0 * week, 0.9, True, False) for week in range(origins)]
    assert grade_of(trials, 7.0 * origins).better == "neither"


def test_trials_without_a_probability_do_not_make_the_others_worth_more() -> None:
    told = [trial(7.0 * week, 0.9, True, False) for week in range(3)]
    unknown = [trial(7.0 * week, None, True, False, unknown=True) for week in range(3, 30)]
    assert grade_of([*told, *unknown], 210).better == "neither"
