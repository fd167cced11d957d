from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.completeness import QUIET_POLLS, Compared, Neighbours, balance, never_explained

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STILL = Compared(0, 0)


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


@pytest.mark.parametrize(
    ("polls", "expected"),
    [
        ([], 0),
        ([Compared(2, 5)], 2),
        ([Compared(-2, 2), Compared(2, 0)], 0),
        ([Compared(2, 0), Compared(-2, 2)], 0),
        ([Compared(1, 4), Compared(2, 5)], 3),
        ([Compared(1, 4), Compared(7, 20, overrun=True), Compared(2, 5)], 1),
        ([Compared(1, 4), Compared(None, 5), Compared(2, 5)], 1),
        ([STILL] * (QUIET_POLLS - 1) + [Compared(2, 0)], 2),
        ([STILL] * QUIET_POLLS + [Compared(2, 0)], 0),
        ([Compared(1, 0)] + [STILL] * QUIET_POLLS + [Compared(2, 0)], 1),
        ([Compared(0, 3)] * QUIET_POLLS + [Compared(2, 0)], 2),
    ],
    ids=[
        "no poll", "lag", "lag caught up", "ahead", "two open", "before an overrun", "before an unknown growth",
        "shortly still", "still for long", "after stillness", "steady traffic is no stillness",
    ],
)  # fmt: skip
def test_balance_is_what_was_counted_and_is_not_listed_yet(polls: Sequence[Compared], expected: int) -> None:
    assert balance(polls) == expected


def span(
    newest: float | None = 0, oldest: float | None = 5, *, overlap: bool = False
) -> tuple[datetime, datetime] | None:
    """Return what two lists leave unseen; they were seen at minutes 1 and 6."""
    newest_before, oldest_new = (None if one is None else at(one) for one in (newest, oldest))
    return Neighbours(overlap, newest_before, oldest_new, at(1), at(6)).unseen()


def test_lists_without_a_common_record_leave_the_time_between_them_unseen() -> None:
    assert span() == (at(0), at(5))


def test_lists_with_a_common_record_meet() -> None:
    assert span(overlap=True) is None


def test_a_list_that_reaches_back_before_the_newest_known_record_meets_it() -> None:
    assert span(newest=0, oldest=-1) is None


def test_records_of_the_same_second_do_not_prove_that_lists_meet() -> None:
    assert span(newest=3, oldest=3) == (at(3), at(3))


@pytest.mark.parametrize(
    ("newest", "oldest", "expected"),
    [(None, 5, (1, 5)), (0, None, (0, 6)), (None, None, (1, 6)), (None, 0.5, (0.5, 1)), (7, None, (6, 7))],
    ids=["before", "now", "both", "their clock is late", "their clock is early"],
)
def test_where_times_are_missing_the_polls_bound_the_span(
    newest: float | None, oldest: float | None, expected: tuple[float, float]
) -> None:
    assert span(newest, oldest) == (at(expected[0]), at(expected[1]))


@dataclass(frozen=True, slots=True)
class Row:
    unexplained: int | None


@pytest.mark.parametrize(
    ("credits", "expected"),
    [
        ([250, -250], []),
        ([-250, 250], []),
        ([250, 0, None, -250], []),
        ([250, 500, -750], []),
        ([750, -250, -500], []),
        ([100, 250, -250], [100]),
        ([250, -250, 100], [100]),
        ([500, -250], [500]),
        ([250, -500], [-500]),
        ([250, 250, -250], [250]),
    ],
    ids=str,
)
def test_credits_that_later_polls_take_back_are_explained(credits: list[int | None], expected: list[int]) -> None:
    assert [row.unexplained for row in never_explained([Row(one) for one in credits])] == expected


@given(st.lists(st.integers(-3, 3)))
def test_credits_are_all_explained_only_where_they_add_up_to_nothing(credits: list[int]) -> None:
    assert bool(never_explained([Row(one) for one in credits])) == (sum(credits) != 0)
