from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from collector.domain.accounts import Resets
from collector.domain.edges import usage_between
from collector.domain.falls import Course, Observation, Status
from collector.store import reading
from collector.store.snapshots import Tail, settle, tail_of

if TYPE_CHECKING:
    from tests.store.conftest import Desk

EXAMPLES = tomllib.loads((Path(__file__).parents[1] / "worked_examples.toml").read_text(encoding="utf-8"))["example"]


@pytest.fixture(params=EXAMPLES, ids=[one["name"] for one in EXAMPLES])
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One worked example."""
    found: dict[str, Any] = request.param
    return found


@pytest.fixture
def played(make_desk: Callable[..., Desk], case: dict[str, Any]) -> Desk:
    """The desk after the example's polls, ten seconds apart; a boundary lies five seconds before its poll."""
    boundaries = [10 * index - 5 for index in case.get("boundaries", [])]
    desk = make_desk(resets=Resets(case.get("resets", "unknown")), boundaries=boundaries)
    for index, value in enumerate(case["values"]):
        desk.poll(10 * index, {"requests": 0, "credits": value})
    return desk


def test_worked_example_is_read_as_its_usage(played: Desk, case: dict[str, Any]) -> None:
    with played.database.read() as connection:
        rows = reading.meters(connection, names=["credits"])
        meter = rows[0].id
        ends = [played.micros(0), played.micros(10 * len(case["values"]))]
        first, last = reading.edges(connection, rows, {meter: ends})[meter]
    assert usage_between(first, last).usage == case["usage"]


def test_worked_example_leaves_its_statuses_and_decisions(played: Desk, case: dict[str, Any]) -> None:
    courses = played.courses()
    covering = [
        (value, status)
        for index in range(len(case["values"]))
        for observed, confirmed, value, status in courses
        if observed <= 10 * index <= confirmed
    ]
    assert [value for value, _ in covering] == case["values"]
    assert "".join("ghx"[status] for _, status in covering) == case["statuses"]
    with played.database.read() as connection:
        in_force = reading.in_force(connection, [played.meter()]).get(played.meter(), [])
    assert [[one.kind.value, one.before, one.after, one.offset] for one in in_force] == case["decisions"]


def tail(desk: Desk, *values: int) -> Tail:
    for index, value in enumerate(values):
        desk.poll(10 * index, {"credits": value})
    with desk.database.read() as connection:
        return tail_of(connection, desk.meter())


def test_a_meter_never_seen_has_no_tail(credits_desk: Desk) -> None:
    assert tail(credits_desk) == Tail(Course())


def test_the_tail_is_the_newest_snapshot_with_its_confirmation(credits_desk: Desk) -> None:
    begun, ended = credits_desk.micros(10), credits_desk.micros(20)
    assert tail(credits_desk, 3, 5, 5) == Tail(Course(Observation(ended, 5)), begun, ended, 5, 2, Status.GOOD)


def test_what_is_held_belongs_to_the_tail(credits_desk: Desk) -> None:
    at = [credits_desk.micros(10 * index) for index in range(4)]
    course = Course(Observation(at[1], 100), (Observation(at[2], 60), Observation(at[3], 50)))
    assert tail(credits_desk, 90, 100, 60, 50) == Tail(course, at[3], at[3], 50, 4, Status.HELD)


def test_the_newest_snapshot_may_be_excluded(credits_desk: Desk) -> None:
    tail(credits_desk, 90, 100, 60)
    last = credits_desk.micros(20)
    with credits_desk.database.write() as connection:
        settle(connection, credits_desk.meter(), {last: Status.EXCLUDED})
    with credits_desk.database.read() as connection:
        found = tail_of(connection, credits_desk.meter())
    assert found == Tail(Course(Observation(credits_desk.micros(10), 100)), last, last, 60, 3, Status.EXCLUDED)


def test_the_same_value_after_an_excluded_snapshot_is_a_row(credits_desk: Desk) -> None:
    tail(credits_desk, 100, 60)
    with credits_desk.database.write() as connection:
        settle(connection, credits_desk.meter(), {credits_desk.micros(10): Status.EXCLUDED})
    credits_desk.poll(20, {"credits": 60})
    assert [(value, status) for _, _, value, status in credits_desk.courses()] == [(100, 0), (60, 2), (60, 1)]
