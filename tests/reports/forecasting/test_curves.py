from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.forecasting import coefficients
from reports.forecasting.curves import FITTED, LEVELS, Curves, Dates, curves_of, forecast, quantile_curves
from reports.forecasting.features import FLOOR, TREND, WIDTH, Floats, features_of

HISTORIES = {
    "nothing used": np.zeros(30),
    "one idle day": np.zeros(1),
    "one day": np.array([5.0]),
    "two days": np.array([5.0, 0.0]),
    "always the same": np.full(90, 7.0),
    "mostly idle": np.concatenate([np.zeros(80), [1.0], np.zeros(9)]),
    "used for the first time": np.concatenate([np.zeros(89), [3.0]]),
    "idle for two months": np.concatenate([np.full(40, 9.0), np.zeros(60)]),
    "a spike": np.concatenate([np.ones(20), [1e9], np.ones(5)]),
    "a spike at the end": np.concatenate([np.ones(89), [1e9]]),
    "a spike among idle days": np.concatenate([np.zeros(20), [1e9], np.zeros(50)]),
    "huge": np.concatenate([np.arange(40) % 7.0, [1e15], np.ones(10)]),
    "tiny": np.full(40, 1e-12),
    "hardly a number": np.full(40, 5e-324),
    "hardly a number, and one more": np.array([5e-324, 0, 1.5e-323, 5e-324]),
    "beyond any meter": np.array([1e250, 1.0, 1e-300] * 30),
    "more than 1000 days": np.arange(1500) % 5 * 20.0,
    "taken back": np.tile([-5.0, 3.0, 2.0], 10),
}

histories = st.lists(st.integers(0, 10**6), min_size=1, max_size=120).map(lambda days: np.array(days, dtype="float64"))


def uneven(count: int) -> Floats:
    """Days that scatter around 100, always the same ones."""
    return np.random.default_rng(7).gamma(2, 50, count)


def dates(count: int) -> Dates:
    return np.datetime64("2026-01-01") + np.arange(count)


def curves(days: Floats, horizon: int = 60, spread: float = 1.0) -> Curves:
    return quantile_curves(days, dates(len(days)), horizon, spread=spread)


@pytest.fixture(scope="module")
def usual() -> Curves:
    """Curves of two months of a usual week."""
    return curves(np.tile([100.0, 110, 95, 105, 90, 20, 15], 8), 90)


@pytest.mark.parametrize("horizon", [1, 90, 730])
@pytest.mark.parametrize("days", HISTORIES.values(), ids=list(HISTORIES))
def test_any_history_gives_finite_rising_curves_without_a_warning(days: Floats, horizon: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = curves(days, horizon).cumulative
    assert found.shape == (len(LEVELS), horizon)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (np.diff(found, axis=0) >= 0).all()
    assert (np.diff(found, axis=1) >= 0).all()


@given(histories, st.integers(1, 200))
def test_curves_rise_along_both_axes(days: Floats, horizon: int) -> None:
    found = curves(days, horizon).cumulative
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=0) >= 0).all()
    assert (np.diff(found, axis=1, prepend=0) >= 0).all()


@given(histories, st.integers(1, 300))
def test_a_day_does_not_depend_on_how_many_are_asked_for(days: Floats, horizon: int) -> None:
    assert np.array_equal(curves(days, horizon).cumulative, curves(days, 365).cumulative[:, :horizon])


@given(histories)
def test_days_that_are_all_observed_are_what_no_weights_are(days: Floats) -> None:
    known = quantile_curves(days, dates(len(days)), 60, weights=np.ones(len(days)))
    assert np.array_equal(known.cumulative, curves(days).cumulative)


def test_the_same_history_gives_the_same_curves() -> None:
    days = uneven(60)
    assert np.array_equal(curves(days).cumulative, curves(days.copy()).cumulative)


def test_nothing_used_says_nothing_of_what_will_be() -> None:
    assert not curves(np.zeros(40)).cumulative.any()


def test_negative_days_count_as_none() -> None:
    assert np.array_equal(curves(np.array([5.0, -3, 4])).cumulative, curves(np.array([5.0, 0, 4])).cumulative)


def test_the_median_of_steady_usage_is_near_the_mean(usual: Curves) -> None:
    assert usual.quantile(0.5, 28) == pytest.approx(28 * 535 / 7, rel=0.1)


