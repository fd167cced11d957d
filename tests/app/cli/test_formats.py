"""Reports as files and pages: which format, where to, what is refused before work starts, equal figures in all."""

from __future__ import annotations

import io
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pypdfium2 as pdfium
import pytest
import time_machine
from openpyxl import load_workbook

from collector.app import progress
from collector.app.cli.answering import wanted
from collector.app.cli.main import main
from collector.app.cli.options import OutputFormat
from collector.errors import UsageError
from tests.app.console import Console
from tests.upstream import Upstream, listed

ROOT = Path(__file__).parents[3]
FIRST = datetime(2026, 3, 1, 12, tzinfo=UTC)
LAST = FIRST + timedelta(days=2)
REPORTS = {
    "daily": ("daily",),
    "burn": ("burn",),
    "exhaustion": ("exhaustion",),
    "requests": ("requests",),
    "gaps": ("requests", "--gaps"),
    "trend": ("trend",),
    "month": ("month", "--period", "2026-03"),
    "reconcile": ("reconcile", "--period", "2026-03"),
}
QUICK = ("html", "md", "xlsx", "parquet")
BEGINS = {"html": b"<!DOCTYPE html>", "md": b"# ", "xlsx": b"PK", "parquet": b"PAR1", "pdf": b"%PDF-"}


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Path:
    """A folder with two days of history, polled every eight hours."""
    folder = tmp_path_factory.mktemp("history")
    with pytest.MonkeyPatch.context() as patch, Upstream() as upstream, time_machine.travel(FIRST, tick=False) as clock:
        console = Console(folder, patch)
        console.use(upgraded_sqlite)
        quota = "[accounts.meters.invocations]\nquota = { lifetime = 50000 }"
        console.configure(upstream.url, nected=f'poll_every = "8h"\n{quota}', nellie='poll_every = "8h"')
        for number in range(7):
            clock.move_to(FIRST + number * timedelta(hours=8))
            upstream.invocations = 1000 + 1234 * number
            upstream.say(requests=number, credits=250 * number)
            upstream.listed = [
                listed(f"r-{one}", createdAt=(FIRST + (one - 0.5) * timedelta(hours=8)).isoformat())
                for one in range(1, number + 1)
            ]
            console.good("poll")
    return folder


@pytest.fixture
def known(bare_console: Console, history: Path) -> Iterator[Console]:
    """A command line with two days of history, shortly after its last poll."""
    shutil.copytree(history, bare_console.folder, dirs_exist_ok=True)
    with time_machine.travel(LAST + timedelta(minutes=1), tick=False):
        yield bare_console


@pytest.mark.parametrize("form", QUICK)
@pytest.mark.parametrize("report", REPORTS)
class TestEveryReport:
    def test_is_written_as_its_ending_says(self, report: str, form: str, known: Console) -> None:
        done = known.run("report", *REPORTS[report], "--output", f"report.{form}")
        path = known.folder / f"report.{form}"
        assert done.code == 0, done.err
        assert done.out == ""
        assert path.read_bytes().startswith(BEGINS[form])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_without_history_is_honestly_empty(self, report: str, form: str, console: Console) -> None:
        done = console.run("report", *REPORTS[report], "--output", f"report.{form}")
        assert done.code == 0, done.err
        assert (console.folder / f"report.{form}").read_bytes().startswith(BEGINS[form])


def test_figures_are_equal_in_every_format(known: Console) -> None:
    rows = known.json("report", "daily", "--meter", "invocations")
    for form in (*QUICK, "pdf"):
        known.good("report", "daily", "--meter", "invocations", "--output", f"daily.{form}")
    wanted = [(row["day"], row["usage"], row["lower"], row["upper"]) for row in rows]
    assert len(wanted) == 3

    table = pq.read_table(known.folder / "daily.parquet").to_pylist()
    assert [(str(row["day"]), row["usage"], row["lower"], row["upper"]) for row in table] == wanted
    sheet = load_workbook(known.folder / "daily.xlsx").worksheets[1]
    assert [
        (f"{row[3]:%Y-%m-%d}", *row[4:7]) for row in sheet.iter_rows(min_row=2, max_col=7, values_only=True)
    ] == wanted
    pages = pdfium.PdfDocument((known.folder / "daily.pdf").read_bytes())
    texts = {
        "md": (known.folder / "daily.md").read_text(),
        "html": re.sub(r"<[^>]*>", " ", (known.folder / "daily.html").read_text()),
        "pdf": "\n".join(page.get_textpage().get_text_range() for page in pages),
    }
    for form, text in texts.items():
        for day, *figures in wanted:
            shown = r"[\s|]+".join([day, *(f"{one:,}" for one in figures)])
            assert re.search(shown, text), (form, shown)


