"""Which schema a database has, and bringing it to the one this program needs.

Reading the revision costs one look-up and never loads Alembic; only an upgrade does.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from collector.errors import IntegrityError, RevisionError, StorageError
from collector.store.engine import APPLICATION_ID, Database
from collector.store.sqlite_file import use_wal

HEAD = "0006"
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
        found = _own_revision(database, connection)
    if found is None:
        raise RevisionError(f"the database {database.place} has no tables yet; run `collector db upgrade`")
    if found < HEAD:
        raise RevisionError(
            f"the database {database.place} has revision {found}, this program needs {HEAD}; run `collector db upgrade`"
        )
    if found > HEAD:
        raise _newer(database, found)


def require_head_to_write(database: Database) -> None:
    """Make sure of the schema as ``require_head`` does; where it is another, nothing more is written into it.

    Raises:
        StorageError: The file is missing, or not a database of the collector.
        RevisionError: The schema is older or newer.
    """
    try:
        require_head(database)
    except RevisionError as error:
        database.refuse_writes(error)
        raise


def _newer(database: Database, found: str) -> RevisionError:
    return RevisionError(
        f"the database {database.place} has revision {found}, newer than this program's {HEAD}; "
        "install a newer collector or restore a backup of that time (`collector db restore FILE`)"
    )


def _own_revision(database: Database, connection: Connection) -> str | None:
    """Return the revision; refuse a foreign SQLite file, before anything is written into it."""
    found = revision_of(connection)
    if database.is_sqlite:
        mark = connection.scalar(text("PRAGMA application_id"))
        used = found is not None or mark != 0 or inspect(connection).get_table_names()
        if mark != APPLICATION_ID and used:
            raise StorageError(f"{database.place} is a SQLite database of another program; choose another file")
    return found


def upgradable_revision(database: Database) -> str | None:
    """Return the revision of a database that an upgrade may change; None for one that has no tables yet.

    Raises:
        StorageError: The file is missing, or not a database of the collector.
        RevisionError: The schema is newer, or one that this program does not know.
    """
    with database.read() as connection:
        return _require_upgradable(database, connection)


def _require_upgradable(database: Database, connection: Connection) -> str | None:
    found = _own_revision(database, connection)
    if found is not None and found > HEAD:
        raise _newer(database, found)
    if found is not None and not list((migrations_folder() / "versions").glob(f"{found}_*.py")):
        raise RevisionError(
            f"the database {database.place} has revision {found}, which this program does not know; nothing was "
            "changed: install the collector that made it, or restore a backup (`collector db restore FILE`)"
        )
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

    database.create_file()
    if database.path is not None:
        upgradable_revision(database)  # before the file is touched
        use_wal(database.path)
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    with database.migrate() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        before = _require_upgradable(database, connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if database.is_sqlite and connection.execute(text("PRAGMA foreign_key_check")).first() is not None:
            raise IntegrityError(f"rows of {database.place} lost what they belong to; nothing was changed")
    return before, HEAD
