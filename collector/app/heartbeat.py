"""Says in the database that this collector is alive, and what troubles it; looks there, too, who is overdue.

The row is written about every 30 seconds, and at once when the troubles change. All this happens in a thread of its
own, since the database may keep it waiting; where the row cannot be written it grows old, which says as much.

Public: ``Heartbeat``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from collector.app.clock import Clock
from collector.app.stopping import ended_within
from collector.errors import CollectorError
from collector.store.engine import Database
from collector.store.processes import ProcessRow, record_process, remove_process

_EVERY_SECONDS = 30.0
_ENDING_SECONDS = 2.0


class Heartbeat:
    """The row of one collector.

    Args:
        database: Where it is written.
        clock: Time.
        owner: By what the collector signs its leases: host, process id and a random part.
        version: That of the program.
        troubles: Tells what is wrong at the moment, by names.
    """

    def __init__(
        self, database: Database, clock: Clock, owner: str, version: str, troubles: Callable[[], Iterable[str]]
    ) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner
        self._version = version
        self._troubles = troubles
        self._started_at = clock.now()
        self._written: tuple[float, tuple[str, ...]] | None = None
        self._beating = threading.Lock()

    def beat(self) -> None:
        """Write the row if it is time, or if the troubles changed; a database that fails is told of by the tick."""
        with self._beating:
            troubles, moment = tuple(sorted(self._troubles())), self._clock.monotonic()
            if self._clock.stopping.is_set() or self._is_fresh(troubles, moment):
                return
            try:
                record_process(self._database, self._row(troubles))
            except CollectorError:
                return
            self._written = moment, troubles

    def stop(self, seconds: float, *, orderly: bool) -> bool:
        """Let a running beat end, and take the row away if the end is ``orderly``; return False if a beat still runs.

        A row that cannot be taken away grows old, and the next collector forgets it.
        """
        last = time.monotonic() + seconds
        if not self._beating.acquire(timeout=max(0.0, seconds)):
            return False
        try:
            if orderly and self._written is not None:
                ended_within(min(last - time.monotonic(), _ENDING_SECONDS), self._remove)
        finally:
            self._beating.release()
        return True

    def _remove(self) -> None:
        try:
            remove_process(self._database, self._owner)
        except CollectorError:
            return

    def _is_fresh(self, troubles: tuple[str, ...], moment: float) -> bool:
        if self._written is None:
            return False
        written_at, told = self._written
        return told == troubles and moment - written_at < _EVERY_SECONDS

    def _row(self, troubles: tuple[str, ...]) -> ProcessRow:
        host, pid, _ = self._owner.rsplit(":", 2)
        return ProcessRow(self._owner, host, int(pid), self._started_at, self._clock.now(), self._version, troubles)
