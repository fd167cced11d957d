from __future__ import annotations

from datetime import timedelta

import pytest

from collector.app.clock_guard import ClockGuard
from collector.app.due_polls import DuePolls
from collector.errors import ClockError, ImplausibleClockError
from tests.app.timepiece import NOON
from tests.app.world import World, until

DAY = 86_400.0
YEAR = 365 * DAY
INTERVAL = 300.0


@pytest.fixture
def daemon(world: World) -> DuePolls:
    daemon = world.daemon()
    world.tick(daemon)
    world.clock.passes(INTERVAL)
    return daemon


JUMPS = pytest.mark.parametrize(
    "years", [73, 11, -56], ids=["the end of the century", "ten years of silence", "a machine without a battery"]
)


class TestClockOfAnotherAge:
    @JUMPS
    def test_ends_the_daemon_and_nothing_is_stored(self, years: int, world: World, daemon: DuePolls) -> None:
        world.clock.is_set(years * YEAR)
        world.tick(daemon)
        assert isinstance(daemon.fatal, ImplausibleClockError)
        assert daemon.fatal.exit_code == 5
        assert (world.asked, len(world.polls)) == (["a"], 1)

    @JUMPS
    def test_is_seen_when_it_comes_during_a_poll(self, years: int, world: World, daemon: DuePolls) -> None:
        world.holding.clear()
        daemon.tick()
        until(lambda: len(world.asked) == 2)
        world.clock.is_set(years * YEAR)
        world.holding.set()
        until(lambda: daemon.running == 0)
        assert isinstance(daemon.fatal, ImplausibleClockError)
        assert len(world.polls) == 1

    def test_is_seen_by_who_hears_of_the_step(self, world: World, daemon: DuePolls) -> None:
        world.clock.is_set(73 * YEAR)
        daemon.clock_stepped()
        assert "the clock says 2099-" in str(daemon.fatal)

    def test_lets_no_report_be_made(self, world: World, daemon: DuePolls) -> None:
        assert daemon.is_clock_plausible()
        world.clock.is_set(73 * YEAR)
        assert not daemon.is_clock_plausible()

    def test_does_not_hinder_those_who_come_after_it(self, world: World, daemon: DuePolls) -> None:
        world.clock.is_set(73 * YEAR)
        world.tick(daemon)
        world.clock.is_set(-73 * YEAR)
        world.tick(world.daemon())
        assert world.polls == [("ok", ()), ("ok", ())]

    def test_years_that_pass_one_by_one_are_borne(self) -> None:
        guard = ClockGuard(NOON)
        for year in range(20):
            guard.require(NOON + timedelta(days=365 * year))

    def test_error_is_one_of_the_clock(self) -> None:
        assert issubclass(ImplausibleClockError, ClockError)


class TestClockAheadOfTheProvider:
    """By a day, and back: what the provider's ``Date`` can tell."""

    @pytest.fixture(autouse=True)
    def _dated(self, world: World) -> None:
        start = world.clock.now() - timedelta(seconds=world.clock.steady())
        world.server_date = lambda: start + timedelta(seconds=world.clock.steady())

    def test_does_not_block_what_follows_once_it_is_right(self, world: World, daemon: DuePolls) -> None:
        for step in (DAY, -DAY):
            world.clock.is_set(step)
            daemon.clock_stepped()
            for _ in range(4):
                world.tick(daemon)
                world.clock.passes(INTERVAL)
        assert {outcome for outcome, _ in world.polls[1:5]} == {"clock"}
        assert [outcome for outcome, _ in world.polls[-3:]] == ["ok", "ok", "ok"]

    def test_provider_is_not_asked_every_second(self, world: World, daemon: DuePolls) -> None:
        world.clock.is_set(DAY)
        for _ in range(60):
            world.tick(daemon)
            world.clock.passes(1)
        assert len(world.asked) <= 3

    def test_other_collectors_see_when_the_account_is_due(self, world: World, daemon: DuePolls) -> None:
        world.clock.is_set(DAY)
        world.tick(daemon)
        due = world.rows("account")[0].next_poll_at
        assert due <= world.clock.now() + timedelta(seconds=INTERVAL - DAY)

    def test_is_flagged_only_where_it_is_less_than_a_day(self, world: World, daemon: DuePolls) -> None:
        world.clock.is_set(3600)
        world.tick(daemon)
        assert world.polls[-1] == ("ok", ("clock_skew",))

    def test_has_kept_polls_after_it_stored_in_order(self, world: World, daemon: DuePolls) -> None:
        world.clock.is_set(DAY)
        world.tick(daemon)
        world.clock.is_set(-DAY)
        daemon.clock_stepped()
        with world.database.write() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER disk BEFORE INSERT ON poll BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
            )
        for _ in range(2):
            world.clock.passes(INTERVAL)
            world.tick(daemon)
        with world.database.write() as connection:
            connection.exec_driver_sql("DROP TRIGGER disk")
        for _ in range(2):
            world.clock.passes(INTERVAL)
            world.tick(daemon)
        assert {outcome for outcome, _ in world.polls[2:]} == {"ok"}


def test_step_is_not_taken_for_a_slow_provider(world: World, daemon: DuePolls) -> None:
    world.holding.clear()
    daemon.tick()
    until(lambda: len(world.asked) == 2)
    world.clock.is_set(3600)
    world.holding.set()
    until(lambda: daemon.running == 0)
    assert "polls take longer than poll_every, so slots fall out" not in world.said
