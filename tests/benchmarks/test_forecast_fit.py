"""The fit: that its loss is the product's formula, that its gradient is right, that what it writes can be read."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from benchmarks.forecast.fit import forecaster, written
from benchmarks.forecast.loss import AIMS, LEVELS, Loss
from benchmarks.forecast.samples import DAYS, Samples, samples_of
from benchmarks.forecast.series import AHEAD, Series, seed
from reports.forecasting import curves
from reports.forecasting.features import FLOOR, TREND, WIDTH, Features, Floats


def series(name: str, shape: float) -> Series:
    amounts = np.random.default_rng(seed(name)).gamma(shape, 50, 150)
    return Series(name, amounts, np.datetime64("2026-01-01") + np.arange(len(amounts)))


@pytest.fixture(scope="module")
def samples() -> Samples:
    return samples_of([series("wiki/a", 0.5), series("wiki/b", 1), series("pypi/c", 4), series("llm/d", 0.2)])


@pytest.fixture(scope="module")
def loss(samples: Samples) -> Loss:
    return Loss.over(samples)


@pytest.fixture(scope="module")
def anywhere(loss: Loss) -> Floats:
    start = loss.start()
    return start + np.random.default_rng(5).normal(0, 0.05, len(start))


def test_the_levels_are_those_of_the_product() -> None:
    assert pytest.approx(LEVELS) == curves.LEVELS


def test_a_row_is_a_past_forecast_and_what_came_of_it() -> None:
    one = series("pypi/c", 2)
    found = samples_of([one])
    assert len(found.trend) == len(found.errors)
    assert found.errors.shape[1] == len(DAYS)
    assert DAYS[-1] == AHEAD


def test_idle_histories_teach_nothing() -> None:
    idle = Series("pypi/idle", np.zeros(150), np.datetime64("2026-01-01") + np.arange(150))
    assert len(samples_of([idle, series("pypi/c", 2)]).names) == len(samples_of([series("pypi/c", 2)]).names)


def test_the_loss_measures_the_formula_of_the_product(loss: Loss, samples: Samples, anywhere: Floats) -> None:
    filled, level = loss.filled(anywhere), 7.0
    median, sigma, _ = loss.curve(loss.split(anywhere))
    for row in (0, 20, 50):
        found = Features(5.0, level, np.ones(7), samples.trend[row], samples.width[row], samples.unrest[row])
        slack = FLOOR * found.mean * DAYS
        middle = filled.shape[LEVELS.tolist().index(0.5)]
        shape = filled.shape - middle + samples.unrest[row] * middle
        exponent = median[row] + sigma[row] * shape[:, None]
        by_loss = np.maximum((level * DAYS + slack) * np.exp(exponent) - slack, 0)
        by_product = curves.curves_of(found, AHEAD, filled=filled).cumulative[:, DAYS - 1]
        rises = (np.diff(by_loss, axis=1) >= 0).all(axis=1)
        assert rises.sum() > len(LEVELS) / 2
        assert by_product[rises] == pytest.approx(by_loss[rises])


def test_the_gradient_is_the_slope_of_the_loss(loss: Loss, anywhere: Floats) -> None:
    _, gradient = loss(anywhere)
    for place in range(0, len(anywhere), 5):
        step = np.zeros(len(anywhere))
        step[place] = 1e-5
        slope = (loss(anywhere + step)[0] - loss(anywhere - step)[0]) / 2e-5
        assert gradient[place] == pytest.approx(slope, rel=1e-3, abs=1e-5)


def test_groups_are_drawn_to_their_aims_only_where_they_are_there(loss: Loss) -> None:
    assert [tuple(aim) for aim in loss.drawn.aims] == [AIMS["wiki"], AIMS["pypi"]]


def test_what_is_written_is_what_was_found(loss: Loss, samples: Samples, anywhere: Floats, tmp_path: Path) -> None:
    filled = loss.filled(anywhere)
    text = written(filled, samples, 1.5, "the command", "2026-01-31")
    path = tmp_path / "coefficients.py"
    path.write_text(text, encoding="utf-8")
    read = runpy.run_path(str(path))
    assert tuple(read["TREND"]) == TREND
    assert tuple(read["WIDTH"]) == WIDTH
    assert read["SHAPE"] == pytest.approx(filled.shape, rel=1e-3)
    assert read["SPREAD"] == pytest.approx(filled.spread, rel=1e-3)
    assert max(len(line) for line in text.splitlines()) <= 120
    assert "llm 1, pypi 1, wiki 2" in text


def test_the_written_coefficients_are_what_the_product_forecasts_with() -> None:
    one = series("pypi/c", 2)
    ours = curves.forecast(one.amounts, one.dates, 30)
    assert np.array_equal(forecaster(curves.FITTED)(one.amounts, one.dates, 30)["cum"], ours["cum"])


def test_down_the_gradient_the_loss_grows_less(loss: Loss) -> None:
    place = loss.start()
    lost = [loss(place)[0]]
    for _ in range(20):
        gradient = loss(place)[1]
        place = place - 0.01 * gradient
        lost.append(loss(place)[0])
    assert lost == sorted(lost, reverse=True)
