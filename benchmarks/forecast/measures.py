"""How good an answer is: how far off its date is, whether its interval covers, and how true its probabilities are.

Three things are measured of each answer, with quotas that depend on the series and the origin alone:

- *date*: quotas that run out 3-10, 11-25 and 26-45 days later. The error, in days, of the median of the time.
- *interval*: quotas of about 4, 8, 16 and 30 mean days, set without looking ahead. The continuous ranked probability
  score of the time, in days, where "not within 45 days" is one outcome; and where in its distribution the truth lay.
- *probability*: quotas for periods of 10 to 45 days. The Brier score of "runs out before the period ends".

And the usage of the next 30 days: the error of its median, as a share of what was used, by series.

Source: the continuous ranked probability score and the randomised probability integral transform of T. Gneiting and
A. Raftery, "Strictly proper scoring rules, prediction, and estimation" (2007), and of C. Czado, T. Gneiting and
L. Held, "Predictive model assessment for count data" (2009).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchmarks.forecast.series import AHEAD, Task, seed
from reports.forecasting.features import Floats

HORIZON = 90
PATHS = 99  # as which quantile curves are read
STRETCHES = ((3, 10), (11, 25), (26, 45))
MEAN_DAYS = (4, 8, 16, 30)
PERIODS = (10, 20, 30, 45)
SHARES = (0.5, 0.8, 1.0, 1.25, 2.0)


class Quotas(NamedTuple):
    """The quotas of one origin; ``draws`` place a truth that falls on a step of the distribution."""

    dated: list[float]
    set_before: list[float]
    draws: list[float]
    mean: float


@dataclass(frozen=True, slots=True)
class Grade:
    """What was measured of one answer.

    Attributes:
        group, name, length: The series' group and name, the days of history.
        off: Errors of the date, in days; positive where it was given too late.
        scores: Continuous ranked probability scores, in days.
        places: Where in the forecast distribution each truth lay, 0..1; low is earlier than expected. Not for points.
        squares: Squared errors of the probabilities.
        month: Median forecast and truth of the usage in 30 days.
        milliseconds: How long the answer took.
        failed: Why there was none; the plain mean stands in.
    """

    group: str
    name: str
    length: int
    off: tuple[float, ...]
    scores: tuple[float, ...]
    places: tuple[float, ...]
    squares: tuple[float, ...]
    month: tuple[float, float]
    milliseconds: float
    failed: str


def quotas_of(task: Task) -> Quotas:
    """Return the quotas that an answer is measured with."""
    chance, truth = np.random.default_rng(seed("quota", task.series.name, task.origin)), task.truth
    dated = [amount for first, last in STRETCHES if (amount := _running_out(chance, truth, first, last)) is not None]
    mean = float(task.series.amounts[max(0, task.origin - 60) : task.origin].mean())
    drawn = [(mean * days * float(np.exp(chance.uniform(-0.3, 0.3))), float(chance.uniform())) for days in MEAN_DAYS]
    return Quotas(dated, [amount for amount, _ in drawn], [draw for _, draw in drawn], mean)


def _running_out(chance: np.random.Generator, truth: Floats, first: int, last: int) -> float | None:
    """Return a quota that runs out within a day between ``first`` and ``last``, or on the next day with usage."""
    day, share = int(chance.integers(first, last + 1)) - 1, float(chance.uniform(0.05, 1))
    used = np.flatnonzero(truth[day:] > 0)
    if not len(used):
        return None
    day += int(used[0])
    return float(truth[:day].sum() + share * truth[day])


def paths_of(answer: object, horizon: int = HORIZON) -> Floats:
    """Return an answer as cumulative paths, (n, horizon): 99 for quantile curves, one for a point forecast.

    Args:
        answer: (horizon,) expected daily usage, (n, horizon) sampled paths of it, or ``levels`` and ``cum``.
        horizon: How many days were asked for.

    Raises:
        ValueError: If the shape is wrong or something is not finite.
    """
    if isinstance(answer, dict):
        levels, curves = np.asarray(answer["levels"], float), np.asarray(answer["cum"], float)
        middles = (np.arange(PATHS) + 0.5) / PATHS
        found = np.stack([np.interp(middles, levels, curve) for curve in curves.T], axis=1)
        paths = np.maximum.accumulate(np.maximum(found, 0), axis=1)
    else:
        found = np.atleast_2d(np.asarray(answer, float))
        paths = np.cumsum(np.maximum(found, 0), axis=1)
    if found.shape[1] != horizon or not np.isfinite(found).all():
        raise ValueError(f"an answer of the shape {found.shape} is not finite or not of {horizon} days")
    return np.asarray(paths, dtype="float64")


def times(paths: Floats, amount: float) -> Floats:
    """Return when each path reaches the amount, in days, even inside a day; infinite where it does not."""
    below = (paths < amount).sum(axis=1)
    found = np.full(len(paths), np.inf)
    reached = np.flatnonzero(below < paths.shape[1])
    day = below[reached]
    upper = paths[reached, day]
    lower = np.where(day > 0, paths[reached, np.maximum(day - 1, 0)], 0.0)
    rises = upper > lower
    found[reached] = day + np.where(rises, (amount - lower) / np.where(rises, upper - lower, 1.0), 1.0)
    return found


def ranked_score(sample: Floats, truth: float) -> float:
    """Return the continuous ranked probability score of an equally likely sample."""
    ordered, count = np.sort(sample), len(sample)
    ranks = 2 * np.arange(1, count + 1) - count - 1
    return float(np.abs(sample - truth).mean() - (ranks * ordered).sum() / count**2)


def grade(task: Task, paths: Floats, quotas: Quotas, milliseconds: float = 0.0, failed: str = "") -> Grade:
    """Measure one answer, given as cumulative paths over 90 days."""
    truth = np.cumsum(task.truth)
    within, point = paths[:, :AHEAD], len(paths) == 1
    dates = [float(np.median(np.minimum(times(paths, amount), HORIZON))) for amount in quotas.dated]
    usual = quotas.mean > 0
    judged = (
        [_judged(within, truth, *one) for one in zip(quotas.set_before, quotas.draws, strict=True)] if usual else []
    )
    return Grade(
        task.series.group,
        task.series.name,
        task.length,
        tuple(date - _time(truth, amount) for date, amount in zip(dates, quotas.dated, strict=True)),
        tuple(score for score, _ in judged),
        () if point else tuple(place for _, place in judged),
        tuple(_squares(within, truth, quotas.mean)) if usual else (),
        (float(np.median(paths[:, 29])), float(truth[29])),
        milliseconds,
        failed,
    )


def _time(truth: Floats, amount: float) -> float:
    return float(times(truth[None, :], amount)[0])


def _judged(paths: Floats, truth: Floats, amount: float, draw: float) -> tuple[float, float]:
    """Return the score of the time at which an amount is used, and the truth's place in its distribution."""
    actual, forecast = _time(truth, amount), times(paths, amount)
    before, until = float((forecast < actual).mean()), float((forecast <= actual).mean())
    score = ranked_score(np.minimum(forecast, AHEAD), min(actual, AHEAD))
    return score, before + draw * (until - before)


