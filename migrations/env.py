"""Runs migrations on the connection that `collector db upgrade` hands over, or on `-x url=…` for developers.

A migration is one transaction on both engines. Foreign keys are off while SQLite rebuilds a table: with cascades on,
batch mode would empty the child tables silently.
"""

from alembic import context
from sqlalchemy import Connection

from collector.errors import ConfigError
from collector.store.engine import Database
from collector.store.schema import metadata


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transactional_ddl=True,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_for_developers() -> None:
    text = context.get_x_argument(as_dictionary=True).get("url")
    if text is None:
        raise ConfigError("say which database: alembic -x url=sqlite:///usage.db …")
    database = Database(text)
    database.create_file()
    with database.migrate() as connection:
        run(connection)


given = context.config.attributes.get("connection")
if given is None:
    run_for_developers()
else:
    run(given)
