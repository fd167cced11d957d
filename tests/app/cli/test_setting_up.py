from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from collector.config import template
from collector.store.revision import HEAD
from tests.app.console import Console
from tests.upstream import Upstream


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestInit:
    def test_writes_settings_that_are_valid_as_they_are(self, bare_console: Console) -> None:
        bare_console.good("init")
        assert (bare_console.folder / "collector.toml").read_text() == template()
        assert bare_console.run("db", "upgrade").code == 0

    def test_keeps_them_private(self, bare_console: Console) -> None:
        bare_console.good("init")
        assert mode_of(bare_console.folder / "collector.toml") == 0o600

    def test_says_what_to_type_next(self, bare_console: Console) -> None:
        out = bare_console.good("init").out
        assert all(words in out for words in ("collector db upgrade", "collector doctor", "collector poll"))

    def test_keeps_settings_and_databases_out_of_git(self, bare_console: Console) -> None:
        bare_console.good("init")
        assert "collector.toml" in (bare_console.folder / ".gitignore").read_text()

    def test_leaves_a_gitignore_as_it_is(self, bare_console: Console) -> None:
        ignore = bare_console.folder / ".gitignore"
        ignore.write_text("mine\n")
        done = bare_console.good("init")
        assert ignore.read_text() == "mine\n"
        assert ".gitignore" not in done.out

    def test_twice_leaves_the_first_as_it_is(self, bare_console: Console) -> None:
        path = bare_console.write("# mine\n")
        done = bare_console.run("init")
        assert done.code == 2
        assert "left as it is" in done.err
        assert path.read_text() == "# mine\n"

    @pytest.mark.parametrize("words", [("--config", "other.toml", "init"), ("init", "--config", "other.toml")])
    def test_writes_where_it_is_told_to(self, words: tuple[str, ...], bare_console: Console) -> None:
        bare_console.good(*words)
        assert (bare_console.folder / "other.toml").exists()

    def test_writes_where_the_other_verbs_look(self, bare_console: Console) -> None:
        bare_console.set("COLLECTOR_CONFIG", "other.toml")
        bare_console.good("init")
        assert bare_console.run("db", "upgrade").code == 0
        assert not (bare_console.folder / "collector.toml").exists()

    def test_into_a_missing_folder_is_refused(self, bare_console: Console) -> None:
        done = bare_console.run("init", "--config", "nowhere/collector.toml")
        assert done.code == 2
        assert "nowhere" in done.err

    def test_does_not_follow_a_link(self, bare_console: Console) -> None:
        (bare_console.folder / "collector.toml").symlink_to("precious")
        assert bare_console.run("init").code == 2
        assert not (bare_console.folder / "precious").exists()


class TestDatabase:
    def test_upgrade_creates_it_privately(self, bare_console: Console, upstream: Upstream) -> None:
        bare_console.configure(upstream.url)
        done = bare_console.good("db", "upgrade")
        assert f"created, revision {HEAD}" in done.out
        assert mode_of(bare_console.folder / "usage.db") == 0o600

    def test_upgrade_again_has_nothing_to_do(self, console: Console) -> None:
        assert "nothing to do" in console.good("db", "upgrade").out

    def test_check_finds_it_sound(self, console: Console) -> None:
        assert "is sound" in console.good("db", "check").out

    def test_check_finds_a_changed_schema(self, console: Console) -> None:
        with sqlite3.connect(console.folder / "usage.db") as connection:
            connection.execute("ALTER TABLE gap ADD COLUMN extra TEXT")
        connection.close()
        done = console.run("db", "check")
        assert done.code == 7
        assert "extra" in done.err

    def test_backup_is_a_whole_private_copy(self, console: Console) -> None:
        console.good("poll")
        assert "proved readable" in console.good("db", "backup", "copy.db").out
        assert mode_of(console.folder / "copy.db") == 0o600
        with sqlite3.connect(console.folder / "copy.db") as connection:
            assert connection.execute("SELECT count(*) FROM poll").fetchone() == (2,)
        connection.close()

    def test_backup_replaces_an_older_one(self, console: Console) -> None:
        (console.folder / "copy.db").write_text("old")
        console.good("db", "backup", "copy.db")
        assert (console.folder / "copy.db").read_bytes().startswith(b"SQLite format 3")

    @pytest.mark.parametrize("target", ["usage.db", "./usage.db", ".", "nowhere/copy.db", "link.db"])
    def test_backup_onto_anything_precious_is_refused(self, target: str, console: Console) -> None:
        (console.folder / "link.db").symlink_to("usage.db")
        before = (console.folder / "usage.db").read_bytes()
        assert console.run("db", "backup", target).code == 2
        assert (console.folder / "usage.db").read_bytes() == before

    def test_copy_moves_the_history_into_another_database(self, console: Console) -> None:
        console.good("poll")
        before = console.json("report", "daily")
        done = console.good("db", "copy", "sqlite:///other.db")
        assert "poll" in done.out
        (console.folder / "other.db").replace(console.folder / "usage.db")
        assert console.json("report", "daily") == before

    def test_copy_to_no_database_at_all_is_refused(self, console: Console) -> None:
        assert console.run("db", "copy", "mysql://host/name").code == 2