def _squares(paths: Floats, truth: Floats, mean: float) -> Iterator[float]:
    for period in PERIODS:
        for share in SHARES:
            amount = mean * period * share
            yield (float((paths[:, period - 1] >= amount).mean()) - float(truth[period - 1] >= amount)) ** 2


@dataclass(frozen=True, slots=True)
class Summary:
    """What many answers came to; shares in percent, times in days; NaN for what points do not have."""

    answers: int
    failed: int
    median_error: float
    score: float
    covered: float
    early: float
    late: float
    brier: float
    month_error: float
    milliseconds: float


def summary(grades: Sequence[Grade]) -> Summary:
    """Return what the answers came to; early and late are the truths before and after the 80 % interval."""
    places = np.array([place for one in grades for place in one.places])
    return Summary(
        answers=len(grades),
        failed=sum(bool(one.failed) for one in grades),
        median_error=_median([abs(days) for one in grades for days in one.off]),
        score=_mean([score for one in grades for score in one.scores]),
        covered=_percent((places >= 0.1) & (places <= 0.9)),
        early=_percent(places < 0.1),
        late=_percent(places > 0.9),
        brier=_mean([square for one in grades for square in one.squares]),
        month_error=100 * _month_error(grades),
        milliseconds=_median([one.milliseconds for one in grades]),
    )


def _percent(which: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    return 100 * float(which.mean()) if len(which) else float("nan")


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else float("nan")


def _month_error(grades: Sequence[Grade]) -> float:
    """Return the median over the series of Σ |forecast - used| / Σ used."""
    sums: dict[str, tuple[float, float]] = {}
    for one in grades:
        off, used = sums.get(one.name, (0.0, 0.0))
        sums[one.name] = (off + abs(one.month[0] - one.month[1]), used + one.month[1])
    return _median([off / used for off, used in sums.values() if used > 0])
