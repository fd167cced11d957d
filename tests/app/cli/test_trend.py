"""``report trend``, ``report requests --summary`` and ``report daily --alert-above`` as a user asks for them."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from tests.app.console import Console
from tests.upstream import Upstream, listed

FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
LAST = FIRST + timedelta(days=3)
QUOTA = "[accounts.meters.credits]\nquota = { lifetime = 10000 }"
HOSTILE = "=HYPERLINK(1)<script>alert(1)</script>\u202e"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Path:
    """A folder with three days of history, polled every six hours; one request of 500 credits each time."""
    folder = tmp_path_factory.mktemp("history")
    with pytest.MonkeyPatch.context() as patch, Upstream() as upstream, time_machine.travel(FIRST, tick=False) as clock:
        console = Console(folder, patch)
        console.use(upgraded_sqlite)
        console.configure(upstream.url, nellie=f'poll_every = "6h"\n{QUOTA}', nected='poll_every = "6h"')
        for number in range(13):
            at = FIRST + number * timedelta(hours=6)
            clock.move_to(at)
            upstream.invocations = 1000 + 10 * number
            upstream.say(requests=number, credits=500 * number)
            made = [FIRST + timedelta(hours=6 * one - 1) for one in range(1, number + 1)]
            upstream.listed = [
                listed(
                    f"r-{one}",
                    HOSTILE if one == 12 else "completed",
                    createdAt=when.isoformat(),
                    completedAt=(when + timedelta(minutes=20)).isoformat(),
                    creditsUsed=500,
                )
                for one, when in enumerate(made, 1)
            ]
            console.good("poll")
    return folder


@pytest.fixture
def known(bare_console: Console, history: Path) -> Iterator[Console]:
    """A command line with the history, shortly after its last poll."""
    shutil.copytree(history, bare_console.folder, dirs_exist_ok=True)
    with time_machine.travel(LAST + timedelta(minutes=1), tick=False):
        yield bare_console


class TestTrend:
    def test_is_one_object_for_each_meter(self, known: Console) -> None:
        rows = known.json("report", "trend")
        assert [(row["account"], row["meter"]) for row in rows] == [
            ("nected", "invocations"), ("nellie", "credits"), ("nellie", "requests"),
        ]  # fmt: skip

    def test_csv_has_a_row_for_each_period_and_sums_as_json_does(self, known: Console) -> None:
        done = known.good("report", "trend", "--meter", "credits", "--format", "csv").out
        rows = [row for row in csv.DictReader(io.StringIO(done)) if row["grain"] == "day"]
        (found,) = known.json("report", "trend", "--meter", "credits")
        assert [(row["period"], int(row["usage"])) for row in rows] == [
            (day["day"], day["usage"]) for day in found["days"]
        ]

    def test_page_says_what_is_missing(self, known: Console) -> None:
        assert "needs 28 observed days, has" in known.good("report", "trend").out

    @pytest.mark.parametrize("span", [("--from", "2030-01-01"), ("--to", "2020-01-01")], ids=" ".join)
    def test_outside_the_history_is_empty_and_says_so(self, span: tuple[str, str], known: Console) -> None:
        assert known.json("report", "trend", *span) == []
        assert "nothing was recorded in this range" in known.good("report", "trend", *span).err

    def test_a_document_has_the_figures_of_json(self, known: Console) -> None:
        (found,) = known.json("report", "trend", "--meter", "invocations")
        page = known.good("report", "trend", "--meter", "invocations", "--format", "md").out
        for month in found["months"]:
            assert f"| {month['month']} | {month['start']} | {month['end']} | {month['usage']:,} |" in page

    def test_an_empty_history_gives_an_empty_page(self, console: Console) -> None:
        assert "Nothing was recorded" in console.good("report", "trend", "--format", "md").out

    def test_a_file_appears_whole(self, known: Console) -> None:
        known.good("report", "trend", "--output", "trend.json")
        assert len(json.loads((known.folder / "trend.json").read_text())) == 3


class TestRequestSummary:
    def test_sums_the_list_up(self, known: Console) -> None:
        (found,) = known.json("report", "requests", "--summary")
        assert (found["requests"], found["statuses"]["completed"], found["credits"]["p50"]) == (12, 11, 500)
        assert found["durations"]["p90_seconds"] == 1200

    def test_hostile_statuses_are_inert_everywhere(self, known: Console) -> None:
        page = known.good("report", "requests", "--format", "html").out
        assert "<script" not in page
        assert "HYPERLINK" in page
        for done in (known.good("report", "requests", "--summary"), known.good("report", "requests", "--format", "md")):
            assert "HYPERLINK" in done.out
            assert "\u202e" not in done.out
        assert "<script" not in known.good("report", "requests", "--format", "md").out.replace("\\<", "")

    def test_csv_is_one_row_for_each_account(self, known: Console) -> None:
        rows = list(csv.DictReader(io.StringIO(known.good("report", "requests", "--summary", "--format", "csv").out)))
        assert [(row["account"], row["requests"], row["other"]) for row in rows] == [("nellie", "12", "1")]

    def test_a_document_ends_with_the_list_unless_the_summary_alone_is_asked_for(self, known: Console) -> None:
        whole = known.good("report", "requests", "--format", "md").out
        alone = known.good("report", "requests", "--summary", "--format", "md").out
        assert ("## All requests" in whole, "## All requests" in alone) == (True, False)

    def test_contradicts_gaps(self, known: Console) -> None:
        done = known.run("report", "requests", "--summary", "--gaps")
        assert (done.code, "--summary and --gaps" in done.err) == (2, True)

    def test_without_requests_is_empty_and_says_so(self, console: Console) -> None:
        assert console.json("report", "requests", "--summary") == []
        assert "collector poll" in console.good("report", "requests", "--summary").err


class TestAlert:
    def test_above_the_limit_is_exit_code_1_and_names_the_meter(self, known: Console) -> None:
        done = known.run("report", "daily", "--meter", "requests", "--alert-above", "11")
        assert (done.code, done.err) == (1, "alert: nellie/requests used 12 requests, more than 11\n")
        assert "2026-03-04" in done.out

    def test_at_the_limit_is_exit_code_0(self, known: Console) -> None:
        assert known.good("report", "daily", "--meter", "requests", "--alert-above", "12").err == ""

    def test_holds_in_every_format(self, known: Console) -> None:
        assert known.run("report", "daily", "--meter", "requests", "--alert-above", "11", "--format", "md").code == 1

    @pytest.mark.parametrize("limit", ["-1", "many", "1e3", ""])
    def test_a_limit_that_is_no_number_is_refused(self, limit: str, known: Console) -> None:
        done = known.run("report", "daily", f"--alert-above={limit}")
        assert (done.code, done.out, "--alert-above takes a number" in done.err) == (2, "", True)


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        pytest.param("status --account nellie", 0, "6,000", id="how much was used in all"),
        pytest.param("report daily --account nellie --last 1d", 0, "1,000", id="today's requests and credits"),
        pytest.param("report requests --account nellie --last 2d", 0, "r-11", id="recent activity"),
        pytest.param("report requests --account nellie --last 2d --summary", 0, "requests", id="a dashboard's figures"),
        pytest.param(
            "report daily --account nellie --meter requests --alert-above 100", 0, "12", id="no alert on high volume"
        ),
        pytest.param(
            "report daily --account nellie --meter requests --alert-above 10", 1, "12", id="an alert on high volume"
        ),
        pytest.param("report exhaustion --account nellie --meter credits", 0, "4,000", id="credits remaining"),
        pytest.param("can-spend nellie 500", 0, "yes: 4,000 credits left", id="may a job of 500 start"),
        pytest.param("can-spend nellie 4001", 3, "no: 4,000 credits left", id="may a job of 4001 start"),
    ],
)
def test_the_providers_own_examples_are_one_command_each(command: str, code: int, said: str, known: Console) -> None:
    done = known.run(*command.split())
    assert (done.code, said in done.out) == (code, True)
