"""Quantile curves of the usage of the coming days, from the daily usage of the past.

The usage C of the next h days, at quantile a, is

    C(a, h) = (level · W(h) + e) · exp(u · m(h) + sigma(h) · (K(a) - K(½))) - e        e = 5 % of the mean day · h
    m(h) = mu(h) + sigma(h) · K(½)

``level`` is the mean of the last 28 days and W(h) the sum of the weekdays' factors over the next h days. m(h) moves
the median, sigma(h) sets the width; mu and log sigma are linear in what the history tells
(``reports.forecasting.features``) and in its product with log(h / 14). u is near 0 where the days hardly differ, so
that a steady history goes on as it is, and near 1 elsewhere. K(a) is the shape that the logarithm of the error had on
real series. The time at which an amount is used up needs no second model: it is used up within h days as likely as C(h)
reaches it.

Nothing is drawn by chance and nothing is fitted here; where the coefficients come from stands beside them
(``reports.forecasting.coefficients``) and in docs/forecasting.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reports.forecasting import coefficients
from reports.forecasting.features import FLOOR, TREND, WIDTH, Features, Floats, features_of

Dates: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]"

__all__ = [
    "FITTED",
    "LEVELS",
    "NARROWEST",
    "WIDEST",
    "Coefficients",
    "Curves",
    "Dates",
    "curves_of",
    "forecast",
    "quantile_curves",
]

LEVELS: tuple[float, ...] = coefficients.LEVELS

_FAR = 60.0  # days; no series was fitted farther, so nothing grows on beyond
NARROWEST, WIDEST = -4.0, 1.5  # of log sigma; real series stay inside
_FARTHEST = 30.0  # of the exponent: a factor of 10¹³
_LARGEST = 1e250  # of a day's usage, beyond any meter; so that no sum and no product overflows


@dataclass(frozen=True, slots=True)
class Coefficients:
    """What the formula is filled with.

    Attributes:
        levels: (k,) float64, rising, within 0..1.
        shape: (k,) float64, rising; K at each level.
        median: (3,) float64, of mu: constant, times l, times l², l being log(h / 14).
        trend: (2, t) float64, of mu: times each trend, and times its product with l.
        spread: (3,) float64, of log sigma, as ``median``.
        usual: (w,) float64, taken off the widths first.
        width: (2, w) float64, of log sigma, as ``trend``.
    """

    levels: Floats
    shape: Floats
    median: Floats
    trend: Floats
    spread: Floats
    usual: Floats
    width: Floats


def _columns(named: Mapping[str, tuple[float, ...]], order: tuple[str, ...]) -> Floats:
    return np.array([named[name] for name in order], dtype="float64").T


_WIDTHS = _columns(coefficients.WIDTH, WIDTH)

FITTED = Coefficients(
    levels=np.array(coefficients.LEVELS),
    shape=np.array(coefficients.SHAPE),
    median=np.array(coefficients.MEDIAN),
    trend=_columns(coefficients.TREND, TREND),
    spread=np.array(coefficients.SPREAD),
    usual=_WIDTHS[0],
    width=_WIDTHS[1:],
)


@dataclass(frozen=True, slots=True)
class Curves:
    """Quantiles of cumulative usage.

    Attributes:
        levels: (k,) float64, rising, within 0..1.
        cumulative: (k, horizon) float64, usage of the next 1…horizon 24-hour days, in the unit of the history; it
            rises along both axes and is at least 0.
    """

    levels: Floats
    cumulative: Floats

    def quantile(self, level: float, days: float) -> float:
        """Return the usage within ``days`` that is not exceeded with probability ``level``.

        A day is taken to be even inside. Beyond the horizon the last day's value stands, beyond the levels that of the
        outermost curve.
        """
        return float(np.interp(level, self.levels, self._within(days)))

    def probability(self, amount: float, days: float) -> float:
        """Return the probability that usage within ``days`` is ``amount`` or more; 1 where the amount is not positive.

        Beyond the outermost curves it is 0 or 1: what is shown should say "under 5 %" instead.
        """
        if amount <= 0:
            return 1.0
        amounts = self._within(days)
        reaching = int(np.searchsorted(amounts, amount, side="left"))  # the lowest curve that reaches it
        if reaching == len(amounts):
            return 0.0
        if reaching == 0:
            return 1.0 if amount < amounts[0] else 1.0 - float(self.levels[0])
        low, high = float(amounts[reaching - 1]), float(amounts[reaching])
        below, above = float(self.levels[reaching - 1]), float(self.levels[reaching])
        return 1.0 - below - (amount - low) / (high - low) * (above - below)

    def time(self, amount: float, level: float) -> float:
        """Return after how many days ``amount`` is used, at quantile ``level`` of the time: .25 is early, .75 late.

        0 where the amount is not positive; infinite where it is beyond the horizon.
        """
        if amount <= 0:
            return 0.0
        curve = self._curve(1.0 - level)
        day = int(np.searchsorted(curve, amount, side="left"))
        if day == len(curve):
            return float("inf")
        before = float(curve[day - 1]) if day else 0.0
        return day + (amount - before) / (float(curve[day]) - before)

    def _within(self, days: float) -> Floats:
        """Return each curve's usage within ``days``."""
        last = self.cumulative.shape[1]
        within = min(max(days, 0.0), float(last))
        day = min(int(within), last - 1)
        before = self.cumulative[:, day - 1] if day else np.zeros(len(self.levels))
        return np.asarray(before + (within - day) * (self.cumulative[:, day] - before), dtype="float64")

    def _curve(self, level: float) -> Floats:
        """Return the curve at a level, between two of ours if need be."""
        inside = min(max(level, float(self.levels[0])), float(self.levels[-1]))
        above = max(1, int(np.searchsorted(self.levels, inside, side="left")))
        low, high = float(self.levels[above - 1]), float(self.levels[above])
        share = (inside - low) / (high - low)
        return np.asarray(self.cumulative[above - 1] * (1 - share) + self.cumulative[above] * share, dtype="float64")


