"""The verb ``import``: snapshots and request records from CSV and JSON Lines."""

from __future__ import annotations

from typing import Annotated

import typer

from collector.app.cli.options import Config, Json, settings_of


def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV or JSON Lines, also packed with gzip; - is stdin.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything and write nothing.")] = False,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Add snapshots or request records from a file: what is new of it, or nothing if a line contradicts the ledger."""
    from collector.app.clock import SystemClock
    from collector.app.importing import import_file
    from collector.app.printing_imports import import_progress, print_import
    from collector.app.wiring import open_database

    settings = settings_of(context, config)
    database = open_database(settings)
    try:
        with import_progress() as watch:
            done = import_file(settings, database, file, SystemClock().now(), watch, dry_run=dry_run)
    finally:
        database.close()
    print_import(done, as_json=json_)
