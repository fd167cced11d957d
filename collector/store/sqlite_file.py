"""What is particular to SQLite's file: how connections to it are set up, what its faults mean, that it stays the same.

SQLite goes on writing into a file that was deleted or replaced under it, and into a deleted write-ahead log: what it
then calls committed is gone with the last connection. ``SameFile`` notices, by device and inode, and by its shape where
it was spoilt in place. Rule for editors: open the file only through SQLite; closing any other handle of it takes all of
SQLite's locks away.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, RootTransaction, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from collector.errors import (
    ConflictError,
    DisconnectedError,
    FileReplacedError,
    IntegrityError,
    LockedError,
    RefusedError,
    StorageError,
)
from collector.store.file_shape import Shape, primary_code, require_begun
from collector.store.sqlite_place import file_uri, log_of

BUSY_SECONDS = 30.0
ASIDE = "collector_aside"

_SWITCHES = 100
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNREADABLE_TEXT = "Could not decode to UTF-8"  # SQLite itself does not look into text
_WAYS_OUT = {
    sqlite3.SQLITE_FULL: "nothing was stored: make room on its disk",
    sqlite3.SQLITE_IOERR: "nothing was stored: look after its disk, its quota and its limits",
    sqlite3.SQLITE_READONLY: "nothing was stored: the file, its folder or its disk can only be read",
    sqlite3.SQLITE_CANTOPEN: "the file or its folder cannot be opened for reading and writing",
    sqlite3.SQLITE_BUSY: "another program keeps it locked",
}
# Source: PostgreSQL, Appendix A: serialization_failure, deadlock_detected.
_GIVEN_UP = {"40001", "40P01"}
_GONE = ("08", "57P")  # connection exception; operator intervention: shutdown, crash, still starting
_REFUSALS = ("22", "23")  # data exception; integrity constraint violation
_REFUSED = {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE}


class SameFile:
    """The file of a database, which must stay what it was when it was first seen.

    While a connection is open its inode cannot be given to another file, so device and inode tell files apart.

    Args:
        path: Where it is.

    Attributes:
        spoilt: It was found to be cut short or overwritten: nothing may be written into it any more.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[int, int] | None = None
        self._shape = Shape(path)
        self.spoilt = False

    def require(self, *, logged: bool = False) -> None:
        """Make sure that the file is there and still the same, and where it is ``logged`` its write-ahead log too.

        Raises:
            StorageError: There is none, and none was seen before.
            FileReplacedError: It, or its log, was deleted, moved or replaced.
            IntegrityError: It was cut short or overwritten.
        """
        try:
            found = self._path.stat()
        except OSError:
            raise self._missing() from None
        if self._known is None:
            self._known = (found.st_dev, found.st_ino)
        elif self._known != (found.st_dev, found.st_ino):
            raise FileReplacedError(
                f"the database {self._path} was replaced by another file while it was in use; nothing is stored into "
                "either: make sure that the right file is there, then start again"
            )
        if logged and not log_of(self._path).exists():
            raise FileReplacedError(
                f"the write-ahead log of {self._path} was deleted while it was in use; nothing more is stored: "
                "stop whatever removes it, start again and run `collector verify`"
            )
        self._require_shape(found, logged=logged)

    def _require_shape(self, found: os.stat_result, *, logged: bool) -> None:
        try:
            require_begun(self._path, found.st_size)
            if logged:
                self._shape.require(found)
        except (IntegrityError, FileReplacedError):
            self.spoilt = True
            raise

    def _missing(self) -> StorageError:
        if self._known is None:
            return StorageError(
                f"no database at {self._path}; run `collector init` or `collector db upgrade` to set one up"
            )
        return FileReplacedError(
            f"there is no database at {self._path} any more: it was deleted or moved while it was in use, and nothing "
            "is stored into what is left of it; put it back or restore a backup (`collector db restore FILE`), then "
            "start again"
        )


@contextmanager
def kept(connection: Connection, file: SameFile | None) -> Iterator[RootTransaction]:
    """Open a transaction whose end is told as a success only where the file and its log are still there.

    Args:
        connection: On which it is opened.
        file: The file that it writes into; None on an engine without one.
    """
    logged = False
    with connection.begin() as transaction:
        yield transaction
        if file is not None and transaction.is_active:
            logged = connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            file.require(logged=logged)
    if file is not None:
        file.require(logged=logged)


def explanation(place: str, fault: BaseException | None) -> StorageError | IntegrityError:
    """Return our own error for a fault of a driver, with what the operator can do."""
    text = " ".join(str(fault).split())
    primary = primary_code(fault)
    if isinstance(fault, sqlite3.Error) and (primary in _DAMAGE or _UNREADABLE_TEXT in text):
        return IntegrityError(
            f"the database {place} is damaged ({text}); it was left untouched: restore a backup with "
            "`collector db restore FILE`"
        )
    kind = _kind(fault)
    if kind is RefusedError:
        return kind(f"the database {place} refuses what is to be stored: {text}")
    hint = f"; {_WAYS_OUT[primary]}" if primary in _WAYS_OUT else ""
    return kind(f"the database {place} cannot be used: {text}{hint}")


def _kind(fault: BaseException | None) -> type[StorageError]:
    """Return what a fault means; one of PostgreSQL's driver without a state is a connection that broke."""
    if fault is None or not hasattr(fault, "sqlstate"):
        primary = primary_code(fault)
        if primary == sqlite3.SQLITE_BUSY:
            return LockedError
        return RefusedError if primary in _REFUSED else StorageError
    state = str(fault.sqlstate or "")
    if state in _GIVEN_UP:
        return ConflictError
    if state.startswith(_REFUSALS):
        return RefusedError
    broken = not state and type(fault).__name__ in {"OperationalError", "ConnectionTimeout"}
    return DisconnectedError if broken or state.startswith(_GONE) else StorageError


def tune(engine: Engine, *, writing: bool, foreign_keys: bool) -> None:
    """Have every connection of an engine begin its transactions as we say, and keep what it commits."""

    def connected(dbapi: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # The driver must not begin transactions of its own: "begin" below does.
        dbapi.isolation_level = None
        cursor = dbapi.cursor()
        cursor.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        cursor.execute("PRAGMA synchronous = FULL")
        if not writing:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    def begun(connection: Connection) -> None:
        immediate = writing and not connection.get_execution_options().get(ASIDE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


def use_wal(path: Path) -> None:
    """Switch a SQLite file to write-ahead logging, which it then keeps.

    Raises:
        StorageError: The file is missing, or its file system does not allow it.
        IntegrityError: The file is damaged.
    """
    try:
        with closing(sqlite3.connect(f"{file_uri(path)}?mode=rw", uri=True, timeout=BUSY_SECONDS)) as connection:
            mode = _switched_to_wal(connection)
    except sqlite3.Error as error:
        raise explanation(str(path), error) from None
    if mode != "wal":
        raise StorageError(f"{path} cannot use write-ahead logging (it stayed in {mode!r} mode); choose a local disk")


def _switched_to_wal(connection: sqlite3.Connection) -> str:
    """Return the mode after switching; while others use the file, wait for them and try again."""
    for _ in range(_SWITCHES):
        with suppress(sqlite3.OperationalError):
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        # Switching fails at once where it meets another; a transaction of one's own waits for its turn.
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