@pytest.mark.parametrize("ahead", [7, 28, 60])
@pytest.mark.parametrize("count", [60, 90, 330])
def test_steady_usage_goes_on_as_it_is(count: int, ahead: int) -> None:
    assert curves(np.full(count, 100.0)).quantile(0.5, ahead) == pytest.approx(100 * ahead, rel=0.005)


@pytest.mark.parametrize("weekly", [1.1, 1 / 1.1], ids=["growth", "decline"])
def test_even_growth_and_decline_are_foretold_near_the_level_of_the_last_weeks(weekly: float) -> None:
    days = 100 * weekly ** (np.arange(-120, 0) / 7)
    assert curves(days).quantile(0.5, 28) == pytest.approx(28 * days[-28:].mean(), rel=0.05)


def test_the_interval_narrows_with_history() -> None:
    days = 100 + 20 * np.sin(np.arange(90) * 2.4)

    def relative(count: int) -> float:
        found = curves(days[-count:])
        return (found.quantile(0.9, 14) - found.quantile(0.1, 14)) / found.quantile(0.5, 14)

    widths = [relative(count) for count in (1, 3, 7, 28, 90)]
    assert widths == sorted(widths, reverse=True)


def test_weekends_are_foreseen(usual: Curves) -> None:
    median = usual.cumulative[LEVELS.index(0.5)]
    daily = np.diff(median, prepend=0)
    assert daily[5:7].max() < 0.5 * daily[:5].min()


def test_spread_widens_around_the_median_alone() -> None:
    days = uneven(60)
    plain, wide = curves(days), curves(days, spread=1.5)
    assert wide.quantile(0.5, 20) == pytest.approx(plain.quantile(0.5, 20))
    assert wide.quantile(0.1, 20) < plain.quantile(0.1, 20)
    assert wide.quantile(0.9, 20) > plain.quantile(0.9, 20)


def test_a_large_day_within_wide_bounds_widens_the_curves_less() -> None:
    days, weights = np.full(40, 10.0), np.ones(40)
    days[10], weights[10] = 400.0, 0.05

    def relative(found: Curves) -> float:
        return found.quantile(0.9, 30) / found.quantile(0.1, 30)

    assert relative(quantile_curves(days, dates(40), 30, weights=weights)) < relative(curves(days))


