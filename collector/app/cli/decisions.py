"""The verb ``resets``: the falls of counters, what was decided about them, and an operator's decision."""

from __future__ import annotations

import getpass
from enum import StrEnum
from typing import Annotated

import typer

from collector.app.cli.options import Accounts, Config, Json, Meters, settings_of
from collector.errors import UsageError

resets = typer.Typer(help="The falls of counters, what was decided about each, and why.", no_args_is_help=True)


class Verdict(StrEnum):
    """What an operator can say a fall was."""

    RESET = "reset"
    CORRECTION = "correction"
    GLITCH = "glitch"


@resets.command("list")
def list_(
    context: typer.Context,
    accounts: Accounts = None,
    meters: Meters = None,
    everything: Annotated[bool, typer.Option("--all", help="Also decisions that were replaced.")] = False,
    config: Config = None,
    json_: Json = False,
) -> None:
    """List the falls of counters and what was decided about them."""
    from collector.app.printing import print_decisions
    from collector.app.wiring import open_database
    from collector.store.decisions import listed

    database = open_database(settings_of(context, config))
    try:
        with database.read() as connection:
            found = listed(connection, accounts or None, meters or None, superseded=everything)
    finally:
        database.close()
    print_decisions(found, as_json=json_)


@resets.command("decide")
def decide(
    context: typer.Context,
    verdict: Annotated[Verdict, typer.Option("--as", help="What the fall was.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the record.")],
    key: Annotated[str | None, typer.Argument(metavar="[ID]", help="The fall, as `resets list` names it.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="Instead of ID: the account, …")] = None,
    meter: Annotated[str | None, typer.Option("--meter", help="… its meter, …")] = None,
    at: Annotated[str | None, typer.Option("--at", help="… and the instant of the snapshot, RFC 3339.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who decides; the login name without it.")] = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Decide what a fall was; the old decision stays in the record and every report changes at once."""
    from collector.app.deciding import decide_fall
    from collector.app.printing import print_decisions
    from collector.store.locating import Fall

    if not reason.strip():
        raise UsageError("--reason must say why: it is what an auditor reads")
    if (key is None) == (account is None or at is None):
        raise UsageError("name the fall by its ID, or by --account, --meter and --at")
    settings = settings_of(context, config)
    fall = Fall(key, account, meter, at)
    print_decisions(decide_fall(settings, fall, verdict.value, by or getpass.getuser(), reason.strip()), as_json=json_)
