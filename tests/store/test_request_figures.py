from __future__ import annotations

from typing import TYPE_CHECKING

from collector.domain.requests import RequestRecord
from collector.store.request_figures import RequestSpan, largest_requests_of, status_counts_of
from collector.store.request_sums import last_good_poll, request_sums

if TYPE_CHECKING:
    from tests.store.conftest import Desk


def record(desk: Desk, name: str, made: float, done: float | None, used: int) -> RequestRecord:
    status = "processing" if done is None else "completed"
    return RequestRecord(name, status, desk.at(made), None if done is None else desk.at(done), used)


def spans(desk: Desk, *ends: tuple[float, float]) -> list[RequestSpan]:
    with desk.database.read() as connection:
        good = last_good_poll(connection, desk.row.id)
    return [RequestSpan(desk.row.id, desk.at(start), desk.at(end), good) for start, end in ends]


def test_several_spans_are_told_as_each_alone(desk: Desk) -> None:
    lost, late = record(desk, "lost", 50, None, 0), record(desk, "late", 90, 150, 500)
    desk.poll(100, {"requests": 2, "credits": 0}, [lost])
    desk.poll(
        400, {"requests": 4, "credits": 1000}, [late, record(desk, "a", 60, 80, 250), record(desk, "b", 300, 310, 250)]
    )
    asked = [(0.0, 100.0), (100.0, 200.0), (500.0, 600.0), (0.0, 400.0)]
    wanted = spans(desk, *asked)
    with desk.database.read() as connection:
        alone = [request_sums(connection, desk.row.id, desk.at(start), desk.at(end)).statuses for start, end in asked]
        assert status_counts_of(connection, wanted) == alone == [
            {"completed": 2, "unresolved": 1}, {}, {}, {"completed": 3, "unresolved": 1},
        ]  # fmt: skip
        largest = largest_requests_of(connection, wanted, 2)
    assert [[one.request_id for one in each] for each in largest] == [["a"], ["late"], [], ["late", "a"]]


def test_of_no_span_nothing_is_asked(desk: Desk) -> None:
    with desk.database.read() as connection:
        assert (status_counts_of(connection, []), largest_requests_of(connection, [], 3)) == ([], [])
