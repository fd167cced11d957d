"""The verb ``backtest``: how the forecasts would have done on the account's own history."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import typer

from collector.app.cli.answering import Asked, answer
from collector.app.cli.options import Accounts, Config, Format, Json, Meters, Output, Zone
from collector.errors import NotEnoughDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector.store.engine import Database
    from reports.backtest import MeterBacktest
    from reports.document import Document
    from reports.question import Question


def backtest(
    context: typer.Context,
    accounts: Accounts = None,
    meters: Meters = None,
    zone: Zone = None,
    json_: Json = False,
    format_: Format = None,
    output: Output = None,
    config: Config = None,
) -> None:
    """Show how the forecasts would have done on your own history, and how those that reports showed did."""
    asked = Asked(context, config, (accounts, meters), zone=zone)
    answer(asked, (json_, format_, output), text=_as_text, document=_as_document)


def _found(database: Database, question: Question) -> Sequence[MeterBacktest]:
    from reports.backtest import backtests, graded
    from reports.forecasting.backtest import LEAST_DAYS

    found = backtests(database, question)
    if not graded(found):
        longest = max((one.days for one in found), default=0)
        raise NotEnoughDataError(
            f"no meter has enough history to replay: {longest} days at most, {LEAST_DAYS} with usage are needed"
        )
    return found


def _as_text(database: Database, question: Question, chosen: str, out: TextIO) -> None:
    from collector.app.printing_backtest import print_backtest

    print_backtest(_found(database, question), chosen, out)


def _as_document(database: Database, question: Question) -> Document:
    from reports.documents.backtest import document_of

    return document_of(database, question, _found(database, question))
