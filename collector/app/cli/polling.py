"""The verbs that ask providers or play one: ``poll``, ``run`` and ``simulate``."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from collector.app.cli.options import AccountNames, Config, Json, settings_of


def poll(
    context: typer.Context,
    accounts: AccountNames = None,
    force: Annotated[bool, typer.Option("--force", help="Ask even before the provider's Retry-After is over.")] = False,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Poll each account once, now, and print what was new; exit code 1 if any poll failed."""
    from collector.app import logs
    from collector.app.clock import SystemClock
    from collector.app.polling_now import poll_now
    from collector.app.printing import print_turns
    from collector.app.wiring import chosen, open_for_polling, require_plausible_clock
    from collector.config import double_counting

    logs.configure()
    settings = settings_of(context, config)
    wanted = chosen(settings, accounts or [])
    for warning in double_counting(settings, os.environ):
        typer.echo(f"warning: {warning}", err=True)
    database = open_for_polling(settings)
    try:
        require_plausible_clock(database, SystemClock().now())
        turns = poll_now(settings, database, wanted, os.environ, force=force)
    finally:
        database.close()
    print_turns(turns, as_json=json_)
    raise typer.Exit(max(turn.exit_code for turn in turns))


def run(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every poll's details.")] = False,
    config: Config = None,
) -> None:
    """Run the daemon: scheduled polls, until SIGTERM or SIGINT."""
    from collector.app.daemon import run_daemon

    raise typer.Exit(run_daemon(settings_of(context, config), os.environ, verbose=verbose))


def simulate(
    host: Annotated[str, typer.Option(help="A loopback address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535)] = 8787,
    seed: Annotated[int, typer.Option(help="Another seed is another world.")] = 1,
    window: Annotated[int, typer.Option(help="Length of the list of recent requests.", min=0)] = 20,
    switches: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A fault to show, such as status=429; may be repeated."),
    ] = None,
) -> None:
    """Serve both provider APIs on loopback, for trying out and for tests."""
    from collector.app.simulating import simulate_until_stopped

    simulate_until_stopped(host, port, seed, window, switches or [])
