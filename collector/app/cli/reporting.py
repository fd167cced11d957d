"""The verb ``report``: daily deltas, burn rates, exhaustion dates and request records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from collector.app.cli.options import (
    Accounts,
    Config,
    Format,
    From,
    Json,
    Last,
    Meters,
    Output,
    OutputFormat,
    To,
    Zone,
    question_of,
    settings_of,
)
from collector.errors import UsageError

if TYPE_CHECKING:
    from collector.config import Settings
    from collector.store.engine import Database
    from reports.question import Question
    from reports.rendering import Row

report = typer.Typer(help="What the ledger says.", no_args_is_help=True)

_Rows = Callable[["Database", "Question"], "Iterable[Row]"]


@report.command("daily")
def daily(
    context: typer.Context,
    accounts: Accounts = None,
    meters: Meters = None,
    start: From = None,
    end: To = None,
    last: Last = None,
    zone: Zone = None,
    json_: Json = False,
    format_: Format = None,
    output: Output = None,
    config: Config = None,
) -> None:
    """Show the usage of every local day, with bounds and coverage."""

    def rows(database: Database, question: Question) -> Iterable[Row]:
        from reports.catalogue import daily as frame
        from reports.daily import COLUMNS
        from reports.rows import rows_of

        return rows_of(frame(database, question), COLUMNS)

    asked = _Asked(context, config, (accounts, meters), (start, end, last), zone)
    _answer("daily", asked, rows, (json_, format_, output))


@report.command("burn")
def burn(
    context: typer.Context,
    accounts: Accounts = None,
    meters: Meters = None,
    zone: Zone = None,
    json_: Json = False,
    format_: Format = None,
    output: Output = None,
    config: Config = None,
) -> None:
    """Show usage per day over the last 1, 7 and 28 days and the billing period."""

    def rows(database: Database, question: Question) -> Iterable[Row]:
        from reports.burn_rate import COLUMNS
        from reports.catalogue import burn as frame
        from reports.rows import rows_of

        return rows_of(frame(database, question), COLUMNS)

    asked = _Asked(context, config, (accounts, meters), (None, None, None), zone)
    _answer("burn", asked, rows, (json_, format_, output))


@report.command("exhaustion")
def exhaustion(
    context: typer.Context,
    accounts: Accounts = None,
    meters: Meters = None,
    zone: Zone = None,
    json_: Json = False,
    format_: Format = None,
    output: Output = None,
    config: Config = None,
) -> None:
    """Show when each quota runs out, with an interval, or why that cannot be told."""

    def rows(database: Database, question: Question) -> Iterable[Row]:
        from reports.catalogue import exhaustion_dates as frame
        from reports.exhaustion import COLUMNS
        from reports.rows import rows_of

        return rows_of(frame(database, question), COLUMNS)

    asked = _Asked(context, config, (accounts, meters), (None, None, None), zone)
    _answer("exhaustion", asked, rows, (json_, format_, output))


@report.command("requests")
def requests(
    context: typer.Context,
    accounts: Accounts = None,
    start: From = None,
    end: To = None,
    last: Last = None,
    zone: Zone = None,
    json_: Json = False,
    format_: Format = None,
    output: Output = None,
    config: Config = None,
) -> None:
    """List the request records, each once, with its status."""

    def rows(database: Database, question: Question) -> Iterable[Row]:
        from reports.requests import request_rows

        return request_rows(database, question)

    asked = _Asked(context, config, (accounts, None), (start, end, last), zone)
    _answer("requests", asked, rows, (json_, format_, output))


class _Asked:
    """What a report command was asked, before settings and database are opened."""

    def __init__(
        self,
        context: typer.Context,
        config: Path | None,
        names: tuple[list[str] | None, list[str] | None],
        span: tuple[str | None, str | None, str | None],
        zone: str | None,
    ) -> None:
        self.context, self.config, self.names, self.span, self.zone = context, config, names, span, zone


def _answer(name: str, asked: _Asked, rows: _Rows, how: tuple[bool, OutputFormat | None, Path | None]) -> None:
    """Ask the ledger and write the answer as table, JSON or CSV, to the screen or to a file."""
    from collector.app.clock import SystemClock
    from collector.app.printing import output_stream, print_report
    from collector.app.wiring import open_database
    from reports.rendering import whole_file

    json_, format_, output = how
    if json_ and format_ not in {None, OutputFormat.JSON}:
        raise UsageError(f"--json and --format {format_} contradict each other")
    settings = settings_of(asked.context, asked.config)
    question = question_of(settings, SystemClock().now(), names=asked.names, span=asked.span, zone=asked.zone)
    database = open_database(settings)
    try:
        require_known(settings, database, question.accounts, question.meters)
        chosen = OutputFormat.JSON if json_ else format_ or OutputFormat.TABLE
        with nullcontext(output_stream()) if output is None else whole_file(output) as out:
            print_report(name, rows(database, question), chosen.value, out)
    finally:
        database.close()


def require_known(
    settings: Settings, database: Database, accounts: Sequence[str] | None, meters: Sequence[str] | None
) -> None:
    """Refuse names that neither the settings nor the history know: an empty answer would look like no usage.

    Raises:
        UsageError: An account or a meter is unknown.
    """
    from collector.app.wiring import configured_meters
    from collector.store.accounts import recorded

    known = recorded(database)
    _require_among("account", accounts, {*known, *(one.name for one in settings.accounts)})
    _require_among("meter", meters, {*configured_meters(settings), *(name for each in known.values() for name in each)})


def _require_among(what: str, names: Sequence[str] | None, known: set[str]) -> None:
    for name in names or ():
        if name not in known:
            raise UsageError(f"no {what} is called {name!r} (known: {', '.join(sorted(known)) or 'none'})")
