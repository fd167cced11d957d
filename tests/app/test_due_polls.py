from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from collector.app.due_polls import DuePolls
from collector.errors import FileReplacedError, TransientAskError
from collector.store.accounts import claim
from tests.app.timepiece import Timepiece
from tests.app.world import World, until

HOUR = timedelta(hours=1)
INTERVAL = timedelta(minutes=5)


class TestTick:
    def test_first_one_polls_at_once(self, world: World) -> None:
        world.tick(world.daemon("a", "b"))
        assert sorted(world.asked) == ["a", "b"]

    def test_polls_nobody_before_it_is_due(self, world: World) -> None:
        daemon = world.daemon()
        world.tick(daemon)
        world.clock.passes(1)
        world.tick(daemon)
        assert world.asked == ["a"]

    def test_polls_again_within_the_interval(self, world: World) -> None:
        daemon = world.daemon()
        world.tick(daemon)
        world.clock.passes(INTERVAL.total_seconds())
        world.tick(daemon)
        assert world.asked == ["a", "a"]

    def test_restart_does_not_ask_again_what_was_just_asked(self, world: World) -> None:
        world.tick(world.daemon())
        world.clock.passes(1)
        world.tick(world.daemon())
        assert world.asked == ["a"]

    def test_restart_asks_at_once_what_is_overdue(self, world: World) -> None:
        world.tick(world.daemon())
        world.clock.passes(1800)
        world.tick(world.daemon())
        assert world.asked == ["a", "a"]

    def test_shortened_interval_holds_from_the_start(self, world: World) -> None:
        world.tick(world.daemon(poll_every=timedelta(hours=24)))
        daemon = world.daemon(poll_every=timedelta(seconds=30))
        world.tick(daemon)
        world.clock.passes(30)
        world.tick(daemon)
        assert world.asked == ["a", "a"]

    def test_claims_no_more_than_the_pool_has_room_for(self, world: World) -> None:
        world.holding.clear()
        daemon = world.daemon("a", "b", "c")
        for _ in range(3):
            daemon.tick()
        assert daemon.running == 2
        assert sum(row.lease_owner is not None for row in world.rows("account")) == 2

    def test_those_who_found_no_room_follow(self, world: World) -> None:
        daemon = world.daemon("a", "b", "c")
        world.tick(daemon)
        world.tick(daemon)
        assert sorted(world.asked) == ["a", "b", "c"]

    def test_does_not_claim_again_what_is_still_being_polled(self, world: World) -> None:
        world.holding.clear()
        daemon = world.daemon()
        daemon.tick()
        until(lambda: world.asked)
        world.clock.passes(3600)
        daemon.tick()
        assert (daemon.running, len(world.asked)) == (1, 1)

    def test_claims_nothing_once_the_program_is_stopping(self, world: World) -> None:
        daemon = world.daemon()
        world.clock.stopping.set()
        daemon.tick()
        assert daemon.running == 0

    def test_is_remembered_although_it_failed(self, world: World) -> None:
        daemon = world.daemon()
        world.database.close()
        path = world.database.path
        assert path is not None
        path.unlink()
        world.clock.passes(5)
        daemon.tick()
        assert isinstance(daemon.fatal, FileReplacedError)
        assert daemon.last_tick == world.clock.monotonic()

    def test_of_two_collectors_polls_each_account_once(self, world: World) -> None:
        world.tick(world.daemon("a", "b"), world.daemon("a", "b"))
        assert sorted(world.asked) == ["a", "b"]


