"""Which schema a database has, and bringing it to the one this program needs.

Reading the revision costs one look-up and never loads Alembic; only an upgrade does.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from collector.errors import IntegrityError, RevisionError, StorageError
from collector.store.engine import APPLICATION_ID, Database, use_wal

HEAD = "0003"
_UPGRADE_LOCK = APPLICATION_ID  # any number of ours: two upgrades of one PostgreSQL database wait for each other


def migrations_folder() -> Path:
    """Return the folder of the migrations: beside this module when installed, at the top of a checkout."""
    installed = Path(__file__).parent / "migrations"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "migrations"


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the schema, or None where there is none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


def require_head(database: Database) -> None:
    """Make sure that the schema is the one this program needs.

    Raises:
        StorageError: The file is missing, or not a database of the collector.
        RevisionError: The schema is older or newer; the message names the way out.
    """
    with database.read() as connection:
        found = revision_of(connection)
        if found is None:
            _require_ours_or_empty(database, connection)
    if found is None:
        raise RevisionError(f"the database {database.place} has no tables yet; run `collector db upgrade`")
    if found < HEAD:
        raise RevisionError(
            f"the database {database.place} has revision {found}, this program needs {HEAD}; run `collector db upgrade`"
        )
    if found > HEAD:
        raise RevisionError(
            f"the database {database.place} has revision {found}, newer than this program's {HEAD}; "
            "install a newer collector or restore a backup of that time"
        )


def _require_ours_or_empty(database: Database, connection: Connection) -> None:
    """Refuse a foreign SQLite file before anything is written into it."""
    if not database.is_sqlite:
        return
    mark = connection.scalar(text("PRAGMA application_id"))
    if mark != APPLICATION_ID and inspect(connection).get_table_names():
        raise StorageError(f"{database.place} is a SQLite database of another program; choose another file")


def _require_upgradable(database: Database, connection: Connection) -> str | None:
    """Return the revision of a database that an upgrade may write into."""
    found = revision_of(connection)
    if found is None:
        _require_ours_or_empty(database, connection)
    elif found > HEAD:
        raise RevisionError(f"the database {database.place} has revision {found}, newer than this program's {HEAD}")
    return found


def upgrade(database: Database) -> tuple[str | None, str]:
    """Create the database if it is missing and bring it to the newest schema, in one transaction.

    Returns:
        The revision before (None for a new database) and after.

    Raises:
        StorageError: The database cannot be created or written.
        RevisionError: The database is newer than this program, or of a revision it does not know.
        IntegrityError: The file is damaged.
    """
    from alembic import command  # noqa: PLC0415 - half a second that only an upgrade pays
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    database.create_file()
    if database.path is not None:
        with database.read() as connection:
            _require_upgradable(database, connection)  # before the file is touched
        use_wal(database.path)
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    with database.migrate() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        before = _require_upgradable(database, connection)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise RevisionError(
                f"the database {database.place} has revision {before}, which this program does not know: {error}"
            ) from None
        if database.is_sqlite and connection.execute(text("PRAGMA foreign_key_check")).first() is not None:
            raise IntegrityError(f"rows of {database.place} lost what they belong to; nothing was changed")
    return before, HEAD
