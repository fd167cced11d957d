"""A poll that the database will never take blocks nobody: it is set aside, and kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from collector.app import collectors
from collector.app.due_polls import DuePolls
from collector.app.notice_words import WORDS
from collector.app.state_folder import faults_of_state
from collector.app.web import health
from collector.app.web.health import unreadable
from collector.errors import RefusedError, StorageError
from collector.store import schema
from collector.store.engine import Database
from collector.store.entries import FinishedPoll
from tests.app.world import World

INTERVAL = timedelta(minutes=5)


@pytest.fixture
def daemon(world: World) -> DuePolls:
    """A daemon of one account that was polled once, with the value 1."""
    daemon = world.daemon()
    world.tick(daemon)
    return daemon


def refuse(world: World, table: str, which: str) -> None:
    """Have the database refuse some rows, and take all others."""
    with world.database.write() as connection:
        connection.exec_driver_sql(
            f"CREATE TRIGGER never BEFORE INSERT ON {table} WHEN {which} BEGIN SELECT RAISE(ABORT, 'never these'); END"
        )


def take(world: World) -> None:
    with world.database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER never")


def in_spool(daemon: DuePolls, ending: str) -> list[Path]:
    return sorted(daemon.state.spool.folder.glob(f"*{ending}"))


def after(world: World, daemon: DuePolls, intervals: int = 1) -> None:
    for _ in range(intervals):
        world.clock.passes(INTERVAL.total_seconds())
        world.tick(daemon)


def keep(world: World, daemon: DuePolls, **counters: int) -> None:
    """Keep a poll of this instant in the spool."""
    world.clock.passes(2)
    now = world.clock.now()
    poll = FinishedPoll("a", "nected", now - timedelta(seconds=1), now, "ok", now, counters=counters)
    daemon.state.spool.add(poll, "locked")


def test_it_is_set_aside_once_the_next_one_is_stored(world: World, daemon: DuePolls) -> None:
    refuse(world, "snapshot", "NEW.value = 2")
    after(world, daemon)
    assert (len(in_spool(daemon, ".poll")), in_spool(daemon, ".refused")) == (1, [])
    after(world, daemon, 3)
    (aside,) = in_spool(daemon, ".refused")
    assert (in_spool(daemon, ".poll"), aside.stat().st_mode & 0o777) == ([], 0o600)
    assert [row.value for row in world.rows("snapshot")] == [1, 3, 4, 5]
    (told,) = (one for one in world.said if "refused for good" in one)
    assert "never these" in told


@pytest.mark.parametrize(
    "counters", [{"no_such_meter": 1}, {"invocations": 2**63}], ids=["unknown meter", "number that no column holds"]
)
def test_whatever_refuses_it_those_behind_it_are_stored(
    counters: dict[str, int], world: World, daemon: DuePolls
) -> None:
    keep(world, daemon, **counters)
    keep(world, daemon, invocations=7)
    world.asked += ["a"] * 8
    after(world, daemon)
    assert [row.value for row in world.rows("snapshot")] == [1, 7, 10]
    assert (len(in_spool(daemon, ".poll")), len(in_spool(daemon, ".refused"))) == (0, 1)


def test_nothing_is_set_aside_while_everything_is_refused(world: World, daemon: DuePolls) -> None:
    refuse(world, "poll", "1")
    after(world, daemon, 3)
    assert (len(in_spool(daemon, ".poll")), in_spool(daemon, ".refused")) == (3, [])
    take(world)
    after(world, daemon)
    assert [flags for _, flags in world.polls] == [(), ("spooled",), ("spooled",), ("spooled",), ()]


def test_more_than_are_tried_at_once_are_set_aside_in_turn(world: World, daemon: DuePolls) -> None:
    for _ in range(25):
        keep(world, daemon, no_such_meter=1)
    keep(world, daemon, invocations=1)
    counts = []
    for _ in range(2):
        after(world, daemon)
        counts.append((len(in_spool(daemon, ".poll")), len(in_spool(daemon, ".refused"))))
    assert counts == [(6, 20), (0, 25)]


def test_it_is_tried_again_under_its_old_name(world: World, daemon: DuePolls) -> None:
    refuse(world, "snapshot", "NEW.value = 2")
    after(world, daemon, 2)
    take(world)
    (aside,) = in_spool(daemon, ".refused")
    aside.rename(aside.with_suffix(".poll"))
    after(world, daemon)
    assert [row.value for row in world.rows("imported")] == [2]
    assert (in_spool(daemon, ".poll"), in_spool(daemon, ".refused")) == ([], [])


def test_it_counts_for_the_limit_of_the_spool(world: World, daemon: DuePolls) -> None:
    keep(world, daemon, no_such_meter=1)
    (kept,) = in_spool(daemon, ".poll")
    kept.rename(kept.with_suffix(".refused"))
    daemon.state.spool._limit = kept.with_suffix(".refused").stat().st_size + 10
    with pytest.raises(StorageError, match="is full"):
        keep(world, daemon, invocations=7)


def test_it_is_shown_wherever_troubles_are(world: World, daemon: DuePolls) -> None:
    keep(world, daemon, no_such_meter=1)
    after(world, daemon)
    assert daemon.troubles() == {"refused"}
    (fault,) = faults_of_state(daemon.state, world.database)
    assert "1 poll in" in str(fault)
    assert "a fault in the collector keeps it from being stored (KeyError)" in str(fault)
    assert "refused" in unreadable(StorageError("gone"), daemon.state.spool.waiting()).troubles
    assert "refused" in WORDS


def test_answer_that_a_fault_of_ours_keeps_from_being_stored_is_kept(world: World, daemon: DuePolls) -> None:
    def fail(_: object, __: object, statement: str, *___: object) -> None:
        if "INSERT INTO snapshot" in statement:
            raise ValueError(statement)

    event.listen(world.database._writer, "before_cursor_execute", fail)
    after(world, daemon)
    event.remove(world.database._writer, "before_cursor_execute", fail)
    after(world, daemon)
    assert "a poll ended unexpectedly" in world.said
    assert [row.value for row in world.rows("snapshot")] == [1, 2, 3]


def test_constraint_is_told_from_a_database_that_is_away(database: Database) -> None:
    def add() -> None:
        with database.write() as connection:
            connection.execute(schema.account.insert().values(name="a", provider="nected", timezone="UTC"))

    add()
    with pytest.raises(RefusedError, match="refuses what is to be stored"):
        add()


class TestOutage:
    """Several accounts, of which only one cannot be stored."""

    @pytest.fixture
    def two(self, world: World) -> DuePolls:
        daemon = world.daemon("a", "b")
        world.tick(daemon)
        return daemon

    def told(self, world: World, words: str) -> int:
        return sum(words in one for one in world.said)

    def test_begins_once_and_is_over_once_all_is_stored(self, world: World, two: DuePolls) -> None:
        refuse(world, "poll", "NEW.account = 2")
        after(world, two, 6)
        assert self.told(world, "the database cannot be used, so polls are kept") == 1
        assert self.told(world, "the database can be used again") == 0
        take(world)
        after(world, two, 2)
        assert self.told(world, "the database cannot be used, so polls are kept") == 1
        assert self.told(world, "the database can be used again") == 1
        assert in_spool(two, ".poll") == []


class TestLease:
    EVERY = timedelta(seconds=10)

    def keep_leases(self, world: World) -> None:
        with world.database.write() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER never BEFORE UPDATE OF lease_owner ON account WHEN NEW.lease_owner IS NULL "
                "BEGIN SELECT RAISE(ABORT, 'never these'); END"
            )

    def test_that_could_not_be_given_back_is_given_back_before_the_next_claim(self, world: World) -> None:
        daemon = world.daemon(poll_every=self.EVERY)
        self.keep_leases(world)
        world.tick(daemon)
        assert world.rows("account")[0].lease_owner is not None
        take(world)
        world.clock.passes(self.EVERY.total_seconds())
        world.tick(daemon)
        assert [outcome for outcome, _ in world.polls] == ["ok", "ok"]

    @pytest.mark.parametrize("fault", [KeyboardInterrupt(), GeneratorExit()], ids=lambda one: type(one).__name__)
    def test_is_given_back_whatever_ended_the_poll(self, fault: BaseException, world: World) -> None:
        world.faults["a"] = fault
        world.tick(world.daemon())
        assert [row.lease_owner for row in world.rows("account")] == [None]


def test_every_trouble_has_its_words_everywhere() -> None:
    names = {"spooling", "spool_full", "refused", "lost_tail", "heads_unsaved", "long_log", "logging_failed"}
    names |= {"reports_stalled", "overloaded"}
    assert names == set(collectors._TROUBLES)
    assert names == set(health._WORDS)
    assert names <= set(WORDS)
