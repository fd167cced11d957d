"""The program's entry: all verbs together, and errors turned into exit codes.

Nothing heavy is imported before a verb is known, so ``--help`` and ``poll`` stay quick; each command imports what it
needs when it is called.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from collector.app.cli import (
    asking,
    backtesting,
    decisions,
    exporting,
    importing,
    polling,
    reporting,
    reports,
    serving,
    setting_up,
    statements,
    trend,
    verifying,
)
from collector.app.cli.options import Config
from collector.app.cli.standard_output import whole_output
from collector.app.early_signals import hold_back
from collector.errors import CollectorError

_NAME = "collector"

app = typer.Typer(
    name=_NAME,
    help="Keeps the history of metered APIs in SQL and reports usage per day, burn rate and exhaustion.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from collector.app.wiring import program_version

        typer.echo(f"collector {program_version()}")
        raise typer.Exit


@app.callback()
def _collector(
    config: Config = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


app.command("init")(setting_up.init)
app.command("doctor")(setting_up.doctor)
app.add_typer(setting_up.database, name="db")
app.command("poll")(polling.poll)
app.command("run")(polling.run)
app.command("serve")(serving.serve)
app.command("status")(asking.status)
reporting.report.command("trend")(trend.trend)
reporting.report.command("month")(statements.month)
reporting.report.command("reconcile")(statements.reconcile)
app.add_typer(reporting.report, name="report")
app.add_typer(reports.reports, name="reports")
app.command("backtest")(backtesting.backtest)
app.command("close")(statements.close)
app.command("import")(importing.import_)
app.add_typer(exporting.export, name="export")
app.command("verify")(verifying.verify)
app.command("can-spend")(asking.can_spend)
app.add_typer(decisions.resets, name="resets")
app.command("simulate")(polling.simulate)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; the exit code says what kind of failure it was.

    Args:
        arguments: What follows the program's name; without it those the process was started with.
    """
    if arguments is None:
        hold_back(sys.argv)
    # Whatever this program writes is its user's own affair: history, reports, spool, logs of the database.
    os.umask(0o077)
    _leave_no_core_dump()
    try:
        with whole_output():
            app(args=arguments, prog_name=_NAME)
    except CollectorError as error:
        typer.echo(f"collector: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("collector: stopped", err=True)
        sys.exit(130)


def _leave_no_core_dump() -> None:
    """Keep the memory of a crash, and with it the keys, from being written to a file."""
    try:
        import resource
    except ModuleNotFoundError:
        return  # Windows has none, and writes none
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
