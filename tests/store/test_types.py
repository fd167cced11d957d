from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, Table, insert, select, text
from sqlalchemy.exc import StatementError

from collector.store.engine import Database
from collector.store.types import Instant, Quantity

KEPT = Table("kept", MetaData(), Column("number", Quantity), Column("instant", Instant))


@pytest.fixture
def kept(database: Database) -> Iterator[Database]:
    """A database with a table of both types."""
    with database.migrate() as connection:
        KEPT.create(connection)
    yield database
    with database.migrate() as connection:
        KEPT.drop(connection)


def round_trip(database: Database, **values: Any) -> Any:
    with database.write() as connection:
        connection.execute(insert(KEPT).values(**values))
    with database.read() as connection:
        return connection.execute(select(KEPT)).one()


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
    ids=str,
)
def test_an_instant_is_kept_to_the_microsecond(kept: Database, instant: datetime) -> None:
    assert round_trip(kept, instant=instant).instant == instant


def test_an_instant_comes_back_in_utc(kept: Database) -> None:
    nine = datetime(2026, 1, 1, 9, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    found = round_trip(kept, instant=nine).instant
    assert (found, found.tzinfo) == (nine, UTC)


def test_an_instant_is_stored_as_microseconds(kept: Database) -> None:
    round_trip(kept, instant=datetime(1970, 1, 2, tzinfo=UTC))
    with kept.read() as connection:
        assert connection.scalar(text("SELECT instant FROM kept")) == 86_400_000_000


def test_a_naive_instant_is_refused(kept: Database) -> None:
    with pytest.raises(StatementError, match="an instant needs a time zone"):
        round_trip(kept, instant=datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused


@pytest.mark.parametrize("number", [0, 1, 2**53 + 1, 2**63 - 1])
def test_a_quantity_is_kept_to_the_unit(kept: Database, number: int) -> None:
    assert round_trip(kept, number=number).number == number


@pytest.mark.parametrize("number", [-1, 2**63, 1.0, True, "1"], ids=repr)
def test_what_is_no_quantity_is_refused(kept: Database, number: object) -> None:
    with pytest.raises(StatementError, match="a quantity is an integer"):
        round_trip(kept, number=number)


def test_nothing_stays_nothing(kept: Database) -> None:
    assert tuple(round_trip(kept, number=None, instant=None)) == (None, None)
