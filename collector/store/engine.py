"""Opens the database: SQLite for one machine, PostgreSQL by changing the URL.

Every transaction that writes facts on SQLite begins with ``BEGIN IMMEDIATE`` (under deferred ones a read followed by a
write loses updates without an error) and is durable (``WAL`` with ``synchronous=FULL``). Writers of one process
queue on a lock instead of on SQLite's busy timeout. Readers see one consistent state and cannot write. A missing file
is an error: only an upgrade creates one, with mode 0600.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from collector.errors import CollectorError, ConfigError, LockedError, StorageError
from collector.store.file_shape import never_close
from collector.store.sqlite_file import ASIDE, BUSY_SECONDS, SameFile, explanation, kept, tune
from collector.store.sqlite_place import file_uri

APPLICATION_ID = 0x75736763  # "usgc": tells our files from any other SQLite database
# A server that went away without a word is noticed within half a minute.
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def database_url(text: str) -> URL:
    """Return the URL of a supported engine; ``postgresql://`` means psycopg 3.

    Raises:
        ConfigError: Another engine, or text that is no URL.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # ValueError: the port is no number
        raise ConfigError(
            "database.url is not a URL; write sqlite:///usage.db or postgresql://user@host/name"
        ) from None
    match url.get_backend_name():
        case "sqlite" if url.database and url.database != ":memory:":
            return url.set(drivername="sqlite")
        case "postgresql" | "postgres":
            return url.set(drivername="postgresql+psycopg")
        case name:
            raise ConfigError(
                f"database.url names the engine {name!r}; the collector keeps its history in a SQLite file "
                "(sqlite:///usage.db) or in PostgreSQL (postgresql://user@host/name)"
            )


def file_of(text: str) -> Path | None:
    """Return the SQLite file that a URL names, or None for another engine."""
    url = database_url(text)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


class Bench:
    """One connection with temporary tables of its own, for long work that is written in one go at its end."""

    def __init__(
        self, connection: Connection, turn: Callable[[], AbstractContextManager[object]], file: SameFile | None
    ) -> None:
        self._connection = connection
        self._turn = turn
        self._file = file

    @contextmanager
    def aside(self) -> Iterator[Connection]:
        """Open a transaction for temporary tables alone: others go on writing meanwhile."""
        self._connection.execution_options(**{ASIDE: True})
        try:
            with self._connection.begin():
                yield self._connection
        finally:
            self._connection.execution_options(**{ASIDE: False})

    @contextmanager
    def write(self, *, keep: bool = True) -> Iterator[Connection]:
        """Open the writing transaction, as ``Database.write`` does; without ``keep`` it is rolled back at its end."""
        with self._turn(), kept(self._connection, self._file) as transaction:
            yield self._connection
            if not keep:
                transaction.rollback()


