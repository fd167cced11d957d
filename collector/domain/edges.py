"""Totals at boundaries: a counter is its own prefix sum.

The total at an instant is the value plus the offsets of the resets before it. Usage of any window is the difference
of the totals at its two edges, so windows add up exactly whatever lies between them, and a year of days costs 366
look-ups however many snapshots there are. Everything else a report says of a window is a prefix count too: snapshots,
observed time, resets, corrections, held falls.

    snapshots   ──●────────────●──────────────●───────●──
                  c0           │ edge         o1
                  └── T0 ──────┴── floor ──── T1     before = T0, after = T1

Between two snapshots the total is interpolated over time and floored to whole units, or placed by evidence inside a
gap (``evidence``); beyond the first and the last one it stays where it is (no extrapolation). Rule for editors: totals
are exact Python integers; a float here loses units.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from collector.domain.falls import NEW_EPOCH, Decision, FallKind

_FOREVER = 2**63 - 1
_CLOSE = 120_000_000
"""Snapshots so many microseconds apart leave nothing to place: the daemon asks on both sides of every midnight."""


class Bracket(NamedTuple):
    """The good snapshots around one boundary, as looked up.

    Attributes:
        at: The boundary, in microseconds since 1970 UTC.
        observed, confirmed, value, number: The last good snapshot not after ``at``; None before the first.
        next_observed, next_value: The first good snapshot after ``at``; None after the last.
    """

    at: int
    observed: int | None
    confirmed: int | None
    value: int | None
    number: int | None
    next_observed: int | None
    next_value: int | None


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without observations, in microseconds since 1970 UTC."""

    start: int
    end: int


class Unseen(NamedTuple):
    """What grew between two snapshots while nobody looked, in ``(since, until]``."""

    since: int
    until: int
    growth: int


@dataclass(frozen=True, slots=True)
class Edge:
    """Everything known at one boundary; all fields but the first five are counts of what lies before ``at``.

    Attributes:
        total: The ledger's total: interpolated and floored, or placed by evidence.
        before, after: The totals of the snapshots around it; equal where the total is known exactly.
        stretch: The instant after which nothing was observed until after ``at``; None on a known total. Two edges
            with the same ``stretch`` lie between the same two snapshots.
        opened, closed: How many stretches with an unknown course began before ``at``, and ended not after it.
        covered: Observed microseconds.
        resets: How many epochs began: resets, and changes of unit.
    """

    at: int
    total: int
    before: int
    after: int
    stretch: int | None
    opened: int
    closed: int
    snapshots: int
    covered: int
    resets: int
    corrections: int
    held: int


