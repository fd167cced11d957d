"""The past forecasts that the coefficients are fitted on: what the history told, and what was then used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.forecast.series import AHEAD, Series, seed
from reports.forecasting.features import FLOOR, Features, Floats, features_of

DAYS = np.array([1, 2, 3, 4, 5, 7, 10, 14, 18, 23, 30, 38, 45])
"""How many days ahead the formula is fitted."""

DRAWN = {14: 16, 28: 16, 90: 22, 1: 3, 2: 3, 3: 3, 5: 3, 7: 3, 10: 3, 20: 3, 45: 3, 60: 3}
"""How many origins each series has, by the days of history."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Rows of features with the truth that followed; r rows, d days ahead.

    Attributes:
        names, groups: (r,) of str, the series and its group.
        trend, width: (r, t) and (r, w) float64, as in `Features`.
        unrest: (r,) float64, likewise.
        errors: (r, d) float64, log((used + e) / (expected + e)), e as in the formula.
    """

    names: np.ndarray[tuple[int], np.dtype[np.str_]]
    groups: np.ndarray[tuple[int], np.dtype[np.str_]]
    trend: Floats
    width: Floats
    unrest: Floats
    errors: Floats

    def where(self, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Samples:
        """Return the chosen rows only."""
        return Samples(
            self.names[chosen],
            self.groups[chosen],
            self.trend[chosen],
            self.width[chosen],
            self.unrest[chosen],
            self.errors[chosen],
        )


def samples_of(series: Sequence[Series]) -> Samples:
    """Return the rows of all series; without those whose history is idle, of which the formula says nothing."""
    rows = [(one, origin, length) for one in series for origin, length in _origins(one)]
    found = [(one, _row(one, origin, length)) for one, origin, length in rows]
    kept = [(one, *row) for one, row in found if row is not None]
    return Samples(
        np.array([one.name for one, _, _ in kept]),
        np.array([one.group for one, _, _ in kept]),
        np.array([told.trend for _, told, _ in kept]),
        np.array([told.width for _, told, _ in kept]),
        np.array([told.unrest for _, told, _ in kept]),
        np.array([errors for _, _, errors in kept]),
    )


def _origins(series: Series) -> list[tuple[int, int]]:
    chance, last = np.random.default_rng(seed("fit", series.name)), len(series.amounts) - AHEAD
    return [
        (int(origin), length)
        for length, count in DRAWN.items()
        if last >= length
        for origin in chance.permutation(np.arange(length, last + 1))[:count]
    ]


def _row(series: Series, origin: int, length: int) -> tuple[Features, Floats] | None:
    history = series.amounts[origin - length : origin]
    found = features_of(history, np.ones(length))
    if found.mean <= 0:
        return None
    used = np.cumsum(series.amounts[origin : origin + AHEAD])[DAYS - 1]
    slack = FLOOR * found.mean * DAYS
    expected = found.level * np.resize(found.rhythm, AHEAD).cumsum()[DAYS - 1]
    return found, np.log((used + slack) / (expected + slack))
