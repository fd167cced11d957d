from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.store.engine import Database, database_url
from collector.store.processes import ProcessRow, processes, record_process, remove_process
from collector.store.revision import upgrade
from collector.store.waiting import is_free

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
ROW = ProcessRow("here:7:ab", "here", 7, NOON, NOON, "1.0", ())


def recorded(database: Database) -> list[ProcessRow]:
    with database.read() as connection:
        return processes(connection)


def test_row_comes_back_as_it_was_written(database: Database) -> None:
    row = replace(ROW, troubles=("logging_failed", "spooling"))
    record_process(database, row)
    assert recorded(database) == [row]


def test_collector_has_one_row_that_is_replaced(database: Database) -> None:
    record_process(database, ROW)
    later = replace(ROW, seen_at=NOON + 30 * SECOND)
    record_process(database, later)
    assert recorded(database) == [later]


def test_collectors_come_in_the_order_of_their_starts(database: Database) -> None:
    second = replace(ROW, owner="a", started_at=NOON + SECOND)
    for row in (second, ROW):
        record_process(database, row)
    assert recorded(database) == [ROW, second]


@pytest.mark.parametrize("ahead", [-DAY - SECOND, 2 * DAY], ids=["a day ago", "by a clock that ran ahead"])
def test_one_that_was_last_seen_long_ago_is_forgotten_by_the_next(ahead: timedelta, database: Database) -> None:
    record_process(database, replace(ROW, owner="killed", seen_at=NOON + ahead))
    record_process(database, ROW)
    assert recorded(database) == [ROW]


def test_one_that_was_killed_an_hour_ago_is_kept(database: Database) -> None:
    killed = replace(ROW, owner="killed", started_at=NOON - DAY, seen_at=NOON - timedelta(hours=1))
    record_process(database, killed)
    record_process(database, ROW)
    assert recorded(database) == [killed, ROW]


def test_one_that_ends_is_removed(database: Database) -> None:
    record_process(database, ROW)
    remove_process(database, ROW.owner)
    assert recorded(database) == []


@pytest.mark.parametrize(("seconds", "silent"), [(0, False), (100, False), (101, True), (-101, True)])
def test_is_silent_when_it_has_missed_several_beats(seconds: int, silent: bool) -> None:
    assert ROW.is_silent(NOON + seconds * SECOND) is silent


def test_database_is_free_unless_another_writes(database: Database) -> None:
    assert is_free(database)
    with database.write():
        assert is_free(database) is not database.is_sqlite
    assert is_free(database)


@pytest.mark.parametrize("name", ["100%41.db", "what?.db", "a#b.db"])
def test_name_of_the_file_hides_no_other_writer(tmp_path: Path, name: str) -> None:
    database = Database(database_url("sqlite:///x").set(database=str(tmp_path / name)).render_as_string())
    upgrade(database)
    with database.write():
        assert not is_free(database)
    database.close()


def test_file_that_cannot_be_opened_keeps_nobody_waiting(sqlite_database: Database) -> None:
    assert sqlite_database.path is not None
    sqlite_database.path.write_bytes(b"x" * 9000)
    assert is_free(sqlite_database)