class TestFaults:
    def test_failing_provider_is_told_once_and_when_it_is_over(self, world: World) -> None:
        daemon = world.daemon()
        world.faults["a"] = TransientAskError("conn_error", "no connection")
        for number in range(4):
            if number == 3:
                world.faults.clear()
            world.tick(daemon)
            world.clock.passes(INTERVAL.total_seconds())
        assert world.said == ["poll failed: no connection", "polling works again"]

    @pytest.mark.parametrize(
        "fault", [ValueError("x"), MemoryError(), SystemExit(3)], ids=lambda one: type(one).__name__
    )
    def test_in_one_account_leave_the_others_alone(self, fault: BaseException, world: World) -> None:
        daemon = world.daemon("a", "b")
        world.faults["a"] = fault
        world.tick(daemon)
        world.clock.passes(INTERVAL.total_seconds())
        world.tick(daemon)
        assert world.asked.count("b") == 2
        assert [row.outcome for row in world.rows("poll") if row.account == 2] == ["ok", "ok"]
        assert {row.outcome for row in world.rows("poll") if row.account == 1} == {"internal_error"}

    def test_what_nobody_catches_in_one_account_is_told(self, world: World) -> None:
        world.faults["a"] = KeyboardInterrupt()
        world.tick(world.daemon())
        assert world.said == ["a poll ended unexpectedly"]

    def test_what_nobody_catches_is_not_provoked_at_the_end_of_every_lease(self, world: World) -> None:
        world.faults["a"] = KeyboardInterrupt()
        daemon = world.daemon(poll_every=timedelta(hours=24))
        for _ in range(20):
            world.tick(daemon)
            world.clock.passes(61)
        assert len(world.asked) < 8

    def test_poll_that_cannot_be_stored_is_told(self, world: World) -> None:
        daemon = world.daemon()
        world.holding.clear()
        daemon.tick()
        later = world.clock.now() + timedelta(hours=1)
        claim(world.database, 1, "another", later, later + HOUR)
        world.holding.set()
        until(lambda: daemon.running == 0)
        assert "another collector took it over" in world.said[0]
        assert world.polls == []


class TestSetClock:
    @pytest.fixture
    def daemon(self, world: World) -> DuePolls:
        daemon = world.daemon()
        world.tick(daemon)
        return daemon

    def test_forward_makes_one_poll_and_no_burst(self, world: World, daemon: DuePolls) -> None:
        world.clock.is_set(3600)
        daemon.clock_stepped()
        for _ in range(5):
            world.tick(daemon)
            world.clock.passes(0.2)
        assert world.polls == [("ok", ()), ("ok", ("clock_step",))]

    def test_back_goes_on_within_an_interval(self, world: World, daemon: DuePolls) -> None:
        world.clock.is_set(-3600)
        daemon.clock_stepped()
        for _ in range(6):
            world.tick(daemon)
            world.clock.passes(INTERVAL.total_seconds() / 5)
        assert world.polls == [("ok", ()), ("clock", ("clock_step",))]

    def test_back_enters_values_again_once_time_has_caught_up(self, world: World, daemon: DuePolls) -> None:
        world.clock.is_set(-3600)
        daemon.clock_stepped()
        for _ in range(14):
            world.tick(daemon)
            world.clock.passes(INTERVAL.total_seconds())
        assert {outcome for outcome, _ in world.polls[1:12]} == {"clock"}
        assert world.polls[-1] == ("ok", ())

    def test_is_borne_by_accounts_that_are_not_polled_any_more(self, world: World) -> None:
        daemon = world.daemon("a", "b")
        world.tick(daemon)
        daemon.serve(world.targets("a"))
        daemon.clock_stepped()
        world.clock.passes(INTERVAL.total_seconds())
        world.tick(daemon)
        assert world.asked[2:] == ["a"]

    def test_is_said_by_the_next_poll_even_if_one_could_not_be_stored(self, world: World, daemon: DuePolls) -> None:
        daemon.clock_stepped()
        world.faults["a"] = KeyboardInterrupt()
        world.clock.passes(INTERVAL.total_seconds())
        world.tick(daemon)
        world.faults.clear()
        world.clock.passes(INTERVAL.total_seconds())
        world.tick(daemon)
        assert world.polls[-1] == ("ok", ("clock_step",))

    @pytest.mark.parametrize("how", ["sleeps", "passes"], ids=["machine slept", "process stopped"])
    def test_long_absence_makes_one_poll_and_a_gap(self, how: str, world: World, daemon: DuePolls) -> None:
        getattr(world.clock, how)(7200)
        for _ in range(3):
            world.tick(daemon)
            world.clock.passes(0.3)
        assert world.polls == [("ok", ()), ("ok", ())]
        assert {(row.ended_at - row.started_at) / 1e6 for row in world.rows("gap")} == {7200}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu", "America/New_York"])
