"""What the coming days will use, from the weekday profile of the last four weeks, with its honest spread.

Each coming day is expected to use the mean of its weekday over the last 28 whole days (the mean of all days where a
weekday was not seen). Around that, cumulative usage spreads like a sum of independent days whose standard deviation
is that of the residuals, widened because the profile itself is an estimate. Under seven whole days nothing is said.

Source: the variance of a forecast sum with an estimated mean, h·s² + h²·s²/n, as in R. J. Hyndman and
G. Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.5 (mean method, prediction intervals).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

LEAST_DAYS = 7
MOST_DAYS = 28
METHOD = "weekday mean of 28 days"


@dataclass(frozen=True, slots=True)
class Course:
    """Cumulative usage expected at the end of each coming day.

    Attributes:
        days: The dates, the first one being the rest of today.
        mean, spread: Expected cumulative usage and its standard deviation, in units, one value per day.
    """

    days: list[date]
    mean: np.ndarray[tuple[int], np.dtype[np.float64]]
    spread: np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Profile:
    """How a meter is used.

    Attributes:
        weekday: Expected units by weekday, Monday first.
        deviation: Standard deviation of one day around its weekday's mean.
        days: How many whole days it was learned from.
    """

    weekday: tuple[float, ...]
    deviation: float
    days: int

    @property
    def per_day(self) -> float:
        """Expected units of an average day."""
        return sum(self.weekday) / 7


def weekday_profile(days: pd.DataFrame) -> Profile | None:
    """Learn a profile from daily deltas of one meter.

    Args:
        days: Columns ``day`` (str date), ``units`` (float64) and ``partial`` (bool), in order of time. Partial days
            teach nothing.

    Returns:
        The profile, or None for fewer than seven whole days.
    """
    whole = days.loc[~days["partial"]].tail(MOST_DAYS)
    if len(whole) < LEAST_DAYS:
        return None
    weekday = pd.to_datetime(whole["day"]).dt.weekday
    means = whole["units"].groupby(weekday).mean()
    expected = weekday.map(means)
    residuals = whole["units"] - expected
    # Under two weeks each weekday was seen once and has no residual: the spread of all days stands in.
    freedom = len(whole) - len(means)
    deviation = float(np.sqrt((residuals**2).sum() / freedom)) if freedom >= 7 else float(whole["units"].std(ddof=1))
    overall = float(whole["units"].mean())
    return Profile(tuple(float(means.get(one, overall)) for one in range(7)), deviation, len(whole))


def course(profile: Profile, today: date, rest_of_today: float, horizon: int) -> Course:
    """Return the expected course of ``horizon`` days, of which the first is the rest of today.

    Args:
        profile: As learned.
        today: The local date of now.
        rest_of_today: The share of today that is still to come, 0..1.
        horizon: How many days, at least 1.
    """
    days = [today + timedelta(days=count) for count in range(horizon)]
    shares = np.ones(horizon)
    shares[0] = rest_of_today
    expected = np.array([max(0.0, profile.weekday[day.weekday()]) for day in days]) * shares
    length = shares.cumsum()
    variance = profile.deviation**2 * (length + length**2 / profile.days)
    return Course(days, expected.cumsum(), np.sqrt(variance))
