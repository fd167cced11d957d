"""The verb ``verify``: proves the ledger on the database at hand."""

from __future__ import annotations

from typing import Annotated

import typer

from collector.app.cli.options import Accounts, Config, Json, settings_of


def verify(
    context: typer.Context,
    accounts: Accounts = None,
    expect: Annotated[
        list[str] | None,
        typer.Option("--expect", help="A head printed earlier that must be in the chain.", metavar="ACCOUNT=N:DIGEST"),
    ] = None,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Accept that polls this machine saw stored are gone, then prove.")
    ] = False,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Prove the ledger from its facts; exit code 7 and the rows if anything contradicts anything."""
    from collector.app.verifying import print_verified, require_proved
    from collector.app.verifying import verify as verified

    settings = settings_of(context, config)
    if accept_loss:
        from collector.app import logs
        from collector.app.state_folder import accept_loss as accept

        logs.configure()
        gone = accept(settings, "accepted by an operator with `collector verify --accept-loss`")
        typer.echo(f"accepted the loss of polls of {gone} account{'s' if gone != 1 else ''}", err=True)
    found = verified(settings, accounts or None, expect or [])
    print_verified(found, as_json=json_)
    require_proved(found)
