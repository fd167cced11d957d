from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from collector.domain.requests import RequestRecord
from collector.store.completeness import ListSums, Overrun, list_sums, overruns

if TYPE_CHECKING:
    from tests.store.conftest import Desk


def fill(desk: Desk, polls: int = 40) -> None:
    """Poll every minute; each third poll finds the list overrun by two requests and 500 credits unexplained."""
    requests = credits = 0
    for number in range(polls):
        if number:
            requests, credits = requests + 1, credits + 250
        if number % 3 == 2:
            requests, credits = requests + 2, credits + 500
        if number % 5 == 4:
            desk.fail(60 * number - 30)
        kept = [] if number % 3 == 2 or not number else [record(desk, number - 1)]
        desk.poll(60 * number, {"requests": requests, "credits": credits}, [*kept, record(desk, number)])


def record(desk: Desk, number: int) -> RequestRecord:
    return RequestRecord(f"r-{number}", "completed", desk.at(60 * number - 1), None, 250)


def found(desk: Desk, start: float | None = None, end: float | None = None) -> list[Overrun]:
    span = [None if one is None else desk.at(60 * one) for one in (start, end)]
    with desk.database.read() as connection:
        return list(overruns(connection, None, *span))


def test_overruns_are_told_with_all_that_is_known(desk: Desk) -> None:
    fill(desk, 3)
    assert found(desk) == [
        Overrun("nellie-prod", desk.at(120), 2, desk.at(59), desk.at(119), 1, 1, 500),
    ]


def test_overruns_of_a_range_are_those_polled_in_it(desk: Desk) -> None:
    fill(desk)
    minutes = [number for number in range(40) if number % 3 == 2]
    for start, end in ((0, 40), (2, 5), (3, 5), (5, 6), (6, 6), (-9, 3), (38, 99), (39, 99), (99, 100)):
        expected = [desk.at(60 * one) for one in minutes if start <= one < end]
        assert [one.polled_at for one in found(desk, start, end)] == expected


def test_overruns_are_those_of_the_named_accounts(make_desk: Callable[..., Desk]) -> None:
    one, two = make_desk("one"), make_desk("two")
    fill(one, 3)
    fill(two, 3)
    with one.database.read() as connection:
        assert [row.account for row in overruns(connection)] == ["one", "two"]
        assert [row.account for row in overruns(connection, ["two"])] == ["two"]


def test_credits_explained_after_the_range_are_no_finding(desk: Desk) -> None:
    desk.poll(0, {"requests": 1, "credits": 250}, [record(desk, 0)])
    desk.poll(60, {"requests": 2, "credits": 500}, [record(desk, 0)])
    assert [one.unexplained for one in found(desk)] == [250]
    desk.poll(120, {"requests": 2, "credits": 500}, [record(desk, 0), record(desk, 1)])
    assert found(desk, 0, 2) == []


def test_an_overrun_of_unknown_size_is_told(desk: Desk) -> None:
    desk.poll(0, {"requests": 100, "credits": 250}, [record(desk, 0)])
    desk.poll(600, {"requests": 3, "credits": 250}, [record(desk, 9)])
    assert [(one.missed_requests, one.missed_before) for one in found(desk)] == [(None, desk.at(539))]


def test_sums_are_those_of_the_period(desk: Desk) -> None:
    fill(desk)
    with desk.database.read() as connection:
        assert list_sums(connection, desk.row.id, desk.at(120), desk.at(540)) == ListSums(6, 6, 1500, 0, 3)


def test_sums_have_a_sign(desk: Desk) -> None:
    desk.poll(0, {"requests": 9, "credits": 9000}, [record(desk, 0)])
    desk.poll(60, {"requests": 9, "credits": 9000}, [record(desk, 0), record(desk, 1)])
    with desk.database.read() as connection:
        assert list_sums(connection, desk.row.id) == ListSums(0, -1, -250, 0, 0)


def test_an_account_without_a_list_has_no_sums(credits_desk: Desk) -> None:
    credits_desk.poll(0, {"credits": 1})
    with credits_desk.database.read() as connection:
        assert list_sums(connection, credits_desk.row.id) is None
