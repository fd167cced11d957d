"""At which hours of a day a meter is used: for a quota or a period that ends within a few days, days are too coarse.

    history  ─┤ end     1 h    2 h           24 h
              └ 0 % ─── 1 % ── 2 % ── … ──── 100 %     share of a day's usage that is reached, counted from the end

A meter that is used in office hours only uses nothing of its day between the evening and the morning. So time is
counted in days of *usage*: two days and the first eight hours of the third are 2 days and as much as is usually used by
then. Each of the last two weeks' days says at which of its hours it was used, all with one vote, and one more day, used
evenly, stands for what was not seen. Days that were hardly observed say nothing.

Public: ``Hours``, ``hours_of``, ``learned_hours``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from collector.domain.instants import DAY
from collector.store.engine import Database
from collector.store.reading import MeterRow, edges
from reports.forecasting.history import History

LEARNED_DAYS = 14

_HOURS = 24
_HOUR = DAY // _HOURS
_LEAST_DAYS = 3
_OBSERVED = 0.5


@dataclass(frozen=True, slots=True)
class Hours:
    """Which share of a day's usage is reached after 0…24 hours from the end of the history.

    Attributes:
        reached: 25 shares, rising from 0 to 1.
    """

    reached: tuple[float, ...]

    def of_usage(self, days: float) -> float:
        """Return how many days of usage lie in the next ``days`` of 24 hours; both at least 0."""
        whole, part = divmod(days, 1.0)
        return float(whole + np.interp(part * _HOURS, np.arange(_HOURS + 1), self.reached))

    def of_time(self, used: float) -> float:
        """Return in how many days of 24 hours so many days of usage are reached; the inverse of ``of_usage``."""
        if not np.isfinite(used):
            return used
        whole, part = divmod(used, 1.0)
        return float(whole + np.interp(part, self.reached, np.arange(_HOURS + 1)) / _HOURS)


def hours_of(database: Database, wanted: Sequence[tuple[MeterRow, History]]) -> dict[int, Hours]:
    """Return at which hours meters are used, with one look-up for all of them.

    Args:
        database: Where the ledger is.
        wanted: Each meter with its history.

    Returns:
        By meter id; none for a meter of which fewer than three days with usage were observed in the last two weeks.
    """
    bounds = {row.id: _bounds(row, history) for row, history in wanted if history.whole}
    if not bounds:
        return {}
    with database.read() as connection:
        found = edges(connection, [row for row, _ in wanted if row.id in bounds], bounds)
    totals = {one: np.array([edge.total for edge in each], dtype="float64") for one, each in found.items()}
    known = {row.id: history for row, history in wanted}
    learned = {one: learned_hours(each, known[one]) for one, each in totals.items()}
    return {one: hours for one, hours in learned.items() if hours is not None}


def _bounds(row: MeterRow, history: History) -> list[int]:
    count = min(LEARNED_DAYS, len(history)) * _HOURS
    return [row.good_at - hours * _HOUR for hours in range(count, -1, -1)]


def learned_hours(totals: np.ndarray[tuple[int], np.dtype[np.float64]], history: History) -> Hours | None:
    """Return at which hours the last days of a history were used.

    Args:
        totals: (24 n + 1,) float64, the counter at each hour up to the end of the history.
        history: Of n days or more; days that weigh less than a half are left out.

    Returns:
        The hours, or None under three days with usage.
    """
    used = np.maximum(np.diff(totals), 0.0).reshape(-1, _HOURS)
    used = used[(history.weights[-len(used) :] >= _OBSERVED) & (used.sum(axis=1) > 0)]
    if len(used) < _LEAST_DAYS:
        return None
    votes = np.vstack([used / used.sum(axis=1, keepdims=True), np.full(_HOURS, 1 / _HOURS)])
    reached = np.concatenate([[0.0], votes.mean(axis=0).cumsum()])
    return Hours(tuple((reached / reached[-1]).tolist()))
