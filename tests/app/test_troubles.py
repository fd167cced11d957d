from __future__ import annotations

import pytest

from collector.app.troubles import Troubles

HOUR = 3600.0


class Watch:
    """A clock that is set by hand."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def troubles(watch: Watch) -> Troubles:
    return Troubles(watch)


def test_new_trouble_is_told(troubles: Troubles) -> None:
    assert troubles.again("a", "timeout") == 1


def test_trouble_that_goes_on_is_not_told_again(troubles: Troubles) -> None:
    troubles.again("a", "timeout")
    assert [troubles.again("a", "timeout") for _ in range(3)] == [None, None, None]


def test_trouble_is_told_with_its_count_once_an_hour(troubles: Troubles, watch: Watch) -> None:
    told = []
    for _ in range(5):
        told.append(troubles.again("a", "timeout"))
        watch.seconds += HOUR / 2
    assert told == [1, None, 3, None, 5]


def test_trouble_of_another_kind_is_told_at_once(troubles: Troubles) -> None:
    troubles.again("a", "timeout")
    assert troubles.again("a", "http_401") == 2


def test_two_kinds_in_turn_are_told_once_each(troubles: Troubles) -> None:
    kinds = ["timeout", "conn_error"] * 3
    assert [troubles.again("a", kind) for kind in kinds] == [1, 2, None, None, None, None]


def test_troubles_of_one_do_not_hide_those_of_another(troubles: Troubles) -> None:
    troubles.again("a", "timeout")
    assert troubles.again("b", "timeout") == 1


def test_several_are_counted_together(troubles: Troubles) -> None:
    troubles.again("a", "slow", 3)
    troubles.again("a", "slow", 4)
    assert troubles.over("a") == 7


def test_end_tells_how_often_it_happened(troubles: Troubles) -> None:
    for _ in range(3):
        troubles.again("a", "timeout")
    assert troubles.over("a") == 3


def test_after_its_end_a_trouble_is_new(troubles: Troubles) -> None:
    troubles.again("a", "timeout")
    troubles.over("a")
    assert troubles.again("a", "timeout") == 1


def test_without_a_trouble_nothing_ends(troubles: Troubles) -> None:
    assert troubles.over("a") == 0
