from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from collector.errors import IntegrityError, RevisionError, StorageError, UsageError
from collector.store.backup import backup
from collector.store.checking import check
from collector.store.copying import copy_history
from collector.store.engine import Database

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.store.conftest import Desk


def history(desk: Desk) -> Desk:
    for second, value in ((0, 9), (10, 1), (20, 2), (5000, 7)):
        desk.poll(second, {"requests": value, "credits": value})
    return desk


def test_a_copy_is_whole_and_readable_by_its_owner_only(desk: Desk, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    size = backup(history(desk).database, target, os.environ)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert size == target.stat().st_size > 0
    assert sorted(tmp_path.glob("*.partial")) == []


def test_a_copy_of_sqlite_has_every_row(
    sqlite_database: Database,
    open_desk: type[Desk],
    make_account: Callable[..., object],
    dump_of: Callable[..., object],
    tmp_path: Path,
) -> None:
    history(open_desk(sqlite_database, make_account()))  # type: ignore[arg-type]  # the fixture's own type
    backup(sqlite_database, tmp_path / "copy.db", {})
    copy = Database(f"sqlite:///{tmp_path / 'copy.db'}")
    assert dump_of(copy) == dump_of(sqlite_database)
    copy.close()


@pytest.mark.postgres
def test_a_copy_of_postgresql_can_be_restored(postgres_database: Database, tmp_path: Path) -> None:
    target = tmp_path / "copy.dump"
    backup(postgres_database, target, os.environ)
    listing = subprocess.run(["pg_restore", "--list", str(target)], capture_output=True, text=True, check=True)
    assert "TABLE DATA public usage_request_change" in listing.stdout


@pytest.mark.postgres
def test_a_missing_pg_dump_is_named(postgres_database: Database, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="needs pg_dump"):
        backup(postgres_database, tmp_path / "copy", {"PATH": str(tmp_path)})


@pytest.mark.postgres
def test_a_failing_pg_dump_leaves_nothing(tmp_path: Path) -> None:
    gone = Database("postgresql://postgres:s3cret@127.0.0.1:5432/no_such_database")
    with pytest.raises(StorageError, match="pg_dump could not copy") as caught:
        backup(gone, tmp_path / "copy", os.environ)
    assert "s3cret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_copy_is_replaced(sqlite_database: Database, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("an earlier copy")
    backup(sqlite_database, target, {})
    assert target.read_bytes().startswith(b"SQLite format 3")


@pytest.mark.parametrize("kind", ["folder", "link", "no folder"])
def test_only_a_regular_file_is_replaced(sqlite_database: Database, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "target"
    if kind == "folder":
        target.mkdir()
    elif kind == "link":
        target.symlink_to(tmp_path / "elsewhere")
    else:
        target = tmp_path / "missing" / "target"
    with pytest.raises(UsageError, match="cannot write"):
        backup(sqlite_database, target, {})
    assert not (tmp_path / "elsewhere").exists()


def test_a_missing_database_is_no_copy(tmp_path: Path) -> None:
    missing = Database(f"sqlite:///{tmp_path / 'missing.db'}")
    with pytest.raises(StorageError, match="no database at"):
        backup(missing, tmp_path / "copy.db", {})
    assert list(tmp_path.iterdir()) == []


def damage(path: Path) -> bytes:
    """Overwrite a page in the middle of a database and return what it then holds."""
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 4096)
    return path.read_bytes()


def test_a_damaged_database_gives_no_copy(sqlite_database: Database, tmp_path: Path) -> None:
    assert sqlite_database.path is not None
    damage(sqlite_database.path)
    with pytest.raises(IntegrityError):
        backup(sqlite_database, tmp_path / "copy.db", {})
    assert not (tmp_path / "copy.db").exists()


class TestCheck:
    def test_a_sound_database_has_no_findings(self, desk: Desk) -> None:
        assert check(history(desk).database) == []

    def test_a_damaged_file_is_found_and_left_alone(self, sqlite_database: Database) -> None:
        assert sqlite_database.path is not None
        sqlite_database.close()
        before = damage(sqlite_database.path)
        with pytest.raises(IntegrityError, match="damaged"):
            check(sqlite_database)
        assert sqlite_database.path.read_bytes() == before

    def test_another_schema_is_found(self, database: Database) -> None:
        with database.migrate() as connection:
            connection.exec_driver_sql("ALTER TABLE gap ADD COLUMN note TEXT")
        try:
            assert any("note" in one for one in check(database))
        finally:
            with database.migrate() as connection:
                connection.exec_driver_sql("ALTER TABLE gap DROP COLUMN note")

    def test_rows_without_their_owner_are_found(self, sqlite_database: Database) -> None:
        assert sqlite_database.path is not None
        with sqlite3.connect(sqlite_database.path) as connection:
            connection.execute("INSERT INTO gap VALUES (77, 1, 2)")
        connection.close()
        assert any("without its owner" in one for one in check(sqlite_database))

    def test_a_database_without_tables_is_no_sound_one(self, tmp_path: Path) -> None:
        database = Database(f"sqlite:///{tmp_path / 'new.db'}")
        database.create_file()
        with pytest.raises(RevisionError, match="db upgrade"):
            check(database)
        database.close()


@pytest.mark.postgres
class TestCopyHistory:
    def test_every_row_arrives(
        self,
        sqlite_database: Database,
        postgres_database: Database,
        open_desk: type[Desk],
        make_account: Callable[..., object],
        dump_of: Callable[..., object],
    ) -> None:
        history(open_desk(sqlite_database, make_account()))  # type: ignore[arg-type]  # the fixture's own type
        counts = copy_history(sqlite_database, postgres_database)
        assert dump_of(postgres_database) == dump_of(sqlite_database)
        assert (counts["poll"], counts["snapshot"]) == (4, 8)

    def test_the_copy_goes_on(
        self,
        sqlite_database: Database,
        postgres_database: Database,
        open_desk: type[Desk],
        make_account: Callable[..., object],
    ) -> None:
        history(open_desk(sqlite_database, make_account()))  # type: ignore[arg-type]  # the fixture's own type
        copy_history(sqlite_database, postgres_database)
        desk = open_desk(postgres_database, make_account())  # type: ignore[arg-type]  # the fixture's own type
        desk.poll(6000, {"requests": 8, "credits": 8})
        another = open_desk(postgres_database, make_account("another"))  # type: ignore[arg-type]  # likewise
        another.poll(0, {"requests": 1, "credits": 1})
        assert desk.chain() == desk.digests()

    def test_and_back(self, sqlite_database: Database, postgres_database: Database, open_desk: type[Desk],
                      make_account: Callable[..., object], dump_of: Callable[..., object]) -> None:  # fmt: skip
        history(open_desk(postgres_database, make_account()))  # type: ignore[arg-type]  # the fixture's own type
        copy_history(postgres_database, sqlite_database)
        assert dump_of(sqlite_database) == dump_of(postgres_database)

    def test_a_target_with_accounts_is_refused(
        self,
        sqlite_database: Database,
        postgres_database: Database,
        open_desk: type[Desk],
        make_account: Callable[..., object],
    ) -> None:
        open_desk(postgres_database, make_account())  # type: ignore[arg-type]  # the fixture's own type
        with pytest.raises(UsageError, match="choose an empty database"):
            copy_history(sqlite_database, postgres_database)
