"""The verbs about statements: ``report month``, ``report reconcile`` and ``close``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from collector.app.cli.decisions import operator_named
from collector.app.cli.ledger import asked_ledger, chosen_format, written
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

_PERIOD = "2026-10, 2026-W41, 2026 or 2026-10-15: the billing period that starts in it."
PeriodName = Annotated[str, typer.Option("--period", help=_PERIOD, metavar="PERIOD")]


def month(
    context: typer.Context,
    period: PeriodName,
    as_: Annotated[
        str, typer.Option("--as", help="Figures as closed, as now known, or both.", metavar="closed|now|both")
    ] = "now",
    accounts: Accounts = None,
    meters: Meters = None,
    zone: Zone = None,
    json_: Json = False,
    format_: Format = None,
    output: Output = None,
    config: Config = None,
) -> None:
    """Show a billing period all in one: opening, closing, usage by day, bounds, requests, prices, amount."""
    from collector.app.printing_statements import print_month
    from reports.month import As
    from reports.month import month as rows
    from reports.statement import left_out

    if as_ not in list(As):
        raise UsageError(f"--as takes closed, now or both, not {as_!r}")
    chosen = chosen_format(json_, format_)
    with asked_ledger(settings_of(context, config), (accounts, meters), zone=zone) as (database, question):
        found = rows(database, question, period, As(as_))
        notes = left_out(database, question, period, {row.shown.account for row in found})
        open_ = sorted({row.shown.account for row in found if row.statement is None and as_ == As.BOTH})
        notes += [
            f"{account}: {period} is not closed, so the figures are those that are now known" for account in open_
        ]
    with written(output) as out:
        print_month(found, As(as_), chosen, out)
    _note(notes)


def reconcile(
    context: typer.Context,
    period: PeriodName,
    invoice: Annotated[
        Path | None, typer.Option("--invoice", help="The provider's invoice, CSV or JSON.", metavar="FILE")
    ] = None,
    accounts: Accounts = None,
    meters: Meters = None,
    zone: Zone = None,
    json_: Json = False,
    format_: Format = None,
    output: Output = None,
    config: Config = None,
) -> None:
    """Hold a billing period's usage against the provider's invoice; exit code 1 if they do not match."""
    from collector.app.closing import closed_otherwise
    from collector.app.printing_statements import print_reconciliation
    from reports.explanations import explanations
    from reports.invoices import read_invoice
    from reports.reconciliation import reconcile as reconciled
    from reports.statement import left_out, periods_named

    chosen = chosen_format(json_, format_)
    billed = None if invoice is None else read_invoice(invoice)
    with asked_ledger(settings_of(context, config), (accounts, meters), zone=zone) as (database, question):
        found = reconciled(database, question, period, billed)
        told = {(one.account, one.meter): explanations(database, one) for one in found.rows}
        periods = periods_named(database, question, period)
        notes = [*found.notes, *closed_otherwise(database, question, periods)]
        notes += left_out(database, question, period, periods)
    with written(output) as out:
        print_reconciliation([one.row for one in found.rows], told, chosen, out)
    _note(notes)
    raise typer.Exit(found.exit_code(invoiced=billed is not None))


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
