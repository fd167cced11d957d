from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.accounts import Resets
from collector.domain.edges import Gap
from collector.domain.falls import FallKind, Pin, Status, Terms
from collector.domain.folding import Cadence, Folding, Snapshot, fold

GOOD, HELD, EXCLUDED = Status.GOOD, Status.HELD, Status.EXCLUDED
UNHURRIED = Cadence([(0, 1_000_000)])


def no_boundary(_after: int, _until: int) -> int | None:
    return None


UNKNOWN = Terms(Resets.UNKNOWN, no_boundary)


def at_tens(after: int, until: int) -> int | None:
    """Return the last multiple of ten in ``(after, until]``: a period of ten microseconds."""
    last = until // 10 * 10
    return last if last > after else None


def runs(values: Sequence[int], pins: dict[int, Pin] | None = None) -> list[tuple[int, int, int, Status]]:
    found, _ = fold(list(enumerate(values, 1)), UNKNOWN, UNHURRIED, pins or {})
    return [(one.observed, one.confirmed, one.value, one.status) for one in found]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([5, 5, 7], [(1, 2, 5, GOOD), (3, 3, 7, GOOD)], id="equal values are one run"),
        pytest.param([5, 2], [(1, 1, 5, GOOD), (2, 2, 2, HELD)], id="a fall waits"),
        pytest.param([5, 2, 6], [(1, 1, 5, GOOD), (2, 2, 2, EXCLUDED), (3, 3, 6, GOOD)], id="a glitch"),
        pytest.param([5, 2, 2], [(1, 1, 5, GOOD), (2, 3, 2, GOOD)], id="a reset that is confirmed"),
        pytest.param([9, 8, 7, 7], [(1, 1, 9, GOOD), (2, 2, 8, EXCLUDED), (3, 4, 7, GOOD)], id="a fall in two steps"),
    ],
)
def test_values_become_runs(values: list[int], expected: list[tuple[int, int, int, Status]]) -> None:
    assert runs(values) == expected


def test_a_declared_reset_begins_a_run_of_its_own() -> None:
    found, folding = fold([(8, 5), (12, 5)], Terms(Resets.PERIOD, at_tens), UNHURRIED)
    assert [(one.observed, one.confirmed) for one in found] == [(8, 8), (12, 12)]
    assert [(one.kind, one.at, one.offset) for one in folding.decisions] == [(FallKind.RESET, 10, 5)]


def test_an_operators_glitch_is_about_the_whole_run_that_was_seen() -> None:
    pin = Pin(FallKind.GLITCH, "operator:ann", "a typing error", until=4)
    assert runs([9, 2, 2, 2, 2], {2: pin}) == [(1, 1, 9, GOOD), (2, 4, 2, EXCLUDED), (5, 5, 2, HELD)]


def test_an_operators_glitch_ends_with_another_value() -> None:
    pin = Pin(FallKind.GLITCH, "operator:ann", "a typing error", until=4)
    assert runs([9, 2, 3, 2], {2: pin})[1:3] == [(2, 2, 2, EXCLUDED), (3, 3, 3, HELD)]


def test_an_operators_other_decision_counts_the_value() -> None:
    pin = Pin(FallKind.RESET, "operator:ann", "they told us")
    assert runs([9, 8, 10], {2: pin}) == [(1, 1, 9, GOOD), (2, 2, 8, GOOD), (3, 3, 10, GOOD)]


@pytest.mark.parametrize(
    ("gap_after", "expected"),
    [
        pytest.param([(0, 5)], [Gap(3, 10)], id="longer than allowed"),
        pytest.param([(0, 7)], [], id="exactly as long as allowed"),
        pytest.param([(0, 5), (10, 7)], [], id="what holds when it ends"),
        pytest.param([(50, 5)], [Gap(3, 10)], id="the first also holds before its instant"),
    ],
)
def test_a_silence_longer_than_the_cadence_allows_is_a_gap(
    gap_after: list[tuple[int, int]], expected: list[Gap]
) -> None:
    _, folding = fold([(1, 5), (3, 5), (10, 5)], UNKNOWN, Cadence(gap_after))
    assert folding.gaps == expected


def test_only_the_decisions_in_force_are_kept() -> None:
    _, folding = fold(list(enumerate([9, 2, 12, 3], 1)), UNKNOWN, UNHURRIED)
    assert [one.kind for one in folding.decisions] == [FallKind.GLITCH, FallKind.HELD]


def test_a_counter_that_only_falls_keeps_few_snapshots_waiting() -> None:
    folding = Folding(UNKNOWN, UNHURRIED)
    for at in range(1000):
        folding.see(at, 1000 - at)
    assert folding.ready > 990


def test_what_is_ready_is_taken_once() -> None:
    folding = Folding(UNKNOWN, UNHURRIED)
    for at, value in enumerate([1, 2, 3]):
        folding.see(at, value)
    taken = [one.value for one in folding.take()]
    assert (taken, folding.ready, [one.value for one in folding.finish()]) == ([1, 2], 0, [3])


values = st.lists(st.integers(0, 12), max_size=40)
kinds = st.sampled_from([FallKind.RESET, FallKind.CORRECTION, FallKind.GLITCH])
pins = st.dictionaries(st.integers(2, 40), st.builds(Pin, kinds, st.just("operator:ann"), st.just("so"), st.none()))


@given(values, st.sampled_from(list(Resets)), pins)
def test_taking_early_and_taking_late_give_the_same(values: list[int], resets: Resets, pins: dict[int, Pin]) -> None:
    terms = Terms(resets, at_tens)
    late, folding = fold(list(enumerate(values, 1)), terms, UNHURRIED, pins)
    early = Folding(terms, UNHURRIED, pins)
    taken: list[Snapshot] = []
    for at, value in enumerate(values, 1):
        early.see(at, value)
        taken += early.take()
    assert ([*taken, *early.finish()], early.decisions) == (late, folding.decisions)


@given(values, st.sampled_from(list(Resets)), pins)
def test_every_observation_lies_in_a_run_of_its_value(values: list[int], resets: Resets, pins: dict[int, Pin]) -> None:
    found, _ = fold(list(enumerate(values, 1)), Terms(resets, at_tens), UNHURRIED, pins)
    shown = [one.value for one in found for _ in range(one.observed, one.confirmed + 1)]
    assert shown == values
