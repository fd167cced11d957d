"""Daily deltas: the usage of every local day, with what the day alone can have been and how much of it was seen."""

from __future__ import annotations

import pandas as pd

from reports.windows import observed_share

COLUMNS = (
    "account",
    "meter",
    "unit",
    "day",
    "usage",
    "lower",
    "upper",
    "coverage",
    "snapshots",
    "resets",
    "corrections",
    "held",
    "partial",
)


def daily_deltas(windows: pd.DataFrame) -> pd.DataFrame:
    """Return the report ``daily`` from windows that are local days.

    Args:
        windows: As ``reports.windows.usage_windows`` returns it, ``window`` being the local date.

    Returns:
        One row per account, meter and day, in the given order, index 0…n-1. ``account, meter, unit`` str; ``day`` str
        ``2026-01-31``; ``usage, lower, upper`` Int64 in the meter's smallest unit, ``upper`` NA where a reset left it
        open; ``coverage`` float64, the observed share of the whole day, 0..1, exactly 1 only where nothing is missing;
        ``snapshots, resets, corrections, held`` int64 counts; ``partial`` bool, True for a day that is not over, was
        not observed to its end, or began before the first snapshot; ``scale`` int64, the decimal places of the
        quantities. No rows for no windows. A day without a snapshot is a row as well: its usage is the interpolated
        share of the gap's.
    """
    frame = windows[["account", "meter", "unit", "usage", "lower", "upper", "scale"]].copy()
    frame["day"] = windows["window"]
    frame["coverage"] = observed_share(windows["observed_us"], windows["length_us"])
    for count in ("snapshots", "resets", "corrections", "held"):
        frame[count] = windows[count]
    frame["partial"] = (windows["start"] < windows["first_at"]) | (windows["end"] > windows["last_at"])
    return frame[[*COLUMNS, "scale"]].reset_index(drop=True)
