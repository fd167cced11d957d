from __future__ import annotations

import os
import shlex
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import chdir, closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from collector.app.cli.main import main
from collector.providers import PROVIDERS
from collector.store.backup import backup
from collector.store.engine import Database
from collector.store.restoring import restore
from collector.store.revision import HEAD, migrations_folder
from collector.store.verifying.proof import Wanted, prove
from tests.app.console import Console
from tests.faults.children import done_in_child
from tests.store.conftest import Desk, dump_of

CATALOGUE = {name: one.meters for name, one in PROVIDERS.items()}


def polls(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM poll").fetchone()
        return int(count)


def asides(console: Console) -> list[Path]:
    """Return the old databases that restores kept, without their logs."""
    return sorted(console.folder.glob("usage.db.before-restore-*Z"))


@pytest.fixture
def saved(console: Console) -> Console:
    """A console with two polls in its database and a backup, ``copy.db``, that has them; two more came since."""
    console.good("poll")
    console.good("db", "backup", "copy.db")
    console.good("poll")
    return console


class TestRestore:
    def test_puts_the_backup_in_the_place_of_the_database(self, saved: Console) -> None:
        before = (saved.folder / "copy.db").read_bytes()
        done = saved.good("db", "restore", "copy.db")
        assert f"proved, revision {HEAD}" in done.out
        assert len(saved.table("poll")) == 2
        assert saved.run("verify").code == 0
        assert saved.run("poll").code == 0
        assert (saved.folder / "copy.db").read_bytes() == before

    def test_keeps_the_old_database_and_says_where(self, saved: Console) -> None:
        done = saved.good("db", "restore", "copy.db")
        (kept,) = asides(saved)
        assert str(kept) in done.out
        assert polls(kept) == 4
        assert stat.S_IMODE((saved.folder / "usage.db").stat().st_mode) == 0o600

    def test_keeps_both_old_databases_of_two_restores_in_one_second(self, saved: Console) -> None:
        now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        path, copy = saved.folder / "usage.db", saved.folder / "copy.db"
        first, second = (restore(path, copy, now, lambda _: None, lambda: None).kept for _ in range(2))
        assert first is not None
        assert second is not None
        assert (polls(first), polls(second), polls(path)) == (4, 2, 2)

    def test_leaves_no_log_that_would_be_replayed_into_the_new_file(self, saved: Console) -> None:
        # A writer that was killed leaves its log.
        def killed() -> None:
            database = Database(f"sqlite:///{saved.folder / 'usage.db'}")
            with database.write() as connection:
                connection.exec_driver_sql("UPDATE account SET failures = 77")
            os.kill(os.getpid(), signal.SIGKILL)

        assert done_in_child(killed) == -signal.SIGKILL
        assert (saved.folder / "usage.db-wal").stat().st_size > 0
        saved.good("db", "restore", "copy.db")
        assert [row.failures for row in saved.table("account")] == [0, 0]
        with closing(sqlite3.connect(asides(saved)[0])) as connection:
            assert connection.execute("SELECT DISTINCT failures FROM account").fetchall() == [(77,)]

    def test_replaces_a_damaged_database_and_keeps_it_as_it_is(self, saved: Console) -> None:
        path = saved.folder / "usage.db"
        path.write_bytes(b"x" * 9000)
        assert saved.run("poll").code == 7
        saved.good("db", "restore", "copy.db")
        assert asides(saved)[0].read_bytes() == b"x" * 9000
        assert saved.run("verify").code == 0

    def test_replaces_a_missing_database(self, saved: Console) -> None:
        (saved.folder / "usage.db").unlink()
        done = saved.good("db", "restore", "copy.db")
        assert "is now" not in done.out
        assert (len(saved.table("poll")), asides(saved)) == (2, [])

    def test_what_the_backup_says_of_running_collectors_is_forgotten(self, saved: Console) -> None:
        with closing(sqlite3.connect(saved.folder / "copy.db")) as connection, connection:
            connection.execute("UPDATE account SET lease_owner = 'gone', lease_until = 9999999999999999")
        saved.good("db", "restore", "copy.db")
        assert {row.lease_owner for row in saved.table("account")} == {None}

    def test_brings_an_older_backup_to_this_schema(self, saved: Console) -> None:
        config = Config()
        config.set_main_option("script_location", str(migrations_folder()))
        copy = Database(f"sqlite:///{saved.folder / 'copy.db'}")
        with copy.migrate() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "0002")
        copy.close()
        assert "revision 0002" in saved.good("db", "restore", "copy.db").out
        assert saved.run("verify").code == 0


