"""Puts a backup in the place of a SQLite database: proved first, the old file kept, never neither of them.

    backup ──► beside the database: copied whole, brought to this schema, proved, on the disk
    old    ──► its log written into it, linked to its name with ``.before-restore-…``
    the copy takes the old one's name in one step

SQLite would replay an old log into a new file, so the old one's is gone before. Nothing is changed while another
program has the database open: its lock tells, also of a file that is damaged.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

from sqlalchemy import delete, update

from collector.errors import RevisionError, StorageError, UsageError
from collector.store import schema
from collector.store.backup import copy_sqlite
from collector.store.engine import Database
from collector.store.files import alone_in, new_private_file, put_in_place, remove_with_logs, require_replaceable, sync
from collector.store.revision import upgradable_revision, upgrade
from collector.store.sqlite_place import file_uri, holders, log_of

# Source: SQLite's os.h: PENDING_BYTE, RESERVED_BYTE and the range of shared locks follow each other.
_LOCKS_AT, _LOCKS = 0x4000_0000, 512


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes:
        kept: Where the database that was there is now; None where there was none.
        revision: The schema that the backup had.
    """

    kept: Path | None
    revision: str


def restore(
    path: Path, source: Path, now: datetime, prove: Callable[[Database], None], exchanging: Callable[[], None]
) -> Restored:
    """Put the backup ``source`` in the place of the database at ``path``.

    Args:
        path: Where the database is, or was.
        source: What ``collector db backup`` wrote; it stays as it is.
        now: For the old file's name.
        prove: Raises IntegrityError for a database whose ledger contradicts itself.
        exchanging: Is called when all is proved, right before the files are exchanged.

    Raises:
        UsageError: There is no such backup, or it is the database itself.
        StorageError: Another program has the database open, the backup is none of ours, or the disk is full.
        RevisionError: The backup is of a newer program, or has no tables.
        IntegrityError: The backup is damaged or contradicts itself.
    """
    _require_backup(path, source)
    partial = path.with_name(path.name + ".restoring")
    with alone_in(path.parent):
        if path.exists():
            with _nobody_else(path):
                pass  # before the long work, and again when it is done
        new_private_file(partial)
        try:
            copy_sqlite(source, partial)
            revision = _made_ready(partial, source, prove)
            exchanging()
            kept = _kept(path, partial, f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
        finally:
            remove_with_logs(partial)
    return Restored(kept, revision)


def _require_backup(path: Path, source: Path) -> None:
    require_replaceable(path)
    if not source.is_file():
        raise UsageError(f"there is no backup at {source}")
    if path.exists() and source.samefile(path):
        raise UsageError(f"{source} is the database itself; name the backup that is to take its place")


def _made_ready(partial: Path, source: Path, prove: Callable[[Database], None]) -> str:
    """Bring the copy to this program's schema, prove it, and forget who polled when it was taken."""
    database = Database(f"sqlite:///{partial}")
    try:
        revision = upgradable_revision(database)
        if revision is None:
            raise RevisionError(f"{source} has no tables: it is no backup of a collector's database")
        upgrade(database)
        prove(database)
        with database.write() as connection:
            connection.execute(update(schema.account).values(lease_owner=None, lease_until=None))
            connection.execute(delete(schema.collector_process))
        return revision
    finally:
        database.close()


def _kept(path: Path, partial: Path, label: str) -> Path | None:
    """Exchange the files and return where the old one is now."""
    log = log_of(path)
    kept = _free(path.with_name(f"{path.name}.before-restore-{label}"))
    if not path.exists():
        _set_aside(log, log_of(kept))
        put_in_place(partial, path)
        return None
    sound = _log_is_written_in(path)
    with _nobody_else(path):
        if sound and log.exists() and log.stat().st_size:
            raise _in_use(path)  # somebody wrote since
        _second_name(path, kept)
        _set_aside(log, log_of(kept))
        put_in_place(partial, path)
    return kept


def _free(path: Path) -> Path:
    """Return ``path``, or where a restore of the same second took that, the next name that nobody has."""
    names = chain([path], (path.with_name(f"{path.name}-{number}") for number in count(2)))
    return next(one for one in names if not one.exists())


def _log_is_written_in(path: Path) -> bool:
    """Have SQLite write the old file's log into it, unless it is damaged; return whether it is sound."""
    try:
        with closing(sqlite3.connect(f"{file_uri(path)}?mode=rw", uri=True, timeout=1)) as connection:
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                return False
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.DatabaseError:
        return False
    if busy:
        raise _in_use(path)
    return True


@contextmanager
def _nobody_else(path: Path) -> Iterator[None]:
    """Hold every lock of a SQLite file; each program that has it open in write-ahead mode holds one of them.

    Rule for editors: no connection of this process may be open to it, or closing the handle takes away its locks.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except OSError as error:
        raise StorageError(f"the database {path} cannot be opened to be replaced: {error.strerror}") from None
    try:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCKS, _LOCKS_AT)
        except OSError:
            raise _in_use(path) from None
        yield
    finally:
        os.close(handle)


def _in_use(path: Path) -> StorageError:
    others = [one for one in holders(path) if f"({os.getpid()})" not in one]
    named = f" ({', '.join(others)})" if others else ""
    return StorageError(f"another program uses the database {path}{named}; stop it, then restore: nothing was changed")


def _second_name(path: Path, kept: Path) -> None:
    try:
        os.link(path, kept)
    except OSError:  # a file system without links: then a copy, which needs room
        new_private_file(kept)
        shutil.copyfile(path, kept)
        sync(kept)


def _set_aside(log: Path, kept: Path) -> None:
    """Move a log that no new file may meet; it holds what a damaged file did not take in."""
    if log.exists():
        log.replace(kept)
    log.with_name(log.name.removesuffix("-wal") + "-shm").unlink(missing_ok=True)
    sync(log.parent)
