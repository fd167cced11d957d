from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.pace import LOOKS, Bounds, Look, interval, usual_rate

LONGEST, SHORTEST = timedelta(minutes=5), timedelta(seconds=30)
BOUNDS = Bounds(LONGEST, SHORTEST)
LOOK = st.builds(Look, st.integers(0, 50), st.integers(0, 200), st.none() | st.floats(1, 1000))
RATES = st.just(0.0) | st.floats(0.00001, 1)


def paced(*looks: Look, usual: float = 0, whole: bool = False) -> float:
    """Return the interval in seconds."""
    return interval(BOUNDS, looks, usual, whole=whole).total_seconds()


def test_without_traffic_it_is_the_longest() -> None:
    assert paced(Look(20, 0, 300)) == 300


def test_before_the_first_poll_it_is_the_longest() -> None:
    assert paced() == 300


def test_first_poll_says_nothing_of_the_rate() -> None:
    assert paced(Look(20, 20, None)) == 300


@pytest.mark.parametrize(
    ("arrived", "expected"), [(10, 300), (11, 150), (20, 150), (21, 75), (40, 75), (80, 37.5), (100, 30), (9000, 30)]
)
def test_at_most_half_the_list_is_new_at_the_rate_of_the_last_poll(arrived: int, expected: float) -> None:
    assert paced(Look(20, arrived, 300)) == expected


@pytest.mark.parametrize(("per_hour", "expected"), [(6, 300), (12, 300), (13, 150), (24, 150), (100, 30)])
def test_at_most_half_the_list_is_new_if_ten_times_the_usual_traffic_begins(per_hour: int, expected: float) -> None:
    assert paced(Look(20, 0, 300), usual=per_hour / 3600) == expected


def test_longest_list_counts() -> None:
    assert paced(Look(5, 8, 300), Look(20, 0, 300)) == 300


def test_list_that_shows_every_request_ever_made_is_not_hurried() -> None:
    assert paced(Look(2, 2, 300), usual=1, whole=True) == 300


def test_list_that_shows_nothing_is_not_hurried() -> None:
    assert paced(Look(0, 50, 300)) == 300


def test_is_shortened_at_once() -> None:
    assert paced(Look(20, 100, 300), *[Look(20, 0, 300)] * 5) == 30


def test_one_quiet_interval_in_a_burst_is_no_calm() -> None:
    busy, quiet = Look(30, 14, 15), Look(30, 5, 15)
    assert paced(quiet, busy, quiet, busy) < paced(quiet)


def test_is_lengthened_gradually() -> None:
    calm = Look(20, 0, 30)
    found = [paced(*[calm] * polls, Look(20, 100, 300)) for polls in range(6)]
    assert found == [30, 30, 30, 37.5, 75, 150]


@given(st.lists(LOOK, max_size=LOOKS), RATES, st.booleans())
def test_lies_within_its_bounds(looks: list[Look], usual: float, whole: bool) -> None:
    assert SHORTEST <= interval(BOUNDS, looks, usual, whole=whole) <= LONGEST


@given(st.lists(st.builds(Look, st.just(20), st.integers(0, 200), st.floats(1, 1000)), min_size=2, max_size=8), RATES)
def test_is_at_most_doubled_per_poll(looks: list[Look], usual: float) -> None:
    found = [interval(BOUNDS, looks[start:], usual, whole=False) for start in range(len(looks))]
    assert all(later <= 2 * before for later, before in pairwise(found))


def test_shortest_interval_of_all_becomes_the_longest_of_all_within_the_polls_looked_at() -> None:
    bounds = Bounds(timedelta(days=1), timedelta(seconds=10))
    looks = [Look(20, 0, 10)] * (LOOKS - 1) + [Look(20, 10**6, 10)]
    assert interval(bounds, looks, 0, whole=False) == timedelta(days=1)


@pytest.mark.parametrize(
    ("grown", "expected"),
    [([], 0), ([(0, 3600.0)], 0), ([(36, 3600.0), (0, 86_400.0)], 0.01), ([(5, 0.0)], 0)],
    ids=["nothing known", "idle", "the largest", "no time passed"],
)
def test_usual_rate(grown: list[tuple[int, float]], expected: float) -> None:
    assert usual_rate(grown) == expected
