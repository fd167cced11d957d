from __future__ import annotations

import random
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.accounts import Resets
from collector.domain.edges import Edge, Gap, Unseen, Usage, usage_between
from collector.domain.falls import FallKind, Pin

if TYPE_CHECKING:
    from tests.domain.conftest import Fold, Folded


def edge(folded: Folded, at: int, *gaps: Gap) -> Edge:
    return folded.edges([at], gaps)[0]


def between(folded: Folded, start: int, end: int) -> Usage:
    return usage_between(*folded.edges([start, end]))


@pytest.mark.parametrize(
    ("at", "total"),
    [(0, 100), (1, 100), (333, 103), (334, 103), (999, 109), (1000, 110)],
    ids=["on the first", "just after", "a third", "over a third", "just before", "on the next"],
)
def test_total_between_two_snapshots_is_interpolated_and_floored(fold: Fold, at: int, total: int) -> None:
    assert edge(fold([(0, 100), (1000, 110)]), at).total == total


def test_taken_back_usage_is_floored_too(fold: Fold) -> None:
    folded = fold([(0, 100), (1000, 97), (2000, 97)])
    assert [edge(folded, at).total for at in (1, 500, 999, 1000)] == [99, 98, 97, 97]


def test_interpolation_of_the_largest_counters_is_exact(fold: Fold) -> None:
    assert edge(fold([(0, 0), (2**53, 2**63 - 1)]), 2**53 - 1).total == (2**63 - 1) * (2**53 - 1) // 2**53


def test_snapshot_on_the_boundary_makes_the_total_exact(fold: Fold) -> None:
    found = edge(fold([(0, 100), (10, 104), (20, 110)]), 10)
    assert (found.total, found.before, found.after, found.stretch) == (104, 104, 104, None)


def test_total_within_a_confirmation_is_exact(fold: Fold) -> None:
    found = edge(fold([(0, 100), (10, 104), (20, 104), (30, 110)]), 20)
    assert (found.total, found.before, found.after, found.stretch) == (104, 104, 104, None)


def test_growth_lies_after_the_confirmation(fold: Fold) -> None:
    found = edge(fold([(0, 104), (20, 104), (30, 110)]), 25)
    assert (found.total, found.before, found.after, found.stretch) == (107, 104, 110, 20)


@pytest.mark.parametrize("at", [-1, -(10**9)], ids=["just before", "long before"])
def test_nothing_is_used_before_the_first_snapshot(fold: Fold, at: int) -> None:
    assert between(fold([(0, 100), (10, 130)]), at, 0) == Usage(0, 0, 0)


@pytest.mark.parametrize("at", [11, 10**9], ids=["just after", "long after"])
def test_nothing_is_used_after_the_last_snapshot(fold: Fold, at: int) -> None:
    assert between(fold([(0, 100), (10, 130)]), 10, at) == Usage(0, 0, 0)


def test_bounds_are_the_totals_of_the_snapshots_around_the_edges(fold: Fold) -> None:
    folded = fold([(0, 0), (10, 10), (20, 30), (30, 60)])
    assert between(folded, 5, 25) == Usage(40, 20, 60)


def test_two_edges_between_the_same_snapshots_are_bounded_by_their_growth(fold: Fold) -> None:
    assert between(fold([(0, 0), (100, 10)]), 40, 60) == Usage(2, 0, 10)


def test_snapshots_on_both_edges_make_usage_exact(fold: Fold) -> None:
    assert between(fold([(0, 0), (10, 10), (20, 30), (30, 60)]), 10, 30) == Usage(50, 50, 50)


def test_a_window_without_length_uses_nothing(fold: Fold) -> None:
    assert between(fold([(0, 0), (100, 10)]), 40, 40).usage == 0


def test_a_correction_is_bounded_by_what_was_taken_back(fold: Fold) -> None:
    folded = fold([(0, 100), (100, 90), (200, 90)])
    assert between(folded, 20, 60) == Usage(-4, -10, 0)


def test_a_window_around_a_correction_is_exact(fold: Fold) -> None:
    assert between(fold([(0, 100), (100, 90), (200, 95)]), 0, 200) == Usage(-5, -5, -5)


RESET = [(0, 100), (10, 110), (20, 30), (30, 40)]


@pytest.mark.parametrize(
    ("start", "end", "usage"),
    [
        (0, 10, Usage(10, 10, 10)),
        (0, 15, Usage(25, 10, None)),
        (12, 18, Usage(18, 0, None)),
        (15, 20, Usage(15, 0, None)),
        (10, 20, Usage(30, 30, None)),
        (0, 30, Usage(50, 50, None)),
        (20, 30, Usage(10, 10, 10)),
    ],
    ids=["before", "into it", "inside", "out of it", "the step", "around it", "after"],
)
def test_a_reset_leaves_only_windows_over_its_step_open(fold: Fold, start: int, end: int, usage: Usage) -> None:
    assert between(fold(RESET), start, end) == usage