def quantile_curves(
    daily: Floats, dates: Dates, horizon: int, *, weights: Floats | None = None, spread: float = 1.0
) -> Curves:
    """Return the quantile curves of the usage of the days that follow a history.

    Args:
        daily: (n,) float64, usage of consecutive 24-hour days, oldest first, n >= 1; negative days count as 0.
        dates: (n,) datetime64[D], the days' dates. Only their number matters: the days are consecutive, and the same
            weekday comes again after seven of them.
        horizon: How many days ahead, at least 1. A shorter horizon gives the same curves, only shorter.
        weights: (n,) float64 in (0, 1], how much each day is known of itself; None where all are observed.
        spread: Factor on the width; 1 unless the account's own record asks for another.

    Returns:
        The curves; all 0 for a history without any usage, which says nothing of when usage begins again.

    Raises:
        ValueError: If there is no day, the shapes differ, a number is not finite or beyond 1e250, a weight is not
            positive, or the horizon is under one day.
    """
    amounts = np.asarray(daily, dtype="float64")
    sure = np.ones(amounts.shape) if weights is None else np.asarray(weights, dtype="float64")
    if not amounts.shape == np.shape(dates) == sure.shape or amounts.ndim != 1 or not len(amounts):
        raise ValueError(
            f"a history of shape {amounts.shape} has dates of {np.shape(dates)} and weights of {sure.shape}: "
            "it needs a day at least, and one of each for every day"
        )
    if not (np.abs(amounts) <= _LARGEST).all():
        raise ValueError(f"a day's usage is a number between ±{_LARGEST:g}, not infinite or missing")
    if not ((sure > 0) & np.isfinite(sure)).all():
        raise ValueError("a day's weight is a positive number")
    if horizon < 1:
        raise ValueError(f"a forecast is for 1 day or more, not for {horizon}")
    return curves_of(features_of(np.maximum(amounts, 0.0), sure), horizon, spread=spread)


def curves_of(features: Features, horizon: int, *, spread: float = 1.0, filled: Coefficients = FITTED) -> Curves:
    """Return the quantile curves of the next ``horizon`` days, from what the history tells."""
    days = np.arange(1, horizon + 1, dtype="float64")
    distance = np.log(np.minimum(days, _FAR) / 14)
    moves = filled.trend @ features.trend
    widths = filled.width @ (features.width - filled.usual)
    median = _along(filled.median, moves, distance)
    sigma = np.exp(np.clip(_along(filled.spread, widths, distance), NARROWEST, WIDEST))
    middle = float(np.interp(0.5, filled.levels, filled.shape))
    shape = features.unrest * middle + spread * (filled.shape - middle)
    exponent = np.clip(features.unrest * median + shape[:, None] * sigma, -_FARTHEST, _FARTHEST)
    slack = FLOOR * features.mean * days
    expected = features.level * np.resize(features.rhythm, horizon).cumsum() + slack
    cumulative = np.maximum(expected * np.exp(exponent) - slack, 0.0)
    return Curves(filled.levels, np.maximum.accumulate(cumulative, axis=1))


def _along(powers: Floats, features: Floats, distance: Floats) -> Floats:
    """Return a sum over the distances; element by element, so that no day depends on how many are asked for."""
    slope = powers[1] + features[1] + powers[2] * distance
    return np.asarray(powers[0] + features[0] + slope * distance, dtype="float64")


def forecast(daily_values: Floats, dates: Dates, horizon: int) -> dict[str, Floats]:
    """Return quantiles of cumulative future usage, in the form that a benchmark takes.

    Args:
        daily_values: (n,) float64, usage of complete consecutive days, oldest first, n >= 1.
        dates: (n,) datetime64[D], the days' dates; the first day of the forecast follows the last one.
        horizon: How many days ahead.

    Returns:
        ``levels``: (k,) float64, rising; ``cum``: (k, horizon) float64, usage of the next 1…horizon days.

    Raises:
        ValueError: As `quantile_curves` does.
    """
    curves = quantile_curves(daily_values, dates, horizon)
    return {"levels": curves.levels, "cum": curves.cumulative}