class History:
    """What is needed beside the look-ups to read one meter: its decisions, excluded snapshots and gaps.

    Args:
        first: When the first snapshot was observed.
        last: When any value was last observed or confirmed.
        decisions: The decisions in force.
        excluded: ``observed_at`` of every snapshot that is not good.
        gaps: Stretches without observations.
    """

    __slots__ = (
        "_closes",
        "_corrections",
        "_decided",
        "_excluded",
        "_gap_lengths",
        "_gaps",
        "_held",
        "_offset_ats",
        "_offsets",
        "_opens",
        "_resets",
        "first",
        "last",
    )

    def __init__(
        self, first: int, last: int, decisions: Iterable[Decision], excluded: Iterable[int], gaps: Iterable[Gap]
    ) -> None:
        self.first = first
        self.last = last
        # A jump that an operator found to be growth is a step like any other.
        ordered = sorted((one for one in decisions if one.kind is not FallKind.GROWTH), key=lambda one: one.at)
        resets = [one for one in ordered if one.kind in NEW_EPOCH]
        self._decided = [one.at for one in ordered]
        self._resets = [one.at for one in resets]
        self._corrections = [one.at for one in ordered if one.kind is FallKind.CORRECTION]
        self._held = [one.at for one in ordered if one.kind is FallKind.HELD]
        self._offset_ats = self._resets
        self._offsets = [0, *accumulate(one.offset for one in resets)]
        # Where the old counter was seen at the boundary itself, nothing was used unseen.
        unknown = [
            one for one in ordered if one.kind is FallKind.HELD or (one.kind in NEW_EPOCH and one.at > one.since + 1)
        ]
        self._opens = [one.since for one in unknown]
        self._closes = [_FOREVER if one.kind is FallKind.HELD else one.at for one in unknown]
        self._excluded = sorted(excluded)
        self._gaps = sorted(gaps, key=lambda gap: gap.start)
        self._gap_lengths = [0, *accumulate(gap.end - gap.start for gap in self._gaps)]

    def offset_at(self, observed: int) -> int:
        """Return what resets add to the value of a snapshot observed at ``observed``."""
        return self._offsets[bisect_right(self._offset_ats, observed)]

    def unseen_around(self, bracket: Bracket) -> Unseen | None:
        """Return the growth in the stretch that the boundary lies in, if nothing but growth happened there.

        None where the snapshots around it are so close that it makes no difference, nothing grew between them, or a
        fall lies there.
        """
        at, _, confirmed, value, _, next_observed, next_value = bracket
        if confirmed is None or value is None or next_observed is None or next_value is None:
            return None
        if at <= confirmed or next_observed - confirmed <= _CLOSE or next_value == value:
            return None
        decided = bisect_right(self._decided, next_observed) - bisect_right(self._decided, confirmed)
        return None if decided else Unseen(confirmed, next_observed, next_value - value)

    def edge(self, bracket: Bracket, placed: int | None = None) -> Edge:
        """Return everything known at the boundary of ``bracket``.

        Args:
            bracket: The snapshots around it.
            placed: How much of the growth between them lies before it by evidence; None to interpolate.
        """
        total, before, after, stretch = self._total(bracket)
        if placed is not None:
            total = before + placed
        at = bracket.at
        return Edge(
            at=at,
            total=total,
            before=before,
            after=after,
            stretch=stretch,
            opened=bisect_left(self._opens, at),
            closed=bisect_right(self._closes, at),
            snapshots=self._snapshots_before(bracket),
            covered=self._covered_before(at),
            resets=bisect_left(self._resets, at),
            corrections=bisect_left(self._corrections, at),
            held=bisect_left(self._held, at),
        )

    def _total(self, bracket: Bracket) -> tuple[int, int, int, int | None]:
        at, observed, confirmed, value, _, next_observed, next_value = bracket
        if observed is None or confirmed is None or value is None:
            opening = 0 if next_observed is None or next_value is None else next_value + self.offset_at(next_observed)
            return opening, opening, opening, None
        before = value + self.offset_at(observed)
        if at <= confirmed or next_observed is None or next_value is None:
            return before, before, before, None
        after = next_value + self.offset_at(next_observed)
        since = self._last_reset_between(confirmed, next_observed)
        if since is None:
            since = confirmed
        elif at <= since:
            return before, before, before, None
        total = before + (after - before) * (at - since) // (next_observed - since)
        return total, before, after, since

    def _last_reset_between(self, after: int, until: int) -> int | None:
        """Return the boundary of a declared reset strictly between two snapshots: growth lies behind it."""
        index = bisect_left(self._resets, until)
        return self._resets[index - 1] if index and self._resets[index - 1] > after else None

    def _snapshots_before(self, bracket: Bracket) -> int:
        """Count the snapshots of any status observed before the boundary; one exactly on it is not before it."""
        if bracket.observed is None or bracket.number is None:
            return bisect_left(self._excluded, bracket.at)
        later = bisect_left(self._excluded, bracket.at) - bisect_right(self._excluded, bracket.observed)
        return bracket.number + later - (bracket.observed == bracket.at)

    def _covered_before(self, at: int) -> int:
        reached = min(max(at, self.first), self.last)
        index = bisect_left(self._gaps, reached, key=lambda gap: gap.start)
        missing = self._gap_lengths[index]
        if index:
            missing -= max(0, self._gaps[index - 1].end - reached)
        return reached - self.first - missing


@dataclass(frozen=True, slots=True)
class Usage:
    """Usage of a window: exact in total, and what the window alone can have been.

    Attributes:
        upper: None where a reset or a held fall left it open.
    """

    usage: int
    lower: int
    upper: int | None


def usage_between(start: Edge, end: Edge) -> Usage:
    """Return the usage of ``[start.at, end.at)``.

    For any three edges a, b, c in order, usage(a, c) is usage(a, b) + usage(b, c).
    """
    if start.stretch is not None and start.stretch == end.stretch:
        growth = end.after - end.before
        lower, upper = min(0, growth), max(0, growth)
    else:
        lower = min(end.before, end.after) - max(start.before, start.after)
        upper = max(end.before, end.after) - min(start.before, start.after)
    return Usage(end.total - start.total, lower, None if end.opened > start.closed else upper)
