from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, text

from collector.errors import CollectorError, ConfigError, FileReplacedError, IntegrityError, StorageError
from collector.store import schema
from collector.store.engine import Database, database_url
from collector.store.revision import require_head, upgrade
from collector.store.sqlite_file import use_wal

if TYPE_CHECKING:
    from tests.store.conftest import Desk

PASSWORD = "s3cr3t-canary"
NOBODY_LISTENS = "127.0.0.1:1"


def add_account(database: Database, name: str = "one") -> None:
    with database.write() as connection:
        connection.execute(insert(schema.account).values(name=name, provider="nellie", timezone="UTC"))


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(text("SELECT name FROM account ORDER BY name")))


def path_of(database: Database) -> Path:
    assert database.path is not None
    return database.path


class TestUrl:
    @pytest.mark.parametrize(
        ("given", "driver"),
        [
            ("sqlite:///usage.db", "sqlite"),
            ("sqlite:////var/lib/usage.db", "sqlite"),
            ("postgresql://user@host/name", "postgresql+psycopg"),
            ("postgresql+psycopg2://user@host/name", "postgresql+psycopg"),
            ("postgres://user@host/name", "postgresql+psycopg"),
        ],
    )
    def test_two_engines_are_supported(self, given: str, driver: str) -> None:
        assert database_url(given).drivername == driver

    @pytest.mark.parametrize(
        "given",
        [
            "", "usage.db", "//", "sqlite://", "sqlite:///", "sqlite:///:memory:",
            f"mysql://user:{PASSWORD}@host/name", f"oracle://user:{PASSWORD}@host/name",
            f"postgresql://user:{PASSWORD}@host:port/name", f"user:{PASSWORD}@host",
        ],
    )  # fmt: skip
    def test_anything_else_is_refused_without_its_password(self, given: str) -> None:
        with pytest.raises(ConfigError) as caught:
            Database(given)
        assert "sqlite:///usage.db" in str(caught.value)
        assert PASSWORD not in str(caught.value)

    @pytest.mark.parametrize(
        "given",
        [
            f"postgresql://user:{PASSWORD}@{NOBODY_LISTENS}/name",
            f"postgresql://user@{NOBODY_LISTENS}/name?password={PASSWORD}",
            f"postgresql://user@{NOBODY_LISTENS}/name?sslpassword={PASSWORD}",
            f"postgresql://user:{PASSWORD}@{NOBODY_LISTENS}/name?password={PASSWORD}&application_name=usage",
        ],
        ids=["before the host", "as an option", "of a certificate", "twice"],
    )
    def test_a_password_is_in_no_place_and_no_error(self, given: str) -> None:
        database = Database(given)
        try:
            with pytest.raises(StorageError) as caught, database.read():
                pass
            assert PASSWORD not in database.place
            assert PASSWORD not in "".join(map(str, (caught.value, caught.value.__cause__, caught.value.args)))
        finally:
            database.close()

    def test_a_place_names_server_and_database(self) -> None:
        database = Database("postgresql://user:pw@db.example.com:6543/usage")
        assert "user" in database.place
        assert "db.example.com:6543/usage" in database.place

    def test_a_place_of_a_file_is_its_path(self) -> None:
        assert Database("sqlite:///folder/usage.db").place == "folder/usage.db"

    def test_a_server_that_does_not_answer_is_exit_code_5(self) -> None:
        database = Database(f"postgresql://user@{NOBODY_LISTENS}/name")
        with pytest.raises(StorageError) as caught, database.write():
            pass
        assert caught.value.exit_code == 5


