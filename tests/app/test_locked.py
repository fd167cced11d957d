"""A database that another program keeps locked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest

from collector.app.outage import Outage
from collector.app.ticking import tick_until_idle
from collector.errors import LockedError, StorageError
from collector.store.engine import Database
from tests.app.timepiece import Timepiece
from tests.app.world import World, until

INTERVAL = 300.0


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Keep the file as another program does."""
    assert database.path is not None
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@pytest.fixture
def hasty(world: World) -> Iterator[World]:
    """A world whose transactions wait for nobody, though the settings know patience."""
    assert world.database.path is not None
    database = Database(f"sqlite:///{world.database.path}", busy_seconds=0.05)
    world.database = database
    yield world
    database.close()


def test_says_so_by_the_kind_of_its_error(hasty: World) -> None:
    with locked(hasty.database), pytest.raises(LockedError), hasty.database.write():
        pass


def test_polls_wait_while_a_poll_would_wait_to_be_stored(hasty: World) -> None:
    daemon = hasty.daemon()
    hasty.tick(daemon)
    hasty.clock.passes(INTERVAL)
    with locked(hasty.database):
        for _ in range(12):
            hasty.tick(daemon)
            hasty.clock.passes(2)
    hasty.tick(daemon)
    assert (hasty.asked, hasty.polls) == (["a", "a"], [("ok", ()), ("ok", ())])
    assert not [sentence for sentence in hasty.said if "cannot be used" in sentence]


def test_polls_are_kept_when_it_lasts_longer(hasty: World) -> None:
    daemon = hasty.daemon()
    hasty.tick(daemon)
    hasty.clock.passes(INTERVAL)
    with locked(hasty.database):
        for _ in range(20):
            hasty.tick(daemon)
            hasty.clock.passes(2)
    hasty.clock.passes(INTERVAL)
    hasty.tick(daemon)
    assert ("ok", ("spooled",)) in hasty.polls


def test_answers_that_wait_to_be_stored_are_kept_when_the_daemon_ends(world: World) -> None:
    daemon = world.daemon()
    world.holding.clear()
    daemon.tick()
    until(lambda: world.asked)
    with locked(world.database):
        world.holding.set()
        until(lambda: daemon._keeper._unstored.polls)
        assert not daemon.stop(0.05)
        assert daemon.state.spool.waiting().count == 1
    until(lambda: daemon.running == 0)
    world.clock.passes(INTERVAL)
    world.tick(world.daemon())
    assert [outcome for outcome, _ in world.polls] == ["ok", "ok"]


class TestAskingByMemory:
    NAMES = "abcdefghij"

    def test_goes_on_within_the_second(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        daemon = world.daemon(*self.NAMES)
        for _ in range(5):
            world.tick(daemon)
        fault = StorageError("the disk is full")

        def fails(*_: object) -> None:
            raise fault

        monkeypatch.setattr("collector.app.leases.claim_due", fails)
        world.clock.passes(2 * INTERVAL)
        asked = len(world.asked)
        tick_until_idle(daemon, world.clock.monotonic)
        until(lambda: daemon.running == 0)
        assert len(world.asked) - asked == len(self.NAMES)


class TestHoldingOff:
    @pytest.fixture
    def clock(self) -> Timepiece:
        return Timepiece()

    @pytest.fixture
    def outage(self, clock: Timepiece) -> Outage:
        return Outage(clock, lambda: False, timedelta(seconds=30))

    def test_lasts_as_long_as_was_waited(self, outage: Outage, clock: Timepiece) -> None:
        fault = LockedError("locked")
        outage.claims(fault, 5.0)
        clock.passes(4.9)
        assert outage.holds_off() is fault
        clock.passes(0.2)
        assert outage.holds_off() is None

    def test_is_over_when_the_database_is_back(self, outage: Outage) -> None:
        outage.claims(LockedError("locked"), 5.0)
        outage.claims(None)
        assert outage.holds_off() is None

    def test_other_faults_are_not_borne(self, outage: Outage) -> None:
        assert not outage.bears(StorageError("the disk is full"))
        assert outage.bears(LockedError("locked"))

    def test_a_lock_is_borne_anew_after_the_database_was_there(self, outage: Outage, clock: Timepiece) -> None:
        fault = LockedError("locked")
        assert outage.bears(fault)
        clock.passes(26)
        assert not outage.bears(fault)
        outage.claims(None)
        assert outage.bears(fault)
