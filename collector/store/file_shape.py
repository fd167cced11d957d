"""What can be seen of a SQLite file from outside: that it was cut short, or overwritten, while it kept its inode.

SQLite itself does not notice: what it needs is in its memory and its log, and the next checkpoint writes that into
whatever is there. A file grows as the log is written into it, and its first page says whose it is. Rule for editors:
the file is looked at by its size, and through SQLite without a lock; closing a handle of our own would take all of
SQLite's locks away. A header that promises more than there is tells nothing: a checkpoint may just be at work.
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from collector.errors import FileReplacedError, IntegrityError
from collector.store.sqlite_place import file_uri, log_of, log_size

HEADER_BYTES = 100
_PRIMARY = 0xFF  # SQLite's extended codes hold the primary one in their lowest byte
_STEP_NANOSECONDS = 20_000_000  # twice the longest tick of a Linux kernel, by which it dates files
_WAY_OUT = (
    "nothing more is stored: keep it and its `-wal` as they are, and restore a backup (`collector db restore FILE`)"
)


def require_begun(path: Path, size: int) -> None:
    """Make sure that a file of ``size`` bytes may be opened: SQLite deletes the log beside an empty one.

    Raises:
        IntegrityError: It is shorter than the header of a database, and there is a log of it.
    """
    if size < HEADER_BYTES and log_size(path):
        raise IntegrityError(
            f"the database {path} was cut to {size} bytes, while its write-ahead log is there ({log_of(path).name}), "
            "which may hold polls; neither was opened: put the right file back, restore a backup "
            "(`collector db restore FILE`), or move the log away if it belongs to nothing"
        )


class Shape:
    """What was seen of a file, which it must not fall behind.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._mark = 0
        self._looked_at: tuple[int, int, int] | None = None

    def require(self, found: os.stat_result) -> None:
        """Make sure that the file, of which this was ``found`` now, still is what it was.

        Writing goes into the log; the file itself is touched by checkpoints only, so it is seldom looked into.

        Raises:
            IntegrityError: It was cut short or overwritten.
            FileReplacedError: A shorter database was written over it.
        """
        touched = (found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if touched == self._looked_at:
            return
        size = found.st_size
        mark = self._seen_mark(shorter=size < self._size)
        if mark is not None and self._mark not in {0, mark}:
            raise IntegrityError(f"the database {self._path} was overwritten in place while it was in use; {_WAY_OUT}")
        if size < self._size:
            raise FileReplacedError(
                f"the database {self._path} became shorter while it was in use ({self._size:,} bytes, now {size:,}): "
                "an older copy was written over it, or it was vacuumed; make sure that the right file is there, run "
                "`collector verify`, then start again"
            )
        self._size = size
        if mark is not None:
            self._mark = mark
            self._looked_at = touched if _settled(found) else None

    def _seen_mark(self, *, shorter: bool) -> int | None:
        """Return the program's mark in the first page, as it is on the disk; None where it cannot be read now."""
        try:
            with closing(sqlite3.connect(f"{file_uri(self._path)}?mode=ro&immutable=1", uri=True)) as connection:
                return int(connection.execute("PRAGMA application_id").fetchone()[0])
        except sqlite3.DatabaseError as error:
            primary = primary_code(error)
            if primary == sqlite3.SQLITE_NOTADB or (shorter and primary == sqlite3.SQLITE_CORRUPT):
                raise IntegrityError(
                    f"the database {self._path} was cut short or overwritten in place while it was in use ({error}); "
                    f"{_WAY_OUT}"
                ) from None
            return None  # a checkpoint is at work, or the disk fails: what is done next tells


def _settled(found: os.stat_result) -> bool:
    """Return whether a later change of the file would show in its times, which move in steps."""
    return time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) > _STEP_NANOSECONDS


def primary_code(fault: BaseException | None) -> int | None:
    """Return SQLite's primary code of a fault of its driver; None where the fault has none."""
    code = getattr(fault, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY


def never_close(engine: Engine) -> None:
    """Leave the connections of an engine to the end of the process.

    SQLite writes the log into the file, and removes it, when the last connection is closed, also as garbage; only one
    that is never let go is not closed.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine.pool))