DECLARED = [(0, 100), (10, 110), (20, 30), (30, 40)]  # with a period that begins at 16


@pytest.mark.parametrize(
    ("start", "end", "usage"),
    [
        (0, 10, Usage(10, 10, 10)),
        (0, 13, Usage(10, 10, None)),
        (12, 15, Usage(0, 0, None)),
        (10, 16, Usage(0, 0, None)),
        (12, 18, Usage(15, 0, None)),
        (16, 18, Usage(15, 0, 30)),
        (16, 20, Usage(30, 30, 30)),
        (18, 20, Usage(15, 0, 30)),
        (16, 30, Usage(40, 40, 40)),
    ],
    ids=[
        "before", "into it", "before the boundary", "up to the boundary", "over the boundary", "from the boundary on",
        "the new value", "after the boundary", "from the boundary to the end",
    ],
)  # fmt: skip
def test_a_declared_reset_places_the_new_value_after_its_boundary(
    fold: Fold, start: int, end: int, usage: Usage
) -> None:
    assert between(fold(DECLARED, Resets.PERIOD, [16]), start, end) == usage


def test_a_declared_reset_on_the_very_snapshot_closes_there(fold: Fold) -> None:
    folded = fold([(0, 100), (10, 110), (20, 0), (30, 7)], Resets.PERIOD, [20])
    assert (between(folded, 10, 20), between(folded, 20, 30)) == (Usage(0, 0, None), Usage(7, 7, 7))


def test_a_declared_reset_with_an_excluded_snapshot_before_it_reads_on(fold: Fold) -> None:
    folded = fold([(0, 100), (10, 90), (20, 30)], Resets.PERIOD, [16])
    assert (between(folded, 0, 16), between(folded, 16, 20)) == (Usage(0, 0, None), Usage(30, 30, 30))


def test_a_held_fall_leaves_the_time_since_open(fold: Fold) -> None:
    folded = fold([(0, 100), (10, 110), (20, 30)])
    assert (between(folded, 0, 10), between(folded, 10, 30)) == (Usage(10, 10, 10), Usage(0, 0, None))


def test_a_glitch_leaves_nothing_open(fold: Fold) -> None:
    assert between(fold([(0, 100), (10, 0), (20, 120)]), 0, 20) == Usage(20, 20, 20)


def test_a_reset_and_a_correction_are_counted_where_they_hold(fold: Fold) -> None:
    folded = fold([(0, 100), (10, 30), (20, 40), (30, 35), (40, 36), (50, 1)])
    counts = [(one.resets, one.corrections, one.held) for one in folded.edges([10, 11, 30, 31, 50, 51])]
    assert counts == [(0, 0, 0), (1, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 0), (1, 1, 1)]


def test_pinned_resets_move_every_later_total(fold: Fold) -> None:
    pins = {10: Pin(FallKind.RESET, "operator:ann", "key renewed")}
    assert [one.total for one in fold([(0, 100), (10, 250), (20, 260)], pins=pins).edges([0, 10, 20])] == [
        100,
        350,
        360,
    ]


@pytest.mark.parametrize(
    ("at", "count"),
    [(-5, 0), (0, 0), (1, 1), (10, 1), (11, 2), (15, 2), (20, 2), (21, 3), (99, 3)],
)
def test_snapshots_before_a_boundary_are_counted(fold: Fold, at: int, count: int) -> None:
    assert edge(fold([(0, 1), (10, 2), (15, 2), (20, 3)]), at).snapshots == count


@pytest.mark.parametrize(("at", "count"), [(10, 1), (11, 2), (20, 2), (21, 3), (30, 3), (31, 4)])
def test_excluded_snapshots_are_counted_too(fold: Fold, at: int, count: int) -> None:
    assert edge(fold([(0, 100), (10, 50), (20, 40), (30, 120)]), at).snapshots == count


@pytest.mark.parametrize(("at", "count"), [(0, 0), (10, 1), (11, 2), (21, 3)])
def test_held_snapshots_are_counted_too(fold: Fold, at: int, count: int) -> None:
    assert edge(fold([(0, 100), (10, 50), (20, 40)]), at).snapshots == count


GAPS = (Gap(50, 60), Gap(20, 40))


@pytest.mark.parametrize(
    ("at", "covered"),
    [(-9, 0), (0, 0), (20, 20), (30, 20), (40, 20), (45, 25), (50, 30), (55, 30), (60, 30), (100, 70), (999, 70)],
)
def test_observed_time_leaves_gaps_out(fold: Fold, at: int, covered: int) -> None:
    assert edge(fold([(0, 1), (20, 2), (40, 3), (50, 4), (60, 5), (100, 6)]), at, *GAPS).covered == covered


