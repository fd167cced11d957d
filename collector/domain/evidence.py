"""Where usage lies inside a gap, by the times of the requests that were made in it.

Between the two snapshots around a gap the counter says how much was used, not when. Where the account's list of
requests is complete over the gap, the requests' own times say when: evidence beats interpolation.

    snapshots   ●──────────────── gap ────────────────●       growth = 5
                since      r r         edge    r r r  until   before the edge: 2
    marks       ┊ since + 1            ┊ edge         ┊ until + 1

Completeness is proved by the sums, never assumed, and over the whole stretch at once: what is placed before one edge
depends on no other edge, so windows add up whichever were asked for. Rule for editors: only the estimate moves; the
bounds stay those of the snapshots, because the provider's clock is not ours.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from collector.domain.accounts import Counts


class Stretch(NamedTuple):
    """The time ``(since, until]`` between two snapshots of an account, in microseconds since 1970 UTC."""

    account: int
    since: int
    until: int

    def marks(self, edges: Iterable[int]) -> list[int]:
        """Return the instants that part the stretch at ``edges``, each inside it; requests are counted between them."""
        return sorted({self.since + 1, self.until + 1, *edges})


class Tally(NamedTuple):
    """Requests of one kind, counted in the database.

    Attributes:
        made, settled: How many marks are not later than when they were made, and than when they were completed (made,
            where that is not known).
        requests: How many they are.
        credits: What they used.
    """

    made: int
    settled: int
    requests: int
    credits: int


class Evidence:
    """What the request records of one stretch add up to, from its beginning to each of its marks.

    Args:
        stretch: The time between two snapshots.
        marks: As ``Stretch.marks`` returned them.
        tallies: The requests that touch the stretch; those made before it may have been completed in it.
        counted: The growth of the account's counter of requests over the stretch; None where it is not known.
    """

    __slots__ = ("_charged_when_made", "_charged_when_settled", "_counted", "_made", "_marks", "_stretch")

    def __init__(
        self, stretch: Stretch, marks: Sequence[int], tallies: Iterable[Tally], counted: int | None = None
    ) -> None:
        self._stretch = stretch
        self._marks = marks
        self._counted = counted
        made, charged_when_made, charged_when_settled = ([0] * len(marks) for _ in range(3))
        last = len(marks)
        for one in tallies:
            if 0 < one.made < last:
                made[one.made] += one.requests
                charged_when_made[one.made] += one.credits
            if 0 < one.settled < last:
                charged_when_settled[one.settled] += one.credits
        self._made = list(accumulate(made))
        self._charged_when_made = list(accumulate(charged_when_made))
        self._charged_when_settled = list(accumulate(charged_when_settled))

    def used_before(self, edge: int, counts: Counts, growth: int) -> int | None:
        """Return how much of a meter's ``growth`` over the stretch lies before ``edge``; None without evidence.

        It is within 0 and ``growth`` and never falls from one edge to a later one.

        Args:
            edge: One of the marks.
            counts: What one request adds to the meter.
            growth: By how much the meter grew over the stretch.
        """
        index = bisect_left(self._marks, edge)
        if counts is Counts.REQUESTS:
            return self._made[index] if self._made[-1] == growth else None
        for course in (self._charged_when_settled, self._charged_when_made):
            if course[-1] == growth:
                return course[index]
        rest = growth - self._charged_when_settled[-1]
        if rest < 0 or self._made[-1] != self._counted:
            return None
        elapsed = edge - self._stretch.since
        return self._charged_when_settled[index] + rest * elapsed // (self._stretch.until - self._stretch.since)
