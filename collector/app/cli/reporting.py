"""The verb ``report``: daily deltas, burn rates, exhaustion dates and request records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from collector.app.cli.answering import AsDocument, Asked, How, answer
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
)
from collector.errors import UsageError

if TYPE_CHECKING:
    from collector.store.engine import Database
    from reports.document import Document
    from reports.question import Question
    from reports.rendering import Row

report = typer.Typer(help="What the ledger says.", no_args_is_help=True)

Gaps = Annotated[
    bool,
    typer.Option("--gaps", help="Show instead where requests were missed, or credits that no request explains."),
]
Summary = Annotated[
    bool,
    typer.Option("--summary", help="Show instead how many, how they ended, what they cost and took, and when."),
]
Explain = Annotated[
    bool,
    typer.Option("--explain", help="Show instead, in plain words, what each forecast rests on; a text only."),
]
AlertAbove = Annotated[
    str | None,
    typer.Option(
        "--alert-above", help="Exit with 1 if a meter used more than this over the days shown.", metavar="UNITS"
    ),
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
    alert_above: AlertAbove = None,
    json_: Json = False,
    format_: Format = None,
    output: Output = None,
    config: Config = None,
) -> None:
    """Show the usage of every local day, with bounds and coverage; or tell whether it is above a limit."""
    from collector.app.alerting import alerts, limit_of

    limit, above = limit_of(alert_above), list[str]()

    def rows(database: Database, question: Question) -> Iterable[Row]:
        from reports.catalogue import daily as frame
        from reports.daily import COLUMNS
        from reports.rows import rows_of

        above.extend(alerts(database, question, limit))
        return rows_of(frame(database, question), COLUMNS)

    def document(database: Database, question: Question) -> Document:
        from reports.documents.daily import daily_document

        above.extend(alerts(database, question, limit))
        return daily_document(database, question)

    asked = Asked(context, config, (accounts, meters), (start, end, last), zone)
    _answer("daily", asked, (json_, format_, output), rows, document)
    for line in above:
        typer.echo(f"alert: {line}", err=True)
    if above:
        raise typer.Exit(1)


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

    def document(database: Database, question: Question) -> Document:
        from reports.documents.burn import burn_document

        return burn_document(database, question)

    asked = Asked(context, config, (accounts, meters), zone=zone)
    _answer("burn", asked, (json_, format_, output), rows, document)


@report.command("exhaustion")
def exhaustion(
    context: typer.Context,
    accounts: Accounts = None,
    meters: Meters = None,
    zone: Zone = None,
    explain: Explain = False,
    json_: Json = False,
    format_: Format = None,
    output: Output = None,
    config: Config = None,
) -> None:
    """Show when each quota runs out, with an interval, or why that cannot be told; or what that rests on."""

    def rows(database: Database, question: Question) -> Iterable[Row]:
        from reports.catalogue import exhaustion_dates as frame
        from reports.exhaustion import TOLD
        from reports.rows import rows_of

        return rows_of(frame(database, question), TOLD)

    def document(database: Database, question: Question) -> Document:
        from reports.documents.exhaustion import exhaustion_document

        return exhaustion_document(database, question)

    asked = Asked(context, config, (accounts, meters), zone=zone)
    if explain:
        _explain(asked, (json_, format_, output))
        return
    _answer("exhaustion", asked, (json_, format_, output), rows, document)


def _explain(asked: Asked, how: How) -> None:
    """Answer ``report exhaustion --explain``, which is for people: a text on the screen, in a pipe or in a file."""
    json_, format_, _ = how
    if json_ or format_ not in {None, OutputFormat.TABLE}:
        raise UsageError("--explain is a text for people; leave --json and --format out, or leave --explain out")

    def text(database: Database, question: Question, chosen: str, out: TextIO) -> None:
        from collector.app.printing import print_explanations
        from reports.catalogue import exhaustion_outlooks
        from reports.exhaustion_explained import explanations

        print_explanations(explanations(exhaustion_outlooks(database, question), question.stood_at), out)

    def document(database: Database, question: Question) -> Document:
        raise UsageError("--explain is a text for people; give --output a name that ends in .txt")

    answer(asked, how, text=text, document=document)


@report.command("requests")
def requests(
    context: typer.Context,
    accounts: Accounts = None,
    start: From = None,
    end: To = None,
    last: Last = None,
    zone: Zone = None,
    gaps: Gaps = False,
    summary: Summary = False,
    json_: Json = False,
    format_: Format = None,
    output: Output = None,
    config: Config = None,
) -> None:
    """List the request records, each once, with its status; or sum them up; or the polls at which some were missed."""

    def rows(database: Database, question: Question) -> Iterable[Row]:
        from reports.request_gaps import gap_rows
        from reports.requests import request_rows

        return gap_rows(database, question) if gaps else request_rows(database, question)

    def document(database: Database, question: Question) -> Document:
        from reports.documents.gaps import gaps_document
        from reports.documents.requests import requests_document

        return gaps_document(database, question) if gaps else requests_document(database, question)

    asked = Asked(context, config, (accounts, None), (start, end, last), zone)
    if summary:
        _answer_summary(asked, (json_, format_, output), gaps=gaps)
        return
    _answer("requests --gaps" if gaps else "requests", asked, (json_, format_, output), rows, document)


def _answer_summary(asked: Asked, how: How, *, gaps: bool) -> None:
    """Answer ``report requests --summary``."""

    def text(database: Database, question: Question, chosen: str, out: TextIO) -> None:
        from collector.app.printing_trend import print_request_summary
        from reports.request_summary import request_summaries

        print_request_summary(request_summaries(database, question), chosen, out)

    def document(database: Database, question: Question) -> Document:
        from reports.documents.requests import requests_document

        return requests_document(database, question, listed=False)

    if gaps:
        raise UsageError("--summary and --gaps are two answers; ask for one of them")
    answer(asked, how, text=text, document=document)


def _noted(
    name: str, database: Database, question: Question, rows: Iterable[Row], chosen: str
) -> tuple[Iterable[Row], Sequence[str]]:
    """Return the rows and the notes below them with what deserves a review, which people are told beside figures."""
    from reports.flag_notes import flag_sentences, rate_notes, with_day_flags
    from reports.forecasting.history import RECENT_DAYS
    from reports.windows import meters_asked

    if chosen != "table":
        return (_contracted(rows) if name == "exhaustion" else rows), ()
    if name == "daily":
        return with_day_flags(database, question, rows), ()
    if name == "burn":
        return rows, rate_notes(database, question, RECENT_DAYS)
    if name == "exhaustion":
        return rows, list(flag_sentences(database, meters_asked(database, question), RECENT_DAYS))
    return rows, ()


def _contracted(rows: Iterable[Row]) -> Iterable[Row]:
    """Return rows of ``exhaustion`` without what only words need."""
    from reports.exhaustion import COLUMNS

    return [{name: row[name] for name in COLUMNS} for row in rows]


def _answer(name: str, asked: Asked, how: How, rows: _Rows, document: AsDocument) -> None:
    """Ask the ledger and write the answer: rows as a table, JSON or CSV, else the document."""
    from collector.app.printing import print_report

    def text(database: Database, question: Question, chosen: str, out: TextIO) -> None:
        from reports.windows import meters_asked

        # That no request was missed is good news only where some poll was made.
        unasked = chosen == "table" and name == "requests --gaps" and not meters_asked(database, question)
        found, notes = _noted(name, database, question, rows(database, question), chosen)
        print_report("requests" if unasked else name, found, chosen, out, notes)

    answer(asked, how, text=text, document=document)
