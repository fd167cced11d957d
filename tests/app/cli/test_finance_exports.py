"""The exports for finance as a user asks for them; what they say is tested with the reports."""

from __future__ import annotations

import csv
import io
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from reports.focus import COLUMNS, FocusVersion
from tests.app.console import Console
from tests.upstream import Upstream

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
LAST = FIRST + timedelta(days=2)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Path:
    """A folder with three days of history, polled every eight hours; credits have a price, the rest has none."""
    folder = tmp_path_factory.mktemp("history")
    with pytest.MonkeyPatch.context() as patch, Upstream() as upstream, time_machine.travel(FIRST, tick=False) as clock:
        console = Console(folder, patch)
        console.use(upgraded_sqlite)
        billing = '[accounts.billing]\nperiod = "monthly"\nanchor_day = 3\ncurrency = "EUR"'
        price = '[accounts.meters.credits]\nprice = "0.004"'
        console.configure(
            upstream.url,
            nected='timezone = "Asia/Kathmandu"\npoll_every = "8h"',
            nellie=f'timezone = "Europe/Berlin"\npoll_every = "8h"\n{billing}\n{price}',
        )
        for number in range(7):
            clock.move_to(FIRST + number * timedelta(hours=8))
            upstream.invocations = 1000 + 100 * number
            upstream.say(requests=number, credits=250 * number)
            console.good("poll")
    return folder


@pytest.fixture
def known(bare_console: Console, history: Path) -> Iterator[Console]:
    """A command line with that history, shortly after its last poll."""
    shutil.copytree(history, bare_console.folder, dirs_exist_ok=True)
    with time_machine.travel(LAST + timedelta(minutes=1), tick=False):
        yield bare_console


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


class TestFocus:
    def test_is_of_version_1_2_unless_told(self, known: Console) -> None:
        header = known.good("export", "focus").lines[0]
        assert header.split(",") == [*COLUMNS[FocusVersion.V1_2]]

    @pytest.mark.parametrize("version", FocusVersion, ids=str)
    def test_has_the_columns_of_the_version(self, known: Console, version: FocusVersion) -> None:
        header = known.good("export", "focus", "--focus-version", version.value).lines[0]
        assert header.split(",") == [*COLUMNS[version]]

    def test_other_version_is_wrong_usage(self, known: Console) -> None:
        done = known.run("export", "focus", "--focus-version", "1.1")
        assert (done.code, done.out) == (2, "")
        assert "1.2 or 1.0, not '1.1'" in done.err

    def test_has_every_account_unless_told(self, known: Console) -> None:
        assert {row["BillingAccountId"] for row in table(known.good("export", "focus").out)} == {"nected", "nellie"}

    def test_names_restrict_it(self, known: Console) -> None:
        rows = table(known.good("export", "focus", "--account", "nellie", "--meter", "credits").out)
        assert {(row["BillingAccountId"], row["x_Meter"]) for row in rows} == {("nellie", "credits")}

    def test_provider_has_the_name_that_people_know(self, known: Console) -> None:
        rows = table(known.good("export", "focus", "--account", "nellie").out)
        assert {row["ProviderName"] for row in rows} == {"Nellie Writer"}

    def test_dates_are_local(self, known: Console) -> None:
        done = known.good("export", "focus", "--account", "nellie", "--meter", "credits", "--from", "2026-03-02")
        assert [row["x_LocalDay"] for row in table(done.out)] == ["2026-03-02", "2026-03-03"]

    def test_last_days_include_today(self, known: Console) -> None:
        done = known.good("export", "focus", "--account", "nellie", "--meter", "credits", "--last", "1d")
        assert [row["x_LocalDay"] for row in table(done.out)] == ["2026-03-03"]


class TestBeancount:
    def test_real_bean_check_passes_it(self, known: Console) -> None:
        known.good("export", "beancount", "--output", "usage.beancount")
        program = Path(sys.executable).with_name("bean-check")
        path = known.folder / "usage.beancount"
        assert subprocess.run([program, "--no-cache", path], check=False).returncode == 0

    def test_asserts_the_balance_where_a_billing_period_begins(self, known: Console) -> None:
        done = known.good("export", "beancount", "--account", "nellie", "--meter", "credits")
        assert "2026-03-03 balance Equity:Counters:Nellie:Credits -1093 ~ 0 CREDITS" in done.lines


@pytest.mark.parametrize("what", ["focus", "beancount"])
class TestBoth:
    def test_file_is_written_whole_and_private(self, known: Console, what: str) -> None:
        printed = known.good("export", what).out
        done = known.good("export", what, "--output", "written")
        path = known.folder / "written"
        with path.open(encoding="utf-8", newline="") as file:
            assert file.read() == printed
        assert (done.out, stat.S_IMODE(path.stat().st_mode)) == ("", 0o600)

    def test_usage_without_a_price_is_named_beside_the_export(self, known: Console, what: str) -> None:
        done = known.good("export", what)
        assert "without a price in force (invocations of nected, requests of nellie)" in done.err

    def test_nothing_is_said_where_everything_has_a_price(self, known: Console, what: str) -> None:
        assert known.good("export", what, "--account", "nellie", "--meter", "credits").err == ""

    def test_range_without_history_says_so(self, known: Console, what: str) -> None:
        assert "nothing was recorded in this range" in known.good("export", what, "--from", "2026-04-01").err

    @pytest.mark.parametrize("option", ["--account", "--meter"])
    def test_unknown_name_is_wrong_usage(self, known: Console, what: str, option: str) -> None:
        done = known.run("export", what, option, "nobody")
        assert (done.code, done.out) == (2, "")

    def test_history_without_settings_of_its_account_is_exported(self, known: Console, what: str) -> None:
        path = known.folder / "collector.toml"
        path.write_text(path.read_text().replace('"nellie"', '"other"', 1))
        assert "nellie" in known.good("export", what, "--account", "nellie").out


def test_note_lists_only_some_of_many_meters(known: Console) -> None:
    from collector.app.cli.exporting import _Notes
    from collector.app.wiring import load_settings, open_database
    from reports.charges import charges_asked
    from reports.question import Question

    database = open_database(load_settings(known.folder / "collector.toml"))
    notes = _Notes()
    for _ in range(4):
        list(notes.taken_of(charges_asked(database, Question(LAST, accounts=("nellie",)))))
    database.close()
    (line,) = notes.lines()
    assert line.count(" of nellie") == 5
    assert "and 3 more)" in line
