"""Checks a database at rest: file, foreign keys, and whether its tables are the ones this program describes."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from collector.errors import IntegrityError
from collector.store.engine import Database
from collector.store.revision import require_head
from collector.store.schema import metadata


def check(database: Database) -> list[str]:
    """Return what is wrong with the database's schema and references, in plain words; nothing if all is well.

    Raises:
        StorageError: The database cannot be opened.
        RevisionError: Its schema is older or newer than this program.
        IntegrityError: The file is damaged.
    """
    require_head(database)
    with database.read() as connection:
        findings = [
            f"schema differs: {one}" for one in compare_metadata(MigrationContext.configure(connection), metadata)
        ]
        if database.is_sqlite:
            damage = connection.scalars(text("PRAGMA integrity_check(20)")).all()
            if damage != ["ok"]:
                raise IntegrityError(f"the database {database.place} is damaged: {'; '.join(map(str, damage))}")
            orphans = connection.execute(text("PRAGMA foreign_key_check"))
            findings += [f"row without its owner: {tuple(row)}" for row in orphans]
    return findings
