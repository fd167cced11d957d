from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.domain.accounts import Resets
from collector.domain.edges import usage_between
from collector.domain.falls import RULE, Course, FallKind, Observation, Pin, Status, Terms, step

if TYPE_CHECKING:
    from tests.domain.conftest import Fold, Folded

EXAMPLES = tomllib.loads((Path(__file__).parents[1] / "worked_examples.toml").read_text(encoding="utf-8"))["example"]
NAMED = {one["name"]: one for one in EXAMPLES}
every_example = pytest.mark.parametrize("case", EXAMPLES, ids=[one["name"] for one in EXAMPLES])

SEQUENCES = st.lists(st.integers(0, 12) | st.integers(0, 2**63 - 1), min_size=1, max_size=25)
STARTS = st.lists(st.integers(-5, 255), max_size=6)


def folded_example(fold: Fold, case: dict[str, Any]) -> Folded:
    """Fold an example, observed every ten units of time; a boundary lies five units before its observation."""
    seen = [(10 * index, value) for index, value in enumerate(case["values"])]
    boundaries = [10 * index - 5 for index in case.get("boundaries", [])]
    return fold(seen, Resets(case.get("resets", "unknown")), boundaries)


def observed(*values: int) -> list[tuple[int, int]]:
    return [(10 * index, value) for index, value in enumerate(values)]


def booked_by_step(folded: Folded) -> list[int]:
    """What each good snapshot adds, from the rules' own words."""
    resets = [one for one in folded.in_force if one.kind is FallKind.RESET]
    return [
        later.value if any(prior.confirmed < one.at <= later.observed for one in resets) else later.value - prior.value
        for prior, later in pairwise(folded.good)
    ]


@every_example
def test_worked_example_books_its_usage(fold: Fold, case: dict[str, Any]) -> None:
    assert folded_example(fold, case).usage == case["usage"]


@every_example
def test_worked_example_settles_its_snapshots(fold: Fold, case: dict[str, Any]) -> None:
    assert folded_example(fold, case).letters == case["statuses"]


@every_example
def test_worked_example_leaves_its_decisions_in_force(fold: Fold, case: dict[str, Any]) -> None:
    assert folded_example(fold, case).verdicts == case["decisions"]


def test_first_observation_is_the_opening_balance_whatever_was_pinned() -> None:
    pin = Pin(FallKind.RESET, "operator:ann", "no")
    done = step(Course(), Observation(5, 42), Terms(Resets.PERIOD, lambda _, until: until), pin)
    assert (done.course, done.statuses, done.decisions) == (Course(Observation(5, 42)), {5: Status.GOOD}, ())


def test_brief_zero_is_a_glitch(fold: Fold) -> None:
    assert fold(observed(8750, 0, 8760)).verdicts == [["glitch", 8750, 0, 0]]


def test_brief_zero_is_a_glitch_on_a_meter_that_resets_with_the_period(fold: Fold) -> None:
    assert fold(observed(8750, 0, 8760), Resets.PERIOD).usage == 10


def test_dip_of_one_unit_is_a_glitch(fold: Fold) -> None:
    assert fold(observed(8750, 8749, 8750)).letters == "gxg"


def test_reset_hidden_by_growth_is_found(fold: Fold) -> None:
    assert fold(observed(100, 250), Resets.PERIOD, boundaries=[4]).usage == 250


def test_reset_at_the_last_snapshot_books_nothing_yet(fold: Fold) -> None:
    folded = fold(observed(100, 300, 0))
    assert (folded.usage, folded.letters) == (200, "ggh")


def test_two_declared_resets_between_two_polls_count_from_the_last_boundary(fold: Fold) -> None:
    (decision,) = fold(observed(100, 40), Resets.PERIOD, boundaries=[3, 7]).in_force
    assert (decision.at, decision.offset) == (7, 100)


def test_two_unseen_resets_between_two_polls_are_one(fold: Fold) -> None:
    assert fold(observed(500, 30, 45)).verdicts == [["reset", 500, 30, 500]]


