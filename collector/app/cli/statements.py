"""The verbs about statements: ``report month``, ``report reconcile`` and ``close``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from collector.app.cli.answering import Asked, answer
from collector.app.cli.decisions import operator_named
from collector.app.cli.ledger import asked_ledger
from collector.app.cli.options import (
    Accounts,
    Config,
    Format,
    Json,
    Meters,
    Output,
    Zone,
    settings_of,
)
from collector.errors import UsageError

if TYPE_CHECKING:
    from collector.store.engine import Database
    from reports.document import Document
    from reports.documents.month import MonthAnswer
    from reports.invoices import Invoice
    from reports.month import As, MonthRow
    from reports.question import Question
    from reports.reconciliation import Reconciliation

_PERIOD = "2026-10, 2026-W41, 2026 or 2026-10-15: the billing period that starts in it."
PeriodName = Annotated[str, typer.Option("--period", help=_PERIOD, metavar="PERIOD")]
InvoiceFile = Annotated[
    Path | None, typer.Option("--invoice", help="The provider's invoice, CSV or JSON.", metavar="FILE")
]


def month(
    context: typer.Context,
    period: PeriodName,
    as_: Annotated[
        str, typer.Option("--as", help="Figures as closed, as now known, or both.", metavar="closed|now|both")
    ] = "now",
    invoice: InvoiceFile = None,
    accounts: Accounts = None,
    meters: Meters = None,
    zone: Zone = None,
    json_: Json = False,
    format_: Format = None,
    output: Output = None,
    config: Config = None,
) -> None:
    """Show a billing period all in one: what was used, what it costs; with --invoice also whether to pay it."""
    from collector.app.printing_statements import print_month
    from reports.flag_notes import period_notes
    from reports.invoices import read_invoice
    from reports.month import As

    if as_ not in list(As):
        raise UsageError(f"--as takes closed, now or both, not {as_!r}")
    billed = None if invoice is None else read_invoice(invoice)
    said = _Said()

    def text(database: Database, question: Question, form: str, out: TextIO) -> None:
        found = said.of_month(database, question, period, As(as_))
        answered = None if billed is None else said.verdict(database, question, period, As(as_), billed)
        if answered is not None and (form != "table" or not found):
            said.notes += answered.document.paragraphs
        print_month(found, As(as_), form, out, answered, period_notes(database, question, found))

    def document(database: Database, question: Question) -> Document:
        said.of_month(database, question, period, As(as_))
        return said.verdict(database, question, period, As(as_), billed).document

    answer(
        Asked(context, config, (accounts, meters), zone=zone), (json_, format_, output), text=text, document=document
    )
    said.end()


def reconcile(
    context: typer.Context,
    period: PeriodName,
    invoice: InvoiceFile = None,
    accounts: Accounts = None,
    meters: Meters = None,
    zone: Zone = None,
    json_: Json = False,
    format_: Format = None,
    output: Output = None,
    config: Config = None,
) -> None:
    """Hold a billing period's usage against the provider's invoice; exit code 1 if they do not match."""
    from collector.app.printing_statements import print_reconciliation
    from reports.explanations import explanations
    from reports.invoices import read_invoice

    billed = None if invoice is None else read_invoice(invoice)
    said = _Said()

    def text(database: Database, question: Question, form: str, out: TextIO) -> None:
        found = said.of_reconciliation(database, question, period, billed)
        told = {(one.account, one.meter): explanations(database, one) for one in found.rows}
        print_reconciliation([one.row for one in found.rows], told, form, out)

    def document(database: Database, question: Question) -> Document:
        from reports.documents.reconcile import reconcile_document

        said.of_reconciliation(database, question, period, billed)
        return reconcile_document(database, question, period, billed)

    answer(
        Asked(context, config, (accounts, meters), zone=zone), (json_, format_, output), text=text, document=document
    )
    said.end()


class _Said:
    """What a command has to say beside its answer, on stderr and as its exit code.

    Attributes:
        notes: Sentences, in order.
        code: The exit code.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.code = 0

    def of_month(self, database: Database, question: Question, period: str, which: As) -> list[MonthRow]:
        """Read the month, and note which accounts were left out or are not closed though both figures were asked."""
        from reports.month import month as rows
        from reports.statement import left_out

        found = rows(database, question, period, which)
        self.notes += left_out(database, question, period, {row.shown.account for row in found})
        open_ = sorted({row.shown.account for row in found if row.statement is None and which == "both"})
        self.notes += [
            f"{account}: {period} is not closed, so the figures are those that are now known" for account in open_
        ]
        return found

    def of_reconciliation(
        self, database: Database, question: Question, period: str, billed: Invoice | None
    ) -> Reconciliation:
        """Reconcile, and note what must be known to judge it."""
        from collector.app.closing import closed_otherwise
        from reports.reconciliation import reconcile as reconciled
        from reports.statement import left_out, periods_named

        found = reconciled(database, question, period, billed)
        periods = periods_named(database, question, period)
        self.notes += [*found.notes, *closed_otherwise(database, question, periods)]
        self.notes += left_out(database, question, period, periods)
        self.code = found.exit_code(invoiced=billed is not None)
        return found

    def verdict(
        self, database: Database, question: Question, period: str, which: As, billed: Invoice | None
    ) -> MonthAnswer:
        """Return the document of the month, whose first sentences say whether to pay, and end as it does."""
        from reports.documents.month import month_answer

        found = month_answer(database, question, period, which, billed)
        self.code = found.exit_code
        return found

    def end(self) -> None:
        """Write the notes, and end the command as it was found."""
        _note(self.notes)
        raise typer.Exit(self.code)


def close(
    context: typer.Context,
    period: Annotated[str, typer.Argument(metavar="PERIOD", help=_PERIOD)],
    accounts: Accounts = None,
    by: Annotated[str | None, typer.Option("--by", help="Who closes; the login name without it.")] = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Freeze a billing period's statement under a hash; what becomes known later is corrected, never rewritten."""
    from collector.app.closing import REFUSED, close_period
    from collector.app.printing_statements import print_closed
    from collector.errors import NotEnoughDataError
    from reports.statement import left_out

    with asked_ledger(settings_of(context, config), (accounts, None)) as (database, question):
        done = close_period(database, question, period, operator_named(by))
        notes = left_out(database, question, period, {one.account for one in done})
    print_closed(done, as_json=json_)
    _note(notes)
    if any(one.status == REFUSED for one in done):
        raise typer.Exit(NotEnoughDataError.exit_code)


def _note(notes: Iterable[str]) -> None:
    """Write notes to stderr."""
    for note in notes:
        typer.echo(f"note: {note}", err=True)
