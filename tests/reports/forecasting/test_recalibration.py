from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from reports.forecasting.history import History
from reports.forecasting.recalibration import HORIZONS, LEAST_ORIGINS, _distances, recalibration_of
from reports.forecasting.words import widened


def record(daily: np.ndarray[tuple[int, ...], np.dtype[np.float64]], weight: float = 1.0) -> History:
    dates = np.datetime64("2025-01-01") + np.arange(len(daily))
    return History(daily, dates, np.full(len(daily), weight), datetime(2026, 1, 1, tzinfo=UTC), ZoneInfo("UTC"))


def even(days: int) -> History:
    """Usage that hardly varies."""
    return record(np.random.default_rng(1).normal(1000, 20, days))


def leaping(days: int) -> History:
    """Usage that leaps to another level for a fortnight, after looking even for a fortnight."""
    levels = np.random.default_rng(1).lognormal(0, 1.5, days // 14 + 1).repeat(14)[:days]
    return record(1000 * levels)


def test_a_record_that_is_too_short_says_nothing() -> None:
    found = [days for days in range(150, 260, 5) if recalibration_of(even(days)) is not None]
    assert found[0] == 190
    assert found == list(range(190, 260, 5))


def test_a_record_that_always_came_as_foretold_makes_the_interval_narrower() -> None:
    found = recalibration_of(even(364))
    assert found is not None
    assert 0.6 <= found.spread < 1
    assert found.covered_before > 0.9
    assert found.origins >= LEAST_ORIGINS


def test_a_record_that_leaps_makes_the_interval_wider() -> None:
    found = recalibration_of(leaping(364))
    assert found is not None
    assert 1 < found.spread <= 2
    assert found.covered_before < 0.8


def test_a_longer_record_is_worth_more_origins() -> None:
    short, long = recalibration_of(even(200)), recalibration_of(even(364))
    assert short is not None
    assert long is not None
    assert long.origins > short.origins


def test_the_unit_does_not_matter() -> None:
    history = leaping(300)
    one, thousand = recalibration_of(history), recalibration_of(replace(history, daily=history.daily * 1000))
    assert one is not None
    assert thousand is not None
    assert thousand.spread == pytest.approx(one.spread)


@pytest.mark.parametrize(
    "history",
    [record(np.zeros(364)), record(np.full(364, 7.0), weight=0.1), record(np.array([5.0]))],
    ids=["idle", "hardly observed", "one day"],
)
def test_what_was_not_used_or_not_observed_is_no_witness(history: History) -> None:
    assert recalibration_of(history) is None


def test_the_share_says_of_how_many_forecasts_it_is() -> None:
    found = recalibration_of(even(364))
    assert found is not None
    assert found.forecasts == 12 * len(HORIZONS)


def test_no_forecast_is_made_from_inside_a_gap() -> None:
    history = even(364)
    weights = history.weights.copy()
    weights[27] = 0.05  # the day before the first origin
    found = recalibration_of(replace(history, weights=weights))
    assert found is not None
    assert found.forecasts == 11 * len(HORIZONS)


def test_what_the_curves_have_forgotten_moves_no_distance() -> None:
    history = even(364)
    daily = history.daily.copy()
    daily[:20] *= 50
    far = 5 * len(HORIZONS)  # from the sixth origin on these days are more than 90 days ago
    before, after = (list(_distances(one, 0)) for one in (history, replace(history, daily=daily)))
    assert after[:far] != before[:far]
    assert after[far:] == pytest.approx(before[far:])


@pytest.mark.parametrize(("spread", "words"), [(1.0, ""), (1.12, "12 % wider"), (0.75, "25 % narrower"), (1.001, "")])
def test_the_factor_in_words(spread: float, words: str) -> None:
    assert widened(spread) == words
