"""What holds for every verb: exit codes, where settings are found, what is loaded."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from collector.app.cli import main as entry
from tests.app.console import Console
from tests.upstream import NECTED, Upstream

REPOSITORY = Path(__file__).parents[3]
READING = ("status", "report daily", "report burn", "report exhaustion", "report requests", "resets list")
NEED_A_DATABASE = (*READING, "poll", "run", "db check", "db backup copy.db", "can-spend nected 1",
                   "resets decide 1-1 --as reset --reason why")  # fmt: skip
GROUPS = ("", "db", "report", "resets")
VERBS = ("init", "doctor", "db upgrade", "db check", "db backup", "db copy", "poll", "run", "can-spend", "simulate",
         "resets decide", *GROUPS, *READING)  # fmt: skip


class TestHelp:
    @pytest.mark.parametrize("verb", VERBS)
    def test_is_there_for_every_verb(self, verb: str, bare_console: Console) -> None:
        assert f"Usage: collector {verb}".rstrip() in bare_console.good(*verb.split(), "--help").out

    @pytest.mark.parametrize("group", GROUPS)
    def test_is_shown_where_a_verb_is_missing(self, group: str, bare_console: Console) -> None:
        done = bare_console.run(*group.split())
        assert (done.code, "Usage: collector" in done.out + done.err) == (2, True)

    def test_has_no_colour_codes_in_a_pipe(self, bare_console: Console) -> None:
        assert "\x1b" not in bare_console.good("--help").out

    def test_version_is_told(self, bare_console: Console) -> None:
        assert re.fullmatch(r"collector \d[\w.+]*\n", bare_console.good("--version").out)


class TestExitCode:
    def test_0_where_all_went_well(self, console: Console) -> None:
        assert console.run("poll").code == 0

    def test_1_where_a_poll_failed(self, console: Console, upstream: Upstream) -> None:
        upstream.refuse(NECTED, 401)
        assert console.run("poll").code == 1

    @pytest.mark.parametrize(
        "words",
        ["frobnicate", "poll --frobnicate", "status --json=7", "can-spend", "report", "report frobnicate",
         "report daily --format xml", "report daily --json --format csv", "poll nobody", "resets decide --as whim",
         "simulate --port 99999"],
    )  # fmt: skip
    def test_2_where_the_words_are_wrong(self, words: str, console: Console) -> None:
        done = console.run(*words.split())
        assert done.code == 2
        assert done.err or done.out

    def test_2_where_the_settings_are_wrong(self, console: Console) -> None:
        console.write('[databse]\nurl = "sqlite:///usage.db"\n')
        done = console.run("status")
        assert done.code == 2
        assert "databse" in done.err
        assert "database" in done.err

    @pytest.mark.parametrize("verb", [*NEED_A_DATABASE, "db upgrade"])
    def test_2_where_there_are_no_settings(self, verb: str, bare_console: Console) -> None:
        done = bare_console.run(*verb.split())
        assert done.code == 2
        assert "collector init" in done.err

    def test_3_where_the_answer_is_no(self, console: Console, upstream: Upstream) -> None:
        console.configure(upstream.url, nected="[accounts.meters.invocations]\nquota = { lifetime = 5 }")
        console.good("poll")
        assert console.run("can-spend", "nected", "1").code == 3

    def test_4_where_there_is_nothing_to_answer_from(self, console: Console, upstream: Upstream) -> None:
        console.configure(upstream.url, nected="[accounts.meters.invocations]\nquota = { lifetime = 5 }")
        assert console.run("can-spend", "nected", "1").code == 4

    @pytest.mark.parametrize("verb", NEED_A_DATABASE)
    def test_5_where_there_is_no_database(self, verb: str, bare_console: Console, upstream: Upstream) -> None:
        bare_console.configure(upstream.url)
        done = bare_console.run(*verb.split())
        assert done.code == 5
        assert "collector db upgrade" in done.err
        assert [path.name for path in bare_console.folder.iterdir()] == ["collector.toml"]

    @pytest.mark.parametrize("verb", NEED_A_DATABASE)
    @pytest.mark.parametrize(
        ("revision", "way_out"), [("0000", "collector db upgrade"), ("9999", "newer collector")], ids=["older", "newer"]
    )
    def test_6_where_the_schema_is_another(self, verb: str, revision: str, way_out: str, console: Console) -> None:
        with sqlite3.connect(console.folder / "usage.db") as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
        connection.close()
        done = console.run(*verb.split())
        assert done.code == 6
        assert way_out in done.err

    def test_6_where_there_are_no_tables_yet(self, console: Console) -> None:
        (console.folder / "usage.db").write_bytes(b"")
        done = console.run("poll")
        assert done.code == 6
        assert "collector db upgrade" in done.err

    @pytest.mark.parametrize("verb", [*NEED_A_DATABASE, "db upgrade"])
    def test_7_where_the_file_is_damaged(self, verb: str, console: Console) -> None:
        path = console.folder / "usage.db"
        damaged = b"SQLite format 3\0" + b"\xa5" * 40_000
        path.write_bytes(damaged)
        done = console.run(*verb.split())
        assert done.code == 7
        assert "restore a backup" in done.err
        assert path.read_bytes() == damaged

    def test_error_is_one_line_on_stderr(self, bare_console: Console) -> None:
        done = bare_console.run("status")
        assert done.out == ""
        assert done.err.startswith("collector: ")
        assert done.err.count("\n") == 1

    def test_130_where_somebody_pressed_control_c(self, bare_console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(**options: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(entry, "app", interrupted)
        done = bare_console.run("status")
        assert (done.code, done.err) == (130, "collector: stopped\n")


class TestSettings:
    @pytest.fixture
    def elsewhere(self, console: Console) -> Path:
        """Settings that are not where they are looked for."""
        path = console.folder / "elsewhere.toml"
        (console.folder / "collector.toml").rename(path)
        return path

    def test_are_found_in_the_folder(self, console: Console) -> None:
        assert console.run("status").code == 0

    def test_may_be_named_before_the_verb(self, console: Console, elsewhere: Path) -> None:
        assert console.run("--config", str(elsewhere), "status").code == 0

    def test_may_be_named_after_the_verb(self, console: Console, elsewhere: Path) -> None:
        assert console.run("status", "--config", str(elsewhere)).code == 0

    @pytest.mark.parametrize("verb", ["db check", "report daily", "resets list"])
    def test_may_be_named_before_a_verb_of_a_group(self, verb: str, console: Console, elsewhere: Path) -> None:
        assert console.run("--config", "elsewhere.toml", *verb.split()).code == 0

    def test_named_after_the_verb_win(self, console: Console, elsewhere: Path) -> None:
        assert console.run("--config", "missing.toml", "status", "--config", str(elsewhere)).code == 0

    def test_may_be_named_by_the_environment(self, console: Console, elsewhere: Path) -> None:
        console.set("COLLECTOR_CONFIG", str(elsewhere))
        assert console.run("status").code == 0

    def test_named_by_a_flag_win_over_the_environment(self, console: Console, elsewhere: Path) -> None:
        console.set("COLLECTOR_CONFIG", "missing.toml")
        assert console.run("status", "--config", str(elsewhere)).code == 0

    def test_that_were_named_are_never_replaced_by_others(self, console: Console) -> None:
        done = console.run("status", "--config", "missing.toml")
        assert done.code == 2
        assert "missing.toml" in done.err

    def test_may_lie_in_the_users_own_folder(self, console: Console, elsewhere: Path) -> None:
        folder = console.folder / "no-settings-here" / "usage-collector"
        folder.mkdir(parents=True)
        elsewhere.rename(folder / "collector.toml")
        (console.folder / "usage.db").rename(folder / "usage.db")
        assert console.run("status").code == 0


@pytest.mark.parametrize("verb", READING)
class TestReadingVerbs:
    def test_have_json(self, verb: str, console: Console) -> None:
        assert isinstance(console.json(*verb.split()), list)

    def test_take_accounts(self, verb: str, console: Console) -> None:
        console.good("poll")
        rows = console.json(*verb.split(), "--account", "nected")
        assert {row["account"] for row in rows} <= {"nected"}

    def test_refuse_unknown_accounts(self, verb: str, console: Console) -> None:
        done = console.run(*verb.split(), "--account", "nobody")
        assert done.code == 2
        assert "nected, nellie" in done.err

    def test_have_no_colour_codes_in_a_pipe(self, verb: str, console: Console) -> None:
        console.good("poll")
        assert "\x1b" not in console.good(*verb.split()).out


@pytest.mark.parametrize("verb", [verb for verb in READING if verb != "report requests"])
class TestMeters:
    def test_may_be_chosen(self, verb: str, console: Console) -> None:
        console.good("poll")
        rows = console.json(*verb.split(), "--meter", "credits", "--meter", "requests")
        assert {row["meter"] for row in rows} <= {"credits", "requests"}

    @pytest.mark.parametrize("polled", [False, True], ids=["before the first poll", "after it"])
    def test_that_are_unknown_are_refused(self, polled: bool, verb: str, console: Console) -> None:
        if polled:
            console.good("poll")
        done = console.run(*verb.split(), "--meter", "credit")
        assert done.code == 2
        assert "credits, invocations, requests" in done.err


_LOADED = (
    "import sys; from collector.app.cli.main import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
)
HEAVY = {"pandas", "numpy", "alembic", "altair", "fastapi", "dask", "apscheduler"}


@pytest.mark.parametrize("words", ["--help", "poll", "can-spend nected 1"])
def test_quick_verbs_load_nothing_heavy(words: str, console: Console, upstream: Upstream) -> None:
    console.configure(upstream.url, nected="[accounts.meters.invocations]\nquota = { lifetime = 5000 }")
    console.good("poll")
    command = [sys.executable, "-c", _LOADED, *words.split()]
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, cwd=console.folder, env=environ, capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(done.stderr.split())


def test_python_dash_m_is_the_same_program(bare_console: Console) -> None:
    command = [sys.executable, "-m", "collector", "--help"]
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, cwd=bare_console.folder, env=environ, capture_output=True, text=True, check=True)
    assert "Usage: collector" in done.stdout
