from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count, pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.domain.accounts import Meter
from collector.domain.edges import usage_between
from collector.domain.falls import Course, Decision, FallKind, Observation, Pin, Status, step
from collector.errors import UsageError
from collector.store import reading
from collector.store.decisions import DecisionRow, decide, listed, snapshot_from
from collector.store.engine import Database
from collector.store.locating import Fall, locate
from collector.store.writing import record_poll

if TYPE_CHECKING:
    from tests.store.conftest import Desk

CREDITS = (Meter("credits", "credits"),)
SAYS_SO = "the provider's support says so"


def play(desk: Desk, *values: int) -> Desk:
    for index, value in enumerate(values):
        desk.poll(10 * index, {"credits": value})
    return desk


def pin(desk: Desk, second: float, kind: str, reason: str = SAYS_SO) -> list[Decision]:
    with desk.database.write() as connection:
        return decide(
            connection,
            desk.meter(),
            desk.micros(second),
            Pin(FallKind(kind), "operator:ada", reason),
            desk.terms,
            desk.at(1000),
        )


def usage(desk: Desk) -> int:
    """Return everything the meter used, as reports see it."""
    with desk.database.read() as connection:
        rows = reading.meters(connection)
        ends = [rows[0].first_at, rows[0].last_at]
        first, last = reading.edges(connection, rows, {rows[0].id: ends})[rows[0].id]
    return usage_between(first, last).usage


def in_force(desk: Desk) -> list[DecisionRow]:
    with desk.database.read() as connection:
        return listed(connection)


@pytest.mark.parametrize(
    ("values", "second", "kind", "before", "after"),
    [
        ((100, 200, 300, 5, 20, 40), 30, "correction", 240, -60),
        ((100, 200, 300, 5, 20, 40), 30, "reset", 240, 240),
        ((100, 200, 300, 260, 280, 310), 30, "glitch", 210, 210),
        ((100, 200, 300, 260, 280, 310), 30, "reset", 210, 510),
        ((8750, 0, 8760), 10, "reset", 10, 8760),
        ((8750, 8749, 8760), 10, "correction", 10, 10),
        ((10, 20, 10), 20, "reset", 10, 20),
        ((10, 20, 10), 20, "correction", 10, 0),
        ((10, 20, 10), 20, "glitch", 10, 10),
        ((50, 90, 3, 9, 1, 4), 40, "correction", 53, 44),
    ],
    ids=str,
)
def test_a_decision_changes_the_usage_at_once(
    credits_desk: Desk, values: tuple[int, ...], second: float, kind: str, before: int, after: int
) -> None:
    play(credits_desk, *values)
    assert usage(credits_desk) == before
    pin(credits_desk, second, kind)
    assert usage(credits_desk) == after


def test_a_fall_to_a_glitch_is_judged_anew_from_the_old_value(credits_desk: Desk) -> None:
    play(credits_desk, 100, 200, 300, 260, 280, 290)
    pin(credits_desk, 30, "glitch")
    assert [(one.kind, one.before, one.after) for one in in_force(credits_desk)] == [
        ("glitch", 300, 260),
        ("correction", 300, 280),
    ]


def test_an_operator_may_split_an_epoch_where_nothing_fell(credits_desk: Desk) -> None:
    play(credits_desk, 1, 2, 3000, 4000)
    pin(credits_desk, 20, "reset")
    assert usage(credits_desk) == 1 + 3000 + 1000


def test_the_old_decision_stays_in_the_record_and_names_its_successor(credits_desk: Desk) -> None:
    play(credits_desk, 100, 200, 300, 5, 20, 40)
    pin(credits_desk, 30, "correction")
    with credits_desk.database.read() as connection:
        rows = listed(connection, superseded=True)
    by_kind = {one.kind: one for one in rows}
    assert by_kind["reset"].superseded_by == by_kind["correction"].key
    assert (by_kind["correction"].decided_by, by_kind["correction"].reason) == ("operator:ada", SAYS_SO)


