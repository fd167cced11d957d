from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert

from collector.domain.requests import RequestRecord
from collector.store import schema
from collector.store.request_sums import RequestSums, last_good_poll, request_sums

if TYPE_CHECKING:
    from tests.store.conftest import Desk


def sums(desk: Desk, start: float, end: float) -> RequestSums:
    with desk.database.read() as connection:
        return request_sums(connection, desk.row.id, desk.at(start), desk.at(end))


def record(desk: Desk, name: str, status: str, made: float, done: float | None, used: int) -> RequestRecord:
    return RequestRecord(name, status, desk.at(made), None if done is None else desk.at(done), used)


def import_by_hand(desk: Desk, *records: RequestRecord) -> None:
    with desk.database.write() as connection:
        for one in records:
            values = {name: getattr(one, name) for name in RequestRecord.__slots__}
            seen = {"first_seen_at": desk.at(900), "last_seen_at": desk.at(900)}
            connection.execute(insert(schema.usage_request).values(account=desk.row.id, **values, **seen))


def test_records_of_an_account_that_was_never_polled_are_as_they_were_imported(desk: Desk) -> None:
    import_by_hand(desk, record(desk, "a", "processing", 10, None, 0), record(desk, "b", "completed", 20, 30, 250))
    assert sums(desk, 0, 100) == RequestSums({"completed": 1, "processing": 1}, 250)


def test_a_record_that_left_the_list_before_its_end_is_unresolved(desk: Desk) -> None:
    desk.poll(100, {"requests": 1, "credits": 0}, [record(desk, "a", "processing", 50, None, 0)])
    desk.poll(400, {"requests": 1, "credits": 0})
    desk.poll(700, {"requests": 1, "credits": 0})
    assert sums(desk, 0, 100).statuses == {"unresolved": 1}


@pytest.mark.parametrize(
    ("start", "end", "made", "used"),
    [(0, 100, 1, 0), (100, 200, 0, 250), (0, 200, 1, 250)],
    ids=["made", "completed", "both"],
)
def test_credits_fall_into_the_period_of_their_completion(
    start: float, end: float, made: int, used: int, desk: Desk
) -> None:
    import_by_hand(desk, record(desk, "a", "completed", 50, 150, 250))
    found = sums(desk, start, end)
    assert (found.made, found.credits) == (made, used)


def test_credits_beyond_64_bits_are_exact(desk: Desk) -> None:
    large = 2**63 - 1
    import_by_hand(desk, *(record(desk, str(one), "completed", 1, 2, large) for one in range(3)))
    assert sums(desk, 0, 100).credits == 3 * large


def test_nobody_asked_yet(desk: Desk) -> None:
    with desk.database.read() as connection:
        assert last_good_poll(connection, desk.row.id) is None
