"""Brings a database to this program's schema, with a way back: room is made sure of and a copy made first.

Only SQLite is copied by itself: it is one file beside which there is room or not. PostgreSQL changes a schema in one
transaction too, and its backups are its operator's own; who wants one first takes it with ``collector db backup``.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from collector.errors import StorageError
from collector.store.backup import backup
from collector.store.engine import Database
from collector.store.files import alone_in
from collector.store.revision import HEAD, upgradable_revision, upgrade
from collector.store.sqlite_place import log_size, require_writable

# One for the copy, one for what SQLite writes anew while tables are rebuilt.
_ROOM = 2


def upgrade_safely(
    database: Database,
    now: datetime,
    *,
    copy: bool = True,
    copied: Callable[[Path], None] = lambda _: None,
) -> tuple[str | None, str]:
    """Create the database if it is missing, or bring it to the newest schema after a copy was made.

    Args:
        database: What to upgrade.
        now: For the copy's name.
        copy: Whether to make one; only a SQLite database that has tables of an older schema is copied.
        copied: Is told of the copy as soon as it is there.

    Returns:
        The revision before (None for a new database) and after.

    Raises:
        StorageError: There is no room, or the database cannot be created, copied or written.
        RevisionError: The database is newer than this program, or of a revision it does not know.
        IntegrityError: The file is damaged.
    """
    path = database.path
    if path is None or not path.exists() or not path.stat().st_size:
        return upgrade(database)
    require_writable(path)
    with alone_in(path.parent):  # of four at once, one makes the copy
        before = upgradable_revision(database)
        if before is not None and before < HEAD:
            _require_room(path, _ROOM if copy else _ROOM - 1)
            if copy:
                copied(_copied(database, path, before, now))
        return upgrade(database)


def _require_room(path: Path, times: int) -> None:
    needed = times * (path.stat().st_size + log_size(path))
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise StorageError(
            f"upgrading {path} needs {_megabytes(needed)} of free disk beside it ({times} times its size), and there "
            f"are {_megabytes(free)}; nothing was changed: make room, then run `collector db upgrade` again"
        )


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"


def _copied(database: Database, path: Path, revision: str, now: datetime) -> Path:
    target = path.with_name(f"{path.name}.revision-{revision}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    backup(database, target, {})
    return target