@contextmanager
def in_use(path: Path) -> Iterator[int]:
    """Let another program have a database open, as a collector does between two polls."""
    reader = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM poll').fetchall()"
    command = [sys.executable, "-c", f"{reader}; print('open', flush=True); input()", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == b"open\n"
        try:
            yield program.pid
        finally:
            program.stdin.write(b"\n")
            program.stdin.close()


class TestRefused:
    def unchanged(self, console: Console, *words: str) -> tuple[int, str]:
        """Run a restore that must change nothing; return its exit code and what it said."""
        before = (console.folder / "usage.db").read_bytes()
        done = console.run("db", "restore", *words)
        assert (console.folder / "usage.db").read_bytes() == before
        assert asides(console) == []
        assert list(console.folder.glob("*.restoring*")) == []
        return done.code, done.err

    def test_while_another_program_uses_the_database(self, saved: Console) -> None:
        with in_use(saved.folder / "usage.db") as pid:
            code, said = self.unchanged(saved, "copy.db")
        assert code == 5
        assert "another program uses the database" in said
        assert f"({pid})" in said
        saved.good("db", "restore", "copy.db")

    def test_while_another_program_uses_a_damaged_database(self, saved: Console) -> None:
        path = saved.folder / "usage.db"
        with in_use(path):
            path.write_bytes(b"x" * 9000)
            assert self.unchanged(saved, "copy.db")[0] == 5

    def test_from_a_damaged_backup(self, saved: Console) -> None:
        with (saved.folder / "copy.db").open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 20000)
        assert self.unchanged(saved, "copy.db")[0] == 7

    def test_from_a_backup_that_contradicts_itself(self, saved: Console) -> None:
        with closing(sqlite3.connect(saved.folder / "copy.db")) as connection, connection:
            connection.execute("UPDATE snapshot SET value = value + 64")
        code, said = self.unchanged(saved, "copy.db")
        assert (code, "contradicts itself and was not restored" in said) == (7, True)

    @pytest.mark.parametrize(
        ("make", "code"),
        [
            (lambda path: None, 2),
            (lambda path: path.mkdir(), 2),
            (lambda path: path.write_bytes(b""), 6),
            (lambda path: path.write_text("a letter, not a database, and long enough to be looked at " * 9), 7),
            (lambda path: os.link(path.with_name("usage.db"), path), 2),
        ],
        ids=["missing", "folder", "empty", "letter", "itself"],
    )
    def test_from_what_is_no_backup(self, saved: Console, make: Callable[[Path], object], code: int) -> None:
        make(saved.folder / "other.db")
        assert self.unchanged(saved, "other.db")[0] == code

    def test_from_a_database_of_another_program(self, saved: Console) -> None:
        with closing(sqlite3.connect(saved.folder / "music.db")) as connection, connection:
            connection.execute("CREATE TABLE song (title TEXT)")
        assert self.unchanged(saved, "music.db")[0] == 5

    def test_from_a_backup_of_a_newer_program(self, saved: Console) -> None:
        with closing(sqlite3.connect(saved.folder / "copy.db")) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        assert self.unchanged(saved, "copy.db")[0] == 6

    def test_over_a_link(self, saved: Console) -> None:
        path = saved.folder / "usage.db"
        path.rename(saved.folder / "real.db")
        path.symlink_to("real.db")
        assert self.unchanged(saved, "copy.db")[0] == 2

    def test_on_postgresql_with_the_command_that_does_it(self, saved: Console) -> None:
        saved.set("COLLECTOR_DATABASE__URL", "postgresql://user:s3cret@db.example.com/usage")
        done = saved.run("db", "restore", "copy of it.dump")
        assert done.code == 2
        command = shlex.split(done.err.split("`")[1])
        assert command[0] == "pg_restore"
        assert command[-2:] == ["--dbname=postgresql://user@db.example.com/usage", "copy of it.dump"]
        assert "s3cret" not in done.err


STEPS = ["link", "replace", "unlink", "fsync", "rename"]


class TestKilled:
    """Whatever a restore is killed at, the old or the new database is there, whole, and it can be run again."""

    @pytest.mark.parametrize("damaged", [False, True], ids=["sound", "damaged"])
    def test_leaves_the_old_or_the_new_one(self, saved: Console, damaged: bool) -> None:
        path = saved.folder / "usage.db"
        if damaged:
            path.write_bytes(b"x" * 9000)
        killed, number, seen = -signal.SIGKILL, 0, set()
        while killed == -signal.SIGKILL:
            killed = done_in_child(partial(restore_killed_at, saved, number))
            number += 1
            assert path.exists()
            whole = path.read_bytes() == b"x" * 9000 if damaged else polls(path) == 4
            seen.add("old" if whole else "new")
            if not whole:
                assert polls(path) == 2
                assert saved.run("verify").code == 0
        assert (killed, number > 4, seen) == (0, True, {"old", "new"})
        assert polls(path) == 2


def restore_killed_at(console: Console, number: int) -> None:
    """Run a restore in this process, killed before a call of that number that changes the folder or syncs it."""
    left = [number]

    def deadly(name: str) -> None:
        usual: Any = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return usual(*arguments, **options)

        setattr(os, name, call)

    for name in STEPS:
        deadly(name)
    with chdir(console.folder):
        main(["db", "restore", "copy.db"])


def test_a_backup_made_while_a_writer_writes_is_proved(
    sqlite_database: Database, make_account: Callable[..., Any], tmp_path: Path
) -> None:
    desk = Desk(sqlite_database, make_account(), CATALOGUE["nellie"])
    stop, second = threading.Event(), [0]

    def write() -> None:
        while not stop.is_set():
            second[0] += 1
            desk.poll(second[0], {"requests": second[0], "credits": second[0]})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            begun = second[0]
            backup(sqlite_database, tmp_path / f"copy-{number}.db", {})
            while second[0] < begun + 2:
                assert writer.is_alive()
    finally:
        stop.set()
        writer.join()
    for number in range(5):
        copy = Database(f"sqlite:///{tmp_path / f'copy-{number}.db'}")
        proof = prove(copy, Wanted(catalogue=CATALOGUE), lambda _: None)
        assert [one.findings for one in proof.checks if not one.ok] == []
        assert set(dump_of(copy)["poll"]) <= set(dump_of(sqlite_database)["poll"])
        copy.close()
