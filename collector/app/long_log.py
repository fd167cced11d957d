"""Watches SQLite's write-ahead log: one that grows without end has a reader who never ends, and fills the disk.

SQLite writes a log into its file only as far as every reader has come. Nobody is ended for it; the operator is told who
holds the file open, once and then every hour.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from collector.app.troubles import Troubles
from collector.store.sqlite_place import holders, log_size

LONG = 64 * 1024 * 1024


class LongLog:
    """The log of one database.

    Args:
        path: The SQLite file; None on another engine, which is never found long.
        monotonic: Seconds of a clock that never steps.
    """

    def __init__(self, path: Path | None, monotonic: Callable[[], float]) -> None:
        self._path = path
        self._troubles = Troubles(monotonic)

    def look(self) -> bool:
        """Return whether the log is longer than 64 MiB, and tell of it once an hour."""
        if self._path is None:
            return False
        size = log_size(self._path)
        if size <= LONG:
            if self._troubles.over("log"):
                structlog.get_logger().info("the write-ahead log is short again", bytes=size)
            return False
        if self._troubles.again("log", "long") is not None:
            structlog.get_logger().warning(
                f"the write-ahead log of {self._path} has {size / 1_000_000:,.0f} MB: a program that reads it does not "
                "end; end it, and the log is written into the file",
                bytes=size,
                open_in=holders(self._path),
            )
        return True
