from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.accounts import Counts
from collector.domain.evidence import Evidence, Stretch, Tally

GAP = Stretch(1, 1000, 2000)


@dataclass(frozen=True)
class Made:
    """One listed request: when it was made and completed, and the credits it used."""

    made: int
    settled: int | None = None
    credits: int = 0

    def tally(self, marks: list[int]) -> Tally:
        settled = self.made if self.settled is None else self.settled
        return Tally(bisect_right(marks, self.made), bisect_right(marks, settled), 1, self.credits)


@dataclass(frozen=True)
class Listed:
    """What is listed of the gap, and how far its counter of requests went."""

    requests: list[Made] = field(default_factory=list)
    counted: int | None = None

    def used_before(self, counts: Counts, growth: int, *edges: int) -> list[int | None]:
        """Return what lies before each edge, looked up together with all the others."""
        marks = GAP.marks(edges)
        evidence = Evidence(GAP, marks, [one.tally(marks) for one in self.requests], self.counted)
        return [evidence.used_before(edge, counts, growth) for edge in edges]


class TestRequests:
    LISTED = Listed([Made(1000), Made(1001), Made(1500), Made(1500), Made(2000), Made(2001)])

    @pytest.mark.parametrize(
        ("edge", "before"),
        [(1001, 0), (1002, 1), (1500, 1), (1501, 3), (1999, 3)],
        ids=["as it begins", "just after the first", "as two are made", "just after them", "at its end"],
    )
    def test_requests_made_before_the_edge_lie_before_it(self, edge: int, before: int) -> None:
        assert self.LISTED.used_before(Counts.REQUESTS, 4, edge) == [before]

    @pytest.mark.parametrize("growth", [3, 5], ids=["one too many", "one missing"])
    def test_a_list_of_another_length_than_the_growth_is_no_evidence(self, growth: int) -> None:
        assert self.LISTED.used_before(Counts.REQUESTS, growth, 1500) == [None]

    def test_a_list_without_the_gaps_requests_is_no_evidence(self) -> None:
        assert Listed().used_before(Counts.REQUESTS, 2, 1500) == [None]


class TestCredits:
    def test_credits_lie_where_they_were_charged(self) -> None:
        listed = Listed([Made(900, 1100, 5), Made(1200, 1700, 7), Made(1300, 2400, 9)])
        assert listed.used_before(Counts.CREDITS, 12, 1101, 1250, 1701) == [5, 5, 12]

    def test_credits_of_a_request_without_an_end_lie_where_it_was_made(self) -> None:
        assert Listed([Made(1100, None, 5)]).used_before(Counts.CREDITS, 5, 1100, 1101) == [0, 5]

    def test_credits_charged_when_requests_are_made_lie_there(self) -> None:
        listed = Listed([Made(1100, 1900, 5), Made(1200, 2500, 7)])
        assert listed.used_before(Counts.CREDITS, 12, 1150, 1250) == [5, 12]

    def test_credits_that_no_request_explains_are_interpolated_where_the_list_is_complete(self) -> None:
        listed = Listed([Made(1100, 1200, 60)], counted=1)
        assert listed.used_before(Counts.CREDITS, 100, 1150, 1250, 1750) == [6, 70, 90]

    def test_credits_of_a_list_that_misses_a_request_are_no_evidence(self) -> None:
        assert Listed([Made(1100, 1200, 60)], counted=2).used_before(Counts.CREDITS, 100, 1250) == [None]

    def test_credits_of_a_list_not_known_to_be_complete_are_no_evidence(self) -> None:
        assert Listed([Made(1100, 1200, 60)]).used_before(Counts.CREDITS, 100, 1250) == [None]

    def test_more_credits_than_the_growth_are_no_evidence(self) -> None:
        assert Listed([Made(1100, 1200, 60)], counted=1).used_before(Counts.CREDITS, 50, 1250) == [None]

    def test_credits_beyond_64_bits_are_exact(self) -> None:
        most = 2**63 - 1
        listed = Listed([Made(1100, 1200, most), Made(1300, 1400, most)])
        assert listed.used_before(Counts.CREDITS, 2 * most, 1250, 1450) == [most, 2 * most]


def test_an_edge_just_after_the_beginning_is_one_mark_with_it() -> None:
    assert GAP.marks([1001, 1500, 1500]) == [1001, 1500, 2001]


INSTANTS = st.integers(900, 2100)
REQUESTS = st.lists(st.builds(Made, INSTANTS, st.none() | INSTANTS, st.integers(0, 9) | st.integers(0, 2**63 - 1)))
EDGES = st.lists(st.integers(1001, 1999), min_size=1, max_size=8).map(sorted)


@st.composite
def grown(draw: st.DrawFn) -> tuple[Listed, Counts, int]:
    """Requests, and a growth that they explain wholly, in part, or not at all."""
    requests = draw(REQUESTS)
    inside = [one for one in requests if GAP.since < one.made <= GAP.until]
    settled = [one for one in requests if GAP.since < (one.settled or one.made) <= GAP.until]
    counts = draw(st.sampled_from(Counts))
    known = (
        len(inside)
        if counts is Counts.REQUESTS
        else sum(one.credits for one in draw(st.sampled_from([inside, settled])))
    )
    growth = max(0, known + draw(st.just(0) | st.integers(-3, 30)))
    return Listed(requests, draw(st.none() | st.just(len(inside)))), counts, growth


@given(grown(), EDGES)
def test_what_is_placed_never_falls_and_stays_within_the_growth(
    case: tuple[Listed, Counts, int], edges: list[int]
) -> None:
    listed, counts, growth = case
    found = listed.used_before(counts, growth, *edges)
    placed = [one for one in found if one is not None]
    assert len(placed) in {0, len(edges)}
    assert all(before <= after for before, after in pairwise([0, *placed, growth]))


@given(grown(), EDGES)
def test_what_lies_before_an_edge_depends_on_no_other_edge(case: tuple[Listed, Counts, int], edges: list[int]) -> None:
    listed, counts, growth = case
    together = listed.used_before(counts, growth, *edges)
    assert together == [one for edge in edges for one in listed.used_before(counts, growth, edge)]


@given(grown(), EDGES)
def test_requests_of_a_complete_list_lie_where_they_were_made(
    case: tuple[Listed, Counts, int], edges: list[int]
) -> None:
    listed, _, _ = case
    inside = [one.made for one in listed.requests if GAP.since < one.made <= GAP.until]
    found = listed.used_before(Counts.REQUESTS, len(inside), *edges)
    assert found == [sum(made < edge for made in inside) for edge in edges]
