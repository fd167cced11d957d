"""How fast usage grows: the median of the slopes between any two days of one weekday, with a rank-based interval.

Source: P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", Journal of the American
Statistical Association 63 (1968), for slope and interval; R. M. Hirsch, J. R. Slack and R. A. Smith, "Techniques of
trend analysis for monthly water quality data", Water Resources Research 18 (1982), for comparing within a season only.
Weekdays are scaled to one level before (``series.balanced``), so that quiet weekends do not flatten the slope.
The interval is exact for up to ``_EXACT`` pairs (Kendall's distribution, by convolution) and normal beyond; it is
widened where days resemble the days before them (``series.inflation``).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from reports.trend.series import Floats, Series, balanced, inflation, without_weekdays

LEAST_DAYS = 28
MOST_DAYS = 3653
"""Ten years, the newest: some 950,000 pairs."""
CONFIDENCE = 0.95
_EXACT = 3000


@dataclass(frozen=True, slots=True)
class Growth:
    """By how much a day's usage grows from one day to the next.

    Attributes:
        slope: In units per day, each day.
        low, high: The interval of ``CONFIDENCE``; None where the days are too few to bound it.
        level: The median day of the range, in units.
        days: How many days it was learned from; ``first`` and ``last`` of them as ordinals.
    """

    slope: float
    low: float | None
    high: float | None
    level: float
    days: int
    first: int
    last: int

    @property
    def is_certain(self) -> bool:
        """True where the interval leaves no doubt whether usage rises or falls."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def growth(series: Series) -> Growth | None:
    """Return the growth over the newest ``MOST_DAYS`` days of ``series``; None for fewer than ``LEAST_DAYS``."""
    series = series.part(max(0, len(series) - MOST_DAYS), len(series))
    if len(series) < LEAST_DAYS:
        return None
    even = balanced(series)
    slopes = np.sort(weekday_slopes(even))
    slope = float(np.median(slopes))
    low, high = _interval(even, slopes, slope)
    first, last = int(series.ordinals[0]), int(series.ordinals[-1])
    return Growth(slope, low, high, float(np.median(series.amounts)), len(series), first, last)


def weekday_slopes(series: Series) -> Floats:
    """Return the slope between any two days of one weekday, in units per day and day; none for under two of each."""
    found = [np.empty(0)]
    for own in _seasons(series):
        days, amounts = series.ordinals[own], series.amounts[own]
        earlier, later = np.triu_indices(len(days), 1)
        found.append((amounts[later] - amounts[earlier]) / (days[later] - days[earlier]))
    return np.concatenate(found)


def _seasons(series: Series) -> list[np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    weekdays = series.weekdays
    return [weekdays == weekday for weekday in range(7)]


def _interval(series: Series, slopes: Floats, slope: float) -> tuple[float | None, float | None]:
    """Return the slopes at the ranks between which the true one lies with the stated confidence."""
    trendless = Series(series.ordinals, series.amounts - slope * (series.ordinals - series.ordinals[0]))
    wider = inflation(series.ordinals, without_weekdays(trendless)) ** 0.5
    counts = [int(own.sum()) for own in _seasons(series)]
    half = len(slopes) / 2
    below = int(half - (half - _rank_below(counts, len(slopes))) * wider)
    if below < 1:
        return None, None
    return float(slopes[below - 1]), float(slopes[-below])


def _rank_below(counts: list[int], pairs: int) -> int:
    """Return the greatest rank that at most half of the doubt lies below: that many discordant pairs are too few."""
    doubt = (1.0 - CONFIDENCE) / 2
    if pairs > _EXACT:
        variance = sum(count * (count - 1) * (2 * count + 5) / 18 for count in counts)
        return int((pairs - NormalDist().inv_cdf(1.0 - doubt) * variance**0.5) / 2)
    return int(np.searchsorted(_discordant(counts).cumsum(), doubt, side="right"))


def _discordant(counts: list[int]) -> Floats:
    """Return how likely each number of discordant pairs is where there is no trend: a sum of even choices 0…i."""
    chances = np.ones(1)
    for count in counts:
        for choices in range(2, count + 1):
            chances = np.convolve(chances, np.full(choices, 1.0 / choices))
    return chances
