"""The verb ``reports``: what is made and sent on schedule, and making or trying it by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collector.app.cli.options import Config, Json, settings_of

if TYPE_CHECKING:
    from collector.app.clock import SystemClock
    from collector.app.scheduled.work import ScheduledReports

reports = typer.Typer(help="What is made and sent on schedule.", no_args_is_help=True)


def _report_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return configured names for the shell to complete; nothing if there are no readable settings."""
    from collector.errors import CollectorError

    try:
        found = settings_of(context, context.params.get("config")).reports
    except CollectorError:
        return []
    return [one.name for one in found if one.name.startswith(incomplete)]


Name = Annotated[str, typer.Argument(metavar="NAME", help="The report.", autocompletion=_report_names)]


@contextmanager
def _work(context: typer.Context, config: Path | None) -> Iterator[tuple[ScheduledReports, SystemClock]]:
    """Open the database and give what makes and sends reports."""
    from collector.app import logs
    from collector.app.clock import SystemClock
    from collector.app.daemon import scheduled_reports
    from collector.app.wiring import open_database

    logs.configure()
    settings, clock = settings_of(context, config), SystemClock()
    database = open_database(settings)
    try:
        yield scheduled_reports(settings, database, clock, os.environ), clock
    finally:
        database.close()


@reports.command("list")
def list_(context: typer.Context, json_: Json = False, config: Config = None) -> None:
    """Show every report: when it is due, its last period and result, and how its deliveries went."""
    from collector.app.clock import SystemClock
    from collector.app.printing_reports import print_forsaken, print_listed
    from collector.app.scheduled.listing import forsaken, listed
    from collector.app.wiring import open_database

    settings = settings_of(context, config)
    database = open_database(settings)
    try:
        print_listed(listed(settings, database, SystemClock().now()), as_json=json_)
        print_forsaken(forsaken(settings, database))
    finally:
        database.close()


@reports.command("run")
def run(
    context: typer.Context,
    name: Name,
    period: Annotated[
        str | None,
        typer.Option("--period", help="2026-10, 2026-W41 or 2026-10-15; else the last one.", metavar="PERIOD"),
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Also send it to whoever does not have it yet.")] = False,
    config: Config = None,
) -> None:
    """Make a report now and print its files; exit code 1 if it could not be sent to everybody."""
    from collector.app.printing_reports import print_run
    from collector.app.scheduled.by_hand import run_now

    with _work(context, config) as (work, clock):
        done = run_now(work, clock, name, period, send=send)
    print_run(name, done)
    raise typer.Exit(int(bool(done.lacking)))


@reports.command("test")
def try_(context: typer.Context, name: Name, config: Config = None) -> None:
    """Send the last period's report to everybody, labelled as a trial; it counts as no delivery."""
    from collector.app.printing_reports import print_tried
    from collector.app.scheduled.by_hand import send_trial

    with _work(context, config) as (work, clock):
        tried = send_trial(work, clock, name)
    print_tried(tried)
    raise typer.Exit(int(any(one.error is not None for one in tried)))
