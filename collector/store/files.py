"""Which files may be written, and what makes a written one last.

A regular file is replaced, in one step and only by what is on the disk; anything else is left alone.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collector.errors import StorageError, UsageError


def require_replaceable(target: Path) -> None:
    """Make sure that ``target`` is free or a regular file.

    Raises:
        UsageError: It is a folder, a link or a device, or its folder is not there.
    """
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        if target.parent.is_dir():
            return
        raise UsageError(f"cannot write {target}: the folder {target.parent} is not there") from None
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise UsageError(f"cannot write {target}: it is there and is no regular file")


def new_private_file(path: Path) -> None:
    """Create an empty file for its owner alone, in place of one that an interrupted attempt left.

    Raises:
        StorageError: It cannot be created.
    """
    remove_with_logs(path)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from None


def remove_with_logs(path: Path) -> None:
    """Remove a SQLite file, if it is there, with the logs that SQLite would take for those of a new file."""
    for end in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def put_in_place(partial: Path, target: Path) -> None:
    """Give a written file its name, so that it stays what it is when the power goes.

    Raises:
        StorageError: The disk does not take it.
    """
    try:
        sync(partial)
        partial.replace(target)
        sync(target.parent)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror}") from None


def sync(path: Path) -> None:
    """Have a file's content, or a folder's names, written to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other program changes the schema of a database in ``folder``, or restores one."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise StorageError(f"cannot open the folder {folder}: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
