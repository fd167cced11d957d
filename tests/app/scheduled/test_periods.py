"""Each period's report tells of that period, with the reports as they are."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.app.printing_statements import print_month
from collector.app.printing_trend import print_trend
from collector.app.scheduled.by_hand import run_now
from collector.app.scheduled.making import document_of
from collector.app.scheduled.planning import run_called
from collector.app.scheduled.rendering import Renderer
from collector.app.scheduled.work import ScheduledReports
from reports.month import As, month
from reports.question import Question
from reports.trend.report import trend
from tests.app.scheduled.desk import ReportDesk

OpenDesk = Callable[..., ReportDesk]
MONDAY = datetime(2026, 10, 5, tzinfo=UTC)
DAY = 86_400.0


def table(kind: str, extra: str = "", every: str = "week") -> str:
    return f'[[reports]]\nname = "r"\nreport = "{kind}"\nschedule = {{ every = "{every}", at = "07:00" }}\n{extra}\n'


def used(desk: ReportDesk, days: int, per_day: int, value: int = 0) -> int:
    """Let days pass with a poll each half day, and return the counter."""
    for _ in range(2 * days):
        value += per_day // 2
        desk.clock.passes(DAY / 2)
        desk.poll(value)
    return value


def question(desk: ReportDesk, work: ScheduledReports, name: str, period: str) -> Question:
    """Return what is asked about a period."""
    report = work.reports[name]
    bench = replace(work.post.bench, renderer=desk.renderer)
    document_of(bench, report, run_called(report, period, desk.clock.now()), [], desk.clock.now())
    return desk.renderer.asked[-1][1]


def rows_of(desk: ReportDesk, period: str) -> list[dict[str, str]]:
    with (desk.folder / f"r-{period}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("kind", ["burn", "exhaustion"])
def test_each_of_two_missed_weeks_tells_what_was_known_at_its_end(open_desk: OpenDesk, kind: str) -> None:
    desk = open_desk(table(kind, 'formats = ["csv"]'), MONDAY)
    desk.poll()
    desk.work(renderer=Renderer()).tick()
    value = used(desk, 7, 240)
    used(desk, 8, 2_400, value)
    work = desk.work(renderer=Renderer())
    for _ in range(3):
        work.tick()
    assert [one.period for one in desk.runs("r")] == ["2026-W41", "2026-W42"]
    if kind == "burn":
        week = [next(row for row in rows_of(desk, one) if row["window"] == "7d") for one in ("2026-W41", "2026-W42")]
        assert [float(row["per_day"]) for row in week] == [pytest.approx(240, rel=0.1), pytest.approx(2_400, rel=0.1)]
        assert [row["window_end"] for row in week] == ["2026-10-11T22:00:00Z", "2026-10-18T22:00:00Z"]


def test_trend_of_a_week_is_shown_of_it_and_learned_from_before(open_desk: OpenDesk) -> None:
    desk = open_desk(table("trend", 'formats = ["csv"]'), MONDAY)
    desk.poll()
    used(desk, 43, 240)
    done = run_now(desk.work(renderer=Renderer()), desk.clock, "r", "2026-W46", send=False)
    days = [row for row in rows_of(desk, done.period) if row["grain"] == "day"]
    assert [row["period"] for row in days] == [f"2026-11-{day:02}" for day in range(9, 16)]
    assert days[0]["mean"] != ""  # of the seven days up to it


@pytest.fixture
def four_weeks(open_desk: OpenDesk) -> tuple[ReportDesk, ScheduledReports]:
    """A trend and a month, each as JSON, over a ledger of four weeks."""
    text = table("trend", 'formats = ["json"]') + table("month", 'formats = ["json"]', "month").replace('"r"', '"m"')
    desk = open_desk(text, MONDAY)
    desk.poll()
    used(desk, 28, 240)
    return desk, desk.work(renderer=Renderer())


def test_json_is_that_of_the_command(four_weeks: tuple[ReportDesk, ScheduledReports]) -> None:
    desk, work = four_weeks
    out = io.StringIO()
    (made,) = run_now(work, desk.clock, "r", "2026-W43", send=False).files
    asked = question(desk, work, "r", "2026-W43")
    print_trend(trend(desk.database, asked), "json", out)
    assert json.loads(made.read_text()) == json.loads(out.getvalue())
    assert json.loads(made.read_text())[0]["days"]
    out = io.StringIO()
    (made,) = run_now(work, desk.clock, "m", "2026-10", send=False).files
    asked = question(desk, work, "m", "2026-10")
    print_month(month(desk.database, asked, "2026-10", As.NOW), As.NOW, "json", out)
    assert json.loads(made.read_text()) == json.loads(out.getvalue())
    assert json.loads(made.read_text())[0]["days"]


class TestDataAreIn:
    """What ``zone`` bounds the period, and which poll is late enough."""

    def test_day_of_another_zone_waits_for_a_poll_after_its_own_midnight(self, open_desk: OpenDesk) -> None:
        desk = open_desk(
            table("daily", 'timezone = "America/Los_Angeles"', "day"), datetime(2026, 11, 3, 12, tzinfo=UTC)
        )
        desk.poll()
        work = desk.work()
        work.tick()
        desk.clock.passes(13 * 3600)  # past midnight in Berlin, seven hours before that of Los Angeles
        desk.poll()
        desk.clock.passes(14.5 * 3600)
        work.tick()
        assert [one.made_at for one in desk.runs("r")] == [None]
        desk.poll()
        desk.clock.passes(61)
        work.tick()
        assert [one.missing for one in desk.runs("r") if one.made_at] == [()]

    def test_statement_waits_from_the_end_of_the_accounts_own_period_on(self, open_desk: OpenDesk) -> None:
        text = table("month", 'timezone = "Asia/Tokyo"', "month").replace("07:00", "00:30")
        desk = open_desk(text, datetime(2026, 10, 31, 12, tzinfo=UTC))
        desk.poll()
        work = desk.work()
        made = []
        for _ in range(20):
            desk.clock.passes(3600)
            work.tick()
            made.append((desk.clock.now().strftime("%d %H"), [one.missing for one in desk.runs("r") if one.made_at]))
        assert next(at for at, found in made if found) == "01 05"  # Berlin's October ended at 23 o'clock UTC
        assert made[-1][1] == [("a",)]


class TestInvoice:
    TEXT = table("reconcile", 'formats = ["md"]\ninvoice = "invoices/{period}.csv"', "month")

    def asked(self, desk: ReportDesk) -> str:
        work = desk.work(renderer=Renderer())
        (made,) = run_now(work, desk.clock, "r", "2026-10", send=False).files
        return made.read_text()

    def test_that_lies_there_is_what_the_month_is_held_against(self, open_desk: OpenDesk, tmp_path: Path) -> None:
        desk = open_desk(self.TEXT, MONDAY)
        desk.poll()
        used(desk, 28, 240)
        (tmp_path / "invoices").mkdir()
        (tmp_path / "invoices" / "2026-10.csv").write_text(
            "account,meter,period_start,period_end,quantity\na,credits,2026-10-01,2026-11-01,123456\n"
        )
        assert "123,456" in self.asked(desk)

    def test_that_is_not_there_yet_is_told(self, open_desk: OpenDesk) -> None:
        desk = open_desk(self.TEXT, MONDAY)
        desk.poll()
        used(desk, 28, 240)
        assert "No invoice was at" in self.asked(desk)


def test_only_reports_on_where_things_stand_are_asked_as_of_the_end(open_desk: OpenDesk) -> None:
    desk = open_desk(table("daily") + table("burn").replace('"r"', '"b"'), MONDAY)
    desk.poll()
    desk.clock.passes(9 * DAY)
    assert question(desk, desk.work(), "r", "2026-W41").as_of is None
    found = question(desk, desk.work(), "b", "2026-W41").as_of
    assert found == datetime(2026, 10, 11, 22, tzinfo=UTC)
