"""What a history of daily usage tells of the days to come, as the numbers that the quantile curves are made of.

Everything is a ratio, so the unit never matters. Everything is shrunk towards what is usual, so one day of history is
enough. And a day that is known only within bounds counts only as much as its weight says in how even the days are, and
in how much history there is. It counts fully in every mean, for what a gap used is known in sum.

    oldest ──────── 90 ──── 56 ──── 28 ────── 7 ── 3 ─ 1 ┤ the days to come
                            │       └ the level: their mean
                            └ how even the days are, how rare the large ones

A rule for editors: the coefficients belong to these very features. Whoever changes one fits them anew, with
``python -m benchmarks.forecast.fit``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reports.forecasting.rhythm import rhythm_of

Floats: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"

__all__ = ["FLOOR", "MOST_DAYS", "TREND", "WIDTH", "Features", "Floats", "features_of"]

FLOOR = 0.05  # of the mean day; added to both sides of every ratio, so that idle days have a logarithm
MOST_DAYS = 90  # what the coefficients were fitted on; more history made real forecasts worse (docs/forecasting.md)

LEVEL_DAYS = 28
EVEN_DAYS = 56  # over which the evenness of the days is measured
BACKTEST_DAYS = 14
CALM = 0.05  # of the mean change from day to day: where it is this small, half of what moves the median is believed

TREND = ("day", "three days", "week", "quarter", "skew", "lasting day", "lasting three days", "lasting week")
"""What moves the median, in the order of `Features.trend`.

The mean of the last 1, 3, 7 and 90 days and (skew) the mean against the median day, as log-ratios; lasting: times the
correlation of one day with the next, for where usage comes in spells its last days tell more.
"""

WIDTH = (
    "three days", "quarter", "skew", "weeks", "unevenness", "unevenness beside the rhythm", "steps", "length",
    "under a week", "own errors", "idle days", "large days",
)  # fmt: skip
"""What makes the curves wide or narrow, in the order of `Features.width`.

The first two are sizes of the log-ratios above, the third is the same skew. Then, as logarithms but for the idle days'
share: the mean change from week to week, the coefficient of variation of the days without and with the weekday's factor
taken off, the mean change from day to day, the number of days against 28 and what they lack to a week, the error that
the mean of 28 days had here over 14 days, the share of idle days, and the largest tenth of the days against the mean.
"""


@dataclass(frozen=True, slots=True)
class Features:
    """What a history tells; amounts are in the unit of the history.

    Attributes:
        mean: Mean of all its days; 0 where nothing was used, and then all the others say what is usual.
        level: Mean of its last 28 days at most, with one more day of the mean of all.
        rhythm: (7,) float64, the factor of each of the next seven days; their mean is 1.
        trend: (t,) float64, what moves the median; see `TREND`.
        width: (w,) float64, what makes the curves wide or narrow; see `WIDTH`.
        unrest: How much of what moves the median is believed, 0..1: nearly nothing where a day is like the day before,
            for then the next days are like the last ones, and nearly all for real usage.
    """

    mean: float
    level: float
    rhythm: Floats
    trend: Floats
    width: Floats
    unrest: float


def features_of(daily: Floats, weights: Floats) -> Features:
    """Return what a history tells.

    Args:
        daily: (n,) float64, usage of consecutive 24-hour days, oldest first, n >= 1, none negative.
        weights: (n,) float64 in (0, 1], how much each day is known of itself.
    """
    weights = weights[-MOST_DAYS:]
    mean = float(daily[-MOST_DAYS:].mean())
    if mean < np.finfo("float64").tiny:  # nothing, or so little that a ratio of it has no digits left
        return Features(0.0, 0.0, np.ones(7), np.zeros(len(TREND)), np.zeros(len(WIDTH)), 0.0)
    days = daily[-MOST_DAYS:] / mean
    level = _shrunk(days[-LEVEL_DAYS:], usual=1.0, pseudo=1.0)
    rhythm = rhythm_of(days, weights, FLOOR)
    recent = days[-EVEN_DAYS:], weights[-EVEN_DAYS:]
    steady = recent[0] / np.resize(rhythm[::-1], len(recent[0]))[::-1]
    change, lasting = _steps(steady, recent[1])
    ratios = _ratios(days, level)
    skew = _ratio(float(recent[0].mean()), _median(*recent))
    known = float(weights.sum())
    width = (
        abs(ratios[1]),
        abs(ratios[3]),
        skew,
        _weekly_change(days, weights),
        _unevenness(*recent, usual=0.5),
        _unevenness(steady, recent[1], usual=0.3),
        float(np.log(change + 0.02)),
        float(np.log(known / LEVEL_DAYS)),
        float(np.log(7 / min(known, 7.0))),
        _own_errors(days),
        _mean((recent[0] <= 0).astype("float64"), recent[1]),
        _large_days(*recent),
    )
    trend = (*ratios, skew, *(lasting * ratio for ratio in ratios[:3]))
    unrest = change**2 / (change**2 + CALM**2)
    return Features(mean, level * mean, rhythm, np.array(trend), np.array(width), unrest)


def _mean(days: Floats, weights: Floats) -> float:
    return float(days @ weights / weights.sum())


def _shrunk(days: Floats, usual: float, pseudo: float) -> float:
    """Return the mean as if ``pseudo`` more days of the ``usual`` had been seen."""
    return float((days.sum() + pseudo * usual) / (len(days) + pseudo))


def _ratio(above: float, below: float) -> float:
    return float(np.log((above + FLOOR) / (below + FLOOR)))


def _ratios(days: Floats, level: float) -> tuple[float, ...]:
    """Return the log-ratios to the level of the last 1, 3, 7 and 90 days' means; a single day is shrunk twice."""
    spans = ((1, 2.0), (3, 1.0), (7, 1.0), (90, 1.0))
    return tuple(_ratio(_shrunk(days[-span:], level, pseudo), level) for span, pseudo in spans)


