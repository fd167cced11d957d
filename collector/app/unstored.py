"""Knows which answers are being stored at the moment, so that none is lost should the program have to end before.

Public: ``Unstored``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from collector.polling.one_poll import INTERRUPTED
from collector.store.entries import FinishedPoll


class Unstored:
    """Answers on their way into the database, or into the spool."""

    def __init__(self) -> None:
        self._polls: dict[int, FinishedPoll] = {}
        self._lock = threading.Lock()

    @contextmanager
    def held(self, poll: FinishedPoll) -> Iterator[None]:
        """Count a poll among them."""
        with self._lock:
            self._polls[id(poll)] = poll
        try:
            yield
        finally:
            with self._lock:
                self._polls.pop(id(poll), None)

    @property
    def polls(self) -> list[FinishedPoll]:
        """Those whose provider was heard, or failed by itself; one that we broke off says nothing."""
        with self._lock:
            return [poll for poll in self._polls.values() if poll.outcome != INTERRUPTED]