def test_reset_while_the_collector_was_down_is_found(fold: Fold) -> None:
    folded = fold([(0, 400), (10, 500), (90_000, 40), (90_010, 45)])
    (decision,) = folded.in_force
    assert (decision.kind, decision.since, decision.at, folded.usage) == (FallKind.RESET, 10, 90_000, 145)


def test_declared_reset_while_the_collector_was_down_is_placed_on_its_boundary(fold: Fold) -> None:
    (decision,) = fold([(0, 500), (90_000, 700)], Resets.PERIOD, boundaries=[40_000]).in_force
    assert (decision.since, decision.at, decision.before, decision.after) == (0, 40_000, 500, 700)


@pytest.mark.parametrize(
    ("low", "kind"), [(49, "reset"), (50, "correction"), (51, "correction")], ids=["below half", "half", "above half"]
)
def test_only_below_half_is_a_reset(fold: Fold, low: int, kind: str) -> None:
    assert fold(observed(100, low, low + 1)).in_force[0].kind == kind


@pytest.mark.parametrize(
    ("resets", "kind"),
    [(Resets.NEVER, "correction"), (Resets.PERIOD, "reset"), (Resets.UNKNOWN, "reset")],
    ids=["never", "period", "unknown"],
)
def test_only_a_meter_that_may_reset_resets(fold: Fold, resets: Resets, kind: str) -> None:
    assert fold(observed(100, 5, 6), resets).in_force[0].kind == kind


def test_half_of_the_largest_counter_is_exact(fold: Fold) -> None:
    assert fold(observed(2**63 - 1, 2**62 - 1, 2**62)).in_force[0].kind is FallKind.RESET


def test_a_held_fall_is_told_at_once(fold: Fold) -> None:
    (decision,) = fold(observed(20, 10)).made
    assert (decision.kind, decision.at, decision.since, decision.offset, decision.decided_by) == (
        FallKind.HELD, 10, 0, 0, RULE,
    )  # fmt: skip


def test_a_fall_counts_from_the_last_confirmation(fold: Fold) -> None:
    assert fold(observed(20, 20, 20, 10)).in_force[0].since == 20


def test_each_lower_value_replaces_what_is_held(fold: Fold) -> None:
    assert [(one.at, one.after) for one in fold(observed(100, 30, 20, 10)).made] == [(10, 30), (20, 20), (30, 10)]


def test_a_fourth_fall_is_not_held_with_the_three_before_it(fold: Fold) -> None:
    assert [one.at for one in fold(observed(100, 90, 80, 70, 60)).course.held] == [40]


@pytest.mark.parametrize(
    ("values", "usage"),
    [
        pytest.param((100, 110, 30), 40, id="its last value, then a fall"),
        pytest.param((100, 110, 250), 260, id="its last value, then a reset hidden by growth"),
        pytest.param((100, 100, 30), 30, id="its last value once more"),
        pytest.param((100, 0, 30), 30, id="zero"),
        pytest.param((0, 0, 30), 30, id="zero after zero"),
    ],
)
def test_a_value_seen_on_the_boundary_is_booked_once(fold: Fold, values: tuple[int, ...], usage: int) -> None:
    folded = fold(observed(*values), Resets.PERIOD, boundaries=[10])
    assert (folded.usage, [one.kind for one in folded.in_force]) == (usage, [FallKind.RESET])


def test_a_boundary_on_the_opening_balance_is_behind_it(fold: Fold) -> None:
    (decision,) = fold(observed(100, 250), Resets.PERIOD, boundaries=[0]).in_force
    assert (decision.at, decision.offset) == (1, 100)


def test_a_boundary_on_an_empty_opening_balance_resets_nothing(fold: Fold) -> None:
    assert fold(observed(0, 250), Resets.PERIOD, boundaries=[0]).in_force == []


def test_monthly_readings_taken_at_midnight_sharp_are_each_booked_whole(fold: Fold) -> None:
    assert fold(observed(1000, 1100, 900), Resets.PERIOD, boundaries=[0, 10, 20]).usage == 2000


