"""The verbs that set up and check: ``init``, ``doctor`` and ``db``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from collector.app.cli.options import Config, Json, settings_of
from collector.errors import ConfigError, IntegrityError, UsageError

database = typer.Typer(help="Migrations, checks and backups of the database.", no_args_is_help=True)


def init(context: typer.Context, config: Config = None) -> None:
    """Write a commented collector.toml to where the other verbs look for it, never over an existing one."""
    from collector.app.first_settings import write_settings
    from collector.config import template
    from collector.config.environment import CONFIG_VARIABLE
    from collector.config.loading import FILE_NAME

    named = os.environ.get(CONFIG_VARIABLE)
    path = config or context.find_root().params.get("config") or Path(named or FILE_NAME)
    ignored = write_settings(path, template())
    typer.echo(f"wrote {path}")
    if ignored is not None:
        typer.echo(f"wrote {ignored}: settings and databases stay out of git")
    typer.echo("next: put your keys into NECTED_API_KEY and NELLIE_API_KEY, remove the account that you do not have,")
    typer.echo("then run `collector db upgrade`, `collector doctor` and `collector poll`")


def doctor(context: typer.Context, config: Config = None, json_: Json = False) -> None:
    """Check settings, keys, database, reachability, clock and disk; print a fix for each fault."""
    from collector.app import logs
    from collector.app.doctor import examine
    from collector.app.printing import print_findings

    logs.configure()
    findings = examine(lambda: settings_of(context, config), os.environ)
    print_findings(findings, as_json=json_)
    # The worst code wins, and the worse a fault, the higher its code.
    raise typer.Exit(max((one.exit_code for one in findings if not one.ok), default=0))


@database.command("upgrade")
def upgrade(
    context: typer.Context,
    config: Config = None,
    backup: Annotated[
        bool, typer.Option("--backup/--no-backup", help="Copy a SQLite database that has to be changed first.")
    ] = True,
) -> None:
    """Create the database if it is missing and bring it to this program's schema; a copy is made first."""
    from collector.app.clock import SystemClock
    from collector.app.upgrading import upgrade_safely
    from collector.app.wiring import require_local_file
    from collector.store.engine import Database

    settings = settings_of(context, config)
    require_local_file(settings)
    store = Database(settings.database_url)
    try:
        before, after = upgrade_safely(
            store,
            SystemClock().now(),
            copy=backup,
            copied=lambda path: typer.echo(f"copied to {path}, proved readable; it can be removed once all is well"),
        )
    finally:
        store.close()
    if before == after:
        typer.echo(f"{store.place} is at revision {after}: nothing to do")
    else:
        typer.echo(f"{store.place}: {'created' if before is None else f'upgraded from {before}'}, revision {after}")


@database.command("check")
def check(context: typer.Context, config: Config = None, json_: Json = False) -> None:
    """Check revision, schema, references and, on SQLite, the file."""
    from collector.app.printing import print_check
    from collector.store.checking import check as check_database
    from collector.store.engine import Database
    from collector.store.revision import HEAD

    store = Database(settings_of(context, config).database_url)
    try:
        findings = check_database(store)
    finally:
        store.close()
    if json_:
        print_check(store.place, HEAD, findings)
        raise typer.Exit(IntegrityError.exit_code if findings else 0)
    if findings:
        raise IntegrityError("\n  ".join([f"{store.place} is not as it should be:", *findings]))
    typer.echo(f"{store.place} is sound: revision {HEAD}, schema, references and file")


@database.command("backup")
def backup(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the copy.")],
    config: Config = None,
) -> None:
    """Copy the database while it is in use and prove the copy readable."""
    from collector.app.wiring import open_database
    from collector.store.backup import backup as back_up

    store = open_database(settings_of(context, config))
    try:
        if store.path is not None and target.exists() and target.samefile(store.path):
            raise ConfigError(f"{target} is the database itself; choose another file")
        size = back_up(store, target, os.environ)
    finally:
        store.close()
    typer.echo(f"wrote {target} ({size:,} bytes), proved readable")


@database.command("restore")
def restore(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FILE", help="What `collector db backup` wrote.")],
    config: Config = None,
) -> None:
    """Put a backup in the place of the database: proved first, the old file kept, refused while it is in use."""
    from collector.app.restoring import restore_backup

    restored = restore_backup(settings_of(context, config), source)
    typer.echo(f"restored {restored.place} from {source}: proved, revision {restored.revision}")
    if restored.kept is not None:
        typer.echo(f"the database that was there is now {restored.kept}")
    typer.echo("next: `collector status`, then start the collector again")


@database.command("copy")
def copy(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="An empty database, such as postgresql://user@host/name.")],
    config: Config = None,
) -> None:
    """Copy the whole history into an empty database of either engine; its schema is created if missing."""
    from collector.app.wiring import open_database
    from collector.config.addresses import holds_password
    from collector.store.copying import copy_history
    from collector.store.engine import Database
    from collector.store.revision import upgrade as upgrade_database

    if holds_password(url):
        raise UsageError("a password on the command line is for everybody to read; use ~/.pgpass or PGPASSWORD instead")
    target = Database(url)
    source = open_database(settings_of(context, config))
    try:
        upgrade_database(target)
        counts = copy_history(source, target)
    finally:
        source.close()
        target.close()
    typer.echo(f"copied into {target.place}, rows by table:")
    for name, count in counts.items():
        typer.echo(f"  {name:<21}{count:>12,}")
    typer.echo("next: set database.url to it in collector.toml")
