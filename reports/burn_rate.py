"""Burn rate: usage per day over stated windows that end at the newest observation."""

from __future__ import annotations

import pandas as pd

from collector.domain.accounts import Agreement
from collector.domain.instants import DAY, instant_of, micros_of
from collector.domain.periods import period_at
from collector.store.reading import MeterRow
from reports.spikes import SPIKED, SPIKED_US
from reports.windows import Window, observed_share

COLUMNS = ("account", "meter", "unit", "window", "window_start", "window_end", "usage", "per_day", "coverage")
DAYS_BACK = {"1d": 1, "7d": 7, "28d": 28}
PERIOD = "period"
_LEAST = DAY // 24


def burn_windows(row: MeterRow, agreement: Agreement) -> list[Window]:
    """Return the windows of ``row``: the last 1, 7 and 28 times 24 hours, and the billing period so far.

    They end at the newest observation and do not reach back before the first one; the period is the one that
    observation lies in, or the one that is over where the history is asked to end with it, and is left out for an
    account that has none.

    Args:
        row: The meter.
        agreement: What is agreed with its account; the period begins in that zone.

        first ─────┬───────────────┬──────────────┬───── last
                   └ 28d           └ 7d           └ 1d
    """
    first, last = row.first_at, row.last_at
    windows = [Window(name, max(first, last - days * DAY), last, days * DAY) for name, days in DAYS_BACK.items()]
    period = period_at(instant_of(last - 1 if last == row.until else last), agreement.billing, agreement.zone)
    if period is not None:
        start = micros_of(period.start)
        windows.append(Window(PERIOD, max(first, start), last, last - start))
    return windows


def burn_rates(windows: pd.DataFrame) -> pd.DataFrame:
    """Return the report ``burn`` from the windows of ``burn_windows``.

    Args:
        windows: As ``reports.windows.usage_windows`` returns it; with ``spiked, spiked_us`` of
            ``reports.spikes.with_spikes`` unconfirmed spikes are left out of the rates.

    Returns:
        One row per account, meter and window, in the given order, index 0…n-1. ``account, meter, unit, window`` str;
        ``window_start, window_end`` datetime64[us, UTC]; ``usage`` Int64 in the meter's smallest unit; ``per_day``
        float64 in whole units, the usage over the window's length in days of 24 hours, NaN for a window under one
        hour, unconfirmed spikes left out of both, so that it need not be ``usage``, which is the ledger's, over the
        length; ``coverage`` float64, 0..1, the observed share of the whole window, also of the part before the history
        began; ``scale`` int64. No rows for no windows.
    """
    length, usage = windows["length_us"], windows["usage"].astype("float64")
    if SPIKED in windows:
        length, usage = length - windows[SPIKED_US], usage - windows[SPIKED].astype("float64")
    days = (length / DAY).where(length >= _LEAST)
    frame = windows[["account", "meter", "unit", "window", "usage", "scale"]].copy()
    frame["window_start"] = windows["start"]
    frame["window_end"] = windows["end"]
    units = usage / 10.0 ** windows["scale"]
    frame["per_day"] = (units / days).round(6)
    frame["coverage"] = observed_share(windows["observed_us"], windows["nominal_us"])
    return frame[[*COLUMNS, "scale"]].reset_index(drop=True)