def test_boundary_within_a_confirmation_does_not_reset_again(fold: Fold) -> None:
    folded = fold(observed(100, 7, 7, 7), Resets.PERIOD, boundaries=[5])
    assert (len(folded.in_force), len(folded.rows)) == (1, 2)


def test_fall_held_before_a_declared_boundary_is_excluded(fold: Fold) -> None:
    assert fold(observed(100, 90, 20), Resets.PERIOD, boundaries=[15]).letters == "gxg"


def test_fall_just_after_a_declared_reset_is_held_again(fold: Fold) -> None:
    assert fold(observed(100, 20, 10), Resets.PERIOD, boundaries=[5]).letters == "ggh"


@pytest.mark.parametrize(
    ("kind", "letters", "usage", "offset"),
    [(FallKind.RESET, "gxggg", 62, 100), (FallKind.CORRECTION, "gxggg", -38, 0), (FallKind.GLITCH, "gxxgg", -38, 0)],
    ids=["reset", "correction", "glitch"],
)
def test_operator_overrules_the_rule(fold: Fold, kind: FallKind, letters: str, usage: int, offset: int) -> None:
    pin = Pin(kind, "operator:ann", "the provider said so")
    folded = fold(observed(100, 70, 60, 61, 62), pins={20: pin})
    pinned = next(one for one in folded.made if one.decided_by != RULE)
    assert (folded.letters, folded.usage, pinned.offset) == (letters, usage, offset)


def test_a_pinned_decision_names_its_operator_and_reason(fold: Fold) -> None:
    pin = Pin(FallKind.CORRECTION, "operator:ann", "refund 17")
    (decision,) = fold(observed(100, 5), pins={10: pin}).in_force
    assert (decision.decided_by, decision.reason, decision.before, decision.after) == (
        "operator:ann", "refund 17", 100, 5,
    )  # fmt: skip


def test_a_pinned_reset_may_be_of_a_value_that_rose(fold: Fold) -> None:
    assert fold(observed(100, 250), pins={10: Pin(FallKind.RESET, "operator:ann", "key renewed")}).usage == 250


def test_a_pinned_glitch_may_be_of_a_value_that_rose(fold: Fold) -> None:
    folded = fold(observed(100, 99_999, 110), pins={10: Pin(FallKind.GLITCH, "operator:ann", "wrong unit")})
    assert (folded.letters, folded.usage) == ("gxg", 10)


def test_a_pin_overrules_a_declared_boundary(fold: Fold) -> None:
    pins = {10: Pin(FallKind.CORRECTION, "operator:ann", "the plan was changed without a reset")}
    assert fold(observed(100, 90), Resets.PERIOD, [5], pins).usage == -10


@given(SEQUENCES, st.sampled_from(Resets), STARTS)
@example([50, 90, 3, 9, 1, 4], Resets.UNKNOWN, [])
def test_opening_and_steps_give_the_last_good_value_within_each_epoch(
    fold: Fold, values: list[int], resets: Resets, boundaries: list[int]
) -> None:
    folded = fold(observed(*values), resets, boundaries)
    starts = sorted(one.at for one in folded.in_force if one.kind is FallKind.RESET)
    running, epoch = folded.good[0].value, 0
    for row, delta in zip(folded.good[1:], booked_by_step(folded), strict=True):
        begun = sum(start <= row.observed for start in starts)
        running, epoch = (0 if begun > epoch else running) + delta, begun
        assert running == row.value


@given(SEQUENCES, st.sampled_from(Resets), STARTS)
def test_total_growth_is_the_sum_of_the_steps(
    fold: Fold, values: list[int], resets: Resets, boundaries: list[int]
) -> None:
    folded = fold(observed(*values), resets, boundaries)
    first, last = folded.edges([0, 10 * len(values)])
    assert usage_between(first, last).usage == sum(booked_by_step(folded)) == folded.usage


