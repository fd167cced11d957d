"""Copies a database while it is in use, and proves the copy readable before it takes its name.

SQLite is copied by its own online backup, PostgreSQL by ``pg_dump``; a file copy of either would be torn.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Mapping
from pathlib import Path

from collector.errors import IntegrityError, StorageError
from collector.store.engine import Database
from collector.store.files import require_replaceable


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
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        if database.path is not None:
            _copy_sqlite(database.path, partial)
        else:
            _dump_postgresql(database, partial, environ)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target.stat().st_size


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.exists():
        raise StorageError(f"no database at {source}; run `collector db upgrade` to set one up")
    reading = sqlite3.connect(f"file:{source.as_posix()}?mode=rw", uri=True, timeout=30)
    writing = sqlite3.connect(target)
    try:
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode = DELETE")
        found = writing.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise IntegrityError(f"the database {source} could not be copied whole: {error}") from None
    finally:
        writing.close()
        reading.close()
    if found != "ok":
        raise IntegrityError(f"the database {source} is damaged: {found}")


def _dump_postgresql(database: Database, target: Path, environ: Mapping[str, str]) -> None:
    url = database.url
    settings = dict(environ)
    if url.password is not None:
        settings["PGPASSWORD"] = str(url.password)
    # A password may also be an option of the connection; a command line is for everybody to read.
    options = dict(url.query)
    hidden = options.pop("password", None)
    if hidden is not None:
        settings["PGPASSWORD"] = str(hidden)
    place = url.set(drivername="postgresql", password=None, query=options).render_as_string()
    _run(database, ["pg_dump", "--format=custom", f"--file={target}", f"--dbname={place}"], settings)
    _run(database, ["pg_restore", "--list", str(target)], settings)


def _run(database: Database, command: list[str], environ: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    except FileNotFoundError:
        raise StorageError(f"a backup of PostgreSQL needs {command[0]} (package postgresql-client)") from None
    if done.returncode:
        raise StorageError(f"{command[0]} could not copy {database.place}: {' '.join(done.stderr.split())[:300]}")