def test_observed_time_reaches_to_the_last_confirmation(fold: Fold) -> None:
    assert edge(fold([(0, 1), (20, 1)]), 99).covered == 20


def test_observed_time_reaches_to_what_is_held(fold: Fold) -> None:
    assert edge(fold([(0, 10), (20, 5)]), 99).covered == 20


MINUTE = 60_000_000


def minutes(*seen: tuple[int, int]) -> list[tuple[int, int]]:
    return [(at * MINUTE, value) for at, value in seen]


class TestUnseen:
    COURSE = minutes((0, 100), (10, 100), (50, 130), (60, 140), (90, 140), (92, 150))

    def around(self, folded: Folded, at: int) -> Unseen | None:
        return folded.history().unseen_around(folded.bracket(at))

    @pytest.mark.parametrize(
        "at", [10 * MINUTE + 1, 30 * MINUTE, 50 * MINUTE - 1], ids=["as it begins", "inside", "as it ends"]
    )
    def test_growth_between_two_snapshots_is_found_from_any_boundary_there(self, fold: Fold, at: int) -> None:
        assert self.around(fold(self.COURSE), at) == Unseen(10 * MINUTE, 50 * MINUTE, 30)

    @pytest.mark.parametrize(
        "at",
        [-1, 0, 5, 10, 91, 92, 93],
        ids=["before", "the first", "a run of one value", "its end", "snapshots close together", "the last", "after"],
    )
    def test_nothing_is_unseen_around_any_other_boundary(self, fold: Fold, at: int) -> None:
        assert self.around(fold(self.COURSE), at * MINUTE) is None

    def test_without_growth_there_is_nothing_to_place(self, fold: Fold) -> None:
        course = minutes((0, 100), (10, 90), (50, 100))
        assert self.around(fold(course), 30 * MINUTE) is None

    @pytest.mark.parametrize(
        ("course", "boundaries"),
        [
            (minutes((0, 100), (50, 20), (60, 30)), []),
            (minutes((0, 100), (50, 90), (60, 95)), []),
            (minutes((0, 100), (50, 120), (60, 130)), [20 * MINUTE]),
            (minutes((0, 100), (10, 0), (50, 120)), []),
        ],
        ids=["reset", "correction", "declared reset", "glitch"],
    )
    def test_a_fall_leaves_growth_to_the_interpolation(
        self, fold: Fold, course: list[tuple[int, int]], boundaries: list[int]
    ) -> None:
        folded = fold(course, Resets.PERIOD if boundaries else Resets.UNKNOWN, boundaries)
        assert self.around(folded, 30 * MINUTE) is None

    def test_a_fall_elsewhere_leaves_growth_to_the_evidence(self, fold: Fold) -> None:
        folded = fold(minutes((-20, 400), (-10, 50), (0, 100), (50, 130), (60, 5), (70, 8)))
        assert self.around(folded, 30 * MINUTE) == Unseen(0, 50 * MINUTE, 30)

    def test_what_is_placed_moves_the_total_and_no_bound(self, fold: Fold) -> None:
        folded = fold(self.COURSE)
        found = folded.history().edge(folded.bracket(30 * MINUTE), 7)
        assert (found.total, found.before, found.after, found.stretch) == (107, 100, 130, 10 * MINUTE)


@dataclass(frozen=True)
class World:
    """What really happened: who used how much when, when the counter began again, and when it was looked at."""

    events: list[tuple[int, int]]
    resets: list[int]
    polls: list[int]

    def used(self, start: int, end: int) -> int:
        """What was really used in ``[start, end)``."""
        times = [at for at, _ in self.events]
        sums = [0, *accumulate(amount for _, amount in self.events)]
        return sums[bisect_left(times, end)] - sums[bisect_left(times, start)]

    def observations(self) -> list[tuple[int, int]]:
        """What the provider said: everything used before the poll, since the last reset."""
        begun = [max((one for one in self.resets if one <= at), default=-(10**12)) for at in self.polls]
        return [(at, self.used(start, at)) for start, at in zip(begun, self.polls, strict=True)]


INSTANTS = st.integers(0, 200) | st.integers(0, 10**9)
WINDOWS = st.lists(st.integers(-50, 250) | st.integers(-(10**8), 11 * 10**8), min_size=2, max_size=12)


@st.composite
def worlds(draw: st.DrawFn, *, resets: bool) -> World:
    amounts = st.integers(1, 5) | st.integers(1, 10**12)
    events = draw(st.lists(st.tuples(INSTANTS, amounts), max_size=30).map(sorted))
    boundaries = draw(st.lists(INSTANTS, max_size=4, unique=True).map(sorted)) if resets else []
    polls = draw(st.lists(INSTANTS, min_size=1, max_size=20, unique=True).map(sorted))
    return World(events, boundaries, polls)


