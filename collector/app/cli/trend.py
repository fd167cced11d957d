"""The verb ``report trend``: what is usual, what changed and what stands out over months and years."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import typer

from collector.app.cli.answering import Asked, answer
from collector.app.cli.options import Accounts, Config, Format, From, Json, Last, Meters, Output, To, Zone

if TYPE_CHECKING:
    from collector.store.engine import Database
    from reports.document import Document
    from reports.question import Question


def trend(
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
    """Show usage by day, week and month: growth, comparisons, profiles, changes, unusual days, what made them."""
    asked = Asked(context, config, (accounts, meters), (start, end, last), zone)
    answer(asked, (json_, format_, output), text=_as_text, document=_as_document)


def _as_text(database: Database, question: Question, chosen: str, out: TextIO) -> None:
    from collector.app.printing_trend import print_trend
    from reports.flag_notes import asked_notes
    from reports.trend.report import trend as reports_of

    print_trend(reports_of(database, question), chosen, out)
    if chosen == "table":
        out.writelines(f"note: {note}\n" for note in asked_notes(database, question))


def _as_document(database: Database, question: Question) -> Document:
    from reports.documents.trend import trend_document

    return trend_document(database, question)