class TestFile:
    @pytest.mark.parametrize("door", ["read", "write", "migrate"])
    def test_a_missing_file_is_an_error_and_stays_missing(self, tmp_path: Path, door: str) -> None:
        database = Database(f"sqlite:///{tmp_path / 'missing.db'}")
        refused = pytest.raises(StorageError, match=r"no database at .*missing\.db; run `collector init`")
        with refused as caught, getattr(database, door)():
            pass
        assert caught.value.exit_code == 5
        assert list(tmp_path.iterdir()) == []
        database.close()

    def test_a_file_removed_while_it_is_open_is_an_error(self, sqlite_database: Database) -> None:
        add_account(sqlite_database)
        path_of(sqlite_database).unlink()
        with pytest.raises(FileReplacedError, match=r"no database at .* any more: it was deleted or moved"):
            add_account(sqlite_database, "two")

    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
    def test_a_new_file_is_its_owners_alone(self, tmp_path: Path, umask: int) -> None:
        database = Database(f"sqlite:///{tmp_path / 'new.db'}")
        before = os.umask(umask)
        try:
            upgrade(database)
            add_account(database)
            modes = {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
        finally:
            os.umask(before)
            database.close()
        assert modes == {0o600}

    def test_a_file_that_is_there_is_not_created_again(self, sqlite_database: Database) -> None:
        before = path_of(sqlite_database).read_bytes()
        sqlite_database.create_file()
        assert path_of(sqlite_database).read_bytes() == before

    def test_a_file_that_another_creates_first_is_no_error(self, tmp_path: Path) -> None:
        databases = [Database(f"sqlite:///{tmp_path / 'new.db'}") for _ in range(8)]
        barrier = threading.Barrier(len(databases), timeout=10)

        def create(database: Database) -> None:
            barrier.wait()
            database.create_file()

        with ThreadPoolExecutor(len(databases)) as pool:
            assert list(pool.map(create, databases)) == [None] * len(databases)

    def test_a_folder_that_is_not_there_is_an_error(self, tmp_path: Path) -> None:
        database = Database(f"sqlite:///{tmp_path / 'missing' / 'new.db'}")
        with pytest.raises(StorageError, match=r"cannot create the database .*: No such file or directory"):
            upgrade(database)

    @pytest.mark.parametrize(
        "name", ["a b.db", "100%41.db", "what?.db", "a#b.db", "\u00fcsage.db", "a'b\".db", "q&c.db"]
    )
    def test_a_file_may_have_any_name(self, tmp_path: Path, name: str) -> None:
        database = Database("sqlite:///usage.db")
        database.close()
        found = Database(database.url.set(database=str(tmp_path / name)).render_as_string(hide_password=False))
        upgrade(found)
        add_account(found)
        assert names(found) == ["one"]
        found.close()
        assert [one.name for one in tmp_path.iterdir()] == [path_of(found).name]

    def test_a_path_may_be_relative(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        database = Database("sqlite:///usage.db")
        upgrade(database)
        add_account(database)
        database.close()
        assert (tmp_path / "usage.db").is_file()


class TestForeignFile:
    @pytest.fixture
    def foreign(self, tmp_path: Path) -> Database:
        """A SQLite database of another program."""
        path = tmp_path / "music.db"
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE song (title TEXT)")
        connection.execute("INSERT INTO song VALUES ('one')")
        connection.commit()
        connection.close()
        return Database(f"sqlite:///{path}")

    @pytest.mark.parametrize("act", [require_head, upgrade], ids=["use", "upgrade"])
    def test_it_is_refused_and_untouched(self, foreign: Database, act: Callable[[Database], object]) -> None:
        before = path_of(foreign).read_bytes()
        with pytest.raises(StorageError, match=r"music\.db is a SQLite database of another program") as caught:
            act(foreign)
        foreign.close()
        assert caught.value.exit_code == 5
        assert path_of(foreign).read_bytes() == before


class TestDamage:
    @pytest.fixture
    def damaged(self, request: pytest.FixtureRequest, sqlite_database: Database) -> Database:
        """A database whose file was damaged at rest."""
        with sqlite_database.write() as connection:
            connection.execute(
                insert(schema.account),
                [{"name": f"account-{number}", "provider": "nellie", "timezone": "UTC"} for number in range(500)],
            )
        sqlite_database.close()
        path = path_of(sqlite_database)
        whole = path.read_bytes()
        path.write_bytes(
            {"no database": b"x" * 8192, "torn pages": whole[:4096] + b"\xff" * (len(whole) - 4096)}[request.param]
        )
        return sqlite_database

    @pytest.mark.parametrize("damaged", ["no database", "torn pages"], indirect=True)
    @pytest.mark.parametrize(
        "act", [names, add_account, require_head, upgrade], ids=["read", "write", "use", "upgrade"]
    )
    def test_it_is_told_and_the_file_left_untouched(self, damaged: Database, act: Callable[[Database], object]) -> None:
        before = path_of(damaged).read_bytes()
        with pytest.raises(
            IntegrityError, match=r"is damaged \(.*\); it was left untouched: restore a backup"
        ) as caught:
            act(damaged)
        damaged.close()
        assert caught.value.exit_code == 7
        assert path_of(damaged).read_bytes() == before


class TestWriting:
    def test_what_is_written_is_read(self, database: Database) -> None:
        add_account(database)
        assert names(database) == ["one"]

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, StorageError])
    def test_any_exception_leaves_nothing(self, database: Database, error: type[BaseException]) -> None:
        def fail() -> None:
            with database.write() as connection:
                connection.execute(insert(schema.account).values(name="one", provider="nellie", timezone="UTC"))
                raise error

        with pytest.raises(error):
            fail()
        assert names(database) == []

    def test_a_broken_constraint_leaves_nothing_and_is_explained(self, database: Database) -> None:
        add_account(database)
        with pytest.raises(StorageError, match="refuses what is to be stored: ") as caught:
            add_account(database)
        assert caught.value.exit_code == 5
        assert names(database) == ["one"]

    def test_a_row_without_its_owner_is_refused(self, database: Database) -> None:
        with pytest.raises(StorageError, match=r"(?i)foreign key"), database.write() as connection:
            connection.execute(insert(schema.gap).values(meter=99, started_at=1, ended_at=2))

    def test_writing_goes_on_after_a_fault(self, database: Database) -> None:
        for _ in range(20):  # more than there are connections
            with pytest.raises(StorageError), database.write() as connection:
                connection.execute(text("SELECT nonsense"))
        add_account(database)
        assert names(database) == ["one"]

    def test_increments_of_many_threads_and_two_collectors_are_not_lost(self, sqlite_database: Database) -> None:
        add_account(sqlite_database)
        doors = [sqlite_database, Database(f"sqlite:///{path_of(sqlite_database)}")]

        def increment(number: int) -> None:
            for _ in range(50):
                with doors[number % 2].write() as connection:
                    failures = connection.scalar(text("SELECT failures FROM account"))
                    connection.execute(text("UPDATE account SET failures = :failures"), {"failures": failures + 1})

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(increment, range(8)))
        with doors[1].read() as connection:
            assert connection.scalar(text("SELECT failures FROM account")) == 400
        doors[1].close()

    def test_a_writer_takes_the_write_lock_at_its_beginning(self, sqlite_database: Database) -> None:
        outside = sqlite3.connect(path_of(sqlite_database), timeout=0)
        with sqlite_database.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
            outside.execute("BEGIN IMMEDIATE")
        outside.close()

    @pytest.mark.parametrize("door", ["read", "write"])
    def test_durability_is_in_force(self, sqlite_database: Database, door: str) -> None:
        with getattr(sqlite_database, door)() as connection:
            found = [
                connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
        assert found == ["wal", 2, 1]

    def test_foreign_keys_are_off_while_tables_are_rebuilt(self, sqlite_database: Database) -> None:
        with sqlite_database.migrate() as connection:
            assert connection.scalar(text("PRAGMA foreign_keys")) == 0

    def test_a_full_disk_is_told_and_leaves_what_was_there(self, sqlite_database: Database) -> None:
        add_account(sqlite_database)
        with sqlite_database.write() as connection:
            pages = connection.scalar(text("PRAGMA page_count"))
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")  # of this connection, which is used again
        rows = [{"name": f"{number:0200}", "provider": "nellie", "timezone": "UTC"} for number in range(500)]
        with pytest.raises(StorageError, match="full") as caught, sqlite_database.write() as connection:
            connection.execute(insert(schema.account), rows)
        assert caught.value.exit_code == 5
        assert names(sqlite_database) == ["one"]

    @pytest.mark.postgres
    def test_a_connection_that_breaks_leaves_nothing_and_the_next_one_works(self, postgres_database: Database) -> None:
        def break_down() -> None:
            with postgres_database.write() as connection:
                connection.execute(insert(schema.account).values(name="one", provider="nellie", timezone="UTC"))
                connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

        with pytest.raises(StorageError):
            break_down()
        assert names(postgres_database) == []
        add_account(postgres_database, "two")
        assert names(postgres_database) == ["two"]

    @pytest.mark.postgres
    def test_a_connection_that_broke_while_idle_is_replaced(self, postgres_database: Database) -> None:
        add_account(postgres_database)
        with postgres_database.read() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid != pg_backend_pid()"
                )
            )
        add_account(postgres_database, "two")
        assert names(postgres_database) == ["one", "two"]


