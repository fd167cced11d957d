from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from collector.app.slow_providers import SlowProviders

SECOND = timedelta(seconds=1)
NOBODY: frozenset[int] = frozenset()


class Due:
    """Accounts of which all are due."""

    def __init__(self) -> None:
        self.taken: list[int] = []

    def take(self, accounts: Sequence[int], most: int) -> int:
        found = list(accounts[:most])
        self.taken += found
        return len(found)


def providers(workers: int, *slow: int) -> SlowProviders:
    found = SlowProviders(workers, 15 * SECOND)
    for account in slow:
        found.polled(account, 30 * SECOND)
    return found


@pytest.fixture
def due() -> Due:
    return Due()


def test_all_workers_are_there_for_prompt_accounts(due: Due) -> None:
    providers(4).share_out(range(10), NOBODY, due.take)
    assert due.taken == [0, 1, 2, 3]


def test_slow_accounts_get_half_of_the_workers(due: Due) -> None:
    providers(4, 0, 1, 2, 3).share_out(range(10), NOBODY, due.take)
    assert due.taken == [0, 1, 4, 5]


def test_slow_accounts_that_are_being_polled_count_against_their_half(due: Due) -> None:
    providers(4, 0, 1, 2, 3).share_out([2, 3, 4, 5], {0, 1}, due.take)
    assert due.taken == [4, 5]


def test_half_of_slow_accounts_stays_empty_where_nobody_is_prompt(due: Due) -> None:
    providers(4, 0, 1, 2, 3).share_out([0, 1, 2, 3], NOBODY, due.take)
    assert due.taken == [0, 1]


def test_only_worker_is_shared(due: Due) -> None:
    providers(1, 0).share_out([0, 1], NOBODY, due.take)
    assert due.taken == [0]


def test_account_that_is_quick_again_has_every_worker_again(due: Due) -> None:
    found = providers(2, 0, 1)
    for account in (0, 1):
        found.polled(account, 2 * SECOND)
    found.share_out([0, 1], NOBODY, due.take)
    assert due.taken == [0, 1]


@pytest.mark.parametrize(
    ("idle", "waits"),
    [([0, 1, 2], (True, False)), ([0, 4, 5, 6, 7], (False, True)), ([0, 4], (False, False))],
    ids=["slow ones", "prompt ones", "nobody"],
)
def test_who_may_be_waiting_is_known(idle: list[int], waits: tuple[bool, bool], due: Due) -> None:
    found = providers(4, 0, 1, 2)
    found.share_out(idle, NOBODY, due.take)
    assert (found.waits(1), found.waits(9)) == waits
