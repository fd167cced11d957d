"""Carries out ``db restore``: a SQLite file by ourselves, PostgreSQL by the words that restore it.

A restored database is older than what was last seen of it. This machine remembers that, and would call the loss by its
name; the operator meant it, so what is remembered is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import join

from collector.app import logs
from collector.app.clock import SystemClock
from collector.app.state_folder import forget_heads
from collector.app.wiring import require_local_file
from collector.config import Settings
from collector.errors import IntegrityError, UsageError
from collector.providers import PROVIDERS
from collector.store.backup import restore_command
from collector.store.engine import Database, file_of
from collector.store.restoring import restore
from collector.store.verifying.proof import Wanted, prove

_FOLLOWED = 3


@dataclass(frozen=True, slots=True)
class RestoredBackup:
    """What a restore did.

    Attributes:
        place: The database, for people.
        kept: Where the file that was there is now; None where there was none.
        revision: The schema that the backup had.
    """

    place: str
    kept: Path | None
    revision: str


def restore_backup(settings: Settings, source: Path) -> RestoredBackup:
    """Put ``source`` in the place of the configured database.

    Raises:
        UsageError: The database is PostgreSQL, or there is no such backup.
        StorageError: Another program has the database open, or the disk is full.
        RevisionError: The backup is of a newer program.
        IntegrityError: The backup is damaged or contradicts itself.
    """
    path = file_of(settings.database_url)
    if path is None:
        raise UsageError(
            "PostgreSQL is restored by its own program, while no collector runs: "
            f"`{join(restore_command(settings.database_url, source))}`; then run `collector verify`"
        )
    require_local_file(settings)
    done = restore(path, source, SystemClock().now(), _prove, lambda: _forget(settings, source))
    return RestoredBackup(str(path), done.kept, done.revision)


def _forget(settings: Settings, source: Path) -> None:
    logs.configure()
    forget_heads(settings, f"the backup {source} is restored")


def _prove(database: Database) -> None:
    """Refuse a backup whose ledger contradicts itself."""
    catalogue = {name: one.meters for name, one in PROVIDERS.items()}
    proof = prove(database, Wanted(None, {}, catalogue), lambda _: None)
    wrong = [check.words for check in proof.checks if not check.ok]
    if wrong:
        raise IntegrityError(
            f"the backup contradicts itself and was not restored ({'; '.join(wrong[:_FOLLOWED])}); nothing was "
            "changed: choose another backup"
        )
