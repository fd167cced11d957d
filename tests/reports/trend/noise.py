"""Daily series by chance, with a week's rhythm, that are the same at every run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np

from reports.trend.series import Floats, Series

FIRST = date(2025, 1, 6).toordinal()  # a Monday
WEEK = np.array([1.0, 1.1, 1.05, 1.0, 0.9, 0.3, 0.2])
Noise = Callable[[np.random.Generator, int], Floats]


def rhythm(days: int) -> Floats:
    """Return the share of each of so many days, from a Monday on."""
    return np.resize(WEEK, days)


def normal(chance: np.random.Generator, days: int) -> Floats:
    return np.maximum(0.0, 1000 * rhythm(days) * chance.normal(1.0, 0.2, days))


def poisson(chance: np.random.Generator, days: int) -> Floats:
    return chance.poisson(50 * rhythm(days)).astype("float64")


def lognormal(chance: np.random.Generator, days: int) -> Floats:
    spread: Floats = np.exp(chance.normal(0.0, 0.5, days))
    found: Floats = np.round(500 * rhythm(days) * spread)
    return found


def jobs(chance: np.random.Generator, days: int) -> Floats:
    """Return some eight jobs a day that use 500 each."""
    return 500.0 * chance.poisson(8 * rhythm(days)).astype("float64")


def alike(chance: np.random.Generator, days: int) -> Floats:
    """Return days that resemble the days before them: a first-order autoregression of 0.5."""
    drawn: Floats = chance.normal(0.0, 1.0, days)
    for day in range(1, days):
        drawn[day] = 0.5 * drawn[day - 1] + 0.75**0.5 * drawn[day]
    spread: Floats = np.exp(0.3 * drawn)
    found: Floats = np.round(1000 * rhythm(days) * spread)
    return found


NOISES: dict[str, Noise] = {
    "normal": normal,
    "poisson": poisson,
    "lognormal": lognormal,
    "jobs of 500": jobs,
    "autoregressive": alike,
}


def series(amounts: Floats, first: int = FIRST) -> Series:
    """Return a series of consecutive days."""
    return Series(np.arange(first, first + len(amounts), dtype="int64"), np.asarray(amounts, dtype="float64"))


def drawn(noise: Noise, seed: int, days: int = 365) -> Floats:
    """Return the amounts of one series by chance."""
    return noise(np.random.default_rng(seed), days)
