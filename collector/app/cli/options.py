"""Options that several commands share, and how a command finds its settings.

Only typer is imported here: ``--help`` must stay quick.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collector.config import Settings


class OutputFormat(StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MD = "md"
    HTML = "html"
    XLSX = "xlsx"
    PARQUET = "parquet"
    PDF = "pdf"


Config = Annotated[
    Path | None,
    typer.Option("--config", help="The settings file; else COLLECTOR_CONFIG, else ./collector.toml.", metavar="FILE"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table for people.")]


def _account_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return configured names for the shell to complete; nothing if there are no readable settings."""
    from collector.errors import CollectorError

    try:
        accounts = settings_of(context, context.params.get("config")).accounts
    except CollectorError:
        return []
    return [one.name for one in accounts if one.name.startswith(incomplete)]


def _meter_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the meters of the configured accounts for the shell to complete, as ``_account_names`` does."""
    from collector.app.wiring import configured_meters
    from collector.errors import CollectorError

    try:
        names = configured_meters(settings_of(context, context.params.get("config")))
    except CollectorError:
        return []
    return sorted(name for name in names if name.startswith(incomplete))


Accounts = Annotated[
    list[str] | None,
    typer.Option("--account", help="Only this account; may be repeated.", autocompletion=_account_names),
]
AccountNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ACCOUNT]...", help="Accounts to poll; all without any.", autocompletion=_account_names),
]
AccountName = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account.", autocompletion=_account_names)]
Account = Annotated[
    str | None,
    typer.Option("--account", help="Instead of ID: the account, with --meter …", autocompletion=_account_names),
]
Meters = Annotated[
    list[str] | None,
    typer.Option("--meter", help="Only this meter; may be repeated.", autocompletion=_meter_names),
]
Meter = Annotated[
    str | None,
    typer.Option("--meter", help="The meter; needed where several could be meant.", autocompletion=_meter_names),
]
From = Annotated[str | None, typer.Option("--from", help="First local date, such as 2026-01-31.", metavar="DATE")]
To = Annotated[str | None, typer.Option("--to", help="Local date to stop before.", metavar="DATE")]
Last = Annotated[str | None, typer.Option("--last", help="The last days including today, such as 30d.", metavar="DAYS")]
Zone = Annotated[str | None, typer.Option("--tz", help="Whose midnights make a day, such as Europe/Berlin.")]
Format = Annotated[
    OutputFormat | None,
    typer.Option("--format", help="How to write the report; without it as FILE's ending says, else a table."),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", help="Write to this file instead; it appears whole or not at all.", metavar="FILE"),
]


def settings_of(context: typer.Context, config: Path | None) -> Settings:
    """Return the settings of a command: its own ``--config``, else the one before the verb, else as documented."""
    from collector.app.wiring import load_settings

    return load_settings(config or context.find_root().params.get("config"))
