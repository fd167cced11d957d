"""Usage inside gaps, placed by the times of the requests made in them."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from collector.domain.accounts import Counts, Meter, Resets
from collector.domain.edges import Edge, usage_between
from collector.domain.evidence import Evidence, Stretch, Tally
from collector.domain.instants import micros_of
from collector.domain.requests import RequestRecord
from collector.store import evidence, reading

if TYPE_CHECKING:
    from tests.store.conftest import Desk

COUNTED = (
    Meter("requests", "requests", counts=Counts.REQUESTS),
    Meter("credits", "credits", counts=Counts.CREDITS),
)
HOUR = 3600


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """An account whose meters count its requests."""
    return make_desk(meters=COUNTED)


def request(desk: Desk, name: str, made: float, settled: float | None = None, credits: int | None = 0) -> RequestRecord:
    """Return a request made and completed so many seconds after the suite's beginning."""
    ended = None if settled is None else desk.at(settled)
    return RequestRecord(name, "processing" if ended is None else "completed", desk.at(made), ended, credits)


def edges(desk: Desk, meter: str, *seconds: float) -> list[Edge]:
    """Return the edges of a meter at instants, read together."""
    with desk.database.read() as connection:
        rows = reading.meters(connection, names=[meter])
        return reading.edges(connection, rows, {desk.meter(meter): [desk.micros(one) for one in seconds]})[
            desk.meter(meter)
        ]


def totals(desk: Desk, meter: str, *seconds: float) -> list[int]:
    return [one.total for one in edges(desk, meter, *seconds)]


def gap(desk: Desk, requests: Sequence[RequestRecord], made: int, credits: int) -> None:
    """Poll, be silent for ten hours, and poll again: ``made`` requests and ``credits`` later."""
    desk.poll(0, {"requests": 10, "credits": 100})
    desk.poll(10 * HOUR, {"requests": 10 + made, "credits": 100 + credits}, requests)


class TestPlacing:
    def test_requests_of_a_complete_list_lie_where_they_were_made(self, desk: Desk) -> None:
        gap(desk, [request(desk, "a", HOUR), request(desk, "b", 2 * HOUR), request(desk, "c", 9 * HOUR)], 3, 0)
        assert totals(desk, "requests", HOUR, HOUR + 1, 5 * HOUR, 9 * HOUR + 1) == [10, 11, 12, 13]

    def test_requests_of_an_overrun_list_are_interpolated(self, desk: Desk) -> None:
        gap(desk, [request(desk, "b", 2 * HOUR), request(desk, "c", 9 * HOUR)], 4, 0)
        assert totals(desk, "requests", 5 * HOUR) == [12]

    def test_credits_lie_where_their_requests_were_completed(self, desk: Desk) -> None:
        gap(desk, [request(desk, "a", HOUR, 4 * HOUR, 30), request(desk, "b", 2 * HOUR, 9 * HOUR, 70)], 2, 100)
        assert totals(desk, "credits", 3 * HOUR, 5 * HOUR, 9.5 * HOUR) == [100, 130, 200]

    def test_credits_of_a_request_made_before_the_gap_are_placed(self, desk: Desk) -> None:
        running = request(desk, "a", -HOUR)
        desk.poll(0, {"requests": 10, "credits": 100}, [running])
        desk.poll(10 * HOUR, {"requests": 10, "credits": 140}, [request(desk, "a", -HOUR, HOUR, 40)])
        assert totals(desk, "credits", HOUR, 2 * HOUR) == [100, 140]

    def test_credits_charged_as_requests_are_made_lie_there(self, desk: Desk) -> None:
        gap(desk, [request(desk, "a", HOUR, 4 * HOUR, 30), request(desk, "b", 9.9 * HOUR, 11 * HOUR, 70)], 2, 100)
        assert totals(desk, "credits", 2 * HOUR) == [130]

    def test_credits_nobody_explains_are_interpolated_beside_those_of_a_complete_list(self, desk: Desk) -> None:
        gap(desk, [request(desk, "a", HOUR, 4 * HOUR, 60), request(desk, "b", 2 * HOUR, None, None)], 2, 100)
        assert totals(desk, "credits", 3 * HOUR, 5 * HOUR) == [112, 180]

    def test_a_counter_of_requests_that_stood_still_proves_the_list_too(self, desk: Desk) -> None:
        desk.poll(0, {"requests": 10, "credits": 100}, [request(desk, "a", -HOUR)])
        done = request(desk, "a", -HOUR, HOUR, 40)
        desk.poll(10 * HOUR, {"requests": 10, "credits": 150}, [done])
        assert totals(desk, "credits", 2 * HOUR) == [142]

    def test_credits_of_a_list_that_misses_requests_are_interpolated(self, desk: Desk) -> None:
        gap(desk, [request(desk, "a", HOUR, 4 * HOUR, 60)], 2, 100)
        assert totals(desk, "credits", 5 * HOUR) == [150]

    def test_more_credits_than_were_counted_are_no_evidence(self, desk: Desk) -> None:
        gap(desk, [request(desk, "a", HOUR, 4 * HOUR, 60), request(desk, "b", HOUR, 4 * HOUR, 60)], 2, 100)
        assert totals(desk, "credits", 5 * HOUR) == [150]

    def test_credits_beyond_64_bits_together_are_no_fault(self, desk: Desk) -> None:
        most = 2**63 - 1
        gap(desk, [request(desk, name, HOUR, 4 * HOUR, most) for name in "ab"], 2, 100)
        assert totals(desk, "credits", 5 * HOUR) == [150]

    def test_bounds_stay_those_of_the_snapshots(self, desk: Desk) -> None:
        gap(desk, [request(desk, "a", HOUR), request(desk, "b", HOUR + 1)], 2, 0)
        used = usage_between(*edges(desk, "requests", 0, 5 * HOUR))
        assert (used.usage, used.lower, used.upper) == (2, 0, 2)


