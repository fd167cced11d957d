from __future__ import annotations

import pytest

from collector.app.heartbeat import Heartbeat
from collector.store.engine import Database
from collector.store.processes import ProcessRow, processes
from tests.app.timepiece import Timepiece


class Ward:
    """A heartbeat, its clock, and what troubles it."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock, self.troubles = database, Timepiece(), set[str]()
        self.heartbeat = Heartbeat(database, self.clock, "a-host:17:ab12", "1.2", lambda: self.troubles)

    @property
    def rows(self) -> list[ProcessRow]:
        with self.database.read() as connection:
            return processes(connection)


@pytest.fixture
def ward(database: Database) -> Ward:
    return Ward(database)


def test_first_beat_says_who_runs(ward: Ward) -> None:
    ward.heartbeat.beat()
    (row,) = ward.rows
    assert (row.host, row.pid, row.version, row.troubles) == ("a-host", 17, "1.2", ())
    assert row.started_at == row.seen_at == ward.clock.now()


def test_row_is_written_every_half_minute(ward: Ward) -> None:
    seen = []
    for _ in range(61):
        ward.heartbeat.beat()
        seen.append((ward.rows[0].seen_at - ward.rows[0].started_at).total_seconds())
        ward.clock.passes(1)
    assert sorted(set(seen)) == [0, 30, 60]


def test_trouble_is_told_at_once_and_so_is_its_end(ward: Ward) -> None:
    ward.heartbeat.beat()
    ward.troubles.update({"spooling", "logging_failed"})
    ward.heartbeat.beat()
    assert [row.troubles for row in ward.rows] == [("logging_failed", "spooling")]
    ward.troubles.clear()
    ward.heartbeat.beat()
    assert [row.troubles for row in ward.rows] == [()]


@pytest.mark.parametrize(("orderly", "left"), [(True, 0), (False, 1)])
def test_only_an_orderly_end_takes_the_row_away(orderly: bool, left: int, ward: Ward) -> None:
    ward.heartbeat.beat()
    assert ward.heartbeat.stop(5, orderly=orderly)
    assert len(ward.rows) == left


def test_nothing_is_written_once_the_program_is_stopping(ward: Ward) -> None:
    ward.clock.stopping.set()
    ward.heartbeat.beat()
    assert ward.heartbeat.stop(5, orderly=True)
    assert ward.rows == []


def test_database_that_fails_is_tried_again(sqlite_database: Database) -> None:
    ward = Ward(sqlite_database)
    path = sqlite_database.path
    assert path is not None
    sqlite_database.close()
    away = path.rename(path.with_suffix(".away"))
    ward.heartbeat.beat()
    away.rename(path)
    ward.heartbeat.beat()
    assert len(ward.rows) == 1


def test_end_does_not_wait_for_a_beat_that_hangs(ward: Ward) -> None:
    with ward.heartbeat._beating:
        assert not ward.heartbeat.stop(0, orderly=True)