@given(SEQUENCES, st.sampled_from(Resets), STARTS)
def test_only_corrections_take_usage_back(fold: Fold, values: list[int], resets: Resets, boundaries: list[int]) -> None:
    folded = fold(observed(*values), resets, boundaries)
    corrected = {one.at for one in folded.in_force if one.kind is FallKind.CORRECTION}
    negative = [row.observed for row, delta in zip(folded.good[1:], booked_by_step(folded), strict=True) if delta < 0]
    assert set(negative) <= corrected


@given(SEQUENCES, st.sampled_from(Resets), STARTS)
def test_what_is_held_is_the_newest_and_at_most_three(
    fold: Fold, values: list[int], resets: Resets, boundaries: list[int]
) -> None:
    letters = fold(observed(*values), resets, boundaries).letters
    assert len(letters) - len(letters.rstrip("h")) == letters.count("h") <= 3


@given(SEQUENCES, st.sampled_from(Resets), STARTS)
def test_decisions_in_force_are_in_order_of_time_and_do_not_overlap(
    fold: Fold, values: list[int], resets: Resets, boundaries: list[int]
) -> None:
    in_force = fold(observed(*values), resets, boundaries).in_force
    assert all(one.since < one.at for one in in_force)
    assert all(earlier.at <= later.since for earlier, later in pairwise(in_force))


HOUR = 3_600_000_000
DAY = 24 * HOUR
MONTHS = (10 * DAY, 41 * DAY, 69 * DAY)


def hourly(*seen: tuple[float, int], start: int = 41 * DAY) -> list[tuple[int, int]]:
    """Return observations by their hours from the start of a period."""
    return [(int(start + hours * HOUR), value) for hours, value in seen]


@pytest.mark.parametrize(
    ("seen", "usage"),
    [
        pytest.param(hourly((-2, 100), (0.1, 105), (2, 3), (3, 9)), 14, id="two hours late"),
        pytest.param(hourly((-2, 100), (0.1, 105), (25, 3), (26, 9)), 114, id="a day and an hour late"),
        pytest.param(hourly((-6, 100), (-5, 3), (-4, 9), (1, 20), (2, 30)), 30, id="five hours early"),
        pytest.param(hourly((-30, 100), (-29, 3), (-28, 9), (1, 20), (2, 30)), 39, id="a day and some hours early"),
        pytest.param(hourly((-6, 100), (-5, 3), (-4, 9), (1, 2), (2, 30)), 39, id="early, and a fall at the boundary"),
        pytest.param(hourly((-2, 100), (-0.1, 3), (0.2, 7), (2, 9)), 9, id="minutes early, seen once before"),
        pytest.param(hourly((-2, 100), (-0.1, 3), (0.2, 130), (2, 140)), 140, id="a dip before a hidden reset"),
        pytest.param(hourly((-2, 100), (0.1, 105), (2, 95), (3, 96)), 96, id="late, but only a correction"),
        pytest.param(hourly((-2, 100), (0.1, 105), (2, 3), (3, 106)), 106, id="late, but only a glitch"),
    ],
)
def test_a_reset_by_the_providers_own_clock_is_the_periods_only_one(
    fold: Fold, seen: list[tuple[int, int]], usage: int
) -> None:
    assert fold(seen, Resets.PERIOD, MONTHS).usage == usage


@pytest.mark.parametrize(
    ("late", "usage"), [(0.2, 14), (5, 14), (7, 114)], ids=["minutes", "a quarter of a day", "later"]
)
def test_in_short_periods_a_reset_goes_less_astray(fold: Fold, late: float, usage: int) -> None:
    days = [day * DAY for day in range(40, 44)]
    assert fold(hourly((-2, 100), (0.1, 105), (late, 3), (9, 9)), Resets.PERIOD, days).usage == usage


def test_what_an_operator_declared_hidden_stands_beside_a_later_fall(fold: Fold) -> None:
    seen = hourly((-2, 100), (0.1, 105), (2, 3), (3, 9))
    pin = {seen[1][0]: Pin(FallKind.RESET, "operator:ann", "they told us")}
    assert fold(seen, Resets.PERIOD, MONTHS, pin).usage == 114


