"""The verb ``resets``: the falls of counters, what was decided about them, and an operator's decision."""

from __future__ import annotations

import getpass
from enum import StrEnum
from typing import Annotated

import typer

from collector.app.cli.options import Account, Accounts, Config, Json, Meter, Meters, settings_of
from collector.errors import UsageError

resets = typer.Typer(
    help="The falls and jumps of counters, what was decided about each, and why.", no_args_is_help=True
)


class Verdict(StrEnum):
    """What an operator can say a fall or a jump was."""

    RESET = "reset"
    CORRECTION = "correction"
    GLITCH = "glitch"
    GROWTH = "growth"
    UNIT = "unit"


@resets.command("list")
def list_(
    context: typer.Context,
    accounts: Accounts = None,
    meters: Meters = None,
    everything: Annotated[bool, typer.Option("--all", help="Also decisions that were replaced.")] = False,
    config: Config = None,
    json_: Json = False,
) -> None:
    """List the falls of counters, what was decided about them, and the jumps that wait for a decision."""
    from collector.app.printing import print_decisions
    from collector.app.questions import require_known
    from collector.app.wiring import open_database
    from collector.store.decisions import listed
    from collector.store.spikes import listed_spikes

    settings = settings_of(context, config)
    database = open_database(settings)
    try:
        require_known(settings, database, accounts, meters)
        with database.read() as connection:
            found = listed(connection, accounts or None, meters or None, superseded=everything)
            found += listed_spikes(connection, accounts or None, meters or None)
    finally:
        database.close()
    print_decisions(sorted(found, key=lambda one: (one.account, one.meter, one.at)), as_json=json_)


@resets.command("decide")
def decide(
    context: typer.Context,
    verdict: Annotated[Verdict, typer.Option("--as", help="What it was; growth: usage indeed; unit: another unit.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the record.")],
    key: Annotated[str | None, typer.Argument(metavar="[ID]", help="The fall, as `resets list` names it.")] = None,
    account: Account = None,
    meter: Meter = None,
    at: Annotated[str | None, typer.Option("--at", help="… and the instant of the snapshot, RFC 3339.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who decides; the login name without it.")] = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Decide what a fall or a jump was; the old decision stays in the record and every report changes at once."""
    from collector.app.deciding import decide_fall
    from collector.app.printing import print_decisions
    from collector.store.locating import Fall

    if not reason.strip():
        raise UsageError("--reason must say why: it is what an auditor reads")
    place = (account, meter, at)
    if (key is None and None in (account, at)) or (key is not None and place != (None, None, None)):
        raise UsageError("name the fall either by its ID, or by --account, --meter and --at")
    settings = settings_of(context, config)
    fall = Fall(key, account, meter, at)
    print_decisions(decide_fall(settings, fall, verdict.value, operator_named(by), reason.strip()), as_json=json_)


def operator_named(name: str | None) -> str:
    """Return who acts: an auditor asks for it.

    Raises:
        UsageError: The name is blank, or none was given and the user has none.
    """
    if name is not None:
        if not name.strip():
            raise UsageError("--by must say who decides: it is what an auditor reads")
        return name.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        raise UsageError("this user has no login name; say who decides with --by") from None
