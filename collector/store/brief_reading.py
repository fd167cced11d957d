"""A database that is only read, and never for long.

A reading transaction that stays open keeps SQLite's log from being emptied and PostgreSQL from cleaning up. Whoever
reads for others, who may ask anything and walk away, reads through this: what takes too long is cut off and said.

Public: ``BriefDatabase``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from collector.errors import SlowReadError, StorageError
from collector.store.engine import Database

# SQLite asks after so many steps of its machine, which takes it less than a millisecond.
_STEPS = 20_000


class BriefDatabase(Database):
    """A database that nobody can write by this object, and whose reading transactions end after some seconds.

    Args:
        url: As in ``database.url``.
        seconds: How long one reading transaction may take.
        monotonic: Seconds of a clock that never steps.
        pool_size: How many threads may use it at once.
    """

    def __init__(self, url: str, seconds: float, monotonic: Callable[[], float], pool_size: int = 4) -> None:
        super().__init__(url, pool_size, read_only=True)
        self._seconds, self._monotonic = seconds, monotonic

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open one reading transaction, which is cut off when its time is over.

        Raises:
            SlowReadError: It took too long.
            StorageError: The database cannot be opened or read.
            IntegrityError: The file is damaged.
        """
        ends = self._monotonic() + self._seconds
        try:
            with super().read() as connection, self._limited(connection, ends):
                yield connection
        except StorageError:
            if self._monotonic() < ends:
                raise
            raise SlowReadError(
                f"reading took more than {self._seconds:g} s and was cut off; ask for fewer days, accounts or meters"
            ) from None

    @contextmanager
    def _limited(self, connection: Connection, ends: float) -> Iterator[None]:
        raw = connection.connection.driver_connection
        if not isinstance(raw, sqlite3.Connection):
            # Neither a statement may take longer, nor the time that we spend between two of them.
            limit = int(self._seconds * 1000)
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {limit}")
            connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = {limit}")
            yield
            return
        raw.set_progress_handler(lambda: self._monotonic() > ends, _STEPS)
        try:
            yield
        finally:
            raw.set_progress_handler(None, 0)
