"""Daily usage as a forecast learns from it: 24-hour days that end at the newest observation.

    ──[ 24 h ──)[ 24 h ──)[ 24 h ──)[ 24 h ──)      the newest good value is the end of the last day, so that today
      oldest                        newest   └ end  counts as far as it was observed and no day is a part

Local days would leave today a part; ending at the newest observation costs less than leaving it out or counting it as
whole. Usage is the ledger's: it goes on over a reset, and over a gap it is interpolated. What is no usage, or not yet
known to be any, is left out and said: the steps of corrections and of unconfirmed spikes. A day that was not observed
itself, such as one inside a gap, weighs less.

Public: ``History``, ``histories``, ``LEAST_IDLE``, ``LEAST_WEIGHT``, ``RECENT_DAYS``, ``RECORD_DAYS``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from collector.domain.calendar import day_of
from collector.domain.edges import Edge, usage_between
from collector.domain.falls import Decision, FallKind
from collector.domain.instants import DAY, instant_of
from collector.store.engine import Database
from collector.store.reading import MeterRow, edges, in_force
from collector.store.spikes import Spike, open_spikes
from reports.rows import scaled

RECORD_DAYS = 364
"""How far back a meter's own record reaches, by which the interval is recalibrated; the curves look at less of it."""
LEAST_WEIGHT = 0.05
"""What a day weighs of which nothing is known but that it lies in a gap."""

RECENT_DAYS = 28
"""The weeks that a forecast's level rests on."""
LEAST_IDLE = 7
"""A meter is idle after a week without usage at the earliest: a weekend is none."""

_Floats: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"
_Dates: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]"
_HARDLY = 0.5


class _Step(NamedTuple):
    """A stretch ``(since, at]`` whose growth is left out, in microseconds since 1970 UTC."""

    kind: str
    since: int
    at: int
    growth: int


@dataclass(frozen=True, slots=True)
class History:
    """How a meter was used, in days of 24 hours, oldest first; amounts in its smallest unit.

    Attributes:
        daily: (n,) float64, n at least 1, never negative.
        dates: (n,) datetime64[D], the local date of each day's middle, which no change of the clocks moves to another.
        weights: (n,) float64 in (0, 1]: how much of the day is known of itself; 1 where it was observed.
        end: Where the last day ends: when the newest good value was confirmed.
        zone: Whose midnights make the dates.
        left_out: Sentences on what is not in it.
        whole: False where the history is shorter than 24 hours: then it is one part of a day.
    """

    daily: _Floats
    dates: _Dates
    weights: _Floats
    end: datetime
    zone: ZoneInfo
    left_out: tuple[str, ...] = ()
    whole: bool = True

    def __len__(self) -> int:
        """Return of how many days it is."""
        return len(self.daily)

    @property
    def known_days(self) -> float:
        """How many days of it are known of themselves."""
        return float(self.weights.sum())

    @property
    def idle_days(self) -> int:
        """How many of its last days were without any usage."""
        used = np.flatnonzero(self.daily)
        return len(self) - (int(used[-1]) + 1 if len(used) else 0)

    @property
    def is_idle(self) -> bool:
        """True where the idle days at its end are a week or more, and more than any between two days of usage."""
        if self.idle_days < LEAST_IDLE:
            return False
        used = np.flatnonzero(self.daily)
        return self.idle_days > int(np.diff(used).max(initial=1)) - 1

    def until(self, count: int) -> History:
        """Return the first ``count`` days of it, as the history was then.

        Raises:
            ValueError: ``count`` is not within 1…n.
        """
        if not 1 <= count <= len(self):
            raise ValueError(f"a history of {len(self)} days has no first {count}")
        earlier = timedelta(days=len(self) - count)
        return replace(
            self,
            daily=self.daily[:count],
            dates=self.dates[:count],
            weights=self.weights[:count],
            end=self.end - earlier,
        )


def histories(
    database: Database, rows: Sequence[MeterRow], zones: Mapping[int, ZoneInfo], *, most_days: int = RECORD_DAYS
) -> dict[int, History]:
    """Return the history of each meter, with one look-up for all of them.

    A first day shorter than 24 hours, because the history begins inside it, is left out unless it is the only one. Only
    where something is to be left out of a history, a second look-up tells how much of it lies in which day.

    Args:
        database: Where the ledger is.
        rows: As ``reports.windows.meters_asked`` returns them.
        zones: By meter id, whose midnights make the dates.
        most_days: How many days to reach back at most.

    Returns:
        By meter id; every one of ``rows`` has a history.
    """
    if not rows:
        return {}
    bounds = {row.id: _bounds(row, most_days) for row in rows}
    with database.read() as connection:
        found = edges(connection, rows, bounds)
        spikes = open_spikes(connection, rows, min(each[0] for each in bounds.values()))
        corrected = [one for one, each in found.items() if each[-1].corrections > each[0].corrections]
        decided = in_force(connection, corrected) if corrected else {}
        steps = {row.id: [*_spiked(spikes.get(row.id, ())), *_corrected(decided.get(row.id, ()))] for row in rows}
        cuts = {one: _cuts(steps[one], bounds[one]) for one in steps}
        parted = [row for row in rows if cuts[row.id]]
        cut = edges(connection, parted, {row.id: cuts[row.id] for row in parted}) if parted else {}
    return {row.id: _history(row, zones[row.id], found[row.id], steps[row.id], cut.get(row.id, ())) for row in rows}


