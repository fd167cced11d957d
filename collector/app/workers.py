"""The bounded pool that polls, and who is in it.

A provider is waited for in a thread of its own, so the pool bounds how many are asked at once. Nobody is handed over
after the end, and whoever is waited for too long can be named.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from datetime import datetime, timedelta

from collector.polling.one_poll import Target
from collector.store.accounts import Lease


class Workers:
    """Polls accounts side by side.

    Args:
        count: How many at most.

    Attributes:
        stopped: Whether the end has come.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="poll")
        self._busy: dict[Future[None], tuple[Lease, str]] = {}
        self._freed = threading.Condition()
        self.stopped = False

    @property
    def busy(self) -> set[int]:
        """The accounts that are being polled."""
        with self._freed:
            return {lease.account for lease, _ in self._busy.values()}

    def hand_over(self, lease: Lease, target: Target, poll: Callable[[Lease, Target], None]) -> bool:
        """Have an account polled; return False, and do nothing, after the end."""
        with self._freed:
            if self.stopped:
                return False
            future = self._pool.submit(poll, lease, target)
            self._busy[future] = lease, target.account.name
        future.add_done_callback(self._finished)
        return True

    def _finished(self, future: Future[None]) -> None:
        with self._freed:
            self._busy.pop(future, None)
            self._freed.notify_all()

    def wait_until_half_free(self, seconds: float) -> bool:
        """Return True as soon as half of the workers have nothing to do, False if that takes longer than ``seconds``.

        Half, because claiming one account costs nearly as much as claiming a dozen.
        """
        with self._freed:
            return self._freed.wait_for(lambda: len(self._busy) <= self.count // 2, max(0.0, seconds))

    def hanging(self, now: datetime, grace: timedelta) -> list[str]:
        """Return the names of the accounts whose lease ended more than ``grace`` before ``now``."""
        with self._freed:
            return [name for lease, name in self._busy.values() if lease.until + grace < now]

    def stop(self, seconds: float) -> bool:
        """Let running polls end; return False if one is still running after ``seconds``."""
        with self._freed:
            self.stopped = True
            running = set(self._busy)
        unfinished = wait_for(running, timeout=seconds).not_done
        self._pool.shutdown(wait=False)
        return not unfinished
