"""Keeps providers that hang from holding every worker: together they get half of them.

A provider that keeps each poll until its deadline holds a worker as long as a hundred prompt ones; a dozen such would
leave the others unasked. Who hangs is known from an account's last poll. Only half of the pool is open to those; the
other half is always there for the prompt ones, and what they leave of it is nobody's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set
from datetime import timedelta


class SlowProviders:
    """Shares workers out between accounts by how long their last poll took.

    Args:
        workers: How many there are.
        slow_after: A poll that takes so long is slow.
        monotonic: Seconds of a clock that never steps.
    """

    def __init__(self, workers: int, slow_after: timedelta, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._workers = workers
        self._slow_after = slow_after
        self._slow: set[int] = set()
        self._monotonic = monotonic
        self._waiting: tuple[float | None, float | None] = None, None

    def polled(self, account: int, took: timedelta) -> None:
        """Remember how long the last poll of an account took."""
        if took >= self._slow_after:
            self._slow.add(account)
        else:
            self._slow.discard(account)

    def share_out(self, idle: Sequence[int], busy: Set[int], take: Callable[[Sequence[int], int], int]) -> bool:
        """Let ``take`` have accounts polled that may be, the slow ones first: they have no claim to the other half.

        Args:
            idle: Who is not being polled.
            busy: Who is.
            take: Is given accounts and how many of them there is room for, and returns how many it took.

        Returns:
            Whether somebody prompt may be left who found no room.
        """
        slow = [account for account in idle if account in self._slow]
        prompt = [account for account in idle if account not in self._slow]
        room = self._workers - len(busy)
        half = min(room, self._workers - self._workers // 2 - len(busy & self._slow))
        took_slow = take(slow, half) if slow and half > 0 else 0
        left = room - took_slow
        took_prompt = take(prompt, left) if prompt and left > 0 else 0
        self._waiting = self._since(0, waits=took_slow >= half), self._since(1, waits=took_prompt >= left)
        return took_prompt >= left

    def waits(self, account: int) -> bool:
        """Tell whether an account may be waiting for a worker, because all that it could have are at work."""
        return self._waiting[account not in self._slow] is not None

    def waited(self, account: int) -> float:
        """Return for how many seconds all workers that an account could have had were at work."""
        since = self._waiting[account not in self._slow]
        return 0.0 if since is None else self._monotonic() - since

    def _since(self, kind: int, *, waits: bool) -> float | None:
        """Return since when the slow (0) or the prompt (1) have been waiting for workers, or None."""
        if not waits:
            return None
        before = self._waiting[kind]
        return self._monotonic() if before is None else before
