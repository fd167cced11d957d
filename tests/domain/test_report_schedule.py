from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.cron import parse_cron
from collector.domain.periods import Billing, PeriodKind
from collector.domain.report_schedule import (
    About,
    ReportKind,
    Schedule,
    backoff,
    local_instant,
    next_run,
    period_before,
    period_called,
    runs_between,
)

BERLIN = ZoneInfo("Europe/Berlin")
CALENDAR = Billing()
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "at", "zone", "expected"),
    [
        pytest.param(date(2026, 11, 2), time(7), "Europe/Berlin", "2026-11-02T06:00", id="an ordinary day"),
        pytest.param(date(2026, 3, 29), time(2, 30), "Europe/Berlin", "2026-03-29T01:00", id="a time that is skipped"),
        pytest.param(date(2026, 3, 29), time(3), "Europe/Berlin", "2026-03-29T01:00", id="the first after the gap"),
        pytest.param(
            date(2026, 10, 25), time(2, 30), "Europe/Berlin", "2026-10-25T00:30", id="a time that comes twice"
        ),
        pytest.param(date(2026, 11, 1), time(1, 30), "America/New_York", "2026-11-01T05:30", id="T8"),
        pytest.param(date(2026, 4, 24), time(0), "Africa/Cairo", "2026-04-23T22:00", id="a midnight that is skipped"),
        pytest.param(date(2011, 12, 30), time(9), "Pacific/Apia", "2011-12-30T10:00", id="a day that was left out"),
    ],
)
def test_wall_clock_time_is_one_instant(day: date, at: time, zone: str, expected: str) -> None:
    assert local_instant(day, at, ZoneInfo(zone)) == utc(expected)


@pytest.mark.parametrize("at", [time(1, 30), time(2), time(2, 30), time(3)], ids=str)
def test_every_day_has_one_run_around_both_changes(at: time) -> None:
    schedule = Schedule(About.DAY, BERLIN, at)
    for start in (utc("2026-03-25T12:00"), utc("2026-10-21T12:00")):
        runs = list(runs_between(schedule, start, start + timedelta(days=8)))
        names = [period_before(one, ReportKind.DAILY, schedule, CALENDAR)[0] for one in runs]
        assert len(runs) == len(set(names)) == 8


@given(st.integers(0, 366 * 24 * 60), st.integers(1, 200))
def test_runs_do_not_depend_on_how_often_one_looks(minutes: int, hours: int) -> None:
    schedule = Schedule(About.DAY, ZoneInfo("America/New_York"), time(1, 30))
    first, step = utc("2026-01-01T00:00") + minutes * MINUTE, 17 * MINUTE
    end = first + timedelta(hours=hours)
    looked: list[datetime] = []
    at = first
    while at < end:
        looked += runs_between(schedule, at, min(at + step, end))
        at += step
    assert looked == list(runs_between(schedule, first, end))


def test_a_run_is_due_after_one_instant_and_at_the_other() -> None:
    schedule = Schedule(About.DAY, BERLIN, time(7))
    due = utc("2026-11-02T06:00")
    assert list(runs_between(schedule, due - MINUTE, due)) == [due]
    assert list(runs_between(schedule, due, due + MINUTE)) == []


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        pytest.param(Schedule(About.WEEK, BERLIN, time(7), weekday=3), "2026-11-04T06:00", id="weekly"),
        pytest.param(Schedule(About.MONTH, BERLIN, time(7), day=31), "2026-11-30T06:00", id="monthly in a short month"),
        pytest.param(Schedule(About.DAY, BERLIN, cron=parse_cron("30 6 29 2 *")), "2028-02-29T05:30", id="leap day"),
    ],
)
def test_next_run_is_found(schedule: Schedule, expected: str) -> None:
    assert next_run(schedule, utc("2026-11-02T12:00")) == utc(expected)


def test_day_that_never_comes_has_no_next_run() -> None:
    assert next_run(Schedule(About.DAY, BERLIN, cron=parse_cron("0 7 30 2 *")), utc("2026-11-02T12:00")) is None


FROM_15TH = Billing(PeriodKind.MONTHLY, anchor_day=15)


@pytest.mark.parametrize(
    ("kind", "about", "billing", "expected"),
    [
        pytest.param(ReportKind.DAILY, About.DAY, CALENDAR, ("2026-11-01", "2026-11-02"), id="day"),
        pytest.param(ReportKind.BURN, About.WEEK, CALENDAR, ("2026-10-26", "2026-11-02"), id="week"),
        pytest.param(ReportKind.TREND, About.MONTH, CALENDAR, ("2026-10-01", "2026-11-01"), id="month"),
        pytest.param(ReportKind.TREND, About.MONTH, FROM_15TH, ("2026-09-15", "2026-10-15"), id="billing month"),
        pytest.param(ReportKind.MONTH, About.WEEK, FROM_15TH, ("2026-09-15", "2026-10-15"), id="statement"),
        pytest.param(ReportKind.DAILY, About.DAY, FROM_15TH, ("2026-11-01", "2026-11-02"), id="day of such an account"),
        pytest.param(
            ReportKind.RECONCILE, About.MONTH, Billing(PeriodKind.YEARLY), ("2025-01-01", "2026-01-01"), id="year"
        ),
    ],
)
def test_report_is_about_the_last_period_that_is_over(
    kind: ReportKind, about: About, billing: Billing, expected: tuple[str, str]
) -> None:
    schedule = Schedule(about, BERLIN)
    name, period = period_before(utc("2026-11-02T06:00"), kind, schedule, billing)
    assert (str(period.starts_on), str(period.ends_on)) == expected
    assert period_called(name, kind, schedule, billing) == (name, period)


def test_period_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2026-10-01"):
        period_called("2026-10", ReportKind.DAILY, Schedule(About.DAY, BERLIN), CALENDAR)


@pytest.mark.parametrize(
    ("attempts", "chance", "minutes"), [(1, 0.0, 1.0), (3, 0.0, 4.0), (7, 0.0, 60.0), (9999, 0.0, 60.0), (1, 0.8, 0.8)]
)
def test_waits_double_up_to_the_longest(attempts: int, chance: float, minutes: float) -> None:
    assert backoff(attempts, MINUTE, HOUR, chance) == minutes * MINUTE
