from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from collector.domain.requests import RequestRecord
from collector.store.accounts import recorded, recorded_zones
from collector.store.polls import overdue, polling_states
from collector.store.records import RecordRow, request_records

if TYPE_CHECKING:
    from tests.store.conftest import Desk


def record(desk: Desk, name: str, created: float | None, status: str = "completed") -> RequestRecord:
    return RequestRecord(name, status, None if created is None else desk.at(created), None, 5)


def records(desk: Desk, accounts: list[str] | None = None, span: tuple[float, float] | None = None) -> list[RecordRow]:
    start, end = (None, None) if span is None else (desk.at(span[0]), desk.at(span[1]))
    with desk.database.read() as connection:
        return list(request_records(connection, accounts, start, end))


def test_records_come_by_time_of_creation_then_by_id(desk: Desk) -> None:
    listed = [record(desk, "b", 5), record(desk, "a", 5), record(desk, "Z", 5), record(desk, "c", 1)]
    desk.poll(10, {"requests": 4, "credits": 20}, listed)
    assert [one.request_id for one in records(desk)] == ["c", "Z", "a", "b"]


def test_a_record_without_a_time_counts_from_when_it_was_first_seen(desk: Desk) -> None:
    desk.poll(10, {"requests": 2, "credits": 10}, [record(desk, "timeless", None), record(desk, "later", 12)])
    assert [one.request_id for one in records(desk)] == ["timeless", "later"]
    assert [one.request_id for one in records(desk, span=(9, 11))] == ["timeless"]


def test_a_range_is_half_open(desk: Desk) -> None:
    desk.poll(10, {"requests": 3, "credits": 15}, [record(desk, str(second), second) for second in (1, 2, 3)])
    assert [one.request_id for one in records(desk, span=(1, 3))] == ["1", "2"]


def test_a_listed_record_was_last_seen_by_the_last_good_poll(desk: Desk) -> None:
    desk.poll(10, {"requests": 1, "credits": 5}, [record(desk, "a", 1)])
    desk.poll(20, {"requests": 1, "credits": 5}, [record(desk, "a", 1)])
    desk.fail(30)
    assert [one.last_seen_at for one in records(desk)] == [desk.at(20)]


def test_a_record_that_left_the_list_before_its_end_is_unresolved(desk: Desk) -> None:
    desk.poll(10, {"requests": 1, "credits": 5}, [record(desk, "a", 1, "processing"), record(desk, "b", 2)])
    assert [one.unresolved for one in records(desk)] == [False, False]
    desk.poll(20, {"requests": 1, "credits": 5})
    assert [(one.status, one.unresolved) for one in records(desk)] == [("processing", True), ("completed", False)]


@pytest.mark.parametrize("status", ["processing", "completed"])
def test_a_record_that_is_back_is_resolved(desk: Desk, status: str) -> None:
    desk.poll(10, {"requests": 1, "credits": 5}, [record(desk, "a", 1, "processing")])
    desk.poll(20, {"requests": 1, "credits": 5})
    desk.poll(30, {"requests": 1, "credits": 5}, [record(desk, "a", 1, status)])
    assert [(one.status, one.unresolved) for one in records(desk)] == [(status, False)]


def test_a_record_that_left_the_list_was_last_seen_by_the_poll_before(desk: Desk) -> None:
    desk.poll(10, {"requests": 1, "credits": 5}, [record(desk, "a", 1)])
    desk.poll(20, {"requests": 2, "credits": 10}, [record(desk, "b", 15)])
    assert {one.request_id: one.last_seen_at for one in records(desk)} == {"a": desk.at(10), "b": desk.at(20)}


def test_accounts_are_told_apart(make_desk: Callable[..., Desk]) -> None:
    for name in ("one", "two"):
        desk = make_desk(name)
        desk.poll(10, {"requests": 1, "credits": 5}, [record(desk, "same id", 1)])
    assert [one.account for one in records(desk)] == ["one", "two"]
    assert [one.account for one in records(desk, ["two"])] == ["two"]


def test_a_long_history_comes_whole(desk: Desk) -> None:
    listed = [record(desk, f"r{number:04}", number / 1000) for number in range(5001)]
    desk.poll(10, {"requests": 5001, "credits": 5}, listed)
    assert [one.request_id for one in records(desk)] == [one.request_id for one in listed]


def test_recorded_names_accounts_with_their_meters(desk: Desk) -> None:
    assert {name: sorted(meters) for name, meters in recorded(desk.database).items()} == {
        "nellie-prod": ["credits", "requests"]
    }
    assert recorded_zones(desk.database) == {"nellie-prod": "UTC"}


class TestPollingStates:
    def test_before_the_first_poll_nothing_is_known(self, desk: Desk) -> None:
        with desk.database.read() as connection:
            (state,) = polling_states(connection)
        assert (state.account, state.outcome, state.last_at, state.flags) == ("nellie-prod", None, None, ())

    def test_the_last_poll_counts(self, desk: Desk) -> None:
        desk.poll(10, {"requests": 1, "credits": 5}, flags=("timestamps",))
        desk.fail(20)
        with desk.database.read() as connection:
            (state,) = polling_states(connection, ["nellie-prod"])
        assert (state.outcome, state.error, state.last_at) == ("http_503", "the provider answered 503", desk.at(20))

    def test_flags_of_the_last_poll_are_told(self, desk: Desk) -> None:
        desk.poll(10, {"requests": 1, "credits": 5}, flags=("timestamps",))
        with desk.database.read() as connection:
            (state,) = polling_states(connection)
        assert state.flags == ("timestamps",)

    def test_only_the_asked_accounts_are_told(self, make_desk: Callable[..., Desk]) -> None:
        make_desk("one")
        desk = make_desk("two")
        with desk.database.read() as connection:
            assert [one.account for one in polling_states(connection, ["two"])] == ["two"]


class TestOverdue:
    def test_an_account_is_overdue_once_its_poll_was_due_long_ago(self, desk: Desk) -> None:
        desk.poll(10, {"requests": 1, "credits": 5})  # the next one is due 300 s later
        with desk.database.read() as connection:
            assert overdue(connection, {"nellie-prod": desk.at(310)}) == []
            assert overdue(connection, {"nellie-prod": desk.at(311)}) == ["nellie-prod"]

    def test_other_accounts_are_none_of_our_business(self, desk: Desk) -> None:
        desk.poll(10, {"requests": 1, "credits": 5})
        with desk.database.read() as connection:
            assert overdue(connection, {"another": desk.at(9999)}) == []