def read(fold: Fold, world: World) -> Folded:
    return fold(world.observations(), Resets.PERIOD if world.resets else Resets.NEVER, world.resets)


EITHER = worlds(resets=False) | worlds(resets=True)


@given(EITHER, WINDOWS)
def test_windows_add_up_exactly(fold: Fold, world: World, ats: list[int]) -> None:
    edges = read(fold, world).edges(sorted(ats))
    parts = sum(usage_between(*pair).usage for pair in pairwise(edges))
    assert parts == usage_between(edges[0], edges[-1]).usage


@given(EITHER, WINDOWS)
def test_usage_lies_within_its_bounds(fold: Fold, world: World, ats: list[int]) -> None:
    edges = read(fold, world).edges(sorted(ats))
    found = [usage_between(start, end) for index, start in enumerate(edges) for end in edges[index:]]
    assert all(one.lower <= one.usage and (one.upper is None or one.usage <= one.upper) for one in found)


@given(EITHER, WINDOWS)
def test_the_truth_lies_within_the_bounds(fold: Fold, world: World, ats: list[int]) -> None:
    folded = read(fold, world)
    first, last = world.polls[0], world.polls[-1]
    seen = sorted(min(max(at, first), last) for at in ats)  # nobody looked before the first poll and after the last
    edges = folded.edges(seen)
    for index, start in enumerate(edges):
        for end in edges[index:]:
            usage, truth = usage_between(start, end), world.used(start.at, end.at)
            assert usage.lower <= truth
            assert usage.upper is None or truth <= usage.upper


@given(worlds(resets=False), WINDOWS)
def test_between_first_and_last_snapshot_a_monotone_counter_tells_the_truth(
    fold: Fold, world: World, ats: list[int]
) -> None:
    first, last = world.polls[0], world.polls[-1]
    assert between(read(fold, world), min(first, *ats), max(last, *ats)).usage == world.used(first, last)


@given(worlds(resets=True))
def test_only_what_was_used_before_a_declared_boundary_is_lost(fold: Fold, world: World) -> None:
    folded = read(fold, world)
    lost = sum(world.used(one.since, one.at) for one in folded.in_force if one.kind is FallKind.RESET)
    first, last = world.polls[0], world.polls[-1]
    assert between(folded, first, last).usage == world.used(first, last) - lost


@given(EITHER, WINDOWS)
def test_totals_of_a_growing_counter_never_fall(fold: Fold, world: World, ats: list[int]) -> None:
    totals = [one.total for one in read(fold, world).edges(sorted(ats))]
    assert totals == sorted(totals)


@given(EITHER, WINDOWS)
def test_counts_agree_with_looking_at_every_snapshot(fold: Fold, world: World, ats: list[int]) -> None:
    folded = read(fold, world)
    for one in folded.edges(ats):
        assert one.snapshots == sum(row.observed < one.at for row in folded.rows)
        assert one.resets == sum(decision.at < one.at for decision in folded.in_force)


@given(st.lists(INSTANTS, min_size=2, max_size=12, unique=True).map(sorted), WINDOWS, st.randoms())
def test_observed_time_agrees_with_adding_up_what_is_no_gap(
    fold: Fold, polls: list[int], ats: list[int], random: random.Random
) -> None:
    pieces = [(start, end, random.random() < 0.3) for start, end in pairwise(polls)]
    folded = fold([(at, index) for index, at in enumerate(polls)])
    for one in folded.edges(ats, [Gap(start, end) for start, end, gap in pieces if gap]):
        expected = sum(max(0, min(end, one.at) - start) for start, end, gap in pieces if not gap)
        assert one.covered == expected


@given(st.lists(st.integers(0, 12) | st.integers(0, 2**63 - 1), min_size=1, max_size=25), WINDOWS)
def test_any_course_of_values_adds_up_within_its_bounds(fold: Fold, values: list[int], ats: list[int]) -> None:
    edges = fold([(10 * index, value) for index, value in enumerate(values)]).edges(sorted(ats))
    found = [usage_between(*pair) for pair in pairwise(edges)]
    assert sum(one.usage for one in found) == edges[-1].total - edges[0].total
    assert all(one.lower <= one.usage and (one.upper is None or one.usage <= one.upper) for one in found)


def test_a_reset_right_after_a_snapshot_on_its_boundary_leaves_nothing_open(fold: Fold) -> None:
    folded = fold([(0, 50), (10, 100), (20, 7)], Resets.PERIOD, [10])
    before, after = between(folded, 0, 10), between(folded, 10, 20)
    assert [(one.usage, one.lower, one.upper) for one in (before, after)] == [(50, 50, 50), (7, 7, 7)]
