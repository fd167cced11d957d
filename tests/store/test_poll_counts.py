"""How many polls ended how, counted on from where the last count stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from collector.store import poll_counts
from collector.store.engine import Database
from collector.store.poll_counts import PollCounts
from tests.store.conftest import Desk


@pytest.fixture
def counted(database: Database) -> Callable[[], Mapping[str, int]]:
    """Return a function that counts on."""
    counts = PollCounts()

    def count() -> Mapping[str, int]:
        with database.read() as connection:
            return counts.upto_now(connection)

    return count


def _polls(desk: Desk, first: int, last: int) -> None:
    for second in range(first, last):
        desk.poll(second, {"requests": 1, "credits": 1})


def test_polls_of_an_account_that_has_fewer_than_another_are_counted(
    make_desk: Callable[..., Desk], counted: Callable[[], Mapping[str, int]]
) -> None:
    old, young = make_desk("old"), make_desk("young")
    _polls(old, 0, 5)
    _polls(young, 0, 1)
    assert counted() == {"ok": 6}

    _polls(young, 1, 3)
    young.fail(3)

    assert counted() == {"ok": 8, "http_503": 1}
    assert counted() == {"ok": 8, "http_503": 1}


def test_an_account_that_came_later_is_counted_from_its_first_poll(
    make_desk: Callable[..., Desk], counted: Callable[[], Mapping[str, int]]
) -> None:
    _polls(make_desk("old"), 0, 5)
    counted()

    _polls(make_desk("new"), 0, 2)

    assert counted() == {"ok": 7}


def test_first_count_of_a_long_history_reads_its_end_only(
    make_desk: Callable[..., Desk], counted: Callable[[], Mapping[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll_counts, "_FIRST", 6)
    for name in ("one", "two"):
        _polls(make_desk(name), 0, 5)

    assert counted() == {"ok": 6}


def test_only_what_stands_before_the_colon_tells_outcomes_apart(
    desk: Desk, counted: Callable[[], Mapping[str, int]]
) -> None:
    desk.fail(0, outcome="schema:data.requests")
    desk.fail(1, outcome="schema:data.credits")

    assert counted() == {"schema": 2}


def test_history_without_polls_counts_none(counted: Callable[[], Mapping[str, int]]) -> None:
    assert counted() == {}