class TestWhereItDoesNotHold:
    def test_a_meter_that_counts_no_requests_is_interpolated(self, make_desk: Callable[..., Desk]) -> None:
        desk = make_desk(meters=[replace(COUNTED[0], counts=None), COUNTED[1]])
        gap(desk, [request(desk, "a", HOUR), request(desk, "b", 2 * HOUR)], 2, 0)
        assert totals(desk, "requests", 4 * HOUR, 5 * HOUR) == [10, 11]

    def test_closer_snapshots_are_interpolated(self, desk: Desk) -> None:
        desk.poll(0, {"requests": 10, "credits": 100})
        desk.poll(90, {"requests": 12, "credits": 100}, [request(desk, "a", 10), request(desk, "b", 20)])
        assert totals(desk, "requests", 30, 60) == [10, 11]

    def test_a_gap_with_a_glitch_in_it_is_interpolated(self, desk: Desk) -> None:
        made = [request(desk, "a", HOUR), request(desk, "b", 2 * HOUR)]
        desk.poll(0, {"requests": 10, "credits": 100})
        desk.poll(HOUR, {"requests": 9, "credits": 100}, made[:1])
        desk.poll(10 * HOUR, {"requests": 12, "credits": 100}, made)
        assert totals(desk, "requests", 4 * HOUR, 5 * HOUR) == [10, 11]

    def test_a_gap_that_ends_with_a_reset_is_interpolated(self, desk: Desk) -> None:
        desk.poll(0, {"requests": 10, "credits": 100})
        desk.poll(10 * HOUR, {"requests": 2, "credits": 100}, [request(desk, "a", HOUR), request(desk, "b", HOUR)])
        desk.poll(10 * HOUR + 60, {"requests": 2, "credits": 100})
        assert totals(desk, "requests", 4 * HOUR, 5 * HOUR) == [10, 11]

    def test_a_gap_with_a_declared_reset_is_interpolated(self, make_desk: Callable[..., Desk]) -> None:
        desk = make_desk(meters=COUNTED, resets=Resets.PERIOD, boundaries=[5 * HOUR])
        desk.poll(0, {"requests": 10, "credits": 100})
        desk.poll(10 * HOUR, {"requests": 12, "credits": 100}, [request(desk, "a", HOUR), request(desk, "b", HOUR)])
        assert totals(desk, "requests", 5 * HOUR, 7.5 * HOUR) == [10, 16]

    def test_a_reset_of_the_counter_of_requests_leaves_its_list_unproved(self, desk: Desk) -> None:
        desk.poll(0, {"requests": 1, "credits": 100})
        desk.poll(10 * HOUR, {"requests": 0, "credits": 200}, [request(desk, "a", HOUR, 2 * HOUR, 60)])
        desk.poll(10 * HOUR + 60, {"requests": 0, "credits": 200})
        assert totals(desk, "credits", 5 * HOUR) == [150]

    def test_times_of_another_account_are_no_evidence(self, make_desk: Callable[..., Desk]) -> None:
        mine, other = make_desk("mine", meters=COUNTED), make_desk("other", meters=COUNTED)
        gap(mine, [], 2, 0)
        gap(other, [request(other, "a", HOUR), request(other, "b", HOUR)], 2, 0)
        with mine.database.read() as connection:
            rows = reading.meters(connection, names=["requests"])
            wanted = {one.meter("requests"): [one.micros(4 * HOUR)] for one in (mine, other)}
            found = reading.edges(connection, rows, wanted)
        assert [found[one.meter("requests")][0].total for one in (mine, other)] == [10, 12]


