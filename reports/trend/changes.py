"""Change points: days from which usage keeps another level, found by ranks within each weekday.

A stretch is split where the days before and after differ most by the rank-sum statistic, summed over the weekdays and
standardised; if that exceeds ``CRITICAL`` the two parts are searched in turn (binary segmentation). A found change must
also matter (``_LEAST_SHARE`` of the level) and be a jump: what happens at the place itself, growth within the weeks
around it taken out, is at least ``_LEAST_JUMP`` of the difference of levels and ``_LEAST_SPREADS`` of the days' spread.
Steady growth is growth, not a staircase.

Source: A. N. Pettitt, "A non-parametric approach to the change-point problem", Applied Statistics 28 (1979), for the
statistic; A. J. Scott and M. Knott, "A cluster analysis method for grouping means in the analysis of variance",
Biometrics 30 (1974), for binary segmentation. ``CRITICAL`` was chosen by measuring false alarms on stationary noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.trend.growth import MOST_DAYS, weekday_slopes
from reports.trend.series import NORMAL, Floats, Series, balanced, inflation, local_levels, ranks, without_weekdays

LEAST_DAYS = 28
LEAST_PART = 14
CRITICAL = 3.9
_LEAST_SHARE = 0.1
_LEAST_SPREADS = 0.8
_LEAST_JUMP = 0.35
_AROUND = 84


@dataclass(frozen=True, slots=True)
class Change:
    """From ``ordinal`` on a day uses ``after`` where it used ``before``, in units, weekends balanced.

    Attributes:
        strength: The standardised statistic; above ``CRITICAL``.
    """

    ordinal: int
    before: float
    after: float
    strength: float


def changes(series: Series) -> list[Change] | None:
    """Return the changes of level in order of time; None for fewer than ``LEAST_DAYS`` days."""
    series = series.part(max(0, len(series) - MOST_DAYS), len(series))
    if len(series) < LEAST_DAYS:
        return None
    series = balanced(series)
    places = _confirmed(series, sorted(_splits(series, 0, len(series))))
    bounds = [0, *places, len(series)]
    found = []
    for first, place, end in zip(bounds, places, bounds[2:], strict=False):
        part = series.part(first, end)
        before, after = _levels(part, place - first)
        found.append(Change(int(series.ordinals[place]), before, after, _strengths(part)[place - first]))
    return found


def segments(series: Series, found: list[Change]) -> list[tuple[int, int]]:
    """Return the stretches of one level as places ``[first, end)``."""
    cuts = [int(np.searchsorted(series.ordinals, one.ordinal)) for one in found]
    return list(zip([0, *cuts], [*cuts, len(series)], strict=True))


def _splits(series: Series, first: int, end: int) -> list[int]:
    """Return the places within ``[first, end)`` at which the level changes."""
    split = _split(series.part(first, end))
    if split is None:
        return []
    place = first + split
    return [*_splits(series, first, place), place, *_splits(series, place, end)]


def _confirmed(series: Series, places: list[int]) -> list[int]:
    """Return the places that still are changes between their neighbours: an early split may owe itself to others."""
    while True:
        bounds = [0, *places, len(series)]
        doubtful = [
            place
            for first, place, end in zip(bounds, places, bounds[2:], strict=False)
            if not _is_change(series.part(first, end), place - first)
        ]
        if not doubtful:
            return places
        places = [place for place in places if place != doubtful[0]]


def _split(part: Series) -> int | None:
    if len(part) < 2 * LEAST_PART:
        return None
    strengths = _strengths(part)
    place = int(np.argmax(strengths))
    return place if strengths[place] >= CRITICAL and _is_change(part, place) else None


def _strengths(part: Series) -> Floats:
    """Return how strongly each place splits ``part``; 0 where one side would be too short.

    Within a weekday the sum of signs over all pairs (before, after) follows from the ranks; its variance is that of
    the rank-sum test.
    """
    signs, variance = np.zeros(len(part)), np.zeros(len(part))
    weekdays = part.weekdays
    for weekday in range(7):
        own = weekdays == weekday
        count = int(own.sum())
        if count > 1:
            signs[own] = count + 1 - 2 * ranks(part.amounts[own])
            before = own.cumsum() - own
            variance += before * (count - before) * (count + 1) / 3
    sums = np.abs(np.concatenate([[0.0], signs.cumsum()[:-1]]))
    strengths: Floats = np.divide(sums, np.sqrt(variance), out=np.zeros(len(part)), where=variance > 0)
    strengths[:LEAST_PART] = 0.0
    strengths[len(part) - LEAST_PART + 1 :] = 0.0
    return strengths


def _levels(part: Series, place: int) -> tuple[float, float]:
    left = balanced_level(part.part(0, place))
    return left, balanced_level(part.part(place, len(part)))


def balanced_level(part: Series) -> float:
    """Return the mean of the weekdays' medians: what a day uses, a week's rhythm balanced."""
    weekdays = part.weekdays
    return float(np.mean([np.median(part.amounts[weekdays == one]) for one in np.unique(weekdays)]))


def _is_change(part: Series, place: int) -> bool:
    before, after = _levels(part, place)
    difference = abs(after - before)
    if difference < _LEAST_SHARE * max(abs(before), abs(after)) or difference == 0.0:
        return False
    rest = np.concatenate(
        [without_weekdays(part.part(0, place)) - before, without_weekdays(part.part(place, len(part))) - after]
    )
    rest[:place] -= np.median(rest[:place])
    rest[place:] -= np.median(rest[place:])
    # Around the levels near each day: what other changes in this part leave behind is not resemblance of days.
    wider = inflation(part.ordinals, part.amounts - local_levels(part.amounts))
    if _strengths(part)[place] / wider**0.5 < CRITICAL:
        return False
    spread = NORMAL * float(np.median(np.abs(rest)))
    jump = _jump(part, place) * (1.0 if after > before else -1.0)
    return jump >= _LEAST_SPREADS * spread and jump >= _LEAST_JUMP * difference


def _jump(part: Series, place: int) -> float:
    """Return by how much the level jumps at ``place`` beyond what growth within twelve weeks to each side explains."""
    around = part.part(max(0, place - _AROUND), place), part.part(place, place + _AROUND)
    before, after = (balanced_level(one) for one in around)
    slope = float(np.median(np.concatenate([weekday_slopes(one) for one in around])))
    distance = float(np.median(around[1].ordinals) - np.median(around[0].ordinals))
    return after - before - slope * distance
