from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from collector.domain.accounts import Counts, Meter
from collector.domain.pace import Bounds
from collector.domain.requests import RequestRecord
from collector.store.entries import Pacing
from collector.store.pacing import Lister, interval_of, listers

if TYPE_CHECKING:
    from tests.store.conftest import Desk

BOUNDS = Bounds(timedelta(minutes=5), timedelta(seconds=30))
HOUR, DAY = 3600, 86_400


def poll(desk: Desk, second: float, requests: int, newest: int = 20, length: int = 20) -> None:
    """Poll; the list shows ``length`` records, the last of which is number ``newest``."""
    listed = [RequestRecord(f"r-{one}", "completed") for one in range(newest - length, newest)]
    desk.poll(second, {"requests": requests, "credits": 0}, listed)


def kept(desk: Desk) -> float:
    """Return the interval in seconds."""
    with desk.database.read() as connection:
        return interval_of(connection, desk.row.id, desk.meter("requests"), BOUNDS).total_seconds()


def test_before_the_first_poll_it_is_the_longest(desk: Desk) -> None:
    assert kept(desk) == 300


def test_after_the_first_poll_it_is_the_longest(desk: Desk) -> None:
    poll(desk, 0, 1000)
    assert kept(desk) == 300


def test_new_requests_shorten_it(desk: Desk) -> None:
    poll(desk, 0, 1000)
    poll(desk, 300, 1020, 40)
    assert kept(desk) == 150


def test_requests_that_were_missed_count(desk: Desk) -> None:
    poll(desk, 0, 1000)
    poll(desk, 300, 1100, 40)
    assert kept(desk) == 30


def test_quiet_polls_lengthen_it(desk: Desk) -> None:
    poll(desk, 0, 1000)
    for number in range(6):
        poll(desk, 300 + 30 * number, 1100, 40)
    assert kept(desk) == 150


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([(-DAY, 1000), (-1, 1600)], 75),
        ([(-HOUR, 1000), (-1, 1025)], 75),
        ([(-DAY, 1000), (-DAY + HOUR, 1025), (-1, 1026)], 75),
        ([(-7 * DAY, 1000), (-7 * DAY + HOUR, 1025), (-1, 1026)], 75),
        ([(-1800, 1000), (-1, 1025)], 300),
        ([(-2 * DAY, 1000), (-2 * DAY + HOUR, 1025), (-1, 1026)], 300),
        ([(-2 * DAY, 10**6), (-DAY, 5), (-1, 30)], 300),
    ],
    ids=["last day", "last hour", "same hour yesterday", "same hour a week ago", "half an hour", "too long ago",
         "after a fall"],
)  # fmt: skip
def test_ten_times_the_usual_traffic_is_planned_for(
    desk: Desk, history: list[tuple[float, int]], expected: float
) -> None:
    for second, requests in history:
        poll(desk, 10 * DAY + second, requests)
    poll(desk, 10 * DAY, history[-1][1])
    assert kept(desk) == expected


def test_list_that_shows_every_request_ever_made_is_not_hurried(desk: Desk) -> None:
    poll(desk, 0, 0, 0, 0)
    poll(desk, 60, 5, 5, 5)
    assert kept(desk) == 300


def test_list_that_something_left_is_watched(desk: Desk) -> None:
    poll(desk, 0, 0, 0, 0)
    poll(desk, 60, 5, 5, 5)
    poll(desk, 120, 5, 6, 5)
    assert kept(desk) == 37.5


def test_good_poll_is_planned_by_it(desk: Desk) -> None:
    pacing = Pacing(BOUNDS, lambda every: desk.at(300) + every)
    poll(desk, 0, 1000)
    listed = [RequestRecord(f"n-{one}", "completed") for one in range(20)]
    stored = desk.poll(300, {"requests": 1020, "credits": 0}, listed, pacing=pacing)
    assert stored.next_poll_at == desk.at(450)
    assert [row.next_poll_at for row in desk.rows("account")] == [desk.at(450)]


def test_good_poll_at_the_longest_interval_is_as_planned(desk: Desk) -> None:
    pacing = Pacing(BOUNDS, lambda every: desk.at(0) + every)
    assert desk.poll(0, {"requests": 9, "credits": 0}, pacing=pacing).next_poll_at is None


def test_failed_poll_is_as_planned(desk: Desk) -> None:
    pacing = Pacing(BOUNDS, lambda every: desk.at(0) + every / 2)
    assert desk.fail(0, pacing=pacing).next_poll_at is None


def test_accounts_with_a_list_are_known_by_their_meter(make_desk: Callable[..., Desk]) -> None:
    one = make_desk("one", meters=[Meter("requests", "requests", counts=Counts.REQUESTS), Meter("credits", "credits")])
    make_desk("two", meters=[Meter("credits", "credits")])
    with one.database.read() as connection:
        assert listers(connection) == {"one": Lister(one.row.id, one.meter("requests"))}
        assert listers(connection, ["two"]) == {}
