"""Reading that is cut off when it takes too long, on both engines."""

from __future__ import annotations

import itertools
import time

import pytest
from sqlalchemy import text

from collector.errors import SlowReadError, StorageError
from collector.store.brief_reading import BriefDatabase
from collector.store.engine import Database

_LONG = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
    "postgres": "SELECT pg_sleep(60)",
}


def _brief(database: Database, seconds: float) -> BriefDatabase:
    url = database.url if database.is_sqlite else database.url.set(drivername="postgresql")
    return BriefDatabase(url.render_as_string(hide_password=False), seconds, time.monotonic, 1)


def test_what_takes_too_long_is_cut_off(database: Database) -> None:
    brief = _brief(database, 0.2)
    long = _LONG["sqlite" if database.is_sqlite else "postgres"]
    try:
        with pytest.raises(SlowReadError, match=r"more than 0\.2 s and was cut off"), brief.read() as connection:
            connection.execute(text(long))
        with brief.read() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
    finally:
        brief.close()


def test_time_between_two_statements_counts_too(sqlite_database: Database) -> None:
    times = itertools.count(step=3)  # every look at the clock is three seconds later
    brief = BriefDatabase(str(sqlite_database.url), 5.0, lambda: float(next(times)))
    try:
        with pytest.raises(SlowReadError), brief.read() as connection:
            connection.execute(text(_LONG["sqlite"]))
    finally:
        brief.close()


def test_nothing_can_be_written(database: Database) -> None:
    brief = _brief(database, 5.0)
    try:
        with pytest.raises(StorageError), brief.read() as connection:
            connection.execute(text("DELETE FROM poll"))
    finally:
        brief.close()


def test_an_error_that_came_in_time_is_itself(sqlite_database: Database) -> None:
    brief = _brief(sqlite_database, 5.0)
    try:
        with pytest.raises(StorageError, match="no such table") as found, brief.read() as connection:
            connection.execute(text("SELECT * FROM none_such"))
        assert not isinstance(found.value, SlowReadError)
    finally:
        brief.close()