class TestReading:
    def test_a_reader_cannot_write(self, database: Database) -> None:
        with pytest.raises(StorageError, match=r"(?i)read.?only"), database.read() as connection:
            connection.execute(insert(schema.account).values(name="one", provider="nellie", timezone="UTC"))
        assert names(database) == []

    def test_a_reader_cannot_change_the_schema(self, database: Database) -> None:
        with pytest.raises(StorageError, match=r"(?i)read.?only"), database.read() as connection:
            connection.execute(text("CREATE TABLE more (id INTEGER)"))

    def test_a_reader_sees_one_state_throughout(self, database: Database) -> None:
        statement = text("SELECT count(*) FROM account")
        with database.read() as connection:
            before = connection.scalar(statement)
            add_account(database)
            assert connection.scalar(statement) == before == 0

    def test_a_reader_does_not_see_what_is_not_committed(self, database: Database) -> None:
        with database.write() as connection:
            connection.execute(insert(schema.account).values(name="one", provider="nellie", timezone="UTC"))
            assert names(database) == []

    def test_readers_do_not_wait_for_a_writer(self, desk: Desk) -> None:
        with desk.database.write() as connection:
            connection.execute(text("UPDATE account SET failures = 1"))
            assert names(desk.database) == ["nellie-prod"]


class TestWal:
    def test_it_stays_with_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "usage.db"
        path.touch()
        use_wal(path)
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()

    def test_many_switching_at_once_wait_for_each_other(self, tmp_path: Path) -> None:
        barrier = threading.Barrier(8, timeout=10)

        def switch(_: int) -> None:
            for number in range(30):
                path = tmp_path / f"{number}.db"
                path.touch()
                barrier.wait()
                use_wal(path)

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(switch, range(8))) == [None] * 8

    def test_a_file_that_is_no_database_is_told(self, tmp_path: Path) -> None:
        path = tmp_path / "usage.db"
        path.write_bytes(b"x" * 8192)
        with pytest.raises(IntegrityError, match="is damaged"):
            use_wal(path)

    def test_a_missing_file_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="cannot be used"):
            use_wal(tmp_path / "usage.db")
        assert list(tmp_path.iterdir()) == []


def test_every_fault_of_storage_is_one_of_ours() -> None:
    assert all(issubclass(one, CollectorError) for one in (ConfigError, StorageError, IntegrityError))
