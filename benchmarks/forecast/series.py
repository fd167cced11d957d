"""Daily series, and the forecasts that are asked of each: at which day, and from how many days of history.

A file has the columns ``series_id``, ``timestamp`` (a day) and ``value`` (usage of that day); the part of
``series_id`` before the first ``/`` is the group. Origins are drawn by a seed that depends on the series' name alone,
so everybody who measures on the same series asks the same questions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from reports.forecasting.curves import Dates
from reports.forecasting.features import Floats

AHEAD = 45  # days of truth behind every origin
HISTORIES = (14, 28, 90)
ORIGINS = 4


@dataclass(frozen=True, slots=True)
class Series:
    """Usage of consecutive days; ``amounts``: (n,) float64, ``dates``: (n,) datetime64[D]."""

    name: str
    amounts: Floats
    dates: Dates

    @property
    def group(self) -> str:
        """The kind of source."""
        return self.name.split("/")[0]


@dataclass(frozen=True, slots=True)
class Task:
    """One forecast that is asked for: of the days from ``origin`` on, from the ``length`` days before it."""

    series: Series
    origin: int
    length: int

    @property
    def history(self) -> Floats:
        """(length,) float64, what the forecaster is given; its own copy."""
        return self.series.amounts[self.origin - self.length : self.origin].copy()

    @property
    def dates(self) -> Dates:
        """(length,) datetime64[D], the days of the history."""
        return self.series.dates[self.origin - self.length : self.origin]

    @property
    def truth(self) -> Floats:
        """(45,) float64, what was really used."""
        return self.series.amounts[self.origin : self.origin + AHEAD]


def load(path: Path) -> list[Series]:
    """Return the series of a Parquet or CSV file, in the order of their names."""
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    table["timestamp"] = pd.to_datetime(table["timestamp"])
    return [
        Series(str(name), rows["value"].to_numpy("float64"), rows["timestamp"].to_numpy().astype("datetime64[D]"))
        for name, rows in table.sort_values(["series_id", "timestamp"], kind="stable").groupby("series_id")
    ]


def seed(*parts: object) -> int:
    """Return a seed that depends on the parts alone, whatever the machine and the day."""
    return int(hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:8], 16)


def tasks_of(
    series: Sequence[Series], histories: Sequence[int] = HISTORIES, origins: int = ORIGINS, salt: tuple[int, ...] = ()
) -> list[Task]:
    """Return what is asked of each series: one origin in each of ``origins`` equal stretches, for every history.

    A series too short for that has half as many origins, and others for each history that fits at all.

    Args:
        series: What is asked about.
        histories: Numbers of days of history.
        origins: How many origins a series has.
        salt: Draws other origins: the same stretches, other days in them.
    """
    return [Task(one, origin, length) for one in series for origin, length in _asked(one, histories, origins, salt)]


def _asked(series: Series, histories: Sequence[int], origins: int, salt: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    last, chance = len(series.amounts) - AHEAD, np.random.default_rng(seed("origin", series.name, *salt))
    if last - max(histories) >= 10:
        drawn = _one_in_each_stretch(chance, max(histories), last, origins)
        yield from ((origin, length) for origin in drawn for length in histories)
        return
    for length in histories:
        if last > length:
            yield from ((origin, length) for origin in _one_in_each_stretch(chance, length, last, max(2, origins // 2)))


def _one_in_each_stretch(chance: np.random.Generator, first: int, last: int, count: int) -> list[int]:
    ends = [int(end) for end in np.linspace(first, last, count + 1)]
    return [int(chance.integers(start, max(start + 1, end))) for start, end in pairwise(ends)]