@pytest.mark.parametrize("every", [timedelta(minutes=5), timedelta(hours=6)], ids=["5m", "6h"])
def test_each_side_of_a_local_midnight_is_polled(zone: str, every: timedelta, world: World) -> None:
    midnight = datetime(2026, 3, 29, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    world.clock = Timepiece(midnight - timedelta(minutes=5))
    daemon = world.daemon(zone=ZoneInfo(zone), poll_every=every)
    for _ in range(600):
        world.tick(daemon)
        world.clock.passes(1)
    sides = [(row.finished_at - midnight).total_seconds() for row in world.rows("poll")]
    assert any(-30 <= side < 0 for side in sides)
    assert any(0 < side <= 30 for side in sides)


class TestRest:
    """A poll that cannot be stored leaves its account due in the database."""

    def full(self, world: World) -> None:
        with world.database.write() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER disk BEFORE INSERT ON poll BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
            )

    def room(self, world: World) -> None:
        with world.database.write() as connection:
            connection.exec_driver_sql("DROP TRIGGER disk")

    def test_provider_is_not_asked_again_when_the_lease_ends(self, world: World) -> None:
        daemon = world.daemon(poll_every=HOUR * 24)
        self.full(world)
        world.tick(daemon)
        for _ in range(10):
            world.clock.passes(61)
            world.tick(daemon)
        assert len(world.asked) == 1  # its answer is kept, and its next turn is tomorrow

    def test_it_is_told_and_not_taken_for_silence(self, world: World) -> None:
        daemon = world.daemon()
        world.tick(daemon)
        self.full(world)
        for _ in range(12):
            world.clock.passes(INTERVAL.total_seconds())
            world.tick(daemon)
        assert daemon.overdue() == []

    def test_polling_goes_on_as_before_once_storing_works(self, world: World) -> None:
        daemon = world.daemon()
        self.full(world)
        world.tick(daemon)
        self.room(world)
        world.clock.passes(120)
        world.tick(daemon)
        assert world.polls == [("ok", ("spooled",))]


class TestOverdue:
    def test_nobody_is_at_first(self, world: World) -> None:
        assert world.daemon("a", "b").overdue() == []

    def test_account_that_waits_for_one_interval_is_not(self, world: World) -> None:
        daemon = world.daemon()
        world.tick(daemon)
        world.clock.passes(3 * INTERVAL.total_seconds())
        assert daemon.overdue() == []

    def test_account_that_waits_for_several_is(self, world: World) -> None:
        daemon = world.daemon()
        world.tick(daemon)
        world.clock.passes(5 * INTERVAL.total_seconds())
        assert daemon.overdue() == ["a"]

    def test_slow_account_does_not_hide_a_quick_one(self, world: World) -> None:
        world.daemon("slow", poll_every=HOUR * 24)
        daemon = world.daemon("quick")
        world.tick(daemon)
        world.clock.passes(5 * INTERVAL.total_seconds())
        assert daemon.overdue() == ["quick"]

    def test_poll_that_never_ends_is(self, world: World) -> None:
        world.holding.clear()
        daemon = world.daemon()
        daemon.tick()
        world.clock.passes(121)
        assert daemon.overdue() == ["a"]


class TestStop:
    def test_lets_running_polls_end(self, world: World) -> None:
        world.holding.clear()
        daemon = world.daemon()
        daemon.tick()
        threading.Timer(0.05, world.holding.set).start()
        assert daemon.stop(5)
        assert world.polls == [("ok", ())]

    def test_does_not_wait_for_ever(self, world: World) -> None:
        world.holding.clear()
        daemon = world.daemon()
        daemon.tick()
        assert not daemon.stop(0.05)

    def test_waits_for_a_tick_too(self, world: World) -> None:
        daemon = world.daemon()
        with world.database.write():
            ticking = threading.Thread(target=daemon.tick)
            ticking.start()
            time.sleep(0.05)
            assert not daemon.stop(0.05)
        ticking.join()

    def test_lease_claimed_meanwhile_is_given_back(self, world: World) -> None:
        daemon = world.daemon()
        with world.database.write():
            ticking = threading.Thread(target=daemon.tick)
            ticking.start()
            time.sleep(0.05)
            daemon.stop(0.01)
        ticking.join()
        assert [row.lease_owner for row in world.rows("account")] == [None]
        assert world.asked == []
