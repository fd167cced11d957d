"""A clock that runs ahead for a while: nothing is made of days that have not come, and nothing is lost after."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from collector.app.scheduled.settling import Believed
from collector.app.scheduled.work import ScheduledReports
from collector.store.report_runs import PlannedRun, plan
from tests.app.scheduled.desk import ReportDesk
from tests.app.timepiece import Timepiece

OpenDesk = Callable[..., ReportDesk]
DAILY = """
[[reports]]
name = "r"
report = "daily"
schedule = { every = "day", at = "07:00" }
to = [{ env = "MAIL_URL" }]
"""
START = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = 86_400.0
MONTH = 30 * DAY


@pytest.fixture
def desk(open_desk: OpenDesk) -> ReportDesk:
    found = open_desk(DAILY, START)
    found.poll()
    return found


def passing(desk: ReportDesk, work: ScheduledReports, days: int) -> None:
    for _ in range(days):
        desk.clock.passes(DAY)
        desk.poll()
        work.tick()


def everything_is_right(desk: ReportDesk, days: int) -> None:
    runs = desk.runs("r")
    assert [one.period for one in runs] == [str((START + timedelta(days=day)).date()) for day in range(days)]
    assert all(one.made_at is not None and one.missing == () for one in runs)
    assert len(desk.postman.taken) == days


@pytest.mark.parametrize("restarts", [False, True], ids=["in one process", "and a restart while it is ahead"])
def test_clock_that_runs_ahead_for_some_ticks_destroys_no_report(desk: ReportDesk, restarts: bool) -> None:
    work = desk.work()
    work.tick()
    desk.clock.is_set(MONTH)
    work = desk.work() if restarts else work
    for _ in range(3):
        desk.clock.passes(5)
        work.tick()
    desk.clock.is_set(-MONTH)
    passing(desk, work, 4)
    everything_is_right(desk, 4)


def test_polls_that_a_clock_ahead_dated_are_no_proof(desk: ReportDesk) -> None:
    work = desk.work()
    work.tick()
    desk.clock.is_set(MONTH)
    for _ in range(3):
        desk.clock.passes(5)
        desk.poll()
        work.tick()
    desk.clock.is_set(-MONTH)
    work.tick()
    assert (desk.runs("r"), desk.postman.taken) == ([], [])


def test_what_a_clock_ahead_planned_is_planned_anew(desk: ReportDesk) -> None:
    work = desk.work()
    work.tick()
    ahead = START + timedelta(days=30)
    plan(desk.database, "r", [PlannedRun("2026-11-30", ahead - timedelta(days=1), ahead, ahead)], ahead)
    work.tick()
    assert desk.runs("r") == []
    passing(desk, work, 3)
    everything_is_right(desk, 3)


def test_clock_that_was_behind_and_stays_right_is_believed_after_ten_minutes() -> None:
    clock = Timepiece()
    believed = Believed(clock)
    said = [believed.now()]
    clock.is_set(MONTH)
    for _ in range(4):
        said.append(believed.now())
        clock.passes(300)
    clock.sleeps(DAY)
    said.append(believed.now())
    assert said == [True, False, False, True, True, True]


def test_silence_is_real_where_somebody_was_asked_in_vain(desk: ReportDesk) -> None:
    work = desk.work()
    work.tick()
    desk.clock.passes(DAY * 0.75)
    desk.fails()
    desk.clock.passes(DAY / 4)
    desk.work().tick()  # a new process, which has not waited itself
    assert [one.missing for one in desk.runs("r")] == [("a",)]
