"""Does the work of a page in few threads, for a bounded time, and says so where it cannot.

Health has a thread of its own: pages that are slow are no reason to call the history ill.

Public: ``Workshop``, ``BusyError``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import TypeVar

from collector.errors import CollectorError

_Made = TypeVar("_Made")
_THREADS = 4
_MOST_WAITING = 16
_LONGEST = 20.0


class BusyError(CollectorError):
    """There is too much to do, or what was asked takes too long."""


class _Room:
    """Some threads, and what they are at."""

    def __init__(self, threads: int, name: str) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self.under_way: set[Future[object]] = set()


class Workshop:
    """A few threads that make pages, and one that tells how it stands.

    Args:
        seconds: How long whoever asked waits at the most.
    """

    def __init__(self, seconds: float = _LONGEST) -> None:
        self._pages = _Room(_THREADS, "page")
        self._health = _Room(1, "health")
        self._seconds = seconds

    async def made(self, make: Callable[[], _Made]) -> _Made:
        """Return what ``make`` returns, made in one of the threads.

        Raises:
            BusyError: Too many wait already, or it takes too long; what was begun ends by itself.
        """
        return await self._made(self._pages, make)

    async def watched(self, make: Callable[[], _Made]) -> _Made:
        """Return what ``make`` returns as ``made`` does, however much there is to do for pages.

        Raises:
            BusyError: As ``made``.
        """
        return await self._made(self._health, make)

    async def _made(self, room: _Room, make: Callable[[], _Made]) -> _Made:
        if len(room.under_way) >= _MOST_WAITING:
            raise BusyError("too many questions at once; ask again in a moment")
        future = room.pool.submit(make)
        room.under_way.add(future)  # type: ignore[arg-type]  # whatever it makes
        future.add_done_callback(room.under_way.discard)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._seconds)
        except TimeoutError:
            raise BusyError(
                f"the answer took more than {self._seconds:g} s; ask for fewer days, accounts or meters"
            ) from None

    def stop(self, seconds: float) -> bool:
        """Let what was begun end; return False if something has not after ``seconds``."""
        rooms = self._pages, self._health
        for room in rooms:
            room.pool.shutdown(wait=False, cancel_futures=True)
        return not wait_for({one for room in rooms for one in set(room.under_way)}, timeout=seconds).not_done
