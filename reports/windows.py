"""Usage of windows, read by boundary look-ups, as one typed frame.

    edges     e0 ────────── e1 ────────── e2 ────── …      every quantity at an edge counts what lies before it,
    windows    └── e1 - e0 ──┘── e2 - e1 ──┘               so a window is the difference of its two edges

Whole numbers stay exact: totals are Python integers until their differences are known, and the frame holds them as
nullable ``Int64``, never as floats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from collector.domain.calendar import day_of, days_between
from collector.domain.edges import Edge, Usage, usage_between
from collector.domain.instants import instant_of, micros_of
from collector.store.ending import rows_until
from collector.store.engine import Database
from collector.store.reading import MeterRow, edges, meters
from reports.frames import INSTANT, Column, frame_of, instants
from reports.question import Question

SCHEMA = {
    "meter_id": "int64",
    "account": "str",
    "meter": "str",
    "unit": "str",
    "scale": "int64",
    "window": "str",
    "start": INSTANT,
    "end": INSTANT,
    "first_at": INSTANT,
    "last_at": INSTANT,
    "usage": "Int64",
    "lower": "Int64",
    "upper": "Int64",
    "length_us": "int64",
    "nominal_us": "int64",
    "observed_us": "int64",
    "snapshots": "int64",
    "resets": "int64",
    "corrections": "int64",
    "held": "int64",
}
_PLACES = 6


@dataclass(frozen=True, slots=True)
class Window:
    """A named half-open interval ``[start, end)``, in microseconds since 1970 UTC.

    Attributes:
        nominal: How long it would be if the history reached back far enough; None where that is its length.
    """

    name: str
    start: int
    end: int
    nominal: int | None = None


def usage_windows(database: Database, wanted: Iterable[tuple[MeterRow, Sequence[Window]]]) -> pd.DataFrame:
    """Return the usage of any windows of any meters, with one look-up statement for all of them.

    Args:
        database: Where the ledger is.
        wanted: Each meter once, with its windows in any order.

    Returns:
        One row per meter and window in the given order, index 0…n-1. ``meter_id`` int64, ``account, meter, unit`` str,
        ``scale`` int64 (decimal places of its quantities); ``window`` str (its name), ``start``, ``end``, and
        ``first_at``, ``last_at`` (the meter's history), datetime64[us, UTC]; ``usage, lower, upper`` Int64 in the
        meter's smallest unit, ``upper`` NA where open; ``length_us, nominal_us, observed_us`` int64 microseconds of the
        window, of the window it stands for, and those observed; ``snapshots, resets, corrections, held`` int64 counts.
        Quantities beyond 64 bits make their column ``object``. No rows for no windows; a window outside the history
        has usage 0 and nothing observed.
    """
    pairs = list(wanted)
    boundaries = {row.id: _boundaries(windows) for row, windows in pairs}
    with database.read() as connection:
        found = edges(connection, [row for row, _ in pairs], boundaries)
    return _frame([one for row, windows in pairs for one in _spans(row, windows, found[row.id])])


class _Span(NamedTuple):
    row: MeterRow
    window: Window
    start: Edge
    end: Edge
    used: Usage


def _boundaries(windows: Sequence[Window]) -> list[int]:
    return sorted({at for window in windows for at in (window.start, window.end)})


def _spans(row: MeterRow, windows: Sequence[Window], found: Iterable[Edge]) -> Iterator[_Span]:
    by_at: Mapping[int, Edge] = {edge.at: edge for edge in found}
    for window in windows:
        start, end = by_at[window.start], by_at[window.end]
        used = usage_between(start, end)
        yield _Span(row, window, start, end, used)


def _frame(spans: Sequence[_Span]) -> pd.DataFrame:
    windows = [one.window for one in spans]
    lengths = [one.end - one.start for one in windows]
    columns: dict[str, Column] = {
        "meter_id": [one.row.id for one in spans],
        "account": [one.row.account for one in spans],
        "meter": [one.row.name for one in spans],
        "unit": [one.row.unit for one in spans],
        "scale": [one.row.scale for one in spans],
        "window": [one.name for one in windows],
        "start": instants([one.start for one in windows]),
        "end": instants([one.end for one in windows]),
        "first_at": instants([one.row.first_at for one in spans]),
        "last_at": instants([one.row.last_at for one in spans]),
        "usage": [one.used.usage for one in spans],
        "lower": [one.used.lower for one in spans],
        "upper": [one.used.upper for one in spans],
        "length_us": lengths,
        "nominal_us": [
            length if one.nominal is None else one.nominal for one, length in zip(windows, lengths, strict=True)
        ],
        "observed_us": [one.end.covered - one.start.covered for one in spans],
        "snapshots": [one.end.snapshots - one.start.snapshots for one in spans],
        "resets": [one.end.resets - one.start.resets for one in spans],
        "corrections": [one.end.corrections - one.start.corrections for one in spans],
        "held": [one.end.held - one.start.held for one in spans],
    }
    return frame_of(columns, SCHEMA)


def observed_share(observed: pd.Series[int], whole: pd.Series[int]) -> pd.Series[float]:
    """Return the observed share of each window: float64 in 0..1, to six places, and 1 only where nothing is missing.

    Args:
        observed: Observed microseconds, int64.
        whole: The window's microseconds, int64; a window without a length is not observed.
    """
    share = (observed / whole.where(whole > 0)).clip(0.0, 1.0).fillna(0.0).round(_PLACES)
    return share.mask((observed < whole) & (share == 1.0), 1.0 - 10.0**-_PLACES)


def meters_asked(database: Database, question: Question) -> list[MeterRow]:
    """Return the meters with a history that ``question`` is about, by account and meter, as they were known then."""
    with database.read() as connection:
        rows = meters(connection, question.accounts, question.meters)
        return rows if question.as_of is None else rows_until(connection, rows, micros_of(question.as_of))


def local_days(row: MeterRow, zone: ZoneInfo, first: date | None, end: date | None) -> Sequence[Window]:
    """Return the local days in ``[first, end)`` of ``row``'s history; none outside of it, None leaves a side open."""
    begun = day_of(instant_of(row.first_at), zone)
    over = day_of(instant_of(row.last_at), zone) + timedelta(days=1)
    first = begun if first is None else max(begun, first)
    end = over if end is None else min(over, end)
    if row.until is not None:
        end = min(end, day_of(instant_of(row.until - 1), zone) + timedelta(days=1))
    if first >= end:
        return ()
    return _days(first, end, zone)


@lru_cache(maxsize=64)  # a fleet asks for the same days in a handful of zones
def _days(first: date, end: date, zone: ZoneInfo) -> Sequence[Window]:
    return tuple(
        Window(day.isoformat(), micros_of(begins), micros_of(ends))
        for day, begins, ends in days_between(first, end, zone)
    )


def daily_windows(database: Database, question: Question) -> pd.DataFrame:
    """Return the usage of every local day asked for, as ``usage_windows`` does."""
    wanted = []
    for row in meters_asked(database, question):
        zone = question.agreement_of(row.account, row.timezone).zone
        wanted.append((row, local_days(row, zone, *question.dates(zone))))
    return usage_windows(database, wanted)