def _median(days: Floats, weights: Floats) -> float:
    """Return the weighted median; with equal weights the plain one."""
    order = np.argsort(days, kind="stable")
    reached = np.cumsum(weights[order])
    half = reached[-1] / 2
    low, high = np.searchsorted(reached, half, side="left"), np.searchsorted(reached, half, side="right")
    return float((days[order[low]] + days[order[min(high, len(days) - 1)]]) / 2)


def _steps(days: Floats, weights: Floats) -> tuple[float, float]:
    """Return the mean change from day to day, in logarithms, and the correlation of a day with the next."""
    logs = np.log(days + FLOOR)
    both = np.minimum(weights[1:], weights[:-1])
    change = float((np.abs(np.diff(logs)) @ both + 2 * 0.3) / (both.sum() + 2))
    around = logs - _mean(logs, weights)
    return change, float((around[1:] * around[:-1]) @ both / ((around**2) @ weights + 0.5))


def _weekly_change(days: Floats, weights: Floats) -> float:
    """Return the log of the mean change from week to week, as if one week of a change of 0.2 had been seen too."""
    weeks = len(days) // 7
    sure = weights[len(days) - 7 * weeks :].reshape(weeks, 7)
    sums = (days[len(days) - 7 * weeks :].reshape(weeks, 7) * sure).sum(axis=1)
    known = sure.sum(axis=1)
    both = np.minimum(known[1:], known[:-1]) / 7
    return float(np.log((np.abs(np.diff(np.log(sums / known + FLOOR))) @ both + 0.2) / (both.sum() + 1)))


def _unevenness(days: Floats, weights: Floats, usual: float) -> float:
    """Return the log of the coefficient of variation, as if two days of the usual one had been seen too."""
    mean, known = _mean(days, weights), weights.sum()
    variation = float(np.sqrt(_mean((days - mean) ** 2, weights))) / (mean + FLOOR)
    return float(np.log((known * variation + 2 * usual) / (known + 2) + 0.02))


def _own_errors(days: Floats) -> float:
    """Return the log of the mean error of the mean of 28 days over the next 14, in logarithms, forecast every week."""
    used = np.concatenate([[0.0], np.cumsum(days)])
    ends = np.arange(len(days) - BACKTEST_DAYS, 0, -7)
    ends = ends[ends >= min(7, max(1, len(days) - BACKTEST_DAYS))]
    starts = np.maximum(ends - LEVEL_DAYS, 0)
    forecast = (used[ends] - used[starts]) / (ends - starts)
    actual = (used[ends + BACKTEST_DAYS] - used[ends]) / BACKTEST_DAYS
    errors = np.abs(np.log((np.maximum(actual, 0) + FLOOR) / (np.maximum(forecast, 0) + FLOOR)))
    return float(np.log((errors.sum() + 0.2) / (len(errors) + 1)))


def _large_days(days: Floats, weights: Floats) -> float:
    """Return the log of the largest tenth of the days against the mean; doubtful days are drawn to the mean."""
    mean = _mean(days, weights)
    count = max(1, len(days) // 10)
    largest = np.sort(mean + weights * (days - mean))[-count:].mean()
    return float(np.log(largest / mean + 0.02)) if mean > 0 else 0.0
