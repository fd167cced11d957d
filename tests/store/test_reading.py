from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from collector.domain.accounts import Account, Meter, Resets
from collector.domain.calendar import days_between
from collector.domain.edges import Bracket, Edge, Gap, History, usage_between
from collector.domain.falls import FallKind, Status
from collector.domain.instants import DAY, instant_of, micros_of
from collector.store import reading, schema
from collector.store.accounts import register
from collector.store.engine import Database

if TYPE_CHECKING:
    from tests.store.conftest import Desk

Make = Callable[..., Account]

ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York", "America/Santiago")
BEGUN = 1_767_268_800_000_000  # 2026-01-01T12:00:00Z


@dataclass(frozen=True)
class Row:
    """One stored snapshot."""

    observed: int
    confirmed: int
    value: int
    number: int
    status: Status


def random_rows(chance: random.Random) -> list[Row]:
    """A course of up to sixty snapshots; the first counts, as it always does."""
    rows, at = [], BEGUN + chance.randrange(DAY)
    for number in range(1, chance.randrange(2, 60)):
        confirmed = at + chance.choice([0, 0, 1, chance.randrange(DAY)])
        status = Status.GOOD if number == 1 else chance.choices(list(Status), [8, 1, 1])[0]
        rows.append(Row(at, confirmed, chance.randrange(2**40), number, status))
        at = confirmed + chance.choice([1, chance.randrange(1, DAY)])
    return rows


def store(database: Database, make_account: Make, courses: Sequence[list[Row]]) -> dict[int, list[Row]]:
    """Keep each course as the only meter of an account of its own, and return them by meter id."""
    accounts = [
        (make_account(f"account-{index}", zone=ZoneInfo(ZONES[index % len(ZONES)])), [Meter("credits", "credits")])
        for index in range(len(courses))
    ]
    rows = register(database, accounts)
    found = {rows[f"account-{index}"].meters["credits"]: course for index, course in enumerate(courses)}
    with database.write() as connection:
        connection.execute(
            insert(schema.snapshot),
            [
                {
                    "meter": meter,
                    "observed_at": row.observed,
                    "confirmed_at": row.confirmed if row.confirmed > row.observed else None,
                    "value": row.value,
                    "number": row.number,
                    "status": row.status,
                }
                for meter, course in found.items()
                for row in course
            ],
        )
    return found


def around(course: Sequence[Row], at: int) -> Bracket:
    """Find the good snapshots around ``at`` by looking at every one."""
    good = [row for row in course if row.status is Status.GOOD]
    prior = [row for row in good if row.observed <= at]
    later = [row for row in good if row.observed > at]
    before = (prior[-1].observed, prior[-1].confirmed, prior[-1].value, prior[-1].number) if prior else (None,) * 4
    return Bracket(at, *before, *((later[0].observed, later[0].value) if later else (None, None)))


def boundaries(chance: random.Random, zone: str, course: Sequence[Row]) -> list[int]:
    """Local midnights, the instants of snapshots, and instants next to them, in no order."""
    first, last = instant_of(course[0].observed), instant_of(course[-1].confirmed)
    days = days_between(first.date() - timedelta(days=1), last.date() + timedelta(days=2), ZoneInfo(zone))
    ats = [micros_of(start) for _, start, _ in days]
    ats += [edge + step for row in course for edge in (row.observed, row.confirmed) for step in (-1, 0, 1)]
    chance.shuffle(ats)
    return ats


@pytest.mark.parametrize("seed", range(6))
def test_look_ups_equal_looking_at_every_snapshot(database: Database, make_account: Make, seed: int) -> None:
    chance = random.Random(seed)
    found = store(database, make_account, [random_rows(chance) for _ in range(12)])
    with database.read() as connection:
        zones = {row.id: row.timezone for row in reading.meters(connection)}
        wanted = {meter: boundaries(chance, zones[meter], course) for meter, course in found.items()}
        brackets = reading.brackets(connection, wanted)
    assert brackets == {meter: [around(found[meter], at) for at in sorted(ats)] for meter, ats in wanted.items()}


