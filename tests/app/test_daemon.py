from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

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

from collector.app.daemon import run_daemon, scheduled_reports, scheduler_of, with_reports
from collector.app.reloading import CurrentReports
from collector.app.watching import watch
from collector.app.wiring import load_settings
from collector.errors import ClockError, ConfigError, IntegrityError, StorageError
from collector.store import schema
from tests.app.console import Console
from tests.app.timepiece import NOON
from tests.app.world import World, stopped_when, until
from tests.upstream import Upstream


class TestScheduler:
    def test_runs_late_ticks_once_and_never_two_at_a_time(self, world: World) -> None:
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
        scheduler.modify_job("tick", func=_broken, args=())
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

    def test_what_would_do_harm_ends_it_with_its_own_code(self, world: World) -> None:
        daemon = world.daemon()
        daemon.fatal = IntegrityError("the database is damaged")
        assert watch(daemon, world.clock, scheduler_of(daemon, world.clock)) == 7
        assert world.said == ["ending: going on would do harm"]
        assert "the database is damaged" in world.log.getvalue()

    def test_further_look_that_finds_a_reason_ends_it_with_1(self, world: World) -> None:
        daemon = world.daemon()
        looks = iter([None, None, "reports hang"])
        assert watch(daemon, world.clock, scheduler_of(daemon, world.clock), None, [lambda: next(looks)]) == 1
        assert world.clock.waited == 3
        assert "reports hang" in world.log.getvalue()

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

    def run(self, console: Console, met: Callable[[], object], **options: Any) -> int:
        with stopped_when(met):
            return run_daemon(load_settings(console.folder / "collector.toml"), os.environ, **options)

    def test_polls_until_it_is_told_to_stop(self, console: Console) -> None:
        assert self.run(console, lambda: len(console.table("poll")) == 2) == 0

    def test_warns_of_what_will_count_twice(
        self, console: Console, upstream: Upstream, capsys: pytest.CaptureFixture[str]
    ) -> None:
        console.configure(upstream.url, extra=_second_nected(upstream.url))
        self.run(console, lambda: len(console.table("poll")) == 3)
        assert "double count" in capsys.readouterr().err

    def test_program_does_not_wait_for_a_tick_that_hangs(self, console: Console) -> None:
        def soon() -> bool:
            time.sleep(0.3)  # until the tick has run into the lock
            return True

        left: list[int] = []
        console.good("poll")
        with console.database() as database, database.write():
            code = self.run(console, soon, stop_seconds=0.1, leave=left.append)
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


class TestReports:
    def test_reports_have_a_thread_of_their_own_and_never_two_at_a_time(self, world: World) -> None:
        scheduler = with_reports(scheduler_of(world.daemon(), world.clock), _reports(world), world.clock)
        scheduler.start(paused=True)
        job = scheduler.get_job("reports")
        scheduler.shutdown()
        assert (job.executor, job.max_instances, job.coalesce, job.misfire_grace_time) == ("reports", 1, True, None)
        assert job.trigger.interval == timedelta(seconds=5)

    def test_without_reports_their_tick_does_nothing(self, world: World) -> None:
        reports = scheduled_reports(world.settings, world.database, world.clock, {})
        with world.database.write():
            CurrentReports(reports).tick()

    def test_step_of_the_clock_brings_reports_forward_too(self, world: World) -> None:
        daemon = world.daemon()
        scheduler = with_reports(scheduler_of(daemon, world.clock), _reports(world), world.clock)
        modified: list[str] = []
        scheduler.add_listener(lambda event: modified.append(event.job_id), EVENT_JOB_MODIFIED)

        def steps(waited: int) -> None:
            if waited == 1:
                world.clock.is_set(-3600)
            if waited == 2:
                world.clock.stopping.set()

        world.clock.on_wait = steps
        assert watch(daemon, world.clock, scheduler) == 0
        assert {"tick", "reports"} <= set(modified)


def _reports(world: World) -> CurrentReports:
    path = Path(str(world.database.path)).with_name("with-reports.toml")
    path.write_text(
        '[[accounts]]\nname = "a"\nprovider = "nellie"\n'
        '[[reports]]\nname = "r"\nreport = "daily"\nschedule = { every = "day" }\n'
    )
    return CurrentReports(scheduled_reports(load_settings(path, {}), world.database, world.clock, {}))
