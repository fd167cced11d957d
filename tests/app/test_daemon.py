from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    EVENT_JOB_MODIFIED,
    JobEvent,
    JobExecutionEvent,
    JobSubmissionEvent,
)
from sqlalchemy import select

from collector.app import logs
from collector.app.daemon import Daemon, run_daemon, scheduler_of, watch
from collector.app.wiring import load_settings, targets
from collector.config import Settings
from collector.domain.accounts import Account
from collector.domain.secret import Secret
from collector.errors import ClockError, ConfigError, StorageError, TransientAskError
from collector.http import HttpAnswer
from collector.store import schema
from collector.store.accounts import claim
from collector.store.engine import Database
from tests.app.console import Console
from tests.app.timepiece import NOON, Timepiece
from tests.polling.door import answer
from tests.upstream import Upstream

HOUR = timedelta(hours=1)
INTERVAL = timedelta(minutes=5)


def until(met: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until a condition is met, not longer than ``seconds``."""
    ends = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < ends, "it never came to pass"
        time.sleep(0.002)


class World:
    """Accounts that answer with counters which grow by one with each asking, and what was recorded of them."""

    def __init__(self, database: Database, settings: Settings, make_account: Callable[..., Account]) -> None:
        self.database = database
        self.settings = settings
        self.clock = Timepiece()
        self.asked: list[str] = []
        self.faults: dict[str, BaseException] = {}
        self.holding = threading.Event()
        self.holding.set()
        self.log = io.StringIO()
        self._make_account = make_account
        logs.configure(stream=self.log, verbose=True)

    def get_json(self, url: str, *, key_header: str, key: Secret, allow_close_delimited: bool = False) -> HttpAnswer:
        """Answer an account; its name is the host."""
        name = url.split("/")[2]
        self.asked.append(name)
        self.holding.wait(10)
        if name in self.faults:
            raise self.faults[name]
        return answer({"data": {"invocations": len(self.asked)}, "code": "success"}, self.clock.now())

    def daemon(self, *names: str, **fields: Any) -> Daemon:
        """Return a daemon for accounts of these names."""
        fields = {"provider": "nected", **fields}
        accounts = [self._make_account(name, base_url=f"https://{name}", **fields) for name in names or ("a",)]
        return Daemon(self.settings, self.database, self.clock, self, targets(self.database, accounts))

    def tick(self, *daemons: Daemon) -> None:
        """Let daemons tick and their polls end."""
        for daemon in daemons:
            daemon.tick()
        if daemons:
            until(lambda: all(daemon.running == 0 for daemon in daemons))

    def rows(self, table: str) -> list[Any]:
        """Return every row of a table in order of its key."""
        found = schema.metadata.tables[table]
        with self.database.read() as connection:
            return list(connection.execute(select(found).order_by(*found.primary_key.columns)).all())

    @property
    def polls(self) -> list[tuple[str, tuple[str, ...]]]:
        """Outcome and flags of every poll."""
        return [(row.outcome, tuple(json.loads(row.flags))) for row in self.rows("poll")]

    @property
    def said(self) -> list[str]:
        """The sentences in the log, apart from those for developers."""
        lines = (json.loads(line) for line in self.log.getvalue().splitlines())
        return [line["event"] for line in lines if line["level"] != "debug"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "two-workers.toml"
    path.write_text('[daemon]\nworkers = 2\n[[accounts]]\nname = "a"\nprovider = "nellie"\n')
    return load_settings(path, {})


@pytest.fixture
def world(sqlite_database: Database, settings: Settings, make_account: Callable[..., Account]) -> Iterator[World]:
    world = World(sqlite_database, settings, make_account)
    yield world
    world.holding.set()


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
        with pytest.raises(StorageError):
            daemon.tick()
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

    def test_end_of_the_program_in_one_account_is_told(self, world: World) -> None:
        world.faults["a"] = SystemExit(3)
        world.tick(world.daemon())
        assert world.said == ["a poll ended unexpectedly"]

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
    def daemon(self, world: World) -> Daemon:
        daemon = world.daemon()
        world.tick(daemon)
        return daemon

    def test_forward_makes_one_poll_and_no_burst(self, world: World, daemon: Daemon) -> None:
        world.clock.is_set(3600)
        daemon.clock_stepped()
        for _ in range(5):
            world.tick(daemon)
            world.clock.passes(0.2)
        assert world.polls == [("ok", ()), ("ok", ("clock_step",))]

    def test_back_goes_on_within_an_interval(self, world: World, daemon: Daemon) -> None:
        world.clock.is_set(-3600)
        daemon.clock_stepped()
        for _ in range(6):
            world.tick(daemon)
            world.clock.passes(INTERVAL.total_seconds() / 5)
        assert world.polls == [("ok", ()), ("clock", ("clock_step",))]

    def test_back_enters_values_again_once_time_has_caught_up(self, world: World, daemon: Daemon) -> None:
        world.clock.is_set(-3600)
        daemon.clock_stepped()
        for _ in range(14):
            world.tick(daemon)
            world.clock.passes(INTERVAL.total_seconds())
        assert {outcome for outcome, _ in world.polls[1:12]} == {"clock"}
        assert world.polls[-1] == ("ok", ())

    def test_is_said_by_the_next_good_poll_even_if_one_could_not_be_stored(self, world: World, daemon: Daemon) -> None:
        daemon.clock_stepped()
        world.faults["a"] = SystemExit(3)
        world.clock.passes(INTERVAL.total_seconds())
        world.tick(daemon)
        world.faults.clear()
        world.clock.passes(INTERVAL.total_seconds())
        world.tick(daemon)
        assert world.polls[-1] == ("ok", ("clock_step",))

    @pytest.mark.parametrize("how", ["sleeps", "passes"], ids=["machine slept", "process stopped"])
    def test_long_absence_makes_one_poll_and_a_gap(self, how: str, world: World, daemon: Daemon) -> None:
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
        assert daemon.stop()
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


class TestScheduler:
    def test_runs_late_ticks_once_and_never_two_at_a_time(self, world: World) -> None:
        job = scheduler_of(world.daemon(), world.clock).get_jobs()[0]
        scheduler = scheduler_of(world.daemon(), world.clock)
        scheduler.start(paused=True)
        job = scheduler.get_job("tick")
        scheduler.shutdown()
        assert (job.misfire_grace_time, job.coalesce, job.max_instances) == (None, True, 1)
        assert job.trigger.interval == timedelta(seconds=1)

    def test_works_in_utc(self, world: World) -> None:
        assert scheduler_of(world.daemon(), world.clock).timezone is UTC

    def test_first_tick_is_at_once(self, world: World) -> None:
        assert scheduler_of(world.daemon(), world.clock).get_jobs()[0].next_run_time == NOON

    def test_run_that_was_missed_for_months_is_made_up_for_once(self, world: World) -> None:
        scheduler = scheduler_of(world.daemon(), world.clock)
        scheduler.start(paused=True)
        job = scheduler.get_job("tick")
        scheduler.shutdown()
        assert job._get_run_times(NOON + timedelta(days=20_000)) == [NOON]

    def test_next_run_is_a_second_later(self, world: World) -> None:
        trigger = scheduler_of(world.daemon(), world.clock).get_jobs()[0].trigger
        assert trigger.get_next_fire_time(NOON, NOON) == NOON + timedelta(seconds=1)

    def test_failed_ticks_are_told_once_and_when_they_are_over(self, world: World) -> None:
        scheduler = scheduler_of(world.daemon(), world.clock)
        for error in (StorageError("locked"), StorageError("locked"), None, None):
            code = EVENT_JOB_EXECUTED if error is None else EVENT_JOB_ERROR
            scheduler._dispatch_event(JobExecutionEvent(code, "tick", "default", NOON, exception=error))
        assert world.said == ["a scheduled job failed", "a scheduled job works again"]

    def test_tick_that_breaks_is_told_with_its_traceback(self, world: World) -> None:
        scheduler = scheduler_of(world.daemon(), world.clock)
        scheduler.modify_job("tick", func=_broken)
        scheduler.start()
        until(lambda: "ZeroDivisionError" in world.log.getvalue())
        scheduler.shutdown()
        assert "Traceback" in world.log.getvalue()

    def test_missed_ticks_are_told(self, world: World) -> None:
        scheduler = scheduler_of(world.daemon(), world.clock)
        missed = JobEvent(EVENT_JOB_MISSED, "tick", "default")
        missed.scheduled_run_time = NOON
        scheduler._dispatch_event(missed)
        assert world.said == ["a scheduled job was missed"]

    def test_tick_that_found_the_one_before_still_running_is_for_developers(self, world: World) -> None:
        scheduler = scheduler_of(world.daemon(), world.clock)
        scheduler._dispatch_event(JobSubmissionEvent(EVENT_JOB_MAX_INSTANCES, "tick", "default", [NOON]))
        assert world.said == []
        assert "still running" in world.log.getvalue()


def _broken() -> None:
    raise ZeroDivisionError


class TestWatch:
    def test_scheduler_that_stopped_ends_the_program_with_1(self, world: World) -> None:
        daemon = world.daemon()
        scheduler = scheduler_of(daemon, world.clock)
        scheduler.remove_job("tick")
        assert watch(daemon, world.clock, scheduler) == 1
        assert world.clock.waited == 61
        assert world.said == ["polling has stopped; ending so that it can be restarted"]
        assert not scheduler.running

    def test_being_told_to_stop_ends_it_with_0(self, world: World) -> None:
        daemon = world.daemon()
        world.clock.on_wait = lambda count: world.clock.stopping.set() if count == 3 else None
        assert watch(daemon, world.clock, scheduler_of(daemon, world.clock)) == 0
        assert world.said == ["stopping"]

    def test_clock_that_is_set_back_does_not_stop_the_ticks(self, world: World) -> None:
        daemon = world.daemon()
        scheduler = scheduler_of(daemon, world.clock)
        rearmed: list[JobEvent] = []
        scheduler.add_listener(rearmed.append, EVENT_JOB_MODIFIED)

        def wait(count: int) -> None:
            if count == 2:
                world.clock.is_set(-3600)
            if count == 4:
                world.clock.stopping.set()

        world.clock.on_wait = wait
        watch(daemon, world.clock, scheduler)
        assert [event.job_id for event in rearmed] == ["tick"]
        assert "the clock stepped" in world.said


class TestProgram:
    """``run_daemon`` in this very process; ``test_daemon_process`` runs it as a user does."""

    @pytest.fixture(autouse=True)
    def _signals_as_they_were(self) -> Iterator[None]:
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        yield
        for number, handler in before.items():
            signal.signal(number, handler)

    @staticmethod
    def stop_when(met: Callable[[], object]) -> threading.Thread:
        """Send ourselves SIGTERM as soon as a condition is met."""

        usual = signal.getsignal(signal.SIGTERM)

        def stop() -> None:
            until(lambda: signal.getsignal(signal.SIGTERM) is not usual and met())
            os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=stop)
        thread.start()
        return thread

    def run(self, console: Console, met: Callable[[], object], **options: Any) -> int:
        stopper = self.stop_when(met)
        try:
            return run_daemon(load_settings(console.folder / "collector.toml"), os.environ, **options)
        finally:
            stopper.join()

    def test_polls_until_it_is_told_to_stop(self, console: Console) -> None:
        assert self.run(console, lambda: len(console.table("poll")) == 2) == 0

    def test_warns_of_what_will_count_twice(
        self, console: Console, upstream: Upstream, capsys: pytest.CaptureFixture[str]
    ) -> None:
        console.configure(upstream.url, extra=_second_nected(upstream.url))
        self.run(console, lambda: len(console.table("poll")) == 3)
        assert "double count" in capsys.readouterr().err

    def test_program_does_not_wait_for_a_tick_that_hangs(self, console: Console) -> None:
        left: list[int] = []
        console.good("poll")
        with console.database() as database, database.write():
            code = self.run(console, lambda: True, stop_seconds=0.1, leave=left.append)
        assert (code, left) == (0, [0])

    def test_clock_behind_the_newest_value_is_refused(self, console: Console) -> None:
        console.good("poll")
        with console.database() as database, database.write() as connection:
            ahead = schema.snapshot.c.observed_at + 3 * 86_400 * 1_000_000
            confirmed = {} if schema.snapshot.c.confirmed_at.nullable else {"confirmed_at": ahead}
            connection.execute(schema.snapshot.update().values(observed_at=ahead, **confirmed))
        with pytest.raises(ClockError, match="set the clock"):
            run_daemon(load_settings(console.folder / "collector.toml"), os.environ)

    def test_missing_key_is_refused(self, console: Console) -> None:
        console.set("NELLIE_API_KEY", None)
        with pytest.raises(ConfigError, match="NELLIE_API_KEY"):
            run_daemon(load_settings(console.folder / "collector.toml"), os.environ)


def _second_nected(url: str) -> str:
    return f'\n[[accounts]]\nname = "again"\nprovider = "nected"\nbase_url = "{url}"\n'
