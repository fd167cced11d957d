"""The reports as a user asks for them; what they compute is tested with the reports."""

from __future__ import annotations

import csv
import io
import json
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from tests.app.console import Console, Printed
from tests.upstream import Upstream, listed

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
LAST = FIRST + timedelta(days=2)

KEYS = {
    "daily": "account, meter, unit, day, usage, lower, upper, coverage, snapshots, resets, corrections, held, partial",
    "burn": "account, meter, unit, window, window_start, window_end, usage, per_day, coverage",
    "exhaustion": "account, meter, unit, quota, used, remaining, period_start, period_end, status, exhausts_on, "
    "earliest, latest, probability, per_day, projected_usage, method, reason",
    "requests": "account, request_id, status, created_at, completed_at, credits_used, first_seen_at, last_seen_at",
}
REPORTS = tuple(KEYS)
RANGED = ("daily", "requests")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Path:
    """A folder with three days of history, polled every eight hours."""
    folder = tmp_path_factory.mktemp("history")
    with pytest.MonkeyPatch.context() as patch, Upstream() as upstream, time_machine.travel(FIRST, tick=False) as clock:
        console = Console(folder, patch)
        console.use(upgraded_sqlite)
        quota = "[accounts.meters.invocations]\nquota = { lifetime = 5000 }"
        console.configure(
            upstream.url,
            nected=f'timezone = "Asia/Kathmandu"\npoll_every = "8h"\n{quota}',
            nellie='timezone = "Europe/Berlin"\npoll_every = "8h"',
        )
        for number in range(7):
            clock.move_to(FIRST + number * timedelta(hours=8))
            upstream.invocations = 1000 + 100 * number
            upstream.say(requests=number, credits=250 * number)
            upstream.listed = [
                listed(f"r-{one}", createdAt=(FIRST + (one - 0.5) * timedelta(hours=8)).isoformat())
                for one in range(1, number + 1)
            ]
            console.good("poll")
    return folder


@pytest.fixture
def known(bare_console: Console, history: Path) -> Iterator[Console]:
    """A command line with three days of history, shortly after its last poll."""
    shutil.copytree(history, bare_console.folder, dirs_exist_ok=True)
    with time_machine.travel(LAST + timedelta(minutes=1), tick=False):
        yield bare_console


@pytest.mark.parametrize("name", REPORTS)
class TestEveryReport:
    def test_has_the_keys_of_the_contract(self, name: str, known: Console) -> None:
        rows = known.json("report", name)
        assert rows
        assert {tuple(row) for row in rows} == {tuple(KEYS[name].split(", "))}

    def test_has_the_same_columns_in_csv(self, name: str, known: Console) -> None:
        rows = list(csv.reader(io.StringIO(known.good("report", name, "--format", "csv").out)))
        assert rows[0] == KEYS[name].split(", ")
        assert len(rows) == 1 + len(known.json("report", name))

    def test_is_the_same_by_flag_and_by_format(self, name: str, known: Console) -> None:
        assert known.good("report", name, "--json").out == known.good("report", name, "--format", "json").out

    def test_is_a_table_without_flags(self, name: str, known: Console) -> None:
        done = known.good("report", name)
        assert done.lines[0].startswith("account")
        assert done.out == known.good("report", name, "--format", "table").out

    def test_in_a_pipe_does_not_depend_on_the_terminal(self, name: str, known: Console) -> None:
        before = known.good("report", name).out
        known.set("COLUMNS", "20")
        assert known.good("report", name).out == before

    def test_has_no_colour_codes_even_where_they_are_forced_off(self, name: str, known: Console) -> None:
        known.set("NO_COLOR", "1")
        assert "\x1b" not in known.good("report", name).out

    def test_without_history_is_empty_and_says_so(self, name: str, console: Console) -> None:
        done = console.good("report", name)
        assert (done.out, "collector poll" in done.err) == ("", True)

    def test_without_history_is_an_empty_list(self, name: str, console: Console) -> None:
        assert console.json("report", name) == []

    def test_without_history_has_a_header_in_csv(self, name: str, console: Console) -> None:
        assert console.good("report", name, "--format", "csv").out.split() == [KEYS[name].replace(" ", "")]


def test_without_history_no_gap_is_no_good_news(console: Console) -> None:
    assert "nothing was recorded" in console.good("report", "requests", "--gaps").err


