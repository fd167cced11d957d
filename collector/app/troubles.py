"""Keeps count of what goes wrong, so that a fault is told once, then once an hour, and when it is over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

_REPEAT_SECONDS = 3600.0


@dataclass(slots=True)
class _Trouble:
    told_at: float
    count: int = 0
    kinds: set[str] = field(default_factory=set)


class Troubles:
    """Troubles by name, such as an account's; safe between threads.

    Args:
        monotonic: Seconds of a clock that never steps.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._troubles: dict[str, _Trouble] = {}
        self._lock = threading.Lock()

    def again(self, name: str, kind: str, times: int = 1) -> int | None:
        """Count a trouble; return how often it has happened if that is worth telling, else None.

        It is when it is new, when it is of a kind not seen since it began, and once an hour.
        """
        now = self._monotonic()
        with self._lock:
            trouble = self._troubles.setdefault(name, _Trouble(now))
            trouble.count += times
            if kind in trouble.kinds and now - trouble.told_at < _REPEAT_SECONDS:
                return None
            trouble.kinds.add(kind)
            trouble.told_at = now
            return trouble.count

    def over(self, name: str) -> int:
        """Forget a trouble and return how often it had happened."""
        with self._lock:
            trouble = self._troubles.pop(name, None)
        return 0 if trouble is None else trouble.count
