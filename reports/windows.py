"""The door of the frames: usage of windows, read by boundary look-ups, as one typed frame.

    edges     e0 ────────── e1 ────────── e2 ────── …      every quantity at an edge counts what lies before it,
    windows    └── e1 - e0 ──┘── e2 - e1 ──┘               so a window is the difference of its two edges

Whole numbers stay exact: totals are Python integers until their differences are known, and the frame holds them as
nullable ``Int64``, never as floats.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from collector.domain.calendar import day_of, days_between
from collector.domain.edges import Edge, usage_between
from collector.domain.instants import instant_of, micros_of
from collector.errors import CollectorError
from collector.store.engine import Database
from collector.store.reading import MeterRow, edges, meters
from reports.question import Question

_SCHEMA = {
    "meter_id": "int64",
    "account": "str",
    "meter": "str",
    "unit": "str",
    "scale": "int64",
    "window": "str",
    "start": "datetime64[us, UTC]",
    "end": "datetime64[us, UTC]",
    "first_at": "datetime64[us, UTC]",
    "last_at": "datetime64[us, UTC]",
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
_LARGEST = 2**63
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """A named half-open interval ``[start, end)``.

    Attributes:
        nominal: How long it would be if the history reached back far enough; None where that is its length.
    """

    name: str
    start: datetime
    end: datetime
    nominal: timedelta | None = None


def usage_windows(database: Database, wanted: Iterable[tuple[MeterRow, Sequence[Window]]]) -> pd.DataFrame:
    """Return the usage of any windows of any meters, with one look-up statement for all of them.

    Returns:
        One row per meter and window in the given order. Columns: ``meter_id, account, meter, unit, scale``;
        ``window`` (its name), ``start``, ``end``; ``first_at``, ``last_at`` (the meter's history, UTC);
        ``usage, lower, upper`` (Int64 in the meter's smallest unit, ``upper`` NA where open); ``length_us,
        nominal_us, observed_us`` (microseconds of the window, of the window it stands for, and those observed);
        ``snapshots, resets, corrections, held`` (counts).

    Raises:
        CollectorError: A usage beyond 64 bits, which no frame can hold exactly.
    """
    pairs = list(wanted)
    boundaries = {row.id: _boundaries(windows) for row, windows in pairs}
    with database.read() as connection:
        found = edges(connection, [row for row, _ in pairs], boundaries)
    records = [
        record for row, windows in pairs for record in _records(row, windows, {edge.at: edge for edge in found[row.id]})
    ]
    frame = pd.DataFrame.from_records(records, columns=list(_SCHEMA))
    return frame.astype(_SCHEMA)


def _boundaries(windows: Sequence[Window]) -> list[int]:
    return sorted({micros_of(at) for window in windows for at in (window.start, window.end)})


def _records(row: MeterRow, windows: Sequence[Window], by_at: Mapping[int, Edge]) -> Iterable[tuple[object, ...]]:
    first_at, last_at = instant_of(row.first_at), instant_of(row.last_at)
    for window in windows:
        start, end = by_at[micros_of(window.start)], by_at[micros_of(window.end)]
        used = usage_between(start, end)
        if abs(used.usage) >= _LARGEST or abs(used.upper or 0) >= _LARGEST or abs(used.lower) >= _LARGEST:
            raise CollectorError(f"the usage of {row.account}/{row.name} in {window.name} does not fit into 64 bits")
        yield (
            row.id,
            row.account,
            row.name,
            row.unit,
            row.scale,
            window.name,
            window.start,
            window.end,
            first_at,
            last_at,
            used.usage,
            used.lower,
            used.upper,
            end.at - start.at,
            end.at - start.at if window.nominal is None else window.nominal // _MICROSECOND,
            end.covered - start.covered,
            end.snapshots - start.snapshots,
            end.resets - start.resets,
            end.corrections - start.corrections,
            end.held - start.held,
        )


def meters_asked(database: Database, question: Question) -> list[MeterRow]:
    """Return the meters with a history that ``question`` is about, by account and meter."""
    with database.read() as connection:
        return meters(connection, question.accounts, question.meters)


def local_days(row: MeterRow, question: Question) -> list[Window]:
    """Return the local days of ``row``'s history that ``question`` asks for; none outside the history."""
    zone = question.agreement_of(row.account, row.timezone).zone
    first = day_of(instant_of(row.first_at), zone)
    last = day_of(instant_of(row.last_at), zone)
    start, end = question.dates(zone)
    return [
        Window(day.isoformat(), begins, ends)
        for day, begins, ends in days_between(first, last + timedelta(days=1), zone)
        if (start is None or day >= start) and (end is None or day < end)
    ]


def daily_windows(database: Database, question: Question) -> pd.DataFrame:
    """Return the usage of every local day asked for, as ``usage_windows`` does."""
    return usage_windows(database, [(row, local_days(row, question)) for row in meters_asked(database, question)])