@pytest.mark.parametrize("name", RANGED)
class TestRange:
    @pytest.mark.parametrize(
        "span",
        [("--from", "2030-01-01"), ("--to", "2020-01-01"), ("--from", "2020-01-01", "--to", "2020-02-01"),
         ("--from", "2026-03-04"), ("--from", "0001-01-01", "--to", "0001-01-02"), ("--from", "9999-12-31")],
        ids=" ".join,
    )  # fmt: skip
    def test_outside_the_history_is_empty_and_never_zeros(
        self, span: tuple[str, ...], name: str, known: Console
    ) -> None:
        assert known.json("report", name, *span) == []
        done = known.good("report", name, *span)
        assert (done.out, "nothing was recorded in this range" in done.err) == ("", True)

    @pytest.mark.parametrize(
        "span", [("2026-03-02", "2026-03-01"), ("2026-03-01", "2026-03-01")], ids=["turned", "empty"]
    )
    def test_without_a_day_is_refused(self, span: tuple[str, str], name: str, known: Console) -> None:
        done = known.run("report", name, "--from", span[0], "--to", span[1])
        assert done.code == 2
        assert "holds no day" in done.err

    @pytest.mark.parametrize("words", ["--from soon", "--to 31.01.2026", "--last 5", "--last 0d", "--tz Mars/Olympus"])
    def test_that_is_not_understood_is_refused(self, words: str, name: str, known: Console) -> None:
        assert known.run("report", name, *words.split()).code == 2

    def test_as_wide_as_time_itself_is_everything(self, name: str, known: Console) -> None:
        whole = known.json("report", name)
        assert known.json("report", name, "--from", "0001-01-01", "--to", "9999-12-31") == whole


class TestGaps:
    @pytest.fixture
    def overrun(self, console: Console, upstream: Upstream) -> Iterator[Console]:
        """A command line whose third of five polls found the list overrun; the fourth lagged behind its counter."""
        with time_machine.travel(FIRST, tick=False) as clock:
            counted = ((1, 250, (1,)), (2, 500, (1, 2)), (9, 1250, (8, 9)), (10, 1500, (8, 9)), (10, 1500, (8, 9, 10)))
            for number, (requests, credits, ids) in enumerate(counted):
                clock.move_to(FIRST + number * timedelta(hours=8))
                upstream.say(requests=requests, credits=credits)
                upstream.listed = [
                    listed(f"r-{one}", createdAt=(FIRST + one * timedelta(hours=1)).isoformat()) for one in ids
                ]
                console.good("poll", "nellie")
            yield console

    def test_have_the_polls_at_which_requests_were_missed(self, overrun: Console) -> None:
        assert overrun.json("report", "requests", "--gaps") == [
            {
                "account": "nellie",
                "polled_at": "2026-03-02T04:00:00Z",
                "missed_requests": 5,
                "missed_after": "2026-03-01T14:00:00Z",
                "missed_before": "2026-03-01T20:00:00Z",
                "new_requests": 2,
                "listed_requests": 2,
                "unexplained": 250,
            }
        ]

    def test_have_the_same_columns_in_csv(self, overrun: Console) -> None:
        rows = list(csv.reader(io.StringIO(overrun.good("report", "requests", "--gaps", "--format", "csv").out)))
        assert rows[0] == list(overrun.json("report", "requests", "--gaps")[0])

    def test_are_shown_as_a_table(self, overrun: Console) -> None:
        assert "2026-03-02 04:00:00Z" in overrun.good("report", "requests", "--gaps").out

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("--from 2026-03-02", 1), ("--from 2026-03-03", 0), ("--to 2026-03-02", 0), ("--account nellie", 1),
            ("--account nected", 0), ("--to 2026-03-02 --tz America/New_York", 1),
        ],
    )  # fmt: skip
    def test_are_those_asked_for(self, words: str, expected: int, overrun: Console) -> None:
        assert len(overrun.json("report", "requests", "--gaps", *words.split())) == expected

    def test_that_are_none_are_said_to_be_none(self, known: Console) -> None:
        done = known.good("report", "requests", "--gaps")
        assert (done.out, "no poll of this range missed a request" in done.err) == ("", True)


class TestDays:
    @staticmethod
    def days(known: Console, *words: str) -> list[str]:
        return [row["day"] for row in known.json("report", "daily", "--meter", "invocations", *words)]

    def test_are_the_account_s_own(self, known: Console) -> None:
        assert self.days(known) == ["2026-03-01", "2026-03-02", "2026-03-03"]

    def test_are_half_open(self, known: Console) -> None:
        assert self.days(known, "--from", "2026-03-02", "--to", "2026-03-03") == ["2026-03-02"]

    def test_may_be_the_last_ones(self, known: Console) -> None:
        assert self.days(known, "--last", "2d") == ["2026-03-02", "2026-03-03"]

    def test_may_be_those_of_another_zone(self, known: Console) -> None:
        assert self.days(known, "--tz", "Pacific/Kiritimati") == ["2026-03-02", "2026-03-03", "2026-03-04"]

    @pytest.mark.parametrize("report", ["daily", "burn", "exhaustion", "requests"])
    def test_of_another_zone_are_named_above_the_table(self, known: Console, report: str) -> None:
        """Row T9."""
        named, plain = (known.good("report", report, *words) for words in (("--tz", "America/New_York"), ()))
        assert named.lines[0] == "days of America/New_York"
        assert not any(line.startswith("days of") for line in plain.lines)

    @pytest.mark.parametrize("words", [("--json",), ("--format", "csv")], ids=" ".join)
    def test_of_another_zone_are_not_named_among_rows(self, known: Console, words: tuple[str, ...]) -> None:
        assert "days of" not in known.good("report", "daily", "--tz", "America/New_York", *words).out

    def test_add_up_in_every_zone(self, known: Console) -> None:
        for zone in ("UTC", "Asia/Kathmandu", "Pacific/Kiritimati", "America/St_Johns"):
            rows = known.json("report", "daily", "--meter", "invocations", "--tz", zone)
            assert sum(row["usage"] for row in rows) == 600


