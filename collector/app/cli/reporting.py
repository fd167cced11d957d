"""The verb ``report``: daily deltas, burn rates, exhaustion dates and request records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collector.app.cli.ledger import ALL_DAYS, Names, Span, asked_ledger, chosen_format, written
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
    settings_of,
)

if TYPE_CHECKING:
    from collector.store.engine import Database
    from reports.question import Question
    from reports.rendering import Row

report = typer.Typer(help="What the ledger says.", no_args_is_help=True)

Gaps = Annotated[
    bool,
    typer.Option("--gaps", help="Show instead where requests were missed, or credits that no request explains."),
]
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

    asked = _Asked(context, config, (accounts, meters), ALL_DAYS, zone)
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

    asked = _Asked(context, config, (accounts, meters), ALL_DAYS, zone)
    _answer("exhaustion", asked, rows, (json_, format_, output))


@report.command("requests")
def requests(
    context: typer.Context,
    accounts: Accounts = None,
    start: From = None,
    end: To = None,
    last: Last = None,
    zone: Zone = None,
    gaps: Gaps = False,
    json_: Json = False,
    format_: Format = None,
    output: Output = None,
    config: Config = None,
) -> None:
    """List the request records, each once, with its status; or the polls at which some were missed."""

    def rows(database: Database, question: Question) -> Iterable[Row]:
        from reports.request_gaps import gap_rows
        from reports.requests import request_rows

        return gap_rows(database, question) if gaps else request_rows(database, question)

    asked = _Asked(context, config, (accounts, None), (start, end, last), zone)
    _answer("requests --gaps" if gaps else "requests", asked, rows, (json_, format_, output))


class _Asked:
    """What a report command was asked, before settings and database are opened."""

    def __init__(
        self,
        context: typer.Context,
        config: Path | None,
        names: Names,
        span: Span,
        zone: str | None,
    ) -> None:
        self.context, self.config, self.names, self.span, self.zone = context, config, names, span, zone


def _answer(name: str, asked: _Asked, rows: _Rows, how: tuple[bool, OutputFormat | None, Path | None]) -> None:
    """Ask the ledger and write the answer as table, JSON or CSV, to the screen or to a file."""
    from collector.app.printing import print_report

    json_, format_, output = how
    chosen = chosen_format(json_, format_)
    settings = settings_of(asked.context, asked.config)
    with asked_ledger(settings, asked.names, asked.span, asked.zone) as (database, question), written(output) as out:
        print_report(name, rows(database, question), chosen, out)
