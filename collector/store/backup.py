"""Copies a database while it is in use, and proves the copy readable before it takes its name.

SQLite is copied by its own online backup, PostgreSQL by ``pg_dump``; a file copy of either would be torn.
"""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL

from collector.errors import IntegrityError, StorageError
from collector.store.engine import Database, database_url
from collector.store.files import new_private_file, put_in_place, remove_with_logs, require_replaceable
from collector.store.sqlite_file import BUSY_SECONDS, explanation
from collector.store.sqlite_place import file_uri

# What a program of PostgreSQL may know of our environment: the keys of the providers are none of its business.
_PASSED_ON = {"PATH", "HOME", "LANG", "LC_ALL", "LC_MESSAGES", "TZ", "TMPDIR", "SYSTEMROOT", "APPDATA"}


def backup(database: Database, target: Path, environ: Mapping[str, str]) -> int:
    """Write a copy of ``database`` to ``target``, mode 0600, replacing only a regular file; return its size in bytes.

    Args:
        database: What to copy.
        target: The file to write: a SQLite database, or an archive for ``pg_restore``.
        environ: The environment that ``pg_dump`` runs in.

    Raises:
        UsageError: The target is a folder, a link, or lies in a folder that is not there.
        StorageError: The copy could not be made.
        IntegrityError: The copy is damaged because the database is.
    """
    require_replaceable(target)
    partial = target.with_name(target.name + ".partial")
    new_private_file(partial)
    try:
        if database.path is not None:
            copy_sqlite(database.path, partial)
        else:
            _dump_postgresql(database, partial, environ)
        put_in_place(partial, target)
    finally:
        remove_with_logs(partial)
    return target.stat().st_size


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite file, which may be in use, over an empty one, and prove the copy whole.

    Raises:
        StorageError: There is no such file, it is locked, or the disk does not take the copy.
        IntegrityError: The copy is damaged because its source is.
    """
    if not source.exists():
        raise StorageError(f"no database at {source}; run `collector db upgrade` to set one up")
    try:
        with (
            closing(sqlite3.connect(f"{file_uri(source)}?mode=rw", uri=True, timeout=BUSY_SECONDS)) as reading,
            closing(sqlite3.connect(f"{file_uri(target)}?mode=rw", uri=True)) as writing,
        ):
            reading.backup(writing)
            writing.execute("PRAGMA journal_mode = DELETE")
            found = writing.execute("PRAGMA integrity_check(1)").fetchone()[0]
            orphan = writing.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.OperationalError as error:
        raise explanation(str(source), error) from None
    except sqlite3.DatabaseError as error:
        raise IntegrityError(
            f"the database {source} could not be copied whole: {error}; restore a backup with "
            "`collector db restore FILE`"
        ) from None
    if found != "ok":
        raise IntegrityError(
            f"the database {source} is damaged: {found}; restore a backup with `collector db restore FILE`"
        )
    if orphan is not None:
        raise IntegrityError(f"the database {source} has rows that lost what they belong to, in {orphan[0]}")


def restore_command(url: str, source: Path) -> list[str]:
    """Return the command that restores a PostgreSQL database from a copy; a password is asked for, or in PGPASSWORD."""
    return [
        "pg_restore", "--clean", "--if-exists", "--single-transaction", "--no-owner",
        f"--dbname={_without_password(database_url(url))[0]}", str(source),
    ]  # fmt: skip


def _dump_postgresql(database: Database, target: Path, environ: Mapping[str, str]) -> None:
    settings = {name: value for name, value in environ.items() if name in _PASSED_ON or name.startswith("PG")}
    place, password = _without_password(database.url)
    if password is not None:
        settings["PGPASSWORD"] = password
    _run(database, ["pg_dump", "--format=custom", f"--file={target}", f"--dbname={place}"], settings)
    _run(database, ["pg_restore", "--list", str(target)], settings)


def _without_password(url: URL) -> tuple[str, str | None]:
    """Return a URL for a command line, which is for everybody to read, and the password that was in it."""
    options = dict(url.query)
    hidden = options.pop("password", None)  # it may also be an option of the connection
    password = hidden if hidden is not None else url.password
    place = URL.create("postgresql", url.username, None, url.host, url.port, url.database, options)
    return place.render_as_string(), None if password is None else str(password)


def _run(database: Database, command: list[str], environ: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    except FileNotFoundError:
        raise StorageError(f"a backup of PostgreSQL needs {command[0]} (package postgresql-client)") from None
    if done.returncode:
        raise StorageError(f"{command[0]} could not copy {database.place}: {' '.join(done.stderr.split())[:300]}")