class TestOutput:
    @staticmethod
    def written(known: Console, target: str, *words: str) -> Printed:
        return known.run("report", "daily", "--output", target, *words)

    def test_goes_into_a_new_private_file(self, known: Console) -> None:
        done = self.written(known, "daily.json", "--json")
        path = known.folder / "daily.json"
        assert (done.code, done.out) == (0, "")
        assert json.loads(path.read_text()) == known.json("report", "daily")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @pytest.mark.parametrize("form", ["table", "csv", "json"])
    def test_is_what_would_have_been_printed(self, form: str, known: Console) -> None:
        self.written(known, "daily.out", "--format", form)
        printed = known.good("report", "daily", "--format", form).out
        assert (known.folder / "daily.out").read_bytes().decode() == printed

    def test_replaces_a_regular_file(self, known: Console) -> None:
        (known.folder / "daily.json").write_text("old")
        assert self.written(known, "daily.json", "--json").code == 0
        assert (known.folder / "daily.json").read_text().startswith("[")

    @pytest.mark.parametrize("target", [".", "nowhere/daily.json", "link.json", "dangling.json", "/dev/null"])
    def test_anywhere_else_is_refused_and_nothing_is_touched(self, target: str, known: Console) -> None:
        (known.folder / "precious").write_text("precious")
        (known.folder / "link.json").symlink_to("precious")
        (known.folder / "dangling.json").symlink_to("missing")
        before = sorted(path.name for path in known.folder.iterdir())
        done = self.written(known, target, "--json")
        assert done.code == 2
        assert target.partition("/")[0] in done.err
        assert sorted(path.name for path in known.folder.iterdir()) == before
        assert (known.folder / "precious").read_text() == "precious"

    def test_of_a_report_that_cannot_be_made_leaves_the_old_file(self, known: Console) -> None:
        path = known.folder / "daily.json"
        path.write_text("old")
        assert self.written(known, "daily.json", "--account", "nobody").code == 2
        assert path.read_text() == "old"


def test_table_marks_what_is_not_over(known: Console) -> None:
    assert "part of the day" in known.good("report", "daily", "--last", "1d", "--meter", "invocations").out


def test_quota_is_told_in_words(known: Console) -> None:
    lines = known.good("report", "exhaustion", "--meter", "invocations").lines
    assert "5,000" in lines[1]
    assert "only 2 days of history: an interval, no date" in lines[1]


class TestExplain:
    def test_page_of_each_meter_says_what_its_forecast_rests_on(self, known: Console) -> None:
        text = known.good("report", "exhaustion", "--explain").out
        titles = [line for line in text.splitlines() if " · " in line]
        assert titles == [f"{row['account']} · {row['meter']}" for row in known.json("report", "exhaustion")]
        assert "2 days of 24 hours" in text

    @pytest.mark.parametrize("form", [("--json",), ("--format", "csv"), ("--format", "html"), ("--output", "why.pdf")])
    def test_it_is_a_text_and_nothing_else(self, known: Console, form: tuple[str, ...]) -> None:
        done = known.run("report", "exhaustion", "--explain", *form)
        assert (done.code, "--explain is a text for people" in done.err) == (2, True)
        assert not (known.folder / "why.pdf").exists()

    def test_it_can_be_kept_in_a_file(self, known: Console) -> None:
        known.good("report", "exhaustion", "--explain", "--output", "why.txt")
        assert "How it was told" in (known.folder / "why.txt").read_text()


def test_report_of_two_accounts_is_in_their_order(known: Console) -> None:
    rows = known.json("report", "burn", "--account", "nellie", "--account", "nected")
    assert [row["account"] for row in rows] == sorted(row["account"] for row in rows)


def test_output_needs_no_keys(known: Console) -> None:
    known.set("NECTED_API_KEY", None)
    known.set("NELLIE_API_KEY", None)
    assert all(known.run("report", name).code == 0 for name in REPORTS)


def test_folder_of_the_output_may_be_another(known: Console, tmp_path: Path) -> None:
    target = tmp_path / "daily.csv"
    known.good("report", "daily", "--format", "csv", "--output", str(target))
    assert target.read_text().startswith("account,meter")
