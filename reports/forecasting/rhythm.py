"""How the days of the week differ, as far as the history proves it.

Each day's ratio to the mean of its seven days is averaged over the weeks, newer weeks counting more. What the factors
differ by may be chance: they are drawn to 1 by the share of their variance that the scatter from week to week explains.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

_Floats: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"

__all__ = ["rhythm_of"]

WEEKS = 12
KEPT = 0.85  # what the ratio of a week counts against that of the week after
LEAST = 0.02  # no day of the week is held for quite idle


def rhythm_of(days: _Floats, weights: _Floats, floor: float) -> _Floats:
    """Return the factors of the next seven days.

    Args:
        days: (n,) float64, usage of consecutive days, oldest first; their mean is about 1.
        weights: (n,) float64 in (0, 1], how much each day is known of itself.
        floor: Added to both sides of every ratio.

    Returns:
        (7,) float64 with a mean of 1, beginning with the first day after the history; all 1 under two whole weeks.
    """
    weeks = min(WEEKS, len(days) // 7)
    if weeks < 2:
        return np.ones(7)
    amounts, sure = days[-7 * weeks :].reshape(weeks, 7), weights[-7 * weeks :].reshape(weeks, 7)
    means = (amounts * sure).sum(axis=1) / sure.sum(axis=1)
    ratios = (amounts + floor) / (means + floor)[:, None]
    counts = sure * KEPT ** np.arange(weeks - 1, -1, -1.0)[:, None]
    totals = counts.sum(axis=0)
    factors = (counts * ratios).sum(axis=0) / totals
    seen = float((totals**2 / (counts**2).sum(axis=0)).mean())  # weeks of equal count that would tell as much
    scatter = float((counts * (ratios - factors) ** 2).sum() / totals.sum()) / max(seen - 1, 0.25)
    differ = float(((factors - 1) ** 2).mean())
    proven = differ / (differ + scatter) if differ > 0 else 0.0
    drawn = np.maximum(1 + proven * (factors - 1), LEAST)
    return np.asarray(drawn / drawn.mean(), dtype="float64")
