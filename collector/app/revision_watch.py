"""Notices that the database was given another schema while the daemon runs: nothing more may be written into it.

Public: ``RevisionWatch``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from collector.errors import CollectorError, RevisionError
from collector.store.engine import Database
from collector.store.revision import require_head_to_write

_EVERY_SECONDS = 10.0


class Ended(Protocol):
    """What is ended by a fault."""

    fatal: CollectorError | None


class RevisionWatch:
    """Looks at the revision about every ten seconds.

    Args:
        database: Whose.
        monotonic: Seconds of a clock that never steps.
        daemon: Is told that going on would do harm.
    """

    def __init__(self, database: Database, monotonic: Callable[[], float], daemon: Ended) -> None:
        self._database = database
        self._monotonic = monotonic
        self._daemon = daemon
        self._looked_at: float | None = None

    def look(self) -> None:
        """Look if it is time; a database that cannot be read is told of by the tick."""
        moment = self._monotonic()
        if self._looked_at is not None and moment - self._looked_at < _EVERY_SECONDS:
            return
        self._looked_at = moment
        try:
            require_head_to_write(self._database)
        except RevisionError as error:
            self._daemon.fatal = error
        except CollectorError:
            return