@pytest.mark.parametrize(
    ("days", "dated", "said"),
    [
        pytest.param(np.ones(0), 0, "a day at least", id="no day"),
        pytest.param(np.ones(3), 2, "for every day", id="dates missing"),
        pytest.param(np.ones((3, 1)), 3, "for every day", id="a table"),
        pytest.param(np.array(1.0), 1, "for every day", id="a number"),
        pytest.param(np.array([1, np.nan, 2]), 3, "infinite or missing", id="not a number"),
        pytest.param(np.array([1, np.inf, 2]), 3, "infinite or missing", id="infinite"),
        pytest.param(np.array([1, -np.inf, 2]), 3, "infinite or missing", id="infinitely taken back"),
        pytest.param(np.array([1, 1e300]), 2, "infinite or missing", id="too large to be summed"),
    ],
)
def test_what_cannot_be_forecast_is_refused(days: Floats, dated: int, said: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=said):
            forecast(days, dates(dated), 30)


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan, np.inf])
def test_a_weight_is_positive(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        quantile_curves(np.ones(3), dates(3), 30, weights=np.array([1, weight, 1]))


def test_there_is_a_weight_for_every_day() -> None:
    with pytest.raises(ValueError, match="for every day"):
        quantile_curves(np.ones(3), dates(3), 30, weights=np.ones(2))


def test_a_forecast_is_for_a_day_or_more() -> None:
    with pytest.raises(ValueError, match="not for 0"):
        forecast(np.ones(3), dates(3), 0)


class TestReading:
    """Two levels, three days: 1, 2, 4 at one quarter and 2, 4, 8 at three."""

    CURVES = Curves(np.array([0.25, 0.75]), np.array([[1.0, 2, 4], [2.0, 4, 8]]))

    @pytest.mark.parametrize(
        ("level", "days", "amount"),
        [
            pytest.param(0.25, 2, 2.0, id="at a level and a day"),
            pytest.param(0.5, 2, 3.0, id="between levels"),
            pytest.param(0.25, 2.5, 3.0, id="inside a day"),
            pytest.param(0.25, 0, 0.0, id="at once"),
            pytest.param(0.01, 3, 4.0, id="below the lowest level"),
            pytest.param(0.75, 9, 8.0, id="beyond the horizon"),
        ],
    )
    def test_quantile(self, level: float, days: float, amount: float) -> None:
        assert self.CURVES.quantile(level, days) == pytest.approx(amount)

    @pytest.mark.parametrize(
        ("amount", "days", "probability"),
        [
            pytest.param(2, 2, 0.75, id="on the lower curve"),
            pytest.param(3, 2, 0.5, id="between the curves"),
            pytest.param(4, 2, 0.25, id="on the upper curve"),
            pytest.param(1.9, 2, 1.0, id="below the curves"),
            pytest.param(4.1, 2, 0.0, id="above the curves"),
            pytest.param(0, 2, 1.0, id="nothing"),
            pytest.param(-5, 2, 1.0, id="less than nothing"),
            pytest.param(1, 0, 0.0, id="in no time"),
        ],
    )
    def test_probability(self, amount: float, days: float, probability: float) -> None:
        assert self.CURVES.probability(amount, days) == pytest.approx(probability)

    @pytest.mark.parametrize(
        ("amount", "level", "days"),
        [
            pytest.param(2, 0.75, 2.0, id="late: the lower curve"),
            pytest.param(2, 0.25, 1.0, id="early: the upper curve"),
            pytest.param(3, 0.5, 2.0, id="between the curves"),
            pytest.param(6, 0.25, 2.5, id="inside a day"),
            pytest.param(0.5, 0.75, 0.5, id="inside the first day"),
            pytest.param(5, 0.75, float("inf"), id="beyond the horizon"),
            pytest.param(0, 0.5, 0.0, id="nothing"),
        ],
    )
    def test_time(self, amount: float, level: float, days: float) -> None:
        assert self.CURVES.time(amount, level) == pytest.approx(days)

    def test_no_usage_never_reaches_anything(self) -> None:
        idle = curves(np.zeros(10))
        assert idle.time(1, 0.5) == float("inf")
        assert idle.probability(1, 30) == 0


@given(histories, st.floats(0.02, 0.98), st.floats(0.5, 50))
def test_time_is_when_the_probability_reaches_the_level(days: Floats, level: float, within: float) -> None:
    found = curves(days)
    amount = found.quantile(1 - level, within)
    moment = found.time(amount, level)
    assert moment <= within + 1e-6 * within
    if amount > 0:
        assert found.probability(amount * (1 - 1e-9), moment) >= level - 1e-6


def test_the_harness_form_holds_the_same_curves() -> None:
    days = uneven(60)
    answer = forecast(days, dates(60), 90)
    assert np.array_equal(answer["cum"], curves(days, 90).cumulative)
    assert answer["levels"].tolist() == list(LEVELS)


def test_there_is_a_coefficient_for_every_feature_and_no_other() -> None:
    assert set(coefficients.TREND) == set(TREND)
    assert set(coefficients.WIDTH) == set(WIDTH)
    assert len(coefficients.SHAPE) == len(LEVELS)
    assert (np.diff(FITTED.shape) > 0).all()
    assert (np.diff(LEVELS) > 0).all()


def test_the_curves_are_the_formula_of_the_documentation() -> None:
    days = uneven(60)
    found = features_of(days, np.ones(60))
    ahead, at = 30, LEVELS.index(0.9)
    log = np.log(ahead / 14)
    mu = FITTED.median @ [1, log, log**2] + found.trend @ FITTED.trend[0] + found.trend @ FITTED.trend[1] * log
    widths = (found.width - FITTED.usual) @ FITTED.width.T
    sigma = np.exp(FITTED.spread @ [1, log, log**2] + widths[0] + widths[1] * log)
    slack = FLOOR * found.mean * ahead
    rhythm = np.resize(found.rhythm, ahead).sum()
    middle = FITTED.shape[LEVELS.index(0.5)]
    exponent = found.unrest * (mu + sigma * middle) + sigma * (FITTED.shape[at] - middle)
    expected = (found.level * rhythm + slack) * np.exp(exponent) - slack
    assert curves_of(found, ahead).cumulative[at, -1] == pytest.approx(expected)


def test_a_forecast_takes_little_longer_than_a_hundred_means() -> None:
    days, when = uneven(90), dates(90)

    def fastest(ask: Callable[[], object]) -> float:
        took = []
        for _ in range(50):
            started = time.perf_counter()
            ask()
            took.append(time.perf_counter() - started)
        return min(took)

    assert fastest(lambda: forecast(days, when, 90)) < 150 * fastest(lambda: np.full(90, days[-28:].mean()))
