"""When events happen: a weekday and hour profile turned into exact instants, a pure function of time and chance.

    day ──► how many events: weekday, trend and the day's luck
     └─► cells: the hours, cut where a burst begins or ends; each takes its share of the day
          └─► instants inside the cell, to the microsecond

A cell's events are the difference of two cumulative shares rounded down, so cells add up to days and days to the
counter. A day costs one hash as long as nobody looks inside it: that keeps an instant years after genesis cheap.
Days, weekdays and office hours are those of UTC. Rule for editors: integers only, because a float would make the
history depend on the machine that tells it.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from collector.domain.instants import DAY, SECOND, micros_of
from collector.errors import UsageError
from collector.simulator.chance import Chance
from collector.simulator.running_sum import RunningSum

_MILLION = 1_000_000
_HOUR_SECONDS = 3_600
_DAY_SECONDS = 86_400

# Per cent of an average weekday, Monday to Sunday; the five weekdays average 100.
_WEEKDAYS = (98, 104, 106, 103, 89, 24, 18)

# Relative traffic of the hours 0 … 23: quiet nights, a dip at lunch; weekends are flat.
_OFFICE_HOURS = (4, 3, 2, 2, 3, 6, 14, 40, 82, 100, 104, 96, 70, 88, 100, 98, 84, 56, 30, 20, 15, 12, 8, 6)
_WEEKEND_HOURS = (6, 5, 4, 3, 3, 4, 6, 10, 14, 18, 20, 20, 18, 18, 18, 18, 18, 18, 18, 18, 16, 14, 10, 8)

# The days' luck moves them by at most this much, in thousandths.
_LUCK = 180


@dataclass(frozen=True, slots=True)
class Burst:
    """Traffic multiplied over ``[start, end)``; where bursts overlap their multipliers are multiplied.

    Attributes:
        start: An aware instant on a whole second.
        end: As ``start``, and later.
        multiplier: A whole number; 0 silences the interval.

    Raises:
        UsageError: The interval is empty, naive or not on whole seconds, or the multiplier is negative.
    """

    start: datetime
    end: datetime
    multiplier: int

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None or self.start.microsecond or self.end.microsecond:
            raise UsageError("a burst starts and ends on whole seconds, with a time zone")
        if self.end <= self.start or self.multiplier < 0:
            raise UsageError("a burst ends after its start and has a multiplier of 0 or more")


@dataclass(frozen=True, slots=True)
class Workload:
    """How much the simulated accounts are used.

    Attributes:
        genesis: The UTC midnight before which nothing happened; the counters open with a balance.
        invocations_per_weekday: Average of an account's Nected invocations on a weekday, at genesis.
        requests_per_weekday: Average of an account's Nellie requests on a weekday, at genesis.
        growth_percent: Growth per 365 days, in per cent of the traffic at genesis.
        bursts: Intervals with more (or less) traffic, for every account.

    Raises:
        UsageError: The genesis is not a UTC midnight, or an amount is negative.
    """

    genesis: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    invocations_per_weekday: int = 4_000
    requests_per_weekday: int = 72
    growth_percent: int = 15
    bursts: tuple[Burst, ...] = ()

    def __post_init__(self) -> None:
        if self.genesis.utcoffset() != timedelta(0) or micros_of(self.genesis) % DAY:
            raise UsageError("the genesis of a simulated history is a midnight in UTC")
        if min(self.invocations_per_weekday, self.requests_per_weekday, self.growth_percent) < 0:
            raise UsageError("simulated traffic and its growth are 0 or more")


@dataclass(frozen=True, slots=True)
class Cell:
    """A stretch of one day and the events in it.

    Attributes:
        day: Days since genesis.
        first: Which of the day's events is the first one here, counted from 0.
        instants: When they happen, ascending, in microseconds since 1970 UTC.
    """

    day: int
    first: int
    instants: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Plan:
    """A day cut into cells: their edges in seconds from midnight, and the events before each edge."""

    edges: tuple[int, ...]
    counts: tuple[int, ...]


class Rhythm:
    """One endless, repeatable stream of events.

    Args:
        chance: Where the luck comes from.
        workload: Genesis, growth and bursts.
        per_weekday: The average of a weekday's events at genesis.
        grains: Precisions of the instants in microseconds; each event takes one of them.
    """

    def __init__(self, chance: Chance, workload: Workload, per_weekday: int, grains: tuple[int, ...] = (1,)) -> None:
        self._chance = chance
        self._per_weekday = per_weekday
        self._grains = grains
        self._growth = workload.growth_percent
        self._genesis = micros_of(workload.genesis)
        self._weekday = workload.genesis.weekday()
        # Bursts in seconds since genesis.
        self._bursts = tuple(
            (self._seconds_of(burst.start), self._seconds_of(burst.end), burst.multiplier) for burst in workload.bursts
        )
        self._sums = RunningSum(self.count_of_day)
        # Small on purpose: a poll looks at the last hours only, and a fleet has thousands of streams.
        self._plan = lru_cache(maxsize=8)(self._plan_of)
        self._cell = lru_cache(maxsize=8)(self._cell_at)

    def count_at(self, micros: int) -> int:
        """Return how many events happened from genesis until ``micros``, that instant included."""
        day, into = divmod(micros - self._genesis, DAY)
        if day < 0:
            return 0
        at = bisect_right(self._plan(day).edges, into // SECOND) - 1
        cell = self._cell(day, at)
        return self._sums.before(day) + cell.first + bisect_right(cell.instants, micros)

    def count_of_day(self, day: int) -> int:
        """Return how many events the ``day``-th day since genesis has."""
        start, end = day * _DAY_SECONDS, (day + 1) * _DAY_SECONDS
        if any(first < end and start < last for first, last, _ in self._bursts):
            return self._plan(day).counts[-1]
        expected, rounding = self._expected(day)
        return (expected + rounding) // _MILLION

    def place_of(self, number: int) -> tuple[int, int]:
        """Return the day of event ``number`` (0 is the first since genesis) and which of that day's events it is.

        Only for events that ``count_at`` has already counted.
        """
        day = self._sums.day_holding(number)
        return day, number - self._sums.before(day)

    def cell_holding(self, day: int, index: int) -> Cell:
        """Return the cell in which the ``index``-th event of ``day`` falls."""
        return self._cell(day, bisect_right(self._plan(day).counts, index) - 1)

    def _seconds_of(self, instant: datetime) -> int:
        return (micros_of(instant) - self._genesis) // SECOND

    def _expected(self, day: int) -> tuple[int, int]:
        """Return the day's expected events and the share that decides its rounding, both in millionths."""
        luck = self._chance.draw(6, "day", day)
        percent = _WEEKDAYS[(self._weekday + day) % 7]
        trend = 1_000 + 10 * self._growth * day // 365
        fortune = 1_000 + (luck[0] + luck[1] - 255) * _LUCK // 255
        rounding = int.from_bytes(luck[2:], "big") * _MILLION >> 32
        return self._per_weekday * percent * trend * fortune // 100, rounding

    def _plan_of(self, day: int) -> _Plan:
        midnight = day * _DAY_SECONDS
        edges = set(range(0, _DAY_SECONDS + 1, _HOUR_SECONDS))
        edges.update(edge - midnight for first, last, _ in self._bursts for edge in (first, last))
        ordered = tuple(sorted(edge for edge in edges if 0 <= edge <= _DAY_SECONDS))
        weights = self._weights(day)
        expected, rounding = self._expected(day)
        whole = sum(weights) * _HOUR_SECONDS
        counts, weight = [0], 0
        for start, end in pairwise(ordered):
            weight += weights[start // _HOUR_SECONDS] * (end - start) * self._multiplier(midnight + start)
            counts.append((expected * weight // whole + rounding) // _MILLION)
        return _Plan(ordered, tuple(counts))

    def _weights(self, day: int) -> list[int]:
        """Return the relative traffic of the day's hours: the profile, each hour moved by up to a quarter."""
        profile = _OFFICE_HOURS if (self._weekday + day) % 7 < 5 else _WEEKEND_HOURS
        return [share * (384 + luck) for share, luck in zip(profile, self._chance.draw(24, "hours", day), strict=True)]

    def _multiplier(self, second: int) -> int:
        product = 1
        for first, last, multiplier in self._bursts:
            if first <= second < last:
                product *= multiplier
        return product

    def _cell_at(self, day: int, at: int) -> Cell:
        plan = self._plan(day)
        first, count = plan.counts[at], plan.counts[at + 1] - plan.counts[at]
        start = self._genesis + day * DAY + plan.edges[at] * SECOND
        width = (plan.edges[at + 1] - plan.edges[at]) * SECOND
        draws = struct.unpack(f">{count}I", self._chance.draw(4 * count, "instants", day, plan.edges[at]))
        grains, choices = self._grains, len(self._grains)
        # Cells start on whole seconds, so cutting an instant to its grain cannot move it out of its cell.
        moments = ((start + (draw * width >> 32), grains[draw % choices]) for draw in draws)
        return Cell(day, first, array("q", sorted(moment - moment % grain for moment, grain in moments)))
