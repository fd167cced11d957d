"""What one machine must remember outside the database: polls that could not be stored, and the newest digests it saw.

    usage.db.state/              beside a SQLite file; for PostgreSQL in the user's folder of states, or where the
      spool/                     settings say
      heads.json

Two databases never share one. Everything in it is for its owner alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import structlog

from collector.config import Settings
from collector.domain.instants import format_instant
from collector.errors import CollectorError, LostTailError, StorageError
from collector.store.engine import Database
from collector.store.heads import Heads, Remembered, not_there
from collector.store.spool import Spool

_PROGRAM = "usage-collector"


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The folder, and what is in it."""

    path: Path
    spool: Spool
    heads: Heads


def state_of(settings: Settings, database: Database | None = None) -> StateFolder:
    """Return the state of a database; nothing is made before there is something to keep.

    Args:
        settings: What is configured.
        database: The configured one, unless given.
    """
    database = Database(settings.database_url) if database is None else database
    mark = hashlib.sha256(f"{database.url.host}\n{database.url.port}\n{database.url.database}".encode()).hexdigest()
    path = settings.collector.state_folder
    if path is None and database.path is not None:
        path = database.path.with_name(database.path.name + ".state")
    elif path is None:
        path = Path(platformdirs.user_state_dir(_PROGRAM)) / mark[:12]
    spool = Spool(path / "spool", settings.collector.spool_limit)
    return StateFolder(path, spool, Heads(path / "heads.json", mark))


def forget_heads(settings: Settings, reason: str) -> None:
    """Forget which polls the database acknowledged: an operator put another one in its place, and knows it.

    Raises:
        StorageError: What is remembered cannot be written.
    """
    _tell_forgotten(state_of(settings).heads.forget(), reason)


def accept_loss(settings: Settings, reason: str) -> int:
    """Accept that the database lost polls it had acknowledged, and return of how many accounts.

    Raises:
        StorageError: What is remembered or the database cannot be read, or what is remembered cannot be written.
    """
    heads = state_of(settings).heads
    database = Database(settings.database_url, busy_seconds=settings.collector.busy_timeout.total_seconds())
    try:
        with database.read() as connection:
            gone = not_there(connection, heads.all)
    finally:
        database.close()
    if not gone:
        return 0
    heads.missing(gone)
    _tell_forgotten(heads.forget(lost_only=True), reason)
    return len({one.account for one in gone})


def _tell_forgotten(forgotten: tuple[Remembered, ...], reason: str) -> None:
    log = structlog.get_logger()
    for one in forgotten:
        log.warning("a remembered poll is forgotten", account=one.account, poll=one.words, reason=reason)


def check_heads(state: StateFolder, database: Database) -> None:
    """Make sure that the database still has every poll that it acknowledged to this machine.

    On SQLite a database that lost some is told of with a warning and used: its file is the only one there is. On
    PostgreSQL there may be another server that has them, so nothing is written into this one.

    Raises:
        LostTailError: A PostgreSQL server does not have them.
        StorageError: The database cannot be read.
    """
    if state.heads.damage is not None:
        structlog.get_logger().warning(state.heads.damage)
    wanted = state.heads.all
    with database.read() as connection:
        gone = not_there(connection, wanted)
    back = [one for one in state.heads.lost if one not in gone]
    if back and not gone:
        state.heads.forget(lost_only=True)
        structlog.get_logger().info("the database has what it had lost again", polls=[one.words for one in back])
    if gone:
        state.heads.missing(gone)
        words = lost_words(database, gone)
        if not database.is_sqlite:
            raise LostTailError(words)
        structlog.get_logger().warning(words)


def faults_of_state(state: StateFolder, database: Database) -> Iterator[CollectorError]:
    """Yield what is wrong with what this machine remembers, each with what the operator can do.

    Raises:
        StorageError: The database cannot be read.
    """
    waiting = state.spool.waiting()
    if waiting.count and waiting.oldest is not None:
        since = format_instant(waiting.oldest.replace(microsecond=0))
        yield StorageError(
            f"{waiting.count:,} poll{'s' if waiting.count != 1 else ''} of {', '.join(sorted(waiting.accounts)[:5])} "
            f"wait in {state.spool.folder} since {since}, because {waiting.why}; the next `collector poll` or `run` "
            "stores them"
        )
    if waiting.dropped:
        yield StorageError(f"{waiting.dropped:,} more could not be kept: the spool was full, or its disk")
    if waiting.torn:
        yield StorageError(
            f"{waiting.torn:,} torn file{'s' if waiting.torn != 1 else ''} in {state.spool.folder} "
            "(a crash or a failing disk cut them short): what they held is lost; remove them"
        )
    if waiting.unreadable:
        files = f"{waiting.unreadable:,} file{'s' if waiting.unreadable != 1 else ''}"
        yield StorageError(
            f"{files} in {state.spool.folder} cannot be read (*.unreadable; root's, after `sudo collector poll`?): "
            "give them to the collector's user (`sudo chown`); the next poll takes them in"
        )
    if waiting.refused:
        polls = f"{waiting.refused:,} poll{'s' if waiting.refused != 1 else ''}"
        yield StorageError(
            f"{polls} in {state.spool.folder} set aside (*.refused), because the database takes others but refuses "
            f"these: {waiting.refused_why}; report it with the log. What is renamed to end in .poll is tried again"
        )
    if state.heads.damage is not None:
        yield StorageError(state.heads.damage)
    with database.read() as connection:
        gone = not_there(connection, state.heads.all)
    if gone:
        yield LostTailError(lost_words(database, gone))


def lost_words(database: Database, gone: list[Remembered] | tuple[Remembered, ...]) -> str:
    """Return what is to be said of a database that lost polls."""
    shown = ", ".join(one.words for one in gone[:5])
    more = f" and {len(gone) - 5} more" if len(gone) > 5 else ""
    return (
        f"the database {database.place} lost its tail: it acknowledged polls that it does not have ({shown}{more}); it "
        "is an older copy, or its end was lost (a deleted write-ahead log, a restored backup, a replica that lagged): "
        "bring the right one back, or accept the loss with `collector verify --accept-loss`"
    )
