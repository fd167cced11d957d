"""Forecasts whose outcome is known, and how they did: error of the date, coverage, Brier score.

    origin ────────────── used up? ─────────────────── reset        a trial: what was foretold at the origin about one
                          └ error of the date          └ usage      quota, and what came

Every measure is of forecasts that could be wrong: the date's error only counts where the quota did run out, the
coverage is that of the usage until the reset, which always comes, and the Brier score judges the probability of running
out before it. Trials overlap; ``independent`` says how many they are worth: not more than there are origins, resets, or
stretches of their mean length one after the other.

Source: G. W. Brier, Verification of forecasts expressed in terms of probability (1950); the place of an outcome among
the quantiles is the probability integral transform, spread over all levels that it ties with.

A forecast that says that nobody can tell has no probability; such ones are counted, and so are those of one reset.

Public: ``Trial``, ``Grade``, ``grade_of``, ``place_among``, ``share_within``, ``LEAST_INDEPENDENT``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TypeAlias

import numpy as np

LOW, HIGH = 0.1, 0.9
"""The ends of the 80 % interval."""
Place: TypeAlias = tuple[float, float]
"""From which level to which one an outcome lies among the quantiles; a tie makes them two."""
LEAST_INDEPENDENT = 8
"""From fewer independent forecasts nothing is judged."""
_CLEAR = 1.64  # standard errors: by chance alone the difference is as large once in ten times


@dataclass(frozen=True, slots=True)
class Trial:
    """One forecast about one quota, and what came.

    Attributes:
        origin: When it was made, in days since the history's first; trials of one origin belong together.
        days: From then to the reset.
        probability: That of running out before the reset, 0..1; None where none was told.
        came: Whether it did.
        place: Where the usage until the reset lay among its quantiles; None where another trial tells the same.
        error: How many days the median of the date was late, negative for early; None where it did not run out.
        plain: Whether the 28-day mean foretold that it runs out; None where it was not asked.
        plain_error: How many days the 28-day mean was late.
        unknown: Whether it said that nobody can tell whether the quota lasts.
    """

    origin: float
    days: float
    probability: float | None
    came: bool
    place: Place | None = None
    error: float | None = None
    plain: bool | None = None
    plain_error: float | None = None
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Grade:
    """How forecasts did; shares and Brier scores are 0..1, errors days, None what no trial tells.

    Attributes:
        trials: How many there were, and ``origins`` from how many instants.
        independent: How many independent trials they are worth; at least 1.
        unknown: How many of them said that nobody can tell.
        probabilities: In how many a probability was told, and ``ran_out`` in how many of these the quota ran out.
        dated: How many of the errors there are.
        median_error, plain_error: Median absolute error of the date; of the 28-day mean, of the same quotas.
        covered, below, above: Which share of the usage until the reset lay in the 80 % interval, under and over it.
        brier, plain_brier: Of running out before the reset; of the 28-day mean, for the same quotas.
        better: ``forecast``, ``mean28`` or ``neither`` by their Brier scores; the last one also where fewer than 8
            independent trials compare them; None without both.
    """

    trials: int
    origins: int
    independent: float
    unknown: int
    probabilities: int
    ran_out: int
    dated: int
    median_error: float | None
    plain_error: float | None
    covered: float | None
    below: float | None
    above: float | None
    brier: float | None
    plain_brier: float | None
    better: str | None


def place_among(levels: Sequence[float], amounts: Sequence[float], amount: float) -> Place:
    """Return between which levels ``amount`` lies among quantiles.

    Args:
        levels: Rising, within 0..1.
        amounts: The quantile at each level, never falling.
        amount: What came.
    """
    first = int(np.searchsorted(amounts, amount, side="left"))
    behind = int(np.searchsorted(amounts, amount, side="right"))
    if first < behind:  # ties: anywhere among them, from the end of all levels where they reach it
        return (0.0 if first == 0 else levels[first], 1.0 if behind == len(amounts) else levels[behind - 1])
    if first == 0:
        return 0.0, levels[0]
    if first == len(amounts):
        return levels[-1], 1.0
    share = (amount - amounts[first - 1]) / (amounts[first] - amounts[first - 1])
    level = levels[first - 1] + share * (levels[first] - levels[first - 1])
    return level, level


def share_within(place: Place, low: float, high: float) -> float:
    """Return which share of a place lies in ``[low, high)``, 0..1; 1 is within where ``high`` is 1."""
    start, end = place
    if start == end:
        return float(low <= start < high or start == high == 1.0)
    return max(0.0, min(end, high) - max(start, low)) / (end - start)


def grade_of(trials: Sequence[Trial], span: float) -> Grade:
    """Return how forecasts did.

    Args:
        trials: At least one.
        span: From the first origin to the end of what is known, days.
    """
    places = [one.place for one in trials if one.place is not None]
    errors = [abs(one.error) for one in trials if one.error is not None]
    plain_errors = [abs(one.plain_error) for one in trials if one.error is not None and one.plain_error is not None]
    told = [one for one in trials if one.probability is not None]
    return Grade(
        trials=len(trials),
        origins=len({one.origin for one in trials}),
        independent=_independent(trials, span),
        unknown=sum(one.unknown for one in trials),
        probabilities=len(told),
        ran_out=sum(one.came for one in told),
        dated=len(errors),
        median_error=median(errors) if errors else None,
        plain_error=median(plain_errors) if plain_errors else None,
        covered=_mean(share_within(one, LOW, HIGH) for one in places),
        below=_mean(share_within(one, 0.0, LOW) for one in places),
        above=_mean(share_within(one, HIGH, 1.0) for one in places),
        brier=_mean((one.probability - one.came) ** 2 for one in told if one.probability is not None),
        plain_brier=_mean(float(one.plain != one.came) for one in told if one.plain is not None),
        better=_better([one for one in told if one.plain is not None], span),
    )


def _independent(trials: Sequence[Trial], span: float) -> float:
    """Return how many independent trials these are worth; at least 1."""
    origins = len({one.origin for one in trials})
    resets = len({round(one.origin + one.days, 2) for one in trials})
    return max(1.0, min(float(origins), float(resets), span / fmean(one.days for one in trials)))


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return fmean(found) if found else None


def _better(trials: Sequence[Trial], span: float) -> str | None:
    """Return whose Brier score is clearly better in trials that have both, given how many independent ones they are."""
    if not trials:
        return None
    independent = _independent(trials, span)
    if independent < LEAST_INDEPENDENT:
        return "neither"
    by_origin: dict[float, list[float]] = {}
    for one in trials:
        won = float(one.plain != one.came) - ((one.probability or 0.0) - one.came) ** 2
        by_origin.setdefault(one.origin, []).append(won)
    gains = [fmean(each) for each in by_origin.values()]
    mean = fmean(gains)
    deviation = math.sqrt(fmean((one - mean) ** 2 for one in gains))
    if abs(mean) <= _CLEAR * deviation / math.sqrt(independent):
        return "neither"
    return "forecast" if mean > 0 else "mean28"
