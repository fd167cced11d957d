"""Column types that keep what SQLite and pandas would lose: zones, exact integers, known ranges.

An instant is an aware UTC datetime outside and integer microseconds since 1970 inside; a naive one is refused. A
quantity is an exact integer in its meter's smallest unit.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Dialect, Integer
from sqlalchemy.types import TypeDecorator

from collector.domain.instants import instant_of, micros_of

# SQLite gives only INTEGER primary keys a row id of their own.
RowId = BigInteger().with_variant(Integer(), "sqlite")


class Instant(TypeDecorator[datetime]):
    """An aware instant, stored as microseconds since 1970-01-01 UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Return the stored integer; naive datetimes raise ValueError."""
        return None if value is None else micros_of(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Return the aware UTC datetime."""
        return None if value is None else instant_of(value)


class Quantity(TypeDecorator[int]):
    """An exact integer in [0, 2^63), in the meter's smallest unit."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """Return ``value`` unchanged; anything but an integer in range raises ValueError."""
        if value is None:
            return None
        if type(value) is not int or not 0 <= value < 2**63:
            raise ValueError("a quantity is an integer in [0, 2^63)")
        return value
