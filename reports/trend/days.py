"""The days of one meter as a trend sees them: which of them teach something, and their moving mean and median.

Moving figures are trailing: that of a day is of the 7 (28) local days up to and with it, so tomorrow changes none of
today's. A day that is not over, or began before the history, is in none of them. The mean takes in days that a gap
swallowed, for the gap's total is known and only its split is not; the median is of days that were observed, for an
interpolated day looks like its neighbours. Each needs five days of seven, or twenty of twenty-eight.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from reports.frames import frame_of
from reports.spikes import SPIKED
from reports.trend.series import Series

LEAST_OF = {7: 5, 28: 20}
NARROW = 0.25
_OBSERVED = 0.95

SCHEMA = {
    "ordinal": "int64",
    "amount": "float64",
    "observed": "bool",
    "mean_7": "float64",
    "median_7": "float64",
    "mean_28": "float64",
    "median_28": "float64",
}


def trend_days(days: pd.DataFrame) -> pd.DataFrame:
    """Return the daily deltas of one meter with what a trend needs beside them.

    Args:
        days: As ``reports.daily.daily_deltas`` returns them, of one meter, in order of time.

    Returns:
        The same rows and columns, and: ``ordinal`` int64 (``date.toordinal``); ``amount`` float64, the usage in whole
        units, less what unconfirmed spikes are in it (``spiked``, where ``reports.spikes.with_spikes`` added it);
        ``observed`` bool, True for a day that teaches something of itself, see ``observed_days``; ``mean_7``,
        ``median_7``, ``mean_28``, ``median_28`` float64 in whole units, NaN where too few days stand behind them. No
        rows for no rows.
    """
    ordinals = [date.fromisoformat(day).toordinal() for day in days["day"]]
    amounts, observed = _units(days, "usage"), observed_days(days)
    if SPIKED in days:
        amounts -= _units(days, SPIKED)
        observed &= days[SPIKED] == 0
    added = frame_of(
        {
            "ordinal": ordinals,
            "amount": amounts.tolist(),
            "observed": observed.tolist(),
            **_moving(ordinals, amounts, days["partial"], observed),
        },
        SCHEMA,
    )
    return pd.concat([days.reset_index(drop=True), added], axis="columns")


def observed_days(days: pd.DataFrame) -> pd.Series[bool]:
    """Return which days teach something of themselves: whole ones whose own usage is known within a quarter.

    That is a quarter of the day's usage or of the median day's, whichever is more. Where a reset left the upper bound
    open, the day must have been observed nearly throughout instead. A day with a held fall is none.

    Returns:
        bool, with the index of ``days``.
    """
    usage, lower = _units(days, "usage"), _units(days, "lower")
    width = _units(days, "upper") - lower
    whole = ~days["partial"] & (days["held"] == 0)
    median = float(usage[whole].abs().median()) if whole.any() else 0.0
    narrow = width <= NARROW * usage.abs().clip(lower=median)
    open_above = width.isna() & (days["coverage"] >= _OBSERVED)
    return whole & (narrow | open_above)


def series_of(days: pd.DataFrame) -> Series:
    """Return the observed days of ``trend_days`` as a series."""
    observed = days[days["observed"]]
    return Series(np.array(observed["ordinal"], dtype="int64"), np.array(observed["amount"], dtype="float64"))


def _units(days: pd.DataFrame, column: str) -> pd.Series[float]:
    return days[column].astype("Float64").astype("float64") / 10.0 ** days["scale"]


def _moving(
    ordinals: list[int], amounts: pd.Series[float], partial: pd.Series[bool], observed: pd.Series[bool]
) -> dict[str, list[float]]:
    """Return the moving figures by name; a date that the zone skipped is a day without a figure."""
    places = pd.Index(ordinals)
    every = range(min(ordinals), max(ordinals) + 1) if ordinals else range(0)
    whole = pd.Series(amounts.mask(partial).to_numpy(), index=places).reindex(every)
    seen = pd.Series(amounts.where(observed).to_numpy(), index=places).reindex(every)
    found: dict[str, list[float]] = {}
    for length, least in LEAST_OF.items():
        found[f"mean_{length}"] = whole.rolling(length, min_periods=least).mean().reindex(places).round(6).tolist()
        found[f"median_{length}"] = seen.rolling(length, min_periods=least).median().reindex(places).round(6).tolist()
    return found
