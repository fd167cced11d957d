"""What a day usually uses, and which days stand out: the local level times the weekday's share, with a robust spread.

The level of a day is the median of the days within two weeks of it and within the same stretch of one level
(``changes``), a weekday's share the median of its days over their levels. The range reaches ``_SPREADS`` robust
standard deviations to each side, counted in square roots, in which events that come by chance (Poisson) spread by a
half whatever their number; days above and below are taken apart because usage is skewed. The spread of the roots is
constant or grows with the root, whichever is wider, and never under that half, events being the portions that usage
comes in: a meter of three units a day is not unusual at six, nor one of three jobs of 250 at six jobs.

Source: C. Leys et al., "Detecting outliers: do not use standard deviation around the mean, use absolute deviation
around the median", Journal of Experimental Social Psychology 49 (2013), for median and MAD; P. Rosenmai's "double MAD"
for the two sides; M. S. Bartlett, "The square root transformation in analysis of variance", Supplement to the Journal
of the Royal Statistical Society 3 (1936), for the roots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.trend.changes import Change, segments
from reports.trend.series import NORMAL, Floats, Ints, Series

LEAST_DAYS = 14
WEEKLY_FROM = 28
"""From so many days on each weekday has its share; before, working days and weekends have."""
_REACH = 14
_SPREADS = 4.0
_ROUNDS = 3
_LEAST_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Usual:
    """What each day of a range usually uses, in units; one value per asked ordinal."""

    middle: Floats
    low: Floats
    high: Floats


def usual(series: Series, found: Sequence[Change], asked: Ints, least: float) -> Usual | None:
    """Return the expected range of each day ``asked`` for; None for fewer than ``LEAST_DAYS`` days in ``series``.

    Args:
        series: The days to learn from.
        found: The changes of level among them.
        asked: Ordinals in any order, also of days that are not in ``series``.
        least: The portion that usage comes in, in units: what chance is counted in.
    """
    if len(series) < LEAST_DAYS:
        return None
    kinds = _kinds(series.ordinals, weekly=len(series) >= WEEKLY_FROM)
    parts = segments(series, list(found))
    shares = _shares(series, kinds, parts)
    middle = _levels(series, kinds, shares, parts, series.ordinals) * shares[kinds]
    above, below = _spreads(series.amounts, middle)
    asked_kinds = _kinds(asked, weekly=len(series) >= WEEKLY_FROM)
    expected = _levels(series, kinds, shares, parts, asked) * shares[asked_kinds]
    root, chance = np.sqrt(expected), least**0.5 / 2
    high = (root + _SPREADS * np.maximum(above.at(root), chance)) ** 2
    low = np.maximum(root - _SPREADS * np.maximum(below.at(root), chance), 0.0) ** 2
    return Usual(expected, low, high)


def _kinds(ordinals: Ints, *, weekly: bool) -> Ints:
    weekdays = (ordinals + 6) % 7
    return weekdays if weekly else np.where(weekdays >= 5, 1, 0)


def _shares(series: Series, kinds: Ints, parts: Sequence[tuple[int, int]]) -> Floats:
    """Return each kind of day's share of the level, 1 for a kind that was never seen."""
    shares = np.ones(7)
    for _ in range(_ROUNDS):
        levels = _levels(series, kinds, shares, parts, series.ordinals)
        for kind in np.unique(kinds):
            own = (kinds == kind) & (levels > 0)
            if own.any():
                shares[kind] = max(0.0, float(np.median(series.amounts[own] / levels[own])))
        mean = float(shares[np.unique(kinds)].mean())
        shares = shares / mean if mean > 0 else np.ones(7)
    return shares


def _levels(series: Series, kinds: Ints, shares: Floats, parts: Sequence[tuple[int, int]], asked: Ints) -> Floats:
    """Return the level at each asked day: the median of the days around it, their kind's share taken out.

    Kinds that hardly use anything say nothing of the level.
    """
    telling = shares[kinds] > _LEAST_SHARE
    levels = np.empty(len(asked))
    starts = np.array([series.ordinals[first] for first, _ in parts])
    for place, day in enumerate(asked):
        first, end = parts[max(0, int(np.searchsorted(starts, day, side="right")) - 1)]
        levels[place] = _level_at(series, (first, end), int(day), telling, shares[kinds])
    return levels


def _level_at(
    series: Series, part: tuple[int, int], day: int, telling: np.ndarray[tuple[int], np.dtype[np.bool_]], share: Floats
) -> float:
    """Return the median of the nearest four weeks of one level, first those within reach."""
    first, end = part
    days = series.ordinals[first:end]
    near = slice(
        first + int(np.searchsorted(days, day - _REACH)), first + int(np.searchsorted(days, day + _REACH, side="right"))
    )
    if near.stop - near.start < _REACH // 2:
        nearest = np.sort(np.argsort(np.abs(days - day), kind="stable")[: 2 * _REACH]) + first
        near = slice(int(nearest[0]), int(nearest[-1]) + 1)
    own = telling[near]
    if not own.any():
        return float(np.median(series.amounts[near]))
    return max(0.0, float(np.median(series.amounts[near][own] / share[near][own])))


@dataclass(frozen=True, slots=True)
class _Spread:
    """The standard deviation of roots: one that grows with the root (``relative``) or one for all, the wider one."""

    relative: float
    constant: float

    def at(self, root: Floats) -> Floats:
        return np.maximum(self.relative * root, self.constant)


def _spreads(amounts: Floats, middle: Floats) -> tuple[_Spread, _Spread]:
    """Return the spread above and below the expected amounts."""
    usable = middle > 0
    root = np.sqrt(middle[usable])
    rest = np.sqrt(np.maximum(amounts[usable], 0.0)) - root
    return _spread(rest[rest >= 0], root[rest >= 0]), _spread(-rest[rest <= 0], root[rest <= 0])


def _spread(rest: Floats, root: Floats) -> _Spread:
    if not len(rest):
        return _Spread(0.0, 0.0)
    return _Spread(NORMAL * float(np.median(rest / root)), NORMAL * float(np.median(rest)))