@pytest.mark.parametrize("seed", range(6))
def test_meters_are_described_as_looking_at_every_snapshot_does(
    database: Database, make_account: Make, seed: int
) -> None:
    chance = random.Random(seed)
    found = store(database, make_account, [random_rows(chance) for _ in range(12)])
    with database.read() as connection:
        rows = reading.meters(connection)
    assert {row.id: row.timezone for row in rows} == {
        meter: ZONES[index % len(ZONES)] for index, meter in enumerate(found)
    }
    for row in rows:
        course = found[row.id]
        good = [one for one in course if one.status is Status.GOOD][-1]
        assert (row.first_at, row.last_at, row.latest) == (course[0].observed, course[-1].confirmed, course[-1].value)
        assert (row.good_at, row.good_value) == (good.confirmed, good.value)


def test_many_meters_and_boundaries_are_one_statement(
    database: Database, make_account: Make, statements: list[str]
) -> None:
    chance = random.Random(1)
    found = store(database, make_account, [random_rows(chance) for _ in range(20)])
    with database.read() as connection:
        statements.clear()
        brackets = reading.brackets(connection, {meter: range(BEGUN, BEGUN + 366) for meter in found})
    assert len(statements) == 1
    assert sum(map(len, brackets.values())) == 20 * 366


def test_a_year_of_many_meters_has_no_limit_of_parameters(database: Database, make_account: Make) -> None:
    found = store(database, make_account, [[Row(BEGUN, BEGUN, 7, 1, Status.GOOD)] for _ in range(90)])
    with database.read() as connection:
        brackets = reading.brackets(connection, {meter: [BEGUN + day * DAY for day in range(366)] for meter in found})
    assert {one for each in brackets.values() for one in each[1:]} == {
        Bracket(BEGUN + day * DAY, BEGUN, BEGUN, 7, 1, None, None) for day in range(1, 366)
    }


def test_boundaries_asked_twice_are_answered_twice(credits_desk: Desk) -> None:
    credits_desk.poll(0, {"credits": 5})
    at, meter = credits_desk.micros(10), credits_desk.meter()
    with credits_desk.database.read() as connection:
        assert (
            reading.brackets(connection, {meter: [at, at]})[meter]
            == [Bracket(at, at - 10_000_000, at - 10_000_000, 5, 1, None, None)] * 2
        )


def test_no_boundaries_are_no_brackets(credits_desk: Desk) -> None:
    with credits_desk.database.read() as connection:
        assert reading.brackets(connection, {credits_desk.meter(): []}) == {credits_desk.meter(): []}
        assert reading.brackets(connection, {}) == {}


def test_a_boundary_before_1970_is_before_everything(credits_desk: Desk) -> None:
    credits_desk.poll(0, {"credits": 5})
    meter = credits_desk.meter()
    with credits_desk.database.read() as connection:
        assert reading.brackets(connection, {meter: [-1]})[meter] == [
            Bracket(-1, None, None, None, None, credits_desk.micros(0), 5)
        ]


def test_a_meter_never_seen_is_left_out(desk: Desk) -> None:
    with desk.database.read() as connection:
        assert reading.meters(connection) == []
    desk.poll(0, {"credits": 5}, requests_meter=None)
    with desk.database.read() as connection:
        assert [row.name for row in reading.meters(connection)] == ["credits"]


def test_meters_come_by_account_and_name(make_desk: Callable[..., Desk]) -> None:
    for name in ("b", "a", "B"):
        make_desk(name).poll(0, {"requests": 1, "credits": 1})
    with make_desk("a").database.read() as connection:
        found = [(row.account, row.name) for row in reading.meters(connection)]
    assert found == [(account, meter) for account in ("B", "a", "b") for meter in ("credits", "requests")]


@pytest.mark.parametrize(
    ("accounts", "names", "found"),
    [
        (["a"], None, ["a credits", "a requests"]),
        (None, ["credits"], ["a credits", "b credits"]),
        (["a", "b"], ["requests"], ["a requests", "b requests"]),
        (["nobody"], None, []),
        ([], None, []),
        (None, [], []),
        (["a'; --"], ["%"], []),
    ],
    ids=str,
)
def test_meters_are_chosen_by_account_and_name(
    make_desk: Callable[..., Desk], accounts: list[str] | None, names: list[str] | None, found: list[str]
) -> None:
    for name in ("a", "b"):
        make_desk(name).poll(0, {"requests": 1, "credits": 1})
    with make_desk("a").database.read() as connection:
        assert [f"{row.account} {row.name}" for row in reading.meters(connection, accounts, names)] == found


