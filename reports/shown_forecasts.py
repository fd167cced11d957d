"""Grades the forecasts that scheduled reports showed, once the period that they were about is over.

    seen_at ─────── used up? ─────── until ─────┤ newest observation       only what lies before that can be graded

A forecast whose quota has run out already while its period still runs waits too: else only the bad ends would count.

Public: ``shown_trials``, ``ShownTrials``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from collector.domain.instants import instant_of, micros_of
from collector.store.engine import Database
from collector.store.forecasts import Foretold, KeptForecast, kept_forecasts, waiting_forecasts
from collector.store.reading import MeterRow, edges
from reports.forecasting.backtest_trials import Trial, place_among

_DAY = timedelta(days=1)
_MOST = 400  # of each meter, the newest: a year of days and more
_MIDDLE = 0.5


@dataclass(frozen=True, slots=True)
class ShownTrials:
    """The shown forecasts of one meter.

    Attributes:
        trials: Those whose period is over, at most the newest 400, the oldest first.
        open: How many wait for their period's end.
        first_at, last_at: The first and the last instant from which one of the trials counts; None without any.
        span: From ``first_at`` to the end of the last period, days.
    """

    trials: tuple[Trial, ...]
    open: int
    first_at: datetime | None = None
    last_at: datetime | None = None
    span: float = 0.0


def shown_trials(database: Database, rows: Sequence[MeterRow]) -> dict[int, ShownTrials]:
    """Return by meter id the forecasts that reports showed; only meters of which there are any.

    The same forecast in two reports counts once. Usage that was never observed cannot be graded, so what counts as over
    is what the last good observation has seen to its end.
    """
    seen_to = {row.id: instant_of(row.good_at) for row in rows}
    with database.read() as connection:
        waiting = waiting_forecasts(connection, seen_to)
        over = {meter: list(_once(kept_forecasts(connection, meter, seen_to[meter], _MOST))) for meter in waiting}
    used = _totals(database, rows, {meter: _ends(each) for meter, each in over.items()})
    reached = _totals(database, rows, {meter: _days(each, used[meter]) for meter, each in over.items()})
    return {
        meter: _shown(over[meter], open_, used[meter], reached[meter]) if over[meter] else ShownTrials((), open_)
        for meter, open_ in waiting.items()
    }


def _once(kept: Iterable[KeptForecast]) -> Iterator[Foretold]:
    """Yield each forecast once: of several from one instant to another, the one with dates if any has them."""
    for _, same in groupby(kept, key=lambda one: (one.foretold.seen_at, one.foretold.until)):
        yield max((one.foretold for one in same), key=lambda one: one.probability is not None)


def _ends(told: Iterable[Foretold]) -> set[int]:
    return {micros_of(at) for one in told for at in (one.seen_at, one.until)}


def _days(told: Iterable[Foretold], totals: Mapping[int, int]) -> set[int]:
    """Return the ends of the days in which the quotas that ran out did so."""
    wanted: set[int] = set()
    for one in told:
        if one.times and _came(one, totals):
            wanted.update(micros_of(at) for at in _steps(one))
    return wanted


def _steps(one: Foretold) -> list[datetime]:
    whole = (one.until - one.seen_at) // _DAY
    return sorted({*(one.seen_at + day * _DAY for day in range(whole + 1)), one.until})


def _totals(database: Database, rows: Sequence[MeterRow], wanted: Mapping[int, set[int]]) -> dict[int, dict[int, int]]:
    """Return by meter and instant what was used before it."""
    asked = [row for row in rows if wanted.get(row.id)]
    found: dict[int, dict[int, int]] = {meter: {} for meter in wanted}
    if asked:
        with database.read() as connection:
            by_meter = edges(connection, asked, {row.id: sorted(wanted[row.id]) for row in asked})
        found |= {meter: {edge.at: edge.total for edge in each} for meter, each in by_meter.items()}
    return found


def _used(one: Foretold, totals: Mapping[int, int], until: datetime) -> int:
    return totals[micros_of(until)] - totals[micros_of(one.seen_at)]


def _came(one: Foretold, totals: Mapping[int, int]) -> bool:
    return one.remaining is not None and _used(one, totals, one.until) >= one.remaining


def _shown(told: Sequence[Foretold], waiting: int, used: Mapping[int, int], reached: Mapping[int, int]) -> ShownTrials:
    first = min(one.seen_at for one in told)
    trials = tuple(_trial(one, first, used, reached) for one in told)
    span = (max(one.until for one in told) - first) / _DAY
    return ShownTrials(trials, waiting, first, max(one.seen_at for one in told), span)


def _trial(one: Foretold, first: datetime, used: Mapping[int, int], reached: Mapping[int, int]) -> Trial:
    days, came = (one.until - one.seen_at) / _DAY, _came(one, used)
    levels, amounts = [level for level, _ in one.amounts], [amount for _, amount in one.amounts]
    times, error = dict(one.times), None
    if came and _MIDDLE in times:
        # A date behind the period's end is not told; then it was told that it is that end at least.
        error = (times[_MIDDLE] or days) - _reached(one, reached)
    return Trial(
        origin=(one.seen_at - first) / _DAY,
        days=days,
        probability=one.probability,
        came=came,
        place=place_among(levels, amounts, float(_used(one, used, one.until))) if levels else None,
        error=error,
    )


def _reached(one: Foretold, totals: Mapping[int, int]) -> float:
    """Return after how many days what remained was used, which it was; inside a day usage is taken to be even."""
    remaining, before = one.remaining or 0, 0
    steps = _steps(one)
    for start, end in pairwise(steps):
        after = _used(one, totals, end)
        if after >= remaining:
            share = (remaining - before) / (after - before) if after > before else 0.0
            return (start - one.seen_at + share * (end - start)) / _DAY
        before = after
    return (one.until - one.seen_at) / _DAY