class TestFormat:
    def test_wins_over_the_ending(self, known: Console) -> None:
        known.good("report", "daily", "--format", "md", "--output", "daily.html")
        assert (known.folder / "daily.html").read_text().startswith("# ")

    @pytest.mark.parametrize("form", ["json", "csv"])
    def test_follows_the_ending_for_programs_too(self, form: str, known: Console) -> None:
        known.good("report", "daily", "--output", f"daily.{form}")
        printed = known.good("report", "daily", "--format", form).out
        assert (known.folder / f"daily.{form}").read_bytes().decode() == printed

    def test_that_is_text_goes_to_the_screen(self, known: Console) -> None:
        assert known.good("report", "daily", "--format", "md").out.startswith("# Usage by day")

    @pytest.mark.parametrize("form", ["xlsx", "parquet", "pdf"])
    def test_that_is_binary_is_not_for_a_terminal(self, form: str) -> None:
        with redirect_stdout(_Terminal()), pytest.raises(UsageError, match="--output FILE"):
            wanted((False, OutputFormat(form), None))

    def test_that_is_binary_goes_into_a_pipe(self, known: Console) -> None:
        command = [sys.executable, "-m", "collector", "report", "daily", "--format", "xlsx"]
        done = subprocess.run(
            command, cwd=known.folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert load_workbook(io.BytesIO(done.stdout)).sheetnames[0] == "Summary"

    @pytest.mark.parametrize(("form", "package"), [("parquet", "pyarrow"), ("pdf", "weasyprint")])
    def test_without_its_extra_names_it_before_work_starts(
        self, form: str, package: str, known: Console, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("reports.extras.find_spec", lambda _: None)
        (known.folder / "usage.db").unlink()
        done = known.run("report", "daily", "--output", f"daily.{form}")
        assert done.code == 2
        assert f"needs {package}" in done.err
        assert f"usage-collector[{form}]" in done.err

    def test_and_json_contradict_each_other(self, known: Console) -> None:
        assert known.run("report", "daily", "--json", "--format", "html").code == 2


@pytest.mark.parametrize("target", [".", "nowhere/r.html", "link.html", "dangling.html", "/dev/null"])
def test_output_that_cannot_be_written_is_refused_before_the_ledger_is_asked(target: str, known: Console) -> None:
    (known.folder / "precious").write_text("precious")
    (known.folder / "link.html").symlink_to("precious")
    (known.folder / "dangling.html").symlink_to("missing")
    # A ledger that is asked would complain of itself.
    (known.folder / "usage.db").write_bytes(b"no database at all")
    before = sorted(path.name for path in known.folder.iterdir())
    done = known.run("report", "daily", "--format", "html", "--output", target)
    assert done.code == 2
    assert "cannot write" in done.err
    assert sorted(path.name for path in known.folder.iterdir()) == before
    assert (known.folder / "precious").read_text() == "precious"


def test_report_that_cannot_be_made_leaves_the_old_file(known: Console) -> None:
    path = known.folder / "daily.html"
    path.write_text("old")
    assert known.run("report", "daily", "--account", "nobody", "--output", "daily.html").code == 2
    assert path.read_text() == "old"
    assert list(known.folder.glob(".*.partial")) == []


class TestProgress:
    def test_is_silent_in_a_pipe(self, known: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(progress, "_PATIENCE", 0)
        assert known.good("report", "requests", "--output", "requests.xlsx").err == ""

    @pytest.mark.parametrize(
        ("name", "counted"),
        [("requests.md", "6 rows"), ("requests.parquet", "6 rows"), ("requests.csv", "7 lines"),
         ("requests.json", "8 lines")],
    )  # fmt: skip
    def test_counts_for_whoever_waits_at_a_terminal(
        self, name: str, counted: str, known: Console, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(progress, "_PATIENCE", 0)
        last: list[str] = []
        ended = progress.Watch.end

        def end(watch: progress.Watch) -> None:
            last.append(f"{watch.count} {watch.what}")
            ended(watch)

        monkeypatch.setattr(progress.Watch, "end", end)
        terminal = _Terminal()
        command = ["report", "requests", "--output", name]
        with chdir(known.folder), redirect_stderr(terminal), redirect_stdout(io.StringIO()), pytest.raises(SystemExit):
            main(command)
        assert last == [counted]
        assert "making the report" in terminal.getvalue()

    def test_ends_before_the_report_is_written_to_a_terminal(
        self, known: Console, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(progress, "_PATIENCE", 0)
        plain = known.good("report", "requests", "--format", "csv").out
        both = _Terminal()
        with chdir(known.folder), redirect_stderr(both), redirect_stdout(both), pytest.raises(SystemExit):
            main(["report", "requests", "--format", "csv"])
        assert both.getvalue().endswith(plain)

    def test_says_nothing_of_what_is_quick(self) -> None:
        terminal = _Terminal()
        with redirect_stderr(terminal), progress.watched():
            pass
        assert terminal.getvalue() == ""


@pytest.mark.parametrize(
    ("how", "said"),
    [
        pytest.param((False, OutputFormat.XLSX, Path("y.csv")), "y.csv is written as xlsx", id="another"),
        pytest.param((False, None, Path("y.docx")), "no format has the ending .docx, so a table", id="unknown"),
        pytest.param((False, None, Path("y.csv")), "", id="known"),
        pytest.param((False, OutputFormat.MD, Path("y.txt")), "", id="text"),
        pytest.param((False, None, Path("y")), "", id="none"),
    ],
)
def test_an_ending_that_promises_something_else_is_told(
    how: tuple[bool, OutputFormat | None, Path], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted(how)
    told = capsys.readouterr().err
    assert (said in told) if said else told == ""
