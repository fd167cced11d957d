"""The verbs that answer at a glance: ``status`` and ``can-spend``."""

from __future__ import annotations

from typing import Annotated

import typer

from collector.app.cli.options import AccountName, Accounts, Config, Json, Meter, Meters, Zone, settings_of


def status(
    context: typer.Context,
    accounts: Accounts = None,
    meters: Meters = None,
    zone: Zone = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Show where every meter stands: value, age, today, burn rate, quota, exhaustion, health."""
    from collector.app.clock import SystemClock
    from collector.app.collectors import collector_words, collectors_of
    from collector.app.printing import print_status
    from collector.app.questions import question_of, require_known
    from collector.app.state_folder import faults_of_state, state_of
    from collector.app.status import status_rows
    from collector.app.wiring import open_database

    settings = settings_of(context, config)
    question = question_of(settings, SystemClock().now(), names=(accounts, meters), zone=zone)
    database = open_database(settings)
    try:
        require_known(settings, database, question.accounts, question.meters)
        rows = status_rows(settings, database, question)
        collectors = (
            [] if json_ else [f"collector {collector_words(one, question.now)}" for one in collectors_of(database)]
        )
        if not json_:
            collectors += [str(fault) for fault in faults_of_state(state_of(settings, database), database)]
    finally:
        database.close()
    print_status(rows, as_json=json_, collectors=collectors)


def can_spend(
    context: typer.Context,
    account: AccountName,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="How many units the job will use.")],
    meter: Meter = None,
    max_age: Annotated[
        str | None, typer.Option("--max-age", help="How old the last value may be; three intervals without it.")
    ] = None,
    config: Config = None,
    json_: Json = False,
) -> None:
    """Say whether the quota still allows AMOUNT: exit code 0 if it does, 3 if not, 4 if the last value is too old."""
    from collector.app.clock import SystemClock
    from collector.app.printing import print_allowance
    from collector.app.spending import may_spend

    verdict = may_spend(settings_of(context, config), SystemClock().now(), account, amount, meter, max_age)
    print_allowance(verdict, as_json=json_)
    raise typer.Exit(0 if verdict.allowed else 3)
