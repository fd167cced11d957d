"""``collector backtest`` as a user asks for it."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from reports.backtest import COLUMNS
from reports.documents.backtest import backtest_document
from reports.question import Question
from tests.app.console import Console

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 120
QUOTA = '[accounts.billing]\nperiod = "monthly"\n[accounts.meters.credits]\nquota = 3000'


def rows() -> Iterator[str]:
    """Yield four months of two meters, and a week of a third, a value a day."""
    yield "account,meter,observed_at,value"
    for day in range(DAYS + 1):
        at = f"{FIRST + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ}"
        weeks, rest = divmod(day, 7)
        yield f"nellie,credits,{at},{weeks * 700 + min(rest, 5) * 140}"
        yield f"nellie,requests,{at},{day * 7 + (day * day) % 5}"
        if day > DAYS - 8:
            yield f"nected,invocations,{at},{day}"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Path:
    """A folder with the history."""
    folder = tmp_path_factory.mktemp("history")
    with pytest.MonkeyPatch.context() as patch, time_machine.travel(FIRST + timedelta(days=DAYS), tick=False):
        console = Console(folder, patch)
        console.use(upgraded_sqlite)
        console.configure("https://127.0.0.1:9", nellie=QUOTA)
        (folder / "history.csv").write_text("\n".join(rows()) + "\n")
        console.good("import", "history.csv")
    return folder


@pytest.fixture
def known(bare_console: Console, history: Path) -> Iterator[Console]:
    """A command line with the history, shortly after its last value."""
    shutil.copytree(history, bare_console.folder, dirs_exist_ok=True)
    with time_machine.travel(FIRST + timedelta(days=DAYS, minutes=1), tick=False):
        yield bare_console


def test_json_grades_each_meter_beside_the_mean_of_28_days(known: Console) -> None:
    young, owned, other = known.json("backtest")
    assert all(tuple(row) == COLUMNS for row in (young, owned, other))
    assert (young["meter"], young["forecasts"]) == ("invocations", None)
    assert young["reason"] == "7 days of history; a replay needs 28"
    assert (owned["meter"], owned["kind"], owned["quota"]) == ("credits", "replayed", "own")
    assert (other["meter"], other["kind"], other["quota"]) == ("requests", "replayed", "set")
    for row in (owned, other):
        assert row["days"] == DAYS
        assert 0 <= row["brier"] <= 1
        assert 0 <= row["mean28_brier"] <= 1
        assert row["covered"] + row["below"] + row["above"] == pytest.approx(1, abs=1e-5)
        assert row["independent"] <= row["origins"] <= row["forecasts"]
        assert row["median_error_days"] >= 0
        assert row["foretold"] + row["unknown"] == row["forecasts"]


def test_table_says_in_words_what_the_figures_are_worth(known: Console) -> None:
    done = known.good("backtest", "--account", "nellie")
    assert "too few forecasts" in done.out
    assert "nected" not in done.out
    assert "median distance of the foretold day" in done.out


def test_quota_of_a_day_is_not_replayed_on_days_of_24_hours(known: Console) -> None:
    known.configure("https://127.0.0.1:9", nellie=QUOTA.replace("monthly", "daily"))
    row = next(row for row in known.json("backtest") if row["meter"] == "credits")
    reason = "quotas were set: the own one is renewed too often to be replayed on days of 24 hours"
    assert (row["quota"], row["reason"]) == ("set", reason)
    assert reason[1:] in known.good("backtest", "--format", "md").out


def test_csv_has_the_same_columns(known: Console) -> None:
    found = list(csv.DictReader(io.StringIO(known.good("backtest", "--format", "csv").out)))
    assert [row["meter"] for row in found] == ["invocations", "credits", "requests"]
    assert tuple(found[0]) == COLUMNS


def test_too_little_history_of_every_meter_is_exit_4(known: Console) -> None:
    done = known.run("backtest", "--account", "nected", "--json")
    assert (done.code, done.out) == (4, "")
    assert done.err == ("collector: no meter has enough history to replay: 7 days at most, 28 with usage are needed\n")


def test_page_tells_of_each_meter_with_its_calibration(known: Console) -> None:
    page = known.good("backtest", "--format", "md").out
    assert "# How the forecasts did" in page
    assert "against the account's own quota as it is now." in page
    assert "### Probability foretold and how often it ran out (replayed)" in page
    assert "### Where the usage until the reset lay in what was foretold (replayed)" in page


def test_page_of_nothing_says_so(known: Console) -> None:
    with known.database() as database:
        document = backtest_document(database, Question(FIRST, accounts=("nobody",)))
    assert document.empty.startswith("Nothing was recorded")
    assert document.sections == ()
