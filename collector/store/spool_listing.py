"""What is in the folder of a spool, known without listing it each time: thousands of files may wait there.

It is listed at the start, when its time tells that another process changed it, and after some hundred looks, should the
time be too coarse to tell. Rule for editors: what is done to the folder is done under its lock, and noted here.

Public: ``Listing``.
"""

from __future__ import annotations

import os
import re
import threading
from contextlib import suppress
from pathlib import Path

_NAME = re.compile(r"([0-9]{12})\.([a-z0-9][a-z0-9_-]{0,39})\.poll", re.ASCII)
_MOST_LOOKS = 256


class Listing:
    """The names and sizes of what is kept.

    Args:
        folder: Where.
        others: Files there that keep no poll.
    """

    def __init__(self, folder: Path, others: frozenset[str]) -> None:
        self._folder = folder
        self._others = others
        self._lock = threading.RLock()
        self._sizes: dict[str, int] = {}
        self._bytes = 0
        self._last = 0
        self._stamp: int | None = None
        self._looks = 0

    @property
    def bytes(self) -> int:
        """How much is kept."""
        with self._lock:
            self._look()
            return self._bytes

    @property
    def last(self) -> int:
        """The highest number that is taken."""
        with self._lock:
            self._look()
            return self._last

    def polls(self) -> list[str]:
        """Return the files of polls that wait, in order."""
        with self._lock:
            self._look()
            return sorted(name for name in self._sizes if _NAME.fullmatch(name))

    def ending(self, suffix: str) -> list[str]:
        """Return the files that were set aside in one way, in order."""
        with self._lock:
            self._look()
            return sorted(name for name in self._sizes if name.endswith(suffix))

    def look(self) -> None:
        """List the folder if that is needed: what is noted next would hide what others changed."""
        with self._lock:
            self._look()

    def came(self, name: str, size: int) -> None:
        """Note a file that was placed."""
        with self._lock:
            self._note(name, size)
            self._stamp = self._time()

    def went(self, name: str) -> None:
        """Note a file that was removed."""
        with self._lock:
            self._bytes -= self._sizes.pop(name, 0)
            self._stamp = self._time()

    def changed(self) -> None:
        """List the folder anew the next time."""
        with self._lock:
            self._stamp = None

    def _note(self, name: str, size: int) -> None:
        self._bytes += size - self._sizes.get(name, 0)
        self._sizes[name] = size
        if name[:12].isdecimal():
            self._last = max(self._last, int(name[:12]))

    def _look(self) -> None:
        stamp = self._time()
        self._looks += 1
        if stamp is not None and stamp == self._stamp and self._looks < _MOST_LOOKS:
            return
        self._sizes, self._bytes, self._last = {}, 0, 0
        with suppress(OSError), os.scandir(self._folder) as found:
            for one in found:
                if one.name not in self._others and not one.name.endswith(".part"):
                    with suppress(FileNotFoundError):
                        self._note(one.name, one.stat(follow_symlinks=False).st_size)
        self._stamp, self._looks = stamp, 0

    def _time(self) -> int | None:
        try:
            return self._folder.stat().st_mtime_ns
        except OSError:
            return None