def test_a_decision_can_be_decided_again(credits_desk: Desk) -> None:
    play(credits_desk, 100, 200, 300, 5, 20, 40)
    pin(credits_desk, 30, "correction")
    pin(credits_desk, 30, "glitch")
    pin(credits_desk, 30, "reset")
    assert usage(credits_desk) == 240
    assert [one.decided_by for one in in_force(credits_desk)] == ["operator:ada"]


def test_two_decisions_of_operators_stand_side_by_side(credits_desk: Desk) -> None:
    play(credits_desk, 50, 90, 3, 9, 1, 4)
    pin(credits_desk, 40, "correction")
    pin(credits_desk, 20, "correction")
    assert usage(credits_desk) == 4 - 50


def test_polls_after_a_decision_go_on_from_it(credits_desk: Desk) -> None:
    play(credits_desk, 10, 20, 10)
    pin(credits_desk, 20, "reset")
    credits_desk.poll(30, {"credits": 12})
    assert usage(credits_desk) == 10 + 10 + 2


def test_a_confirmed_snapshot_is_decided_whole(credits_desk: Desk) -> None:
    play(credits_desk, 700, 800, 0, 0, 30)
    pin(credits_desk, 20, "glitch")
    assert [row[3] for row in credits_desk.courses()] == [Status.GOOD, Status.GOOD, Status.EXCLUDED, Status.HELD]


def test_the_opening_balance_cannot_be_decided(credits_desk: Desk) -> None:
    play(credits_desk, 10, 20)
    with pytest.raises(UsageError, match="no snapshot before"):
        pin(credits_desk, 0, "reset")


def test_facts_are_untouched(credits_desk: Desk) -> None:
    play(credits_desk, 100, 200, 300, 260, 280, 310)
    facts = [row[:3] for row in credits_desk.courses()]
    pin(credits_desk, 30, "reset")
    assert [row[:3] for row in credits_desk.courses()] == facts
    assert credits_desk.chain() == credits_desk.digests()


def model(values: list[int], pins: dict[int, FallKind], desk: Desk) -> tuple[list[Status], set[tuple[str, int, int]]]:
    """Fold everything anew, as a check on folding only what a decision touches."""
    course = Course()
    statuses: dict[int, Status] = {}
    decisions: list[Decision] = []
    for index, value in enumerate(values):
        kind = pins.get(index)
        one = None if kind is None else Pin(kind, "operator:ada", SAYS_SO)
        done = step(course, Observation(desk.micros(10 * index), value), desk.terms, one)
        course = done.course
        statuses.update(done.statuses)
        for decision in done.decisions:
            if decisions and decisions[-1].kind is FallKind.HELD:
                decisions.pop()
            decisions.append(decision)
    return (
        [statuses[desk.micros(10 * index)] for index in range(len(values))],
        {(one.kind.value, one.at, one.offset) for one in decisions},
    )


# Neighbours differ, so that every value is a snapshot of its own.
_VALUES = st.lists(st.integers(0, 12), min_size=2, max_size=14).filter(
    lambda values: all(one != other for one, other in pairwise(values))
)
_NUMBERS = count()
_KINDS = st.sampled_from([FallKind.RESET, FallKind.CORRECTION, FallKind.GLITCH])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=_VALUES, data=st.data())
def test_folding_on_from_a_decision_equals_folding_everything_anew(
    sqlite_database: object,
    open_desk: type[Desk],
    make_account: Callable[..., object],
    values: list[int],
    data: st.DataObject,
) -> None:
    desk = open_desk(sqlite_database, make_account(f"a{next(_NUMBERS)}"), CREDITS)  # type: ignore[arg-type]  # fixtures' own types
    play(desk, *values)
    pins = data.draw(st.dictionaries(st.integers(1, len(values) - 1), _KINDS, max_size=3))
    for index in data.draw(st.permutations(sorted(pins))):
        pin(desk, 10 * index, pins[index].value)
    statuses, decisions = model(values, pins, desk)
    assert [row[3] for row in desk.courses()] == statuses
    with desk.database.read() as connection:
        found = reading.in_force(connection, [desk.meter()]).get(desk.meter(), [])
    assert {(one.kind.value, one.at, one.offset) for one in found} == decisions