def test_a_meters_row_says_what_is_needed_to_print_it(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(meters=[Meter("cost", "USD", scale=6)])
    for second, value in ((0, 10), (300, 20), (600, 20), (900, 4)):
        desk.poll(second, {"cost": value})
    with desk.database.read() as connection:
        (row,) = reading.meters(connection)
    assert (row.account, row.account_id, row.provider, row.timezone) == ("nellie-prod", desk.row.id, "nellie", "UTC")
    assert (row.name, row.unit, row.scale) == ("cost", "USD", 6)
    assert (row.first_at, row.last_at) == (desk.micros(0), desk.micros(900))
    assert (row.good_at, row.good_value, row.latest) == (desk.micros(600), 20, 4)


def test_decisions_in_force_leave_out_what_was_replaced(credits_desk: Desk) -> None:
    for second, value in enumerate((100, 5, 6, 2)):
        credits_desk.poll(second, {"credits": value})
    meter = credits_desk.meter()
    with credits_desk.database.read() as connection:
        found = reading.in_force(connection, [meter])[meter]
    assert [(one.kind, one.at) for one in found] == [
        (FallKind.RESET, credits_desk.micros(1)), (FallKind.HELD, credits_desk.micros(3)),
    ]  # fmt: skip


def edges_by_hand(desk: Desk, ats: Mapping[int, list[int]]) -> dict[int, list[Edge]]:
    """Return the edges of every meter from its rows, read one by one and looked through in Python."""
    snapshots, gaps, found = desk.rows("snapshot"), desk.rows("gap"), {}
    for meter, wanted in ats.items():
        course = [
            Row(one.observed_at, one.confirmed_at, one.value, one.number, Status(one.status))
            for one in snapshots
            if one.meter == meter
        ]
        with desk.database.read() as connection:
            decisions = reading.in_force(connection, [meter]).get(meter, [])
        history = History(
            course[0].observed,
            course[-1].confirmed,
            decisions,
            [row.observed for row in course if row.status is not Status.GOOD],
            [Gap(one.started_at, one.ended_at) for one in gaps if one.meter == meter],
        )
        found[meter] = [history.edge(around(course, at)) for at in sorted(wanted)]
    return found


@pytest.mark.parametrize("seed", range(3))
def test_edges_of_random_polls_equal_reading_every_row(make_desk: Callable[..., Desk], seed: int) -> None:
    chance = random.Random(seed)
    desks = [make_desk(name, resets=resets, boundaries=[900, 2000]) for name, resets in zip("abc", Resets, strict=True)]
    for desk in desks:
        second = 0.0
        for _ in range(12):
            second += chance.choice([1, 60, 300, 1500])
            desk.poll(second, {"requests": chance.randrange(4), "credits": chance.randrange(9)})
    wanted = {
        meter: [desk.micros(chance.randrange(-100, 6000)) for _ in range(30)]
        for desk in desks
        for meter in desk.row.meters.values()
    }
    with desks[0].database.read() as connection:
        found = reading.edges(connection, reading.meters(connection), wanted)
    assert found == {meter: edges for desk in desks for meter, edges in edges_by_hand(desk, wanted).items()}


def test_days_add_up_to_the_month_in_every_zone(database: Database, make_account: Make) -> None:
    chance = random.Random(7)
    courses = [
        [
            Row(row.observed, row.confirmed, 10**12 * row.number + chance.randrange(10**9), row.number, Status.GOOD)
            for row in random_rows(chance)
        ]
        for _ in ZONES
    ]
    found = store(database, make_account, courses)
    with database.read() as connection:
        rows = reading.meters(connection)
        wanted = {}
        for row in rows:
            first, last = instant_of(row.first_at).date(), instant_of(row.last_at).date()
            days = days_between(first - timedelta(days=2), last + timedelta(days=4), ZoneInfo(row.timezone))
            wanted[row.id] = [micros_of(start) for _, start, _ in days]
        edges = reading.edges(connection, rows, wanted)
    for meter, course in found.items():
        growth = sum(usage_between(*pair).usage for pair in pairwise(edges[meter]))
        assert growth == course[-1].value - course[0].value


def test_one_reading_sees_one_state(credits_desk: Desk) -> None:
    credits_desk.poll(0, {"credits": 5})
    with credits_desk.database.read() as connection:
        before = reading.meters(connection)
        credits_desk.poll(300, {"credits": 9})
        assert reading.meters(connection) == before
    with credits_desk.database.read() as connection:
        assert reading.meters(connection)[0].latest == 9
