"""Leaves undecided spikes out of rates and forecasts, and says so; what was used stays as it was booked.

    window   [──────────────────────────────)      per day = (usage - spike) / (length - step)
    spike          since ├──────┤ at               the step's growth is doubted, and with it what its time was used for

``usage`` is the ledger's and adds up; a rate is a judgement of what is usual, which a jump far above what is plausible
would spoil. So the step's usage and its time are left out of rates, its usage out of what a forecast learns from, until
an operator decides about it.

Public: ``SPIKED``, ``SPIKED_US``, ``with_spikes``, ``spike_notes``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from collector.domain.instants import instant_of
from collector.store.engine import Database
from collector.store.reading import MeterRow
from collector.store.spikes import Spike, open_spikes
from reports.rows import scaled
from reports.tables import moment, number
from reports.windows import Window, usage_windows

SPIKED = "spiked"
SPIKED_US = "spiked_us"
_Wanted = Sequence[tuple[MeterRow, Sequence[Window]]]


def with_spikes(database: Database, wanted: _Wanted, frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` with what undecided spikes are in each of its windows.

    Args:
        database: Where the ledger is.
        wanted: The meters and windows that the frame was made of.
        frame: One row per meter and window, in that order.

    Returns:
        The same rows and columns, and: ``spiked`` object, whole units of the meter's smallest, the usage of the steps
        inside the window; ``spiked_us`` int64, their microseconds. Zeros where there is no spike, which is the usual
        and costs one look-up.
    """
    usage, length = [0] * len(frame), [0] * len(frame)
    parts = list(_parts(wanted, _spikes(database, wanted)))
    if parts:
        found = usage_windows(database, parts)
        for name, used, lasting in zip(found["window"], found["usage"], found["length_us"], strict=True):
            usage[int(name)] += int(used)
            length[int(name)] += int(lasting)
    return frame.assign(
        **{
            SPIKED: pd.Series(usage, index=frame.index, dtype="object"),
            SPIKED_US: pd.Series(length, index=frame.index, dtype="int64"),
        }
    )


def _spikes(database: Database, wanted: _Wanted) -> Mapping[int, Sequence[Spike]]:
    rows = [row for row, windows in wanted if windows]
    if not rows:
        return {}
    since = min(window.start for _, windows in wanted for window in windows)
    with database.read() as connection:
        return open_spikes(connection, rows, since)


def _parts(wanted: _Wanted, spikes: Mapping[int, Sequence[Spike]]) -> Iterator[tuple[MeterRow, list[Window]]]:
    """Yield the parts of each meter's windows that are steps of spikes, named by the window's place in the frame."""
    first = 0
    for row, windows in wanted:
        inside = [
            Window(str(place), max(window.start, one.since), min(window.end, one.at))
            for place, window in enumerate(windows, first)
            for one in spikes.get(row.id, ())
        ]
        first += len(windows)
        inside = [one for one in inside if one.start < one.end]
        if inside:
            yield row, inside


def spike_notes(database: Database, rows: Sequence[MeterRow], since: int | None = None) -> dict[int, list[str]]:
    """Return by meter id a sentence for each undecided spike of its history from ``since`` on."""
    with database.read() as connection:
        found = open_spikes(connection, rows, since)
    by_id = {row.id: row for row in rows}
    return {meter: [_note(by_id[meter], one) for one in each] for meter, each in found.items()}


def _note(row: MeterRow, one: Spike) -> str:
    grown = number(scaled(one.growth, row.scale))
    return f"left out an unconfirmed spike of {grown} at {moment(instant_of(one.at))}"