@pytest.mark.postgres
def test_a_poll_waits_for_a_decision_that_is_being_taken(
    postgres_database: Database, open_desk: type[Desk], make_account: Callable[..., object]
) -> None:
    desk = open_desk(postgres_database, make_account(), CREDITS)  # type: ignore[arg-type]  # the fixture's own type
    play(desk, 100, 700, 200)
    with desk.database.write() as connection:
        glitch = Pin(FallKind.GLITCH, "operator:ada", SAYS_SO)
        lease = desk.claim(25)
        entry = desk.entry(30, lease, counters={"credits": 210})
        decide(connection, desk.meter(), desk.micros(20), glitch, desk.terms, desk.at(1000))
        polled = threading.Thread(target=lambda: record_poll(desk.database, entry))
        polled.start()
        polled.join(0.2)
        assert polled.is_alive()
    polled.join()
    assert [(one.kind, one.before, one.after) for one in in_force(desk)] == [("glitch", 700, 200), ("held", 700, 210)]


class TestLocating:
    def test_by_the_key_of_a_decision(self, credits_desk: Desk) -> None:
        play(credits_desk, 100, 200, 300, 5, 20)
        key = in_force(credits_desk)[0].key
        with credits_desk.database.read() as connection:
            row, at = locate(connection, Fall(key, None, None, None))
        assert (row.id, at) == (credits_desk.meter(), credits_desk.micros(30))

    def test_by_account_and_instant_where_it_has_one_meter(self, credits_desk: Desk) -> None:
        play(credits_desk, 100, 200, 300)
        with credits_desk.database.read() as connection:
            _, at = locate(connection, Fall(None, "nellie-prod", None, "2026-01-01T12:00:15Z"))
        assert at == credits_desk.micros(20)

    @pytest.mark.parametrize(
        ("fall", "words"),
        [
            (Fall("9-9", None, None, None), "there is no fall"),
            (Fall(None, "nobody", None, "2026-01-01T12:00:00Z"), "no history of nobody"),
            (Fall(None, "nellie-prod", "requests", "2026-01-01T12:00:00Z"), "no history of nellie-prod/requests"),
            (Fall(None, "nellie-prod", None, "yesterday"), "takes an instant"),
            (Fall(None, "nellie-prod", None, "2027-01-01T12:00:00Z"), "no snapshot at or after"),
        ],
        ids=["key", "account", "meter", "instant", "later"],
    )
    def test_what_is_not_there_is_refused(self, credits_desk: Desk, fall: Fall, words: str) -> None:
        play(credits_desk, 100, 200)
        with credits_desk.database.read() as connection, pytest.raises(UsageError, match=words):
            locate(connection, fall)

    def test_a_replaced_decision_names_its_successor(self, credits_desk: Desk) -> None:
        play(credits_desk, 100, 200, 300, 5, 20)
        key = in_force(credits_desk)[0].key
        pin(credits_desk, 30, "glitch")
        with credits_desk.database.read() as connection, pytest.raises(UsageError, match="was replaced by"):
            locate(connection, Fall(key, None, None, None))

    def test_an_account_with_several_meters_must_name_one(self, desk: Desk) -> None:
        desk.poll(0, {"requests": 0, "credits": 5})
        with desk.database.read() as connection, pytest.raises(UsageError, match="several meters"):
            locate(connection, Fall(None, "nellie-prod", None, "2026-01-01T12:00:00Z"))

    def test_a_meter_without_snapshots_has_none_to_find(self, credits_desk: Desk) -> None:
        with credits_desk.database.read() as connection:
            assert snapshot_from(connection, credits_desk.meter(), 0) is None


def test_only_the_asked_accounts_and_meters_are_listed(make_desk: Callable[..., Desk]) -> None:
    for name in ("one", "two"):
        desk = make_desk(name)
        for second, value in ((0, 9), (10, 1), (20, 2)):
            desk.poll(second, {"requests": value, "credits": value})
    with desk.database.read() as connection:
        found = listed(connection, ["two"], ["credits"])
        everything = listed(connection)
    assert [(one.account, one.meter) for one in found] == [("two", "credits")]
    assert [(one.account, one.meter) for one in everything] == [
        ("one", "credits"), ("one", "requests"), ("two", "credits"), ("two", "requests")
    ]  # fmt: skip
