"""Tells, without waiting itself, whether a write to the database would have to wait for another process."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from collector.store.engine import Database
from collector.store.sqlite_place import file_uri


def is_free(database: Database) -> bool:
    """Return False while another connection keeps a SQLite database from being written.

    PostgreSQL keeps no lock on a whole database, so there it is always True; so it is for a file that cannot be opened:
    then writing fails, and does not wait.
    """
    if database.path is None:
        return True
    try:
        with closing(sqlite3.connect(f"{file_uri(database.path)}?mode=rw", uri=True, timeout=0)) as connection:
            connection.isolation_level = None
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        return "locked" not in str(error)
    except sqlite3.Error:
        return True
    return True
