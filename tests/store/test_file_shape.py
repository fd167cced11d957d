"""A SQLite file that is cut short or overwritten in place keeps its name and its inode."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert

from collector.errors import CollectorError, FileReplacedError, IntegrityError
from collector.store import file_shape, schema
from collector.store.engine import Database

_PAGE = 4096
_SETTLED_SECONDS = 0.05


def _cut(path: Path) -> None:
    os.truncate(path, 3 * _PAGE)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"no database any more" * _PAGE)


def _another_program(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(68)
        file.write(b"abcd")


FAULTS = [
    pytest.param(_cut, id="cut"),
    pytest.param(_empty, id="empty"),
    pytest.param(_overwrite, id="overwritten"),
    pytest.param(_another_program, id="another-program"),
]


def _path(database: Database) -> Path:
    assert database.path is not None
    return database.path


def _add(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.execute(insert(schema.account).values(name=name, provider="nellie", timezone="UTC"))


def _checkpoint(database: Database) -> None:
    with closing(sqlite3.connect(_path(database))) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _written_in(database: Database) -> None:
    _add(database, "before")
    _checkpoint(database)
    _add(database, "in-the-log")


@pytest.mark.parametrize("spoil", FAULTS)
def test_nothing_is_stored_into_a_file_that_was_spoilt_in_place(
    sqlite_database: Database, spoil: Callable[[Path], None]
) -> None:
    _written_in(sqlite_database)
    spoil(_path(sqlite_database))
    with pytest.raises(IntegrityError, match=r"in place|was cut"):
        _add(sqlite_database, "after")


@pytest.mark.parametrize("spoil", FAULTS)
def test_a_file_spoilt_later_is_noticed_though_its_date_was_set_back(
    sqlite_database: Database, spoil: Callable[[Path], None]
) -> None:
    path = _path(sqlite_database)
    _written_in(sqlite_database)
    time.sleep(_SETTLED_SECONDS)
    _add(sqlite_database, "looked-at-last")
    dates = path.stat()
    spoil(path)
    os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))
    with pytest.raises(IntegrityError, match=r"in place|was cut"):
        _add(sqlite_database, "after")


def test_a_file_that_nobody_touched_is_not_looked_into_again(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _written_in(sqlite_database)
    time.sleep(_SETTLED_SECONDS)
    _add(sqlite_database, "looked-at-last")
    monkeypatch.setattr(file_shape.Shape, "_seen_mark", lambda *_, **__: pytest.fail("looked into once more"))
    _add(sqlite_database, "not-looked-at")


@pytest.mark.parametrize("spoil", FAULTS)
def test_closing_leaves_a_spoilt_file_and_its_log_as_they_are(
    sqlite_database: Database, spoil: Callable[[Path], None]
) -> None:
    path = _path(sqlite_database)
    _written_in(sqlite_database)
    spoil(path)
    with pytest.raises(CollectorError):
        _add(sqlite_database, "after")
    left, log = path.read_bytes(), path.with_name(path.name + "-wal").read_bytes()
    sqlite_database.close()
    assert (path.read_bytes(), path.with_name(path.name + "-wal").read_bytes()) == (left, log)


def test_an_older_copy_over_the_file_is_noticed(sqlite_database: Database, tmp_path: Path) -> None:
    path, copy = _path(sqlite_database), tmp_path / "older.db"
    _add(sqlite_database, "first")
    _checkpoint(sqlite_database)
    shutil.copyfile(path, copy)
    with sqlite_database.write() as connection:
        rows = [{"name": f"a{n}" + "x" * 25, "provider": "nellie", "timezone": "UTC"} for n in range(2000)]
        connection.execute(insert(schema.account), rows)
    _written_in(sqlite_database)
    shutil.copyfile(copy, path)
    with pytest.raises(FileReplacedError, match="shorter"):
        _add(sqlite_database, "after")


@pytest.mark.parametrize("length", [0, 60])
def test_a_reader_does_not_open_a_file_without_a_header_beside_its_log(sqlite_database: Database, length: int) -> None:
    path = _path(sqlite_database)
    _written_in(sqlite_database)
    os.truncate(path, length)
    log = path.with_name(path.name + "-wal")
    size = log.stat().st_size
    reader = Database(f"sqlite:///{path}", read_only=True)
    with pytest.raises(IntegrityError, match="write-ahead log"), reader.read():
        pass
    assert log.stat().st_size == size


def test_looking_takes_no_lock_away(sqlite_database: Database) -> None:
    path = _path(sqlite_database)
    _written_in(sqlite_database)
    others = (
        "import fcntl, sys\nfile = open(sys.argv[1], 'r+b')\n"
        "try: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 512, 0x40000000)\n"
        "except OSError: sys.exit(3)\n"
    )
    _add(sqlite_database, "looked")
    assert subprocess.run([sys.executable, "-c", others, str(path)], check=False).returncode == 3
