"""Options that several commands share, and how a command finds its settings.

Only typer is imported here: ``--help`` must stay quick.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collector.errors import UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from collector.config import Settings
    from reports.question import Question


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

# Beyond these lie no history, and instants that a date's midnight in some zone could not be told in.
_FIRST_DATE, _LAST_DATE = date(1900, 1, 1), date(9000, 1, 1)
_LAST = re.compile(r"([1-9]\d{0,4})([dw])", re.ASCII)


def settings_of(context: typer.Context, config: Path | None) -> Settings:
    """Return the settings of a command: its own ``--config``, else the one before the verb, else as documented."""
    from collector.app.wiring import load_settings

    return load_settings(config or context.find_root().params.get("config"))


def parse_date(text: str | None, option: str) -> date | None:
    """Read a local date.

    Raises:
        UsageError: The text is no date.
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} takes a date such as 2026-01-31, not {text!r}") from None


def _within_reason(day: date | None) -> date | None:
    return None if day is None else min(max(day, _FIRST_DATE), _LAST_DATE)


def parse_days(text: str | None) -> int | None:
    """Read ``30d`` or ``4w`` as a number of days.

    Raises:
        UsageError: The text is neither.
    """
    if text is None:
        return None
    match = _LAST.fullmatch(text)
    if match is None:
        raise UsageError(f"--last takes days or weeks such as 30d or 4w, not {text!r}")
    return int(match[1]) * (7 if match[2] == "w" else 1)


def parse_zone(name: str | None) -> ZoneInfo | None:
    """Read a time zone.

    Raises:
        UsageError: There is no such zone.
    """
    from zoneinfo import ZoneInfo

    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(f"--tz: there is no time zone {name!r}; names look like Europe/Berlin or UTC") from None


def question_of(
    settings: Settings,
    now: datetime,
    *,
    names: tuple[list[str] | None, list[str] | None],
    span: tuple[str | None, str | None, str | None] = (None, None, None),
    zone: str | None = None,
) -> Question:
    """Return the question that a reading command asks.

    Args:
        settings: What is configured.
        now: The instant of the question.
        names: ``--account`` and ``--meter``.
        span: ``--from``, ``--to`` and ``--last``.
        zone: ``--tz``.

    Raises:
        UsageError: A date, a zone or a range is wrong.
    """
    from collector.app.wiring import agreements
    from reports.question import Question

    accounts, meters = names
    start, end, last = parse_date(span[0], "--from"), parse_date(span[1], "--to"), parse_days(span[2])
    if last is not None and (start is not None or end is not None):
        raise UsageError("--last counts back from today; give it alone, or --from and --to")
    if start is not None and end is not None and end <= start:
        raise UsageError(f"the range from {start} to {end} holds no day; --to is the day to stop before")
    return Question(
        now=now,
        agreements=agreements(settings),
        accounts=tuple(accounts) if accounts else None,
        meters=tuple(meters) if meters else None,
        start=_within_reason(start),
        end=_within_reason(end),
        last_days=last,
        zone=parse_zone(zone),
    )
