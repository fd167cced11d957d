"""What every page reads from: the settings, the database opened for reading only, and the time.

The database is opened anew where its file was replaced, as after a restore; until then nothing of it is shown.

Public: ``Ledger``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog

from collector.app.clock import Clock
from collector.app.state_folder import state_of
from collector.config import Settings
from collector.errors import DisconnectedError, FileReplacedError
from collector.store.brief_reading import BriefDatabase
from collector.store.engine import Database
from collector.store.revision import require_head
from collector.store.spool import Waiting

_LONGEST_READING = 5.0
_THREADS = 8


class Ledger:
    """The history as a page may read it.

    Args:
        settings: What is configured.
        clock: Tells the time.
        seconds: How long one reading transaction may take.

    A PostgreSQL server that cannot be reached is no reason not to start: every page, and health, says so.

    Raises:
        StorageError: The database is missing or cannot be used.
        RevisionError: Its schema is older or newer than this program.
    """

    def __init__(self, settings: Settings, clock: Clock, seconds: float = _LONGEST_READING) -> None:
        self.settings = settings
        self.now: Callable[[], datetime] = clock.now
        self.monotonic = clock.monotonic
        self._seconds = seconds
        self._lock = threading.Lock()
        self._database = self._opened()
        self._proved = False
        try:
            self._prove(self._database)
        except DisconnectedError as error:
            structlog.get_logger().warning(f"serving without the database until it can be reached: {error}")
        self._spool = state_of(settings, self._database).spool

    @contextmanager
    def reading(self, *, afresh: bool = False) -> Iterator[Database]:
        """Give the database to read from.

        Args:
            afresh: By new connections: an open one would go on showing what it remembers of a file that is gone bad.

        Raises:
            FileReplacedError: It is another file than it was; the next one who asks gets that.
        """
        database = self._database
        if afresh:
            database.close()
        try:
            self._prove(database)
            yield database
        except FileReplacedError:
            with self._lock:
                if self._database is database:
                    self._database, self._proved = self._opened(), False
                    database.close()
            raise

    def _prove(self, database: Database) -> None:
        """Make sure once that the schema is ours, as soon as the database can be asked."""
        if not self._proved:
            require_head(database)
            self._proved = True

    def waiting(self) -> Waiting:
        """Return what waits on this machine to be stored: nobody can tell by the database while that is away."""
        return self._spool.waiting()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _opened(self) -> BriefDatabase:
        return BriefDatabase(self.settings.database_url, self._seconds, self.monotonic, _THREADS)