class Database:
    """One database with a door for writing and one for reading.

    Args:
        url: As in ``database.url``.
        pool_size: How many threads may use it at once.
        read_only: Nothing can be written, also not by ``write``.
        busy_seconds: How long to wait for another program's lock on a SQLite file.
    """

    def __init__(
        self, url: str, pool_size: int = 8, *, read_only: bool = False, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        self.url = database_url(url)
        self._pool_size, self._mode, self._busy_seconds = pool_size, "ro" if read_only else "rw", busy_seconds
        self._file = None if self.path is None else SameFile(self.path)
        self._writer = self._engine(writing=not read_only)
        self._reader = self._engine(writing=False)
        self._write_lock = threading.Lock()
        self._refusal: CollectorError | None = None

    @property
    def is_sqlite(self) -> bool:
        """True for the embedded engine."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def path(self) -> Path | None:
        """The file of a SQLite database, else None."""
        return Path(str(self.url.database)) if self.is_sqlite else None

    @property
    def place(self) -> str:
        """Where the database is, for people; never with a password."""
        if self.is_sqlite:
            return str(self.path)
        # A password may also be an option of the connection.
        options = {name: "***" if "password" in name else value for name, value in self.url.query.items()}
        return self.url.set(drivername="postgresql", query=options).render_as_string(hide_password=True)

    def refuse_writes(self, reason: CollectorError) -> None:
        """Refuse every ``write`` that begins from now on."""
        self._refusal = reason

    @contextmanager
    def write(self, patience: float | None = None) -> Iterator[Connection]:
        """Open one writing transaction: committed at the end, rolled back by any exception.

        Args:
            patience: How many seconds to wait for other writers on SQLite, where that is less than ``busy_seconds``.

        Raises:
            StorageError: The database cannot be opened or written.
            FileReplacedError: The file was deleted, moved or replaced; what was written is not kept.
            IntegrityError: The file is damaged.
            CollectorError: What ``refuse_writes`` was told.
        """
        if self._refusal is not None:
            raise type(self._refusal)(str(self._refusal))
        with (
            self._explained(),
            self._turn(patience),
            self._writer.connect() as connection,
            self._hurried(connection, patience),
            kept(connection, self._file),
        ):
            yield connection

    @contextmanager
    def _hurried(self, connection: Connection, patience: float | None) -> Iterator[None]:
        """Let a connection wait shorter than usual for the writers of other programs."""
        if patience is None or not self.is_sqlite:
            yield
            return
        raw = connection.connection.cursor()
        raw.execute(f"PRAGMA busy_timeout = {int(1000 * min(patience, self._busy_seconds))}")
        try:
            yield
        finally:
            raw.execute(f"PRAGMA busy_timeout = {int(1000 * self._busy_seconds)}")
            raw.close()

    @contextmanager
    def _turn(self, patience: float | None = None) -> Iterator[None]:
        """Wait for this process's own writers on SQLite, never longer than for those of others."""
        if not self.is_sqlite:
            yield
            return
        limit = self._busy_seconds if patience is None else min(patience, self._busy_seconds)
        if not self._write_lock.acquire(timeout=limit):
            raise LockedError(f"the database {self.place} cannot be used: another thread keeps it locked")
        try:
            yield
        finally:
            self._write_lock.release()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open one reading transaction: every statement in it sees the same state.

        Raises:
            StorageError: The database cannot be opened or read.
            IntegrityError: The file is damaged.
        """
        with self._explained(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def migrate(self) -> Iterator[Connection]:
        """Open one writing transaction for a change of schema: foreign keys are off while tables are rebuilt.

        Raises:
            StorageError: The database cannot be opened or written.
            IntegrityError: The file is damaged.
        """
        engine = self._engine(writing=True, foreign_keys=False)
        try:
            with self._explained(), self._turn(), engine.connect() as connection, kept(connection, self._file):
                yield connection
        finally:
            engine.dispose()

    @contextmanager
    def bench(self) -> Iterator[Bench]:
        """Open a connection of its own for work that is prepared in temporary tables, which end with it.

        Raises:
            StorageError: The database cannot be opened or written.
            IntegrityError: The file is damaged.
        """
        with self._explained(), self._writer.connect() as connection:
            try:
                yield Bench(connection, self._turn, self._file)
            finally:
                connection.invalidate()  # closes it: nobody else shall find the temporary tables

    def close(self) -> None:
        """Close every connection; not to a file that was spoilt: the last one would write the log into it."""
        for engine in (self._writer, self._reader):
            if self._file is not None and self._file.spoilt:
                never_close(engine)
            else:
                engine.dispose()

    def create_file(self) -> None:
        """Create an empty SQLite file, readable by its owner only, unless it is there; no-op on PostgreSQL.

        Raises:
            StorageError: The file cannot be created.
        """
        path = self.path
        if path is None:
            return
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return
        except OSError as error:
            raise StorageError(f"cannot create the database {path}: {error.strerror}") from None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            if self._file is not None:
                self._file.require()
            yield
        except DBAPIError as error:
            raise explanation(self.place, error.orig) from None

    def _engine(self, *, writing: bool, foreign_keys: bool = True) -> Engine:
        options: dict[str, object] = {"hide_parameters": True, "pool_size": self._pool_size, "max_overflow": 8}
        if not self.is_sqlite:
            isolation = "READ COMMITTED" if writing else "REPEATABLE READ"
            options |= {"isolation_level": isolation, "pool_pre_ping": True, "connect_args": _PATIENCE}
        try:
            engine = create_engine(self._engine_url(), **options)
        except (NoSuchModuleError, ModuleNotFoundError):
            raise ConfigError(
                "PostgreSQL needs its driver; install it with `pip install 'usage-collector[postgres]'`"
            ) from None
        if self.is_sqlite:
            tune(engine, writing=writing, foreign_keys=foreign_keys)
        elif not writing:
            event.listen(engine, "begin", _read_only)
        return engine

    def _engine_url(self) -> URL:
        if self.path is None:
            return self.url
        return self.url.set(
            database=file_uri(self.path), query={"uri": "true", "mode": self._mode, "timeout": str(self._busy_seconds)}
        )


def _read_only(connection: Connection) -> None:
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")