class TestStatements:
    def test_boundaries_between_close_snapshots_need_none_more(self, desk: Desk, statements: list[str]) -> None:
        gap(desk, [request(desk, "a", HOUR), request(desk, "b", 2 * HOUR)], 2, 100)
        desk.poll(10 * HOUR + 60, {"requests": 20, "credits": 900})
        edges(desk, "requests", 0, 10 * HOUR, 10 * HOUR + 30, 99 * HOUR)
        assert [one for one in statements if "usage_request" in one] == []

    def test_all_boundaries_of_all_meters_need_one(self, make_desk: Callable[..., Desk], statements: list[str]) -> None:
        desks = [make_desk(name, meters=COUNTED) for name in "abc"]
        for one in desks:
            gap(one, [request(one, "a", HOUR), request(one, "b", 2 * HOUR)], 2, 100)
        with desks[0].database.read() as connection:
            rows = reading.meters(connection)
            reading.edges(
                connection, rows, {row.id: [desks[0].micros(60 * count) for count in range(500)] for row in rows}
            )
        assert len([one for one in statements if "usage_request" in one]) == 1


@dataclass
class Life:
    """An account polled at random times, some of them far apart, while requests are made."""

    desk: Desk
    requests: list[RequestRecord]
    polls: list[float]

    @classmethod
    def lived(cls, desk: Desk, chance: random.Random) -> Life:
        """Let requests happen, poll meanwhile, and keep the list short at times."""
        at, made = 0.0, []
        for number in range(60):
            at += chance.choice([1, 60, 1800])
            settled = at + chance.choice([5, 600, 7 * HOUR])
            made.append(request(desk, f"r{number:02}", at, settled, chance.choice([0, 5, 2**40])))
        polls, second = [], 0.0
        while second < at + 8 * HOUR:
            second += chance.choice([1.5, 300, 4 * HOUR])
            polls.append(second)
            shown = made if chance.random() < 0.8 else made[-3:]
            desk.poll(second, cls._counters(desk, made, second), list(cls._listed(desk, shown, second)))
        return cls(desk, made, polls)

    @staticmethod
    def _counters(desk: Desk, made: Iterable[RequestRecord], second: float) -> dict[str, int]:
        now = desk.at(second)
        begun = [one for one in made if one.created_at is not None and one.created_at <= now]
        ended = [one for one in begun if one.completed_at is not None and one.completed_at <= now]
        return {"requests": len(begun), "credits": sum(one.credits_used or 0 for one in ended)}

    @staticmethod
    def _listed(desk: Desk, made: Iterable[RequestRecord], second: float) -> Iterable[RequestRecord]:
        now = desk.at(second)
        for one in made:
            if one.created_at is not None and one.completed_at is not None and one.created_at <= now:
                running = replace(one, status="processing", completed_at=None, credits_used=None)
                yield one if one.completed_at <= now else running


