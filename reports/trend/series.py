"""Robust statistics of a daily series with a weekly rhythm: all by ranks and medians, so single days cannot bend them.

A series is two arrays of one length: ``ordinals`` (``date.toordinal``, rising, days may be missing) and ``amounts``
(usage of those days). Only days that teach something of themselves belong in it. Days are compared with days of the
same weekday, so that a week's rhythm never looks like growth or like a change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Floats: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.float64]]"
Ints: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"

NORMAL = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation."""
_STRONGEST = 0.9
_LEAST_SHARE = 0.1
_AROUND = 29


@dataclass(frozen=True, slots=True)
class Series:
    """Usage of days that were observed well enough to tell something.

    Attributes:
        ordinals: The days, rising.
        amounts: Their usage, in units.
    """

    ordinals: Ints
    amounts: Floats

    def __len__(self) -> int:
        """Return how many days there are."""
        return len(self.ordinals)

    @property
    def weekdays(self) -> Ints:
        """The weekday of each day, Monday 0."""
        return (self.ordinals + 6) % 7

    def part(self, first: int, end: int) -> Series:
        """Return the days at the places ``[first, end)``."""
        return Series(self.ordinals[first:end], self.amounts[first:end])


def local_levels(amounts: Floats) -> Floats:
    """Return for each amount the median of the ``_AROUND`` neighbours around it, itself among them."""
    width = min(_AROUND, len(amounts))
    if not width:
        return amounts
    medians = np.median(np.lib.stride_tricks.sliding_window_view(amounts, width), axis=1)
    places = np.clip(np.arange(len(amounts)) - width // 2, 0, len(medians) - 1)
    levels: Floats = medians[places]
    return levels


def balanced(series: Series) -> Series:
    """Return the series with each weekday's days scaled to the level of all: a week's rhythm taken out by factors.

    A weekday's factor is the median of its days over the levels around them; the factors' mean is 1. Weekdays on which
    hardly anything is used tell nothing of the level and are left out; where most days are without usage, the series
    stays as it is.
    """
    weekdays = series.weekdays
    levels = local_levels(series.amounts)
    shares = np.zeros(7)
    for weekday in np.unique(weekdays):
        own = (weekdays == weekday) & (levels > 0)
        shares[weekday] = float(np.median(series.amounts[own] / levels[own])) if own.any() else 0.0
    mean = float(shares[np.unique(weekdays)].mean()) if len(series) else 0.0
    if mean <= 0:
        return series
    of_days = (shares / mean)[weekdays]
    telling = of_days >= _LEAST_SHARE
    return Series(series.ordinals[telling], series.amounts[telling] / of_days[telling])


def without_weekdays(series: Series) -> Floats:
    """Return the amounts less their weekday's median, plus the median of those medians."""
    left = series.amounts.copy()
    weekdays = series.weekdays
    medians = []
    for weekday in np.unique(weekdays):
        own = weekdays == weekday
        medians.append(float(np.median(left[own])))
        left[own] -= medians[-1]
    return left + (float(np.median(medians)) if medians else 0.0)


def ranks(values: Floats) -> Floats:
    """Return the rank of each value, 1…n, ties sharing their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[places]


def inflation(ordinals: Ints, residuals: Floats) -> float:
    """Return by what factor neighbouring days that resemble each other widen the variance of a rank statistic; >= 1.

    It is ``(1 + r) / (1 - r)``, r being the correlation of the ranks of days with those of the days after them.

    Source: the effective sample size of a first-order autoregressive series, as S. Yue and C. Y. Wang, "The
    Mann-Kendall test modified by effective sample size to detect trend in serially correlated hydrological series",
    Water Resources Management 18 (2004), apply it to Kendall's test.
    """
    placed = ranks(residuals) - (len(residuals) + 1) / 2
    following = np.flatnonzero(np.diff(ordinals) == 1)
    if len(following) < 3:
        return 1.0
    whole = float((placed**2).mean())
    if whole == 0.0:
        return 1.0
    correlation = float((placed[following] * placed[following + 1]).mean()) / whole
    correlation = min(max(correlation, 0.0), _STRONGEST)
    return (1.0 + correlation) / (1.0 - correlation)
