"""What can be seen of a SQLite file from outside: that it was cut short, or overwritten, while it kept its inode.

SQLite itself does not notice: what it needs is in its memory and its log, and the next checkpoint writes that into
whatever is there. A file grows as the log is written into it, and its first page says whose it is. Rule for editors:
the file is looked at by its size, and through SQLite without a lock; closing a handle of our own would take all of
SQLite's locks away. A header that promises more than there is tells nothing: a checkpoint may just be at work.
"""

from __future__ import annotations

import ctypes
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Engine

from collector.errors import FileReplacedError, IntegrityError

HEADER_BYTES = 100
_PRIMARY = 0xFF
_WAY_OUT = (
    "nothing more is stored: keep it and its `-wal` as they are, and restore a backup (`collector db restore FILE`)"
)


def require_begun(path: Path, size: int) -> None:
    """Make sure that a file of ``size`` bytes may be opened: SQLite deletes the log beside an empty one.

    Raises:
        IntegrityError: It is shorter than the header of a database, and there is a log of it.
    """
    if size < HEADER_BYTES and _size(path.with_name(path.name + "-wal")):
        raise IntegrityError(
            f"the database {path} was cut to {size} bytes, while its write-ahead log is there ({path.name}-wal), which "
            "may hold polls; neither was opened: put the right file back, restore a backup "
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

    def require(self, size: int) -> None:
        """Make sure that the file, now of ``size`` bytes, still is what it was.

        Raises:
            IntegrityError: It was cut short or overwritten.
            FileReplacedError: A shorter database was written over it.
        """
        mark = self._seen_mark(shorter=size < self._size)
        if self._mark not in {0, mark}:
            raise IntegrityError(f"the database {self._path} was overwritten in place while it was in use; {_WAY_OUT}")
        if size < self._size:
            raise FileReplacedError(
                f"the database {self._path} became shorter while it was in use ({self._size:,} bytes, now {size:,}): "
                "an older copy was written over it, or it was vacuumed; make sure that the right file is there, run "
                "`collector verify`, then start again"
            )
        self._size, self._mark = size, mark

    def _seen_mark(self, *, shorter: bool) -> int:
        """Return the program's mark in the first page, as it is on the disk."""
        uri = f"file:{quote(self._path.as_posix())}?mode=ro&immutable=1"
        try:
            with closing(sqlite3.connect(uri, uri=True)) as connection:
                return int(connection.execute("PRAGMA application_id").fetchone()[0])
        except sqlite3.DatabaseError as error:
            primary = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
            if primary == sqlite3.SQLITE_NOTADB or (shorter and primary == sqlite3.SQLITE_CORRUPT):
                raise IntegrityError(
                    f"the database {self._path} was cut short or overwritten in place while it was in use ({error}); "
                    f"{_WAY_OUT}"
                ) from None
            return self._mark  # a checkpoint is at work, or the disk fails: what is done next tells


def never_close(engine: Engine) -> None:
    """Leave the connections of an engine to the end of the process.

    SQLite writes the log into the file, and removes it, when the last connection is closed, also as garbage; only one
    that is never let go is not closed.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine.pool))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
