"""A burst of ten times the usual traffic: nothing is missed, or what is missed is known exactly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from collector.domain.accounts import Account
from collector.domain.pace import Bounds
from collector.domain.requests import RequestRecord
from collector.domain.schedule import next_poll_at
from collector.domain.secret import Secret
from collector.simulator.rhythm import Burst, Workload
from collector.store.completeness import Overrun, overruns
from collector.store.engine import Database
from collector.store.pacing import interval_of
from tests.app.burst import Play

Make = Callable[..., Account]

START = datetime(2026, 3, 3, 6, tzinfo=UTC)  # a Tuesday
BURST = Burst(datetime(2026, 3, 3, 10, tzinfo=UTC), datetime(2026, 3, 3, 12, tzinfo=UTC), 10)
END = datetime(2026, 3, 3, 14, tzinfo=UTC)
EVERY = timedelta(minutes=5)
BOUNDS = Bounds(EVERY, EVERY / 10)
# At noon 30 requests an hour; in the burst 25 in five minutes, of which the provider lists 20.
BUSY = Workload(datetime(2026, 2, 1, tzinfo=UTC), requests_per_weekday=300, growth_percent=0, bursts=(BURST,))
SEED = Secret("nel_not_a_real_key")  # an account's traffic is drawn by its key: the same bursts whatever keys tests use
QUIET = Workload(datetime(2026, 2, 1, tzinfo=UTC), requests_per_weekday=40, growth_percent=0)


def play(database: Database, account: Account, workload: Workload = BUSY) -> Play:
    """Poll from four hours before the burst until two hours after it."""
    found = Play(database, account, workload, START)
    found.poll_until(END)
    return found


class TestAdaptivePolling:
    @pytest.fixture
    def found(self, database: Database, make_account: Make) -> Play:
        return play(database, make_account(poll_every=EVERY, poll_every_min=EVERY / 10, key=SEED))

    def test_misses_nothing_and_has_never_more_than_half_a_list_new(self, found: Play) -> None:
        assert found.never_listed() == []
        polls = found.rows("poll")[1:]
        assert {row.missed_requests for row in polls} == {0}
        assert max(row.new_requests for row in polls) <= 10

    def test_is_remembered_over_a_restart(self, sqlite_database: Database, make_account: Make) -> None:
        account = make_account(poll_every=EVERY, poll_every_min=EVERY / 10)
        found = Play(sqlite_database, account, BUSY, BURST.start - timedelta(hours=1))
        found.poll_until(BURST.start + timedelta(minutes=30))
        last = found.polled[-1]
        with sqlite_database.read() as connection:
            every = interval_of(connection, found.target.row.id, found.target.row.meters["requests"], BOUNDS)
        assert every < EVERY
        assert last.next_poll_at == next_poll_at(account, last.finished_at, None, every)

    def test_of_an_account_with_little_traffic_keeps_the_longest_interval(
        self, sqlite_database: Database, make_account: Make
    ) -> None:
        found = play(sqlite_database, make_account(poll_every=EVERY, poll_every_min=EVERY / 10), QUIET)
        waits = {later.finished_at - before.finished_at for before, later in pairwise(found.polled[1:])}
        assert waits == {EVERY}


class TestEvenPolling:
    @pytest.fixture
    def found(self, database: Database, make_account: Make) -> Play:
        return play(database, make_account(poll_every=EVERY, poll_every_min=EVERY))

    def test_says_exactly_how_many_requests_were_missed_and_when(self, found: Play) -> None:
        truth = found.never_listed()
        with found.database.read() as connection:
            gaps = [one for one in overruns(connection) if one.missed_before is not None]
        assert len(truth) > 20
        assert [one.missed_requests for one in gaps] == [_made_within(truth, one) for one in gaps]
        assert sum(one.missed_requests or 0 for one in gaps) == len(truth)


def _made_within(requests: list[RequestRecord], gap: Overrun) -> int:
    """Return how many of ``requests`` were made in the span in which some were missed."""
    assert gap.missed_after is not None
    assert gap.missed_before is not None
    made = [one.created_at for one in requests if one.created_at is not None]
    return sum(gap.missed_after <= one <= gap.missed_before for one in made)
