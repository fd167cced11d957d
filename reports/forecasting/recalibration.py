"""Makes a forecast as wide as the account's own record says that it must be.

    record   o────────o────────o────────o────────o ── … ──┤ end        o  an origin: what was known until there
              └ 3, 7, 14, 30 days ┘                                      foretells what was used after it

At each origin the curves are made from what was known then, and the usage that followed is placed in them: 0 is their
median, 1 the end of their 80 % interval on its side. Of n such distances the one of rank 0.8 (n + 1) is how much wider
the curves must be so that 80 % of what comes lies inside them: split conformal prediction, on one's own past.

Horizons overlap, so the origins are not independent: a record that is longer by the mean horizon is worth one more. By
that count the factor is shrunk towards 1, and under a least count nothing is said at all. It is bounded, for the usage
that comes need not be like that which went.

Source: the distances are the scores of conformalised quantile regression, as a ratio instead of a difference (Romano,
Patterson, Candès: Conformalized Quantile Regression, 2019). The constants were chosen on the series that the
coefficients were fitted on, see ``docs/forecasting.md``. It costs what at most 12 forecasts of three curves cost: 3 ms.

Public: ``Recalibration``, ``recalibration_of``, ``HORIZONS``, ``KNOWN``, ``LEAST_ORIGINS``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reports.forecasting.curves import FITTED, LEVELS, curves_of
from reports.forecasting.features import FLOOR, features_of
from reports.forecasting.history import RECORD_DAYS, History

HORIZONS = (3, 7, 14, 30)
LEAST_ORIGINS = 12
_MEAN_HORIZON = sum(HORIZONS) / len(HORIZONS)
_FIRST = 28  # days that are known before the first origin: with fewer the curves are wide by themselves
_MOST = 12  # origins; more of them overlap and told no more
_PRIOR = 12.0  # how many independent origins the factor 1 is worth
_LEAST, _LARGEST = 0.6, 2.0
_INSIDE = 0.8
KNOWN = 0.5
"""How much must have been observed: of what came, to judge by it; of the day before it, to know what was known then."""
_THREE = [LEVELS.index(level) for level in (0.1, 0.5, 0.9)]
_CURVES = replace(FITTED, levels=FITTED.levels[_THREE], shape=FITTED.shape[_THREE])


@dataclass(frozen=True, slots=True)
class Recalibration:
    """A factor on the width, and what it rests on.

    Attributes:
        spread: What the width is multiplied by.
        origins: How many independent origins of the own record it rests on.
        covered_before: Which share of what followed lay inside the 80 % interval without it, 0..1.
        forecasts: Of how many own forecasts that share is; they overlap.
    """

    spread: float
    origins: int
    covered_before: float
    forecasts: int


def recalibration_of(history: History) -> Recalibration | None:
    """Return how much the width is to be scaled by this record; None where the record is too short to say."""
    days = min(len(history), RECORD_DAYS)
    independent = (days - _FIRST) / _MEAN_HORIZON
    if independent < LEAST_ORIGINS:
        return None
    distances = np.array(list(_distances(history, len(history) - days)))
    # Stretches without usage or without observations are no witnesses.
    independent *= len(distances) / (len(HORIZONS) * len(_origins(days)))
    if independent < LEAST_ORIGINS:
        return None
    # One more is to come, which may lie anywhere among them: of n, the rank 0.8 (n + 1) is wide enough for it.
    needed = float(np.quantile(distances, min(1.0, _INSIDE * (1 + 1 / independent))))
    weight = independent / (independent + _PRIOR)
    spread = math.exp(weight * math.log(max(needed, 1e-3)))
    return Recalibration(
        spread=min(max(spread, _LEAST), _LARGEST),
        origins=int(independent),
        covered_before=float(np.mean(distances <= 1.0)),
        forecasts=len(distances),
    )


def _origins(days: int) -> list[int]:
    """Return after how many of ``days`` days the forecasts are made; whatever is foretold has come by the end."""
    last = days - max(HORIZONS)
    return sorted({int(one) for one in np.linspace(_FIRST, last, _MOST)})


def _distances(history: History, skipped: int) -> Iterator[float]:
    """Yield, for each origin and horizon, how far what followed lay from the median, in halves of the 80 % interval."""
    daily, weights = history.daily[skipped:], history.weights[skipped:]
    total = np.concatenate(([0.0], daily.cumsum()))
    for origin in _origins(len(daily)):
        if weights[origin - 1] < KNOWN:  # inside a gap: how much was used before it was learned only after it
            continue
        features = features_of(daily[:origin], weights[:origin])
        curves = curves_of(features, max(HORIZONS), filled=_CURVES).cumulative
        for days in HORIZONS:
            if float(weights[origin : origin + days].mean()) < KNOWN:
                continue
            used, slack = max(0.0, float(total[origin + days] - total[origin])), FLOOR * features.mean * days
            distance = _distance(curves[:, days - 1].tolist(), used, slack)
            if distance is not None:
                yield distance


def _distance(quantiles: Sequence[float], used: float, slack: float) -> float | None:
    """Return the distance as a ratio of logarithms, because the curves are wide in these.

    Args:
        quantiles: Of the usage, at 10 %, 50 % and 90 %.
        used: What came.
        slack: Added to both sides as the curves have it, so that stretches without usage have a logarithm.

    Returns:
        None where nothing was used before, or the curves have no width.
    """
    low, middle, high = (one + slack for one in quantiles)
    if slack <= 0 or not low < middle < high:
        return None
    away = math.log((used + slack) / middle)
    return away / math.log(high / middle) if away >= 0 else away / math.log(low / middle)


__all__ = ["HORIZONS", "KNOWN", "LEAST_ORIGINS", "Recalibration", "recalibration_of"]