@pytest.mark.parametrize("seed", range(4))
def test_counting_in_the_database_equals_counting_every_record(make_desk: Callable[..., Desk], seed: int) -> None:
    chance = random.Random(seed)
    desk = make_desk(meters=COUNTED)
    Life.lived(desk, chance)
    ends = sorted(desk.micros(chance.randrange(0, 20 * HOUR)) for _ in range(12))
    stretches = [Stretch(desk.row.id, *pair) for pair in pairwise(ends) if pair[0] < pair[1]]
    wanted = {
        one: [chance.randint(one.since + 1, one.until) for _ in range(chance.randrange(1, 4))] for one in stretches
    }
    with desk.database.read() as connection:
        found = evidence.evidence_of(connection, wanted)
    for stretch, ats in wanted.items():
        if stretch in found:
            expected = by_hand(desk, stretch, ats)
            for name in ("_made", "_charged_when_made", "_charged_when_settled"):
                assert getattr(found[stretch], name) == getattr(expected, name)


def by_hand(desk: Desk, stretch: Stretch, ats: Iterable[int]) -> Evidence:
    """Return the evidence of a stretch from every record of the account."""
    marks = stretch.marks(ats)
    tallies = []
    for row in desk.rows("usage_request"):
        made = micros_of(row.created_at)
        settled = made if row.completed_at is None else micros_of(row.completed_at)
        if made > stretch.since - 6 * HOUR * 10**6:
            tallies.append(Tally(bisect_right(marks, made), bisect_right(marks, settled), 1, row.credits_used or 0))
    return Evidence(stretch, marks, tallies)


@pytest.mark.parametrize("seed", range(4))
def test_windows_add_up_whichever_were_asked_for_together(make_desk: Callable[..., Desk], seed: int) -> None:
    chance = random.Random(seed)
    desk = make_desk(meters=COUNTED)
    life = Life.lived(desk, chance)
    seconds = sorted(chance.uniform(0, life.polls[-1]) for _ in range(25))
    for meter in ("requests", "credits"):
        assert totals(desk, meter, *seconds) == [one for second in seconds for one in totals(desk, meter, second)]


@pytest.mark.parametrize("seed", range(4))
def test_evidence_never_leaves_the_bounds(make_desk: Callable[..., Desk], seed: int) -> None:
    chance = random.Random(seed)
    desk = make_desk(meters=COUNTED)
    life = Life.lived(desk, chance)
    seconds = sorted(chance.uniform(0, life.polls[-1]) for _ in range(60))
    for meter in ("requests", "credits"):
        found = edges(desk, meter, *seconds)
        used = [usage_between(start, end) for index, start in enumerate(found) for end in found[index:]]
        assert all(one.lower <= one.usage for one in used)
        assert all(one.upper is not None and one.usage <= one.upper for one in used)


@pytest.mark.parametrize("seed", range(4))
def test_a_complete_list_tells_the_truth_at_every_instant(make_desk: Callable[..., Desk], seed: int) -> None:
    chance = random.Random(seed)
    desk = make_desk(meters=COUNTED)
    made = [request(desk, f"r{number:02}", chance.uniform(0, 20 * HOUR)) for number in range(40)]
    for second in (0.0, 7.0 * HOUR, 20.0 * HOUR):
        seen = [one for one in made if one.created_at is not None and one.created_at <= desk.at(second)]
        desk.poll(second, {"requests": len(seen), "credits": 0}, seen)
    seconds = sorted(chance.uniform(0, 20 * HOUR) for _ in range(40))
    truth = [sum(one.created_at is not None and one.created_at < desk.at(second) for one in made) for second in seconds]
    assert totals(desk, "requests", *seconds) == truth
