from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest

from collector.domain.accounts import Meter, Resets
from collector.domain.falls import FallKind, Pin
from collector.store.decisions import decide
from collector.store.refolding import key_of, refold

if TYPE_CHECKING:
    from tests.store.conftest import Desk

METERS = (Meter("credits", "credits"),)
COURSES = {
    "growth": [10, 20, 30, 45],
    "idle": [10, 10, 10, 10, 10],
    "a brief zero": [8750, 0, 8760],
    "a reset": [100, 200, 300, 5, 20, 40],
    "two falls": [50, 90, 3, 9, 1, 4],
    "a fall in four steps": [90, 80, 70, 60, 50, 50, 55],
    "held at the end": [10, 20, 10],
    "a correction that stays": [500, 350, 350, 360],
    "a glitch and idle": [7, 7, 3, 7, 7, 9],
}
UNEVEN = [0, 300, 600, 2_000, 2_300, 2_600, 9_000, 9_300]


def fill(desk: Desk, values: Sequence[int], seconds: Sequence[float] = UNEVEN) -> None:
    for second, value in zip(seconds, values, strict=False):
        desk.poll(second, {"credits": value})


def again(desk: Desk, from_second: float = -1) -> None:
    with desk.database.write() as connection:
        key = key_of(connection, desk.meter())
        refold(connection, key, desk.terms, desk.micros(from_second), desk.at(90_000))


def stored(desk: Desk) -> list[list[object]]:
    return [desk.rows("snapshot"), desk.rows("gap"), [row for row in desk.rows("decision") if not row.superseded_at]]


@pytest.mark.parametrize("values", COURSES.values(), ids=COURSES.keys())
@pytest.mark.parametrize("resets", list(Resets))
def test_folding_everything_again_changes_nothing(
    values: list[int], resets: Resets, make_desk: Callable[..., Desk]
) -> None:
    desk = make_desk(meters=METERS, resets=resets, boundaries=[1_000, 5_000])
    fill(desk, values)
    before = stored(desk)
    again(desk)
    assert stored(desk) == before


@pytest.mark.parametrize("values", COURSES.values(), ids=COURSES.keys())
@pytest.mark.parametrize("from_second", [0, 300, 601, 2_300, 9_300])
def test_folding_again_from_anywhere_changes_nothing(
    values: list[int], from_second: float, make_desk: Callable[..., Desk]
) -> None:
    desk = make_desk(meters=METERS)
    fill(desk, values)
    before = stored(desk)
    again(desk, from_second)
    assert stored(desk) == before


@pytest.mark.parametrize("kind", [FallKind.RESET, FallKind.CORRECTION, FallKind.GLITCH])
def test_what_an_operator_decided_stands_when_everything_is_folded_again(kind: FallKind, credits_desk: Desk) -> None:
    fill(credits_desk, [10, 20, 12, 12, 12])
    with credits_desk.database.write() as connection:
        pin = Pin(kind, "operator:ann", "they told us")
        meter = credits_desk.meter()
        decide(connection, meter, credits_desk.micros(600), pin, credits_desk.terms, credits_desk.at(80_000))
    fill(credits_desk, [12, 25, 30], [3_000, 3_300, 3_600])
    before = stored(credits_desk)
    again(credits_desk)
    assert stored(credits_desk) == before


def test_a_decision_that_no_longer_follows_stays_in_the_record(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(meters=METERS)
    fill(desk, [100, 20, 30])
    with desk.database.write() as connection:
        never = desk.terms.__class__(Resets.NEVER, desk.terms.boundary)
        refold(connection, key_of(connection, desk.meter()), never, 0, desk.at(90_000))
    found = [(row.kind, row.superseded_at is None) for row in desk.rows("decision")]
    assert found == [("held", False), ("reset", False), ("correction", True)]


LATE = [(-7_200, 100), (360, 105), (7_200, 3), (10_800, 9), (14_400, 12)]
EARLY = [(-21_600, 100), (-18_000, 3), (-14_400, 9), (3_600, 20), (7_200, 30)]


@pytest.mark.parametrize(("seen", "booked"), [(LATE, 17), (EARLY, 30)], ids=["late", "early"])
@pytest.mark.parametrize("from_second", [-1_000_000, -15_000, 400, 8_000])
def test_a_provider_that_resets_by_its_own_clock_is_booked_once(
    seen: list[tuple[float, int]], booked: int, from_second: float, make_desk: Callable[..., Desk]
) -> None:
    desk = make_desk(meters=METERS, resets=Resets.PERIOD, boundaries=[-2_600_000, 0, 2_600_000])
    fill(desk, [value for _, value in seen], [second for second, _ in seen])
    before = stored(desk)
    again(desk, from_second)
    (decision,) = (row for row in desk.rows("decision") if not row.superseded_at)
    assert (stored(desk), decision.offset + seen[-1][1] - seen[0][1]) == (before, booked)


def test_a_reset_that_was_not_hidden_after_all_stays_in_the_record(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(meters=METERS, resets=Resets.PERIOD, boundaries=[-2_600_000, 0])
    fill(desk, [value for _, value in LATE], [second for second, _ in LATE])
    found = [(row.id, row.kind, row.superseded_by) for row in desk.rows("decision")]
    assert found == [(1, "reset", 3), (2, "held", 3), (3, "reset", None)]


def test_what_an_operator_decided_near_a_boundary_is_the_same_for_polls_and_for_folding_again(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(meters=METERS, resets=Resets.PERIOD, boundaries=[-2_600_000, 0, 2_600_000])
    fill(desk, [100, 1000, 600, 610], [-500_000, -400_000, -18_000, -14_400])
    with desk.database.write() as connection:
        pin = Pin(FallKind.RESET, "operator:ann", "they told us")
        decide(connection, desk.meter(), desk.micros(-18_000), pin, desk.terms, desk.at(-10_000))
    fill(desk, [650, 660], [18_000, 21_600])
    before = stored(desk)
    again(desk, -1_000_000)
    assert stored(desk) == before
