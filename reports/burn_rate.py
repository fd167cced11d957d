"""Burn rate: usage per day over stated windows that end at the newest observation."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from collector.domain.accounts import Agreement
from collector.domain.instants import DAY, instant_of
from collector.domain.periods import period_at
from collector.store.reading import MeterRow
from reports.windows import Window

COLUMNS = ("account", "meter", "unit", "window", "window_start", "window_end", "usage", "per_day", "coverage")
DAYS_BACK = {"1d": 1, "7d": 7, "28d": 28}
PERIOD = "period"
_LEAST = DAY / 24


def burn_windows(row: MeterRow, agreement: Agreement) -> list[Window]:
    """Return the windows of ``row``: the last 1, 7 and 28 times 24 hours, and the billing period so far.

    They end at the newest observation and do not reach back before the first one; the period is left out for an
    account that has none.

        first ─────┬───────────────┬──────────────┬───── last
                   └ 28d           └ 7d           └ 1d
    """
    first, last = instant_of(row.first_at), instant_of(row.last_at)
    windows = [
        Window(name, max(first, last - timedelta(days=days)), last, timedelta(days=days))
        for name, days in DAYS_BACK.items()
    ]
    period = period_at(last, agreement.billing, agreement.zone)
    if period is not None:
        windows.append(Window(PERIOD, max(first, period.start), last, last - period.start))
    return windows


def burn_rates(windows: pd.DataFrame) -> pd.DataFrame:
    """Return the report ``burn`` from the windows of ``burn_windows``.

    Args:
        windows: As ``reports.windows.usage_windows`` returns it.

    Returns:
        One row per account, meter and window, in the given order, index 0…n-1. ``window_start, window_end``
        datetime64[us, UTC]; ``usage`` Int64 in the meter's smallest unit; ``per_day`` float64 in whole units, the
        usage over the window's length in days of 24 hours, NaN for a window under one hour; ``coverage`` float64,
        0..1, the observed share of the whole window, also of the part before the history began; ``scale`` int64. No
        rows for no windows.
    """
    length = windows["length_us"].astype("float64")
    days = (length / DAY).where(length >= _LEAST)
    frame = windows[["account", "meter", "unit", "window", "usage", "scale"]].copy()
    frame["window_start"] = windows["start"]
    frame["window_end"] = windows["end"]
    units = windows["usage"].astype("float64") / 10.0 ** windows["scale"]
    frame["per_day"] = (units / days).round(6)
    nominal = windows["nominal_us"].astype("float64")
    observed = windows["observed_us"] / nominal.where(nominal > 0)
    frame["coverage"] = observed.clip(0.0, 1.0).fillna(0.0).round(6)
    return frame[[*COLUMNS, "scale"]].reset_index(drop=True)
