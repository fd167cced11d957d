"""What a machine takes from a program: root's power over file modes, room on the disk, a disk that can be written."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

# Source: linux/capability.h: version 3 has two words of 32 for each set; these are the powers over files' modes.
_VERSION = 0x20080522
_OVER_MODES = (1 << 1) | (1 << 2) | (1 << 3)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


@contextmanager
def modes_in_force() -> Iterator[None]:
    """Let file modes hold for this thread and those it starts, as they do for everybody but root."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = _Header(_VERSION, 0), (_Sets * 2)()
    assert libc.capget(ctypes.byref(header), sets) == 0
    before = sets[0].effective
    sets[0].effective = before & ~_OVER_MODES
    assert libc.capset(ctypes.byref(header), sets) == 0
    try:
        yield
    finally:
        sets[0].effective = before
        assert libc.capset(ctypes.byref(header), sets) == 0


@contextmanager
def longest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size`` bytes: EFBIG comes from the write itself, as EDQUOT does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class FullDisk:
    """A disk without room for another page of a SQLite database."""

    def __init__(self) -> None:
        self._has_room = True

    @contextmanager
    def full(self) -> Iterator[None]:
        """Let every transaction that begins meet the full disk; afterwards there is room, also for open connections."""
        if not event.contains(Engine, "begin", self._limit):
            event.listen(Engine, "begin", self._limit)
        self._has_room = False
        try:
            yield
        finally:
            self._has_room = True

    def gone(self) -> None:
        """Limit nothing any more."""
        if event.contains(Engine, "begin", self._limit):
            event.remove(Engine, "begin", self._limit)

    def _limit(self, connection: Connection) -> None:
        pages = 1_000_000 if self._has_room else 1
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def no_page_in_memory(dbapi: DBAPIConnection, *_: object) -> None:
    """Let a connection keep no page in memory: what is on the disk is what it reads."""
    cursor = dbapi.cursor()
    cursor.execute("PRAGMA cache_size = 0")
    cursor.close()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Mount a folder read-only where the machine lets us; elsewhere take everybody's right to write from it."""
    if _mount("--bind", str(folder), str(folder)):
        try:
            assert _mount("-o", "remount,bind,ro", str(folder))
            yield
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    modes = {path: path.stat().st_mode for path in (folder, *folder.iterdir())}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def _mount(*words: str) -> bool:
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0
