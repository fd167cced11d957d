"""Who collects at this moment: each daemon's row says where it runs, when it was last seen, and what troubles it.

A daemon writes its row about every 30 seconds and when its troubles change, and removes it when it ends in order. One
that was killed leaves its row, which grows old: whoever reads decides from ``seen_at`` whether it still runs. Rows of
more than a day are removed by the next daemon that writes.

Public: ``ProcessRow``, ``processes``, ``record_process``, ``remove_process``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select

from collector.store import schema
from collector.store.engine import Database

_process = schema.collector_process
# A killed collector is shown for as long as somebody may wonder where it is.
_FORGOTTEN_AFTER = timedelta(days=1)
# Three rows in a row were not written.
_SILENT_AFTER = timedelta(seconds=100)


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One running collector.

    Attributes:
        owner: By what it signs its leases.
        seen_at: When it last said that it is alive.
        version: That of the program.
        troubles: What is wrong with it, by names such as ``logging_failed``.
    """

    owner: str
    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
    version: str
    troubles: tuple[str, ...] = ()

    def is_silent(self, now: datetime) -> bool:
        """Return True if it has missed several times in a row to say that it is alive."""
        return abs(now - self.seen_at) > _SILENT_AFTER


def processes(connection: Connection) -> list[ProcessRow]:
    """Return the collectors of this database, the one that started first first; those killed lately are among them."""
    rows = connection.execute(select(_process).order_by(_process.c.started_at, _process.c.owner))
    return [
        ProcessRow(
            owner=row.owner,
            host=row.host,
            pid=row.pid,
            started_at=row.started_at,
            seen_at=row.seen_at,
            version=row.version,
            troubles=tuple(json.loads(row.troubles)),
        )
        for row in rows
    ]


def record_process(database: Database, row: ProcessRow) -> None:
    """Write the row of a collector in place of the one it had, and forget those that were last seen a day ago.

    Raises:
        StorageError: The database cannot be written.
    """
    with database.write() as connection:
        connection.execute(delete(_process).where(or_(_process.c.owner == row.owner, _is_forgotten(row.seen_at))))
        connection.execute(
            insert(_process).values(
                owner=row.owner,
                host=row.host,
                pid=row.pid,
                started_at=row.started_at,
                seen_at=row.seen_at,
                version=row.version,
                troubles=json.dumps(sorted(row.troubles)),
            )
        )


def _is_forgotten(now: datetime) -> ColumnElement[bool]:
    """Return the condition of rows of a day ago, or written by a clock that ran a day ahead."""
    seen_at = _process.c.seen_at
    return or_(seen_at < now - _FORGOTTEN_AFTER, seen_at > now + _FORGOTTEN_AFTER)


def remove_process(database: Database, owner: str) -> None:
    """Take away the row of a collector that ends.

    Raises:
        StorageError: The database cannot be written.
    """
    with database.write() as connection:
        connection.execute(delete(_process).where(_process.c.owner == owner))
