"""What the coming days will use, from the weekday profile of the last four weeks, with its honest spread.

Each coming day is expected to use the mean of its weekday over the last 28 whole days. Around that, cumulative usage
spreads like a sum of independent days whose standard deviation is that of the residuals, widened because every
weekday's mean is itself an estimate from few days. Within a day usage is taken to be even. Under seven whole days that
were really observed nothing is said.

Source: the variance of a forecast sum with estimated means, h·s² + Σ c²·s²/n over the weekdays, c being how many days
of that weekday lie ahead and n from how many its mean was learned; with one mean for all days it is h·s² + h²·s²/n of
R. J. Hyndman and G. Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from collector.domain.calendar import day_of, start_of_day
from reports.spikes import SPIKED

LEAST_DAYS = 7
MOST_DAYS = 28
METHOD = "weekday mean of 28 days"

_MICROSECOND = timedelta(microseconds=1)
_Floats: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.float64]]"


@dataclass(frozen=True, slots=True)
class Profile:
    """How a meter is used; amounts are in its smallest unit.

    Attributes:
        weekday: Expected usage by weekday, Monday first; never negative.
        learned: From how many observed days each of them was learned, at least 1.
        deviation: Standard deviation of one day around its weekday's mean.
    """

    weekday: tuple[float, ...]
    learned: tuple[int, ...]
    deviation: float

    @property
    def per_day(self) -> float:
        """Expected usage of an average day."""
        return sum(self.weekday) / 7


class Ahead(NamedTuple):
    """A local day, or the part of it that is still to come.

    Attributes:
        share: How much of the day it is, 0..1.
    """

    day: date
    share: float


@dataclass(frozen=True, slots=True)
class Course:
    """Cumulative usage expected at the end of each coming day, in the meter's smallest unit.

    Attributes:
        mean, spread: Expected cumulative usage and its standard deviation, one value per day.
    """

    days: tuple[date, ...]
    mean: _Floats
    spread: _Floats


def observed_days(days: pd.DataFrame) -> pd.Series[bool]:
    """Return which days teach something of themselves.

    Not those that are partial. And not those that a gap swallowed whole: their usage is only interpolated, so each
    looks like the others, and learning from them would make a forecast sure of itself.

    Args:
        days: Daily deltas as ``reports.daily.daily_deltas`` returns them.

    Returns:
        bool, with the index of ``days``.
    """
    certain = (days["lower"] == days["upper"]).fillna(value=False).astype("bool")
    return ~days["partial"] & ((days["coverage"] > 0) | (days["snapshots"] > 0) | certain)


def weekday_profile(days: pd.DataFrame) -> Profile | None:
    """Learn a profile from the daily deltas of one meter.

    Args:
        days: As ``reports.daily.daily_deltas`` returns them, in order of time: ``day`` str, ``usage, lower, upper``
            Int64, ``coverage`` float64, ``snapshots`` int64, ``partial`` bool; and ``spiked``, where
            ``reports.spikes.with_spikes`` added it, which is taken off the usage.

    Returns:
        The profile, or None for fewer than seven observed days among the last 28 whole ones.
    """
    whole = days.loc[~days["partial"]].tail(MOST_DAYS)
    observed = observed_days(whole)
    if observed.sum() < LEAST_DAYS:
        return None
    amounts = whole["usage"].astype("float64")
    if SPIKED in whole:
        amounts -= whole[SPIKED].astype("float64")
    weekday = pd.to_datetime(whole["day"]).dt.day_of_week
    means = _means(amounts, weekday)
    counts = weekday[observed].value_counts()
    residuals = (amounts - weekday.map(means))[observed]
    freedom = len(residuals) - len(counts)
    # Under two weeks most weekdays were seen once and have no residual: the spread of all days stands in.
    deviation = np.sqrt((residuals**2).sum() / freedom) if freedom >= LEAST_DAYS else amounts[observed].std(ddof=1)
    return Profile(
        tuple(float(means[one]) for one in range(7)),
        tuple(int(counts.get(one, 1)) for one in range(7)),
        float(deviation),
    )


def _means(amounts: pd.Series[float], weekday: pd.Series[int]) -> pd.Series[float]:
    """Return the mean of each weekday 0…6.

    The mean of all days stands in for a weekday that was not seen and, where usage taken back outweighs what a
    weekday used, for every one: such a figure says nothing of what is to come.
    """
    overall = amounts.mean()
    means = amounts.groupby(weekday).mean().reindex(range(7)).fillna(overall)
    return means if means.min() >= 0 else pd.Series(max(0.0, overall), index=range(7))


def days_ahead(start: datetime, end: datetime, zone: ZoneInfo) -> list[Ahead]:
    """Return the local days that ``[start, end)`` touches, in order; the first and the last may be parts.

        ──[ day    start ───)[ day ──────)[ day ── end   )──

    Returns nothing for an empty interval.
    """
    if start >= end:
        return []
    first, last = day_of(start, zone), day_of(end - _MICROSECOND, zone)
    between = [Ahead(first + timedelta(days=count), 1.0) for count in range(1, (last - first).days)]
    ends = [Ahead(day, _share(day, start, end, zone)) for day in sorted({first, last})]
    return [ends[0], *between, *ends[1:]]


def _share(day: date, start: datetime, end: datetime, zone: ZoneInfo) -> float:
    opens, closes = start_of_day(day, zone), start_of_day(day + timedelta(days=1), zone)
    return (min(closes, end) - max(opens, start)) / (closes - opens)


def course(profile: Profile, ahead: Sequence[Ahead]) -> Course:
    """Return the expected course of usage over the days ``ahead``."""
    days = tuple(one.day for one in ahead)
    shares = np.array([one.share for one in ahead], dtype="float64")
    weekdays = np.array([day.weekday() for day in days], dtype="int64")
    mean = (np.array(profile.weekday)[weekdays] * shares).cumsum()
    per_weekday = np.zeros((len(days), 7))
    per_weekday[np.arange(len(days)), weekdays] = shares
    estimated = (per_weekday.cumsum(axis=0) ** 2 / np.array(profile.learned)).sum(axis=1)
    return Course(days, mean, profile.deviation * np.sqrt(shares.cumsum() + estimated))