def test_a_late_reset_that_falls_on_and_on_withdraws_the_hidden_one_too(fold: Fold) -> None:
    seen = hourly((-2, 100), (0.1, 105), (2, 9), (3, 8), (4, 7), (5, 6), (6, 6))
    folded = fold(seen, Resets.PERIOD, MONTHS)
    assert [(one.kind.value, one.before, one.after) for one in folded.in_force] == [
        ("reset", 105, 7),
        ("correction", 7, 6),
    ]


def test_an_early_reset_stays_before_the_boundary(fold: Fold) -> None:
    folded = fold(hourly((-2, 100), (-0.1, 3), (0.2, 7), (2, 9)), Resets.PERIOD, MONTHS)
    (decision,) = folded.in_force
    assert (decision.at, decision.after) == (MONTHS[1] - int(0.1 * HOUR), 3)


SUPPORT = ("operator:ann", "they told us")
JUMPED = observed(100, 110, 8110, 8130)


def test_a_jump_that_was_growth_is_a_step_like_any_other(fold: Fold) -> None:
    plain, decided = fold(JUMPED), fold(JUMPED, pins={20: Pin(FallKind.GROWTH, *SUPPORT)})
    assert decided.verdicts == [["growth", 110, 8110, 0]]
    ats = range(-5, 45)
    assert decided.edges(ats) == plain.edges(ats)


def test_a_jump_to_another_unit_is_no_usage_and_begins_an_epoch(fold: Fold) -> None:
    folded = fold(JUMPED, pins={20: Pin(FallKind.UNIT, *SUPPORT)})
    assert folded.verdicts == [["unit", 110, 8110, -8000]]
    assert folded.usage == 10 + 0 + 20
    before, inside, after = folded.edges([10, 15, 20])
    assert usage_between(before, after).usage == usage_between(before, inside).usage == 0
    assert (usage_between(before, after).upper, after.resets, folded.edges([21])[0].resets) == (None, 0, 1)


def test_a_fall_to_another_unit_is_no_usage_either(fold: Fold) -> None:
    assert fold(observed(5000, 6000, 6, 7), pins={20: Pin(FallKind.UNIT, *SUPPORT)}).usage == 1000 + 0 + 1


def test_a_change_of_unit_is_not_the_periods_reset(fold: Fold) -> None:
    seen = hourly((-2, 100), (-0.1, 5000), (0.2, 5100), (2, 5200))
    folded = fold(seen, Resets.PERIOD, MONTHS, {seen[1][0]: Pin(FallKind.UNIT, *SUPPORT)})
    assert [one.kind.value for one in folded.in_force] == ["unit", "reset"]
    assert folded.usage == 0 + 5100 + 100


@given(
    SEQUENCES, st.sampled_from(Resets), STARTS, st.integers(1, 24), st.sampled_from([FallKind.GROWTH, FallKind.UNIT])
)
def test_after_any_decision_about_a_jump_windows_add_up_within_their_bounds(
    fold: Fold, values: list[int], resets: Resets, boundaries: list[int], place: int, kind: FallKind
) -> None:
    folded = fold(observed(*values), resets, boundaries, {10 * place: Pin(kind, *SUPPORT)})
    edges = folded.edges(range(0, 10 * len(values), 5))
    used = [usage_between(one, other) for one, other in pairwise(edges)]
    assert sum(one.usage for one in used) == usage_between(edges[0], edges[-1]).usage
    assert all(one.lower <= one.usage and (one.upper is None or one.usage <= one.upper) for one in used)
    if kind is FallKind.UNIT and any(one.kind is kind for one in folded.in_force):
        (at,) = (one.at for one in folded.in_force if one.kind is kind)
        before = max(row.confirmed for row in folded.good if row.confirmed < at)
        assert usage_between(*folded.edges([before, at])).usage == 0
