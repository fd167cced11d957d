"""What people forecast with today, to be measured against: means, a straight line, and statsforecast's models.

Source: ``predict_linear`` of Prometheus, which draws the least-squares line through the samples of a range and reads it
off at a later instant; here through the cumulative counter at the ends of the days.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from reports.forecasting.curves import Dates
from reports.forecasting.features import Floats

Forecaster: TypeAlias = Callable[[Floats, Dates, int], Any]

SPREAD = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95)  # central intervals, in percent


def mean_of(count: int) -> Forecaster:
    """Forecast the mean of the last ``count`` days."""
    return lambda values, _, horizon: np.full(horizon, values[-count:].mean())


def line_over(count: int | None) -> Forecaster:
    """Forecast by a straight line through the counter of the last ``count`` days, or of all of them."""

    def forecast(values: Floats, _: Dates, horizon: int) -> Floats:
        used = values[-count:] if count else values
        counter = np.concatenate([[0.0], np.cumsum(used)])
        days = np.arange(len(counter)) - len(used)
        slope = ((days - days.mean()) @ counter) / ((days - days.mean()) ** 2).sum()
        height = counter.mean() - slope * days.mean()
        growth = height + slope * np.arange(1, horizon + 1) - counter[-1]
        return np.diff(np.maximum.accumulate(np.maximum(growth, 0)), prepend=0.0)

    return forecast


PEERS: dict[str, Forecaster] = {
    "mean of 28 days": mean_of(28),
    "mean of 7 days": mean_of(7),
    "predict_linear, 7 days": line_over(7),
    "predict_linear, all": line_over(None),
}


def statistical_peers() -> dict[str, Forecaster] | None:
    """Return AutoETS and Dynamic Optimised Theta; None where statsforecast is not installed.

    Their intervals are of single days. The curves of cumulative usage take the days to be independent, as everybody who
    only has the models' intervals must: the variances of the days add up.
    """
    try:
        from statsforecast.models import AutoETS, DynamicOptimizedTheta
    except ImportError:
        return None
    return {"AutoETS": _adapted(AutoETS), "Dynamic Optimised Theta": _adapted(DynamicOptimizedTheta)}


def _adapted(model: Any) -> Forecaster:
    def forecast(values: Floats, _: Dates, horizon: int) -> dict[str, Floats]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = model(season_length=7).forecast(y=values, h=horizon, level=list(SPREAD))
        mean = np.cumsum(np.maximum(answer["mean"], 0))
        levels, curves = [0.5], [mean]
        for percent in SPREAD:
            for side, sign in (("lo", -1), ("hi", 1)):
                off = np.sqrt(np.cumsum((np.asarray(answer[f"{side}-{percent}"]) - answer["mean"]) ** 2))
                levels.append(0.5 + sign * percent / 200)
                curves.append(np.maximum.accumulate(np.maximum(mean + sign * off, 0)))
        order = np.argsort(levels)
        return {"levels": np.array(levels)[order], "cum": np.array(curves)[order]}

    return forecast
