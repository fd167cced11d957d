"""Opens the database: SQLite for one machine, PostgreSQL by changing the URL.

Every transaction that writes facts on SQLite begins with ``BEGIN IMMEDIATE`` (under deferred ones a read followed by a
write loses updates without an error) and is durable (``WAL`` with ``synchronous=FULL``). Writers of one process
queue on a lock instead of on SQLite's busy timeout. Readers see one consistent state and cannot write. A missing file
is an error: only an upgrade creates one, with mode 0600.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from collector.errors import ConfigError, IntegrityError, StorageError

APPLICATION_ID = 0x75736763  # "usgc": tells our files from any other SQLite database
_BUSY_SECONDS = 30
# A server that went away without a word is noticed within half a minute.
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_SWITCHES = 100
_ASIDE = "collector_aside"
_CORRUPT = ("malformed", "not a database", "disk image", "corrupt")


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


class Bench:
    """One connection with temporary tables of its own, for long work that is written in one go at its end."""

    def __init__(self, connection: Connection, write_lock: AbstractContextManager[object]) -> None:
        self._connection = connection
        self._write_lock = write_lock

    @contextmanager
    def aside(self) -> Iterator[Connection]:
        """Open a transaction for temporary tables alone: others go on writing meanwhile."""
        self._connection.execution_options(**{_ASIDE: True})
        try:
            with self._connection.begin():
                yield self._connection
        finally:
            self._connection.execution_options(**{_ASIDE: False})

    @contextmanager
    def write(self, *, keep: bool = True) -> Iterator[Connection]:
        """Open the writing transaction, as ``Database.write`` does; without ``keep`` it is rolled back at its end."""
        with self._write_lock, self._connection.begin() as transaction:
            yield self._connection
            if not keep:
                transaction.rollback()


class Database:
    """One database with a door for writing and one for reading.

    Args:
        url: As in ``database.url``.
        pool_size: How many threads may use it at once.
        read_only: Nothing can be written, also not by ``write``.
    """

    def __init__(self, url: str, pool_size: int = 8, *, read_only: bool = False) -> None:
        self.url = database_url(url)
        self._pool_size, self._mode = pool_size, "ro" if read_only else "rw"
        self._writer = self._engine(writing=not read_only)
        self._reader = self._engine(writing=False)
        self._write_lock: AbstractContextManager[object] = threading.Lock() if self.is_sqlite else nullcontext()

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

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open one writing transaction: committed at the end, rolled back by any exception.

        Raises:
            StorageError: The database cannot be opened or written.
            IntegrityError: The file is damaged.
        """
        with self._explained(), self._write_lock, self._writer.begin() as connection:
            yield connection

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
            with self._explained(), self._write_lock, engine.begin() as connection:
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
                yield Bench(connection, self._write_lock)
            finally:
                connection.invalidate()  # closes it: nobody else shall find the temporary tables

    def close(self) -> None:
        """Close every connection."""
        self._writer.dispose()
        self._reader.dispose()

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
            if self.path is not None and not self.path.exists():
                raise StorageError(
                    f"no database at {self.path}; run `collector init` and `collector db upgrade` to set one up"
                )
            yield
        except DBAPIError as error:
            raise _explanation(self.place, error.orig) from None

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
            _tune_sqlite(engine, writing=writing, foreign_keys=foreign_keys)
        elif not writing:
            event.listen(engine, "begin", _read_only)
        return engine

    def _engine_url(self) -> URL:
        if self.path is None:
            return self.url
        return self.url.set(
            database=_file_uri(self.path), query={"uri": "true", "mode": self._mode, "timeout": str(_BUSY_SECONDS)}
        )


def _file_uri(path: Path) -> str:
    """Return the URI of a file for SQLite, to be opened with ``mode=rw``: opening must never create one silently."""
    return f"file:{quote(path.as_posix())}"


def _explanation(place: str, fault: BaseException | None) -> StorageError | IntegrityError:
    text = " ".join(str(fault).split())
    if isinstance(fault, sqlite3.Error) and any(word in text for word in _CORRUPT):
        return IntegrityError(f"the database {place} is damaged ({text}); it was left untouched: restore a backup")
    return StorageError(f"the database {place} cannot be used: {text}")


def _read_only(connection: Connection) -> None:
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def _tune_sqlite(engine: Engine, *, writing: bool, foreign_keys: bool) -> None:
    def connected(dbapi: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # The driver must not begin transactions of its own: "begin" below does.
        dbapi.isolation_level = None
        cursor = dbapi.cursor()
        cursor.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        cursor.execute("PRAGMA synchronous = FULL")
        if not writing:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    def begun(connection: Connection) -> None:
        immediate = writing and not connection.get_execution_options().get(_ASIDE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


def use_wal(path: Path) -> None:
    """Switch a SQLite file to write-ahead logging, which it then keeps.

    Raises:
        StorageError: The file is missing, or its file system does not allow it.
        IntegrityError: The file is damaged.
    """
    try:
        with closing(sqlite3.connect(f"{_file_uri(path)}?mode=rw", uri=True, timeout=_BUSY_SECONDS)) as connection:
            mode = _switched_to_wal(connection)
    except sqlite3.Error as error:
        raise _explanation(str(path), error) from None
    if mode != "wal":
        raise StorageError(f"{path} cannot use write-ahead logging (it stayed in {mode!r} mode); choose a local disk")


def _switched_to_wal(connection: sqlite3.Connection) -> str:
    """Return the mode after switching; while others use the file, wait for them and try again."""
    for _ in range(_SWITCHES):
        with suppress(sqlite3.OperationalError):
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        # Switching fails at once where it meets another; a transaction of one's own waits for its turn.
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
