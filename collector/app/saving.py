"""Writes the remembered heads down now and then: not after every poll, which would cost a sync of the disk each."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from collector.app.troubles import Troubles
from collector.errors import StorageError
from collector.store.heads import Heads

_EVERY_SECONDS = 30.0
_FILE = "heads"


class Saves:
    """Saves the heads about every 30 seconds, and at the end.

    Args:
        heads: What is saved.
        monotonic: Seconds of a clock that never steps.
    """

    def __init__(self, heads: Heads, monotonic: Callable[[], float]) -> None:
        self._heads = heads
        self._monotonic = monotonic
        self._saved_at = monotonic()
        self._troubles = Troubles(monotonic)
        self._failing = False

    def now_and_then(self) -> None:
        """Save if that was long ago."""
        if self._monotonic() - self._saved_at >= _EVERY_SECONDS:
            self._saved_at = self._monotonic()
            self.now()

    def now(self) -> None:
        """Save; that it fails is told once, then once an hour."""
        try:
            self._heads.save()
        except StorageError as error:
            self._failing = True
            if self._troubles.again(_FILE, "StorageError") is not None:
                structlog.get_logger().warning(f"the newest polls cannot be remembered: {error}")
        else:
            self._failing = False
            self._troubles.over(_FILE)

    def troubles(self) -> frozenset[str]:
        """Return ``heads_unsaved`` while saving fails."""
        return frozenset({"heads_unsaved"} if self._failing else ())
