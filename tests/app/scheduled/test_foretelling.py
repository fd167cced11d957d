"""What scheduled reports foretell is kept with them, and graded when its time is over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector.app.scheduled.by_hand import run_now
from collector.app.scheduled.rendering import Drawing, Renderer
from collector.domain.accounts import Account
from collector.domain.calendar import day_of
from collector.store.engine import Database
from collector.store.forecasts import KeptForecast, kept_forecasts
from collector.store.reading import meters
from reports.backtest import backtest_rows, backtests
from reports.document import Document
from reports.documents.burn import burn_document
from reports.documents.month import month_document
from reports.forecasting.verdict import LEVELS
from reports.question import Question
from reports.shown_forecasts import shown_trials
from tests.app.scheduled.desk import ReportDesk

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 9, 30, tzinfo=UTC)
NOVEMBER = datetime(2026, 10, 31, 23, tzinfo=UTC)  # in Berlin
FAR = datetime(2100, 1, 1, tzinfo=UTC)
DAY = 86_400.0
REPORTS = """
[accounts.billing]
period = "monthly"
[accounts.meters.credits]
quota = 9000
[[reports]]
name = "weekly"
report = "exhaustion"
formats = ["json"]
schedule = { every = "week", at = "07:00" }
[[reports]]
name = "monthly"
report = "month"
formats = ["json"]
schedule = { every = "month", at = "07:00" }
"""


class WithoutPictures(Renderer):
    """The reports as they are; their letters show no charts, which take seconds."""

    def drawings(self, document: Document, most: int) -> Iterator[Drawing]:
        """Draw nothing."""
        return iter(())


def passing(desk: ReportDesk, days: int, value: int) -> int:
    """Let days of 300 credits pass, with a poll each half day."""
    for _ in range(2 * days):
        value += 150
        desk.clock.passes(DAY / 2)
        desk.poll(value)
    return value


def kept(desk: ReportDesk) -> list[KeptForecast]:
    with desk.database.read() as connection:
        return [one for row in meters(connection) for one in kept_forecasts(connection, row.id, FAR, 1000)]


@pytest.fixture(scope="module")
def desk(
    upgraded_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, make_account: Callable[..., Account]
) -> Iterator[ReportDesk]:
    """Five weeks of 300 credits a day: the quota of 9,000 ends with the 30th; two reports a week and a month apart."""
    folder = tmp_path_factory.mktemp("foretelling")
    shutil.copy(upgraded_sqlite, folder / "usage.db")
    database = Database(f"sqlite:///{folder / 'usage.db'}")
    found = ReportDesk(database, folder, make_account, REPORTS, BEGIN)
    found.poll()
    value = passing(found, 20, 0)
    work = found.work(renderer=WithoutPictures())
    work.tick()
    for _ in range(2):
        value = passing(found, 7, value)
        work.tick()
        work.tick()
    yield found
    database.close()


def test_each_run_keeps_what_it_shows_of_each_meter(desk: ReportDesk) -> None:
    found = sorted((one.report, one.period) for one in kept(desk))
    assert found == [("monthly", "2026-10"), ("weekly", "2026-W43"), ("weekly", "2026-W44")]


def test_what_is_kept_is_what_the_report_says(desk: ReportDesk) -> None:
    one = next(one for one in kept(desk) if one.period == "2026-W43")
    (row,) = json.loads((desk.folder / "weekly-2026-W43.json").read_text())
    told = one.foretold
    assert (told.quota, told.used, told.remaining) == (row["quota"], row["used"], row["remaining"])
    assert told.probability == pytest.approx(row["probability"], abs=1e-6)
    assert (told.until, told.method) == (NOVEMBER, row["method"])
    assert list(dict(told.times)) == list(LEVELS.values())
    for name, level in LEVELS.items():
        days = dict(told.times)[level]
        day = None if days is None else day_of(told.seen_at + timedelta(days=days, seconds=-1), BERLIN).isoformat()
        assert day == row[name], name
    assert told.used is not None
    assert told.used + dict(told.amounts)[0.5] == pytest.approx(row["projected_usage"], abs=1)


def test_making_it_by_hand_without_sending_keeps_nothing(desk: ReportDesk) -> None:
    before = len(kept(desk))
    run_now(desk.work(renderer=WithoutPictures()), desk.clock, "weekly", "2026-W43", send=False)
    assert len(kept(desk)) == before


def asked(desk: ReportDesk) -> Question:
    return Question(desk.clock.now(), desk.work().post.bench.agreements)


def test_reports_without_an_outlook_foretell_nothing(desk: ReportDesk) -> None:
    assert burn_document(desk.database, asked(desk)).foretold == ()


def test_month_foretells_the_usage_of_a_meter_without_a_quota(desk: ReportDesk) -> None:
    (one,) = month_document(desk.database, Question(desk.clock.now()), "2026-10").foretold
    assert (one.quota, one.remaining, one.probability, one.times) == (None, None, None, ())
    assert one.until == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert dict(one.amounts)[0.1] <= 300 * (one.until - one.seen_at) / timedelta(days=1) <= dict(one.amounts)[0.9]


def test_it_is_graded_once_its_period_is_over(desk: ReportDesk) -> None:
    with desk.database.read() as connection:
        (row,) = meters(connection)
    found = shown_trials(desk.database, [row])[row.id]
    assert [(round(one.days), one.came) for one in found.trials] == [(6, True)]
    (trial,) = found.trials
    assert trial.error is not None
    assert abs(trial.error) < 1
    assert found.open == 2
    rows = backtest_rows(backtests(desk.database, asked(desk)))
    assert [one["kind"] for one in rows] == ["replayed", "shown"]
    assert (rows[1]["forecasts"], rows[1]["reason"]) == (1, "2 more wait for the end of their period")