def _bounds(row: MeterRow, most_days: int) -> list[int]:
    """Return where the days begin and end; one part of a day for a history under 24 hours."""
    count = min(most_days, (row.good_at - row.first_at) // DAY)
    if count < 1:
        return [min(row.first_at, row.good_at), row.good_at]
    return [row.good_at - days * DAY for days in range(count, -1, -1)]


def _spiked(spikes: Iterable[Spike]) -> Iterator[_Step]:
    return (_Step("an unconfirmed spike", one.since, one.at, one.growth) for one in spikes)


def _corrected(decisions: Iterable[Decision]) -> Iterator[_Step]:
    for one in decisions:
        if one.kind is FallKind.CORRECTION:
            yield _Step("a correction", one.since, one.at, one.after - one.before)


def _cuts(steps: Iterable[_Step], bounds: Sequence[int]) -> list[int]:
    """Return where the parts of steps begin and end that lie in the days between ``bounds``."""
    return sorted({at for step in steps for part in _parts(step, bounds) for at in part[1:]})


def _parts(step: _Step, bounds: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield which of the days the step lies in, and from when to when."""
    first = max(bisect_right(bounds, step.since) - 1, 0)
    for place in range(first, min(bisect_left(bounds, step.at), len(bounds) - 1)):
        start, end = max(bounds[place], step.since), min(bounds[place + 1], step.at)
        if start < end:
            yield place, start, end


def _history(
    row: MeterRow, zone: ZoneInfo, found: Sequence[Edge], steps: Sequence[_Step], cut: Iterable[Edge]
) -> History:
    bounds = [edge.at for edge in found]
    daily = np.array([end.total - start.total for start, end in pairwise(found)], dtype="float64")
    weights = known = np.array([_known(start, end) for start, end in pairwise(found)])
    totals = {edge.at: edge.total for edge in cut}
    taken, doubted = np.zeros(len(daily)), np.zeros(len(daily))
    parts = [part for step in steps for part in _parts(step, bounds)]
    for place, start, end in parts:
        taken[place] += totals[end] - totals[start]
        doubted[place] += (end - start) / max(bounds[place + 1] - bounds[place], 1)
    if parts:
        daily, weights = _without(daily - taken, weights, np.minimum(doubted, 1.0))
    middles = ((start + end) // 2 for start, end in pairwise(bounds))
    dates = np.array([day_of(instant_of(at), zone) for at in middles], dtype="datetime64[D]")
    left_out = [step for step in steps if step.at > bounds[0]]
    return History(
        daily=np.maximum(daily, 0.0),
        dates=dates,
        weights=weights,
        end=instant_of(row.good_at),
        zone=zone,
        left_out=(*_sentences(left_out, row.scale), *_unseen(known)),
        whole=row.good_at - row.first_at >= DAY,
    )


def _known(start: Edge, end: Edge) -> float:
    """Return how much of a day is known of itself, 0.05…1: the share that was observed, or how sure its usage is.

        gap  ●────┆──────┆──────┆────●    the total at an edge ┆ inside a gap lies between those of the snapshots ●, and
             0    2u     4u     2u        is doubted by twice its distance to the nearer one; a day that uses u weighs
                                          u / (u + the doubts at both of its edges)

    So an edge just beside a snapshot costs nothing, and the days of a gap weigh together little more than one day.
    """
    length, seen = end.at - start.at, end.covered - start.covered
    if seen >= length:
        return 1.0
    observed = seen / length
    used = max(usage_between(start, end).usage, 0)
    doubt = 2 * (_distance(start) + _distance(end))
    sure = used / (used + doubt) if doubt else 1.0
    return max(observed, sure * _decided(start, end), LEAST_WEIGHT)


def _decided(start: Edge, end: Edge) -> float:
    """Return how many of the day's steps, 0..1, are not those of a reset, before which nobody knows what was used."""
    undecided = max(0, end.opened - start.closed)
    return max(0.0, 1 - undecided / (end.snapshots - start.snapshots + 1))


def _distance(edge: Edge) -> int:
    return min(abs(edge.total - edge.before), abs(edge.after - edge.total))


def _without(daily: _Floats, weights: _Floats, doubted: _Floats) -> tuple[_Floats, _Floats]:
    """Return the days as if the doubted share of each had been like the rest of it; such days weigh less.

    Where nothing of a day is left, the mean of the others stands in for it.
    """
    rest = 1.0 - doubted
    kept = rest > 0.0
    mean = float(np.average(daily[kept] / rest[kept], weights=rest[kept])) if kept.any() else 0.0
    whole = np.where(kept, daily / np.where(kept, rest, 1.0), mean)
    return whole, np.maximum(weights * rest, LEAST_WEIGHT)


def _sentences(steps: Sequence[_Step], scale: int) -> Iterator[str]:
    """Yield what was left out: each kind once, with what it was or how many there were."""
    for kind in sorted({step.kind for step in steps}, reverse=True):
        found = [step for step in steps if step.kind == kind]
        at = instant_of(max(step.at for step in found))
        when = at.strftime("%Y-%m-%d %H:%M:%SZ")
        if len(found) == 1:
            yield f"left out {kind} of {scaled(found[0].growth, scale):,} at {when}"
        else:
            yield f"left out {len(found)} {kind.split(maxsplit=1)[1]}s, the last at {when}"


def _unseen(weights: _Floats) -> Iterator[str]:
    """Yield how many of the last days were hardly observed."""
    recent = weights[-RECENT_DAYS:]
    count = int((recent < _HARDLY).sum())
    if count:
        told = "was hardly observed and counts" if count == 1 else "were hardly observed and count"
        yield f"{count} of the last {len(recent)} days {told} little"
