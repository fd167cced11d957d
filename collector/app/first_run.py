"""The main job in one go: settings, database, a few polls of each account, the first reports, and what to type next.

``make run`` starts it. It does what ``init``, ``db upgrade``, ``poll``, ``status`` and ``report`` do, through the same
functions, and may be run again at any time: the same history goes on. Whom it asks is decided in ``first_accounts``.

Public: ``first_run``, ``main``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import typer

from collector.app import logs
from collector.app.clock import SystemClock
from collector.app.demonstration import answering
from collector.app.first_accounts import Choice, choose
from collector.app.polling_rounds import Pace, poll_rounds
from collector.app.printing import output_stream, print_report, print_status
from collector.app.status import status_rows
from collector.app.wiring import agreements
from collector.config.loading import FILE_NAME
from collector.errors import CollectorError
from collector.store.engine import Database
from collector.store.revision import upgrade
from collector.store.terms import bring_terms
from reports import burn_rate, daily, exhaustion
from reports.catalogue import burn, exhaustion_dates
from reports.catalogue import daily as daily_usage
from reports.question import Question
from reports.rendering import Row
from reports.rows import rows_of

# Providers are not asked more often than every ten seconds, the simulator not more often than every second.
_REAL_PACE = Pace(rounds=3, pause_seconds=11)
_SIMULATED_PACE = Pace(rounds=3, pause_seconds=2)

_DAYS_SHOWN = 7


def first_run(folder: Path, environ: Mapping[str, str], clock: SystemClock, pace: Pace | None = None) -> int:
    """Do the main job in ``folder`` and return the exit code: 0 if any poll was good, else the worst of the polls.

    Args:
        folder: Where settings and database are, or will be.
        environ: Where keys are read from.
        clock: The time, and waiting.
        pace: How often to poll; without it three times, at the distance the providers are owed.

    Raises:
        CollectorError: The settings are wrong, or the database cannot be used.
    """
    choice = choose(folder, environ, _say)
    with closing(_upgraded(choice)) as database, _answered(choice, environ, clock) as chosen:
        logs.configure()
        usual = _SIMULATED_PACE if chosen.simulated else _REAL_PACE
        _say("")
        turns = poll_rounds(chosen.settings, database, chosen.accounts, environ, pace or usual, clock.wait)
        question = Question(clock.now(), agreements(choice.settings))
        _title("Status")
        print_status(status_rows(choice.settings, database, question), as_json=False)
        if not any(turn.polled is not None and turn.polled.ok for turn in turns):
            _say(f"\nNo poll succeeded. The reasons are above; `{_program(choice)} doctor` tells how to repair them.")
            return max(turn.exit_code for turn in turns)
        _report(database, question)
    failed = sorted({turn.account for turn in turns if turn.exit_code})
    if failed:
        _say(f"\nNot every poll succeeded; the reasons are above: {', '.join(failed)}.")
    _say_what_next(choice)
    return 0


def _upgraded(choice: Choice) -> Database:
    """Return the database at the newest schema and under the settings' terms; it is created if it is missing."""
    database = Database(choice.settings.database_url, pool_size=choice.settings.collector.workers + 2)
    try:
        before, after = upgrade(database)
        bring_terms(database, agreements(choice.settings), SystemClock().now())
    except CollectorError:
        database.close()
        raise
    if before != after:
        _say(f"{'Created' if before is None else 'Upgraded'} the database {_short(database)}.")
    return database


def _short(database: Database) -> str:
    return database.place if database.path is None else database.path.name


@contextmanager
def _answered(choice: Choice, environ: Mapping[str, str], clock: SystemClock) -> Iterator[Choice]:
    """Give the choice with addresses that answer: while it is simulated, the simulator is running."""
    if not choice.simulated:
        yield choice
        return
    wanted = choice.accounts[0].base_url
    with answering(choice.settings, environ, clock) as url:
        if url != wanted:
            _say(f"{wanted} is taken by another program, so this run uses {url}.")
            _say(f"To move for good, edit base_url in {choice.settings.path.name}.")
        accounts = tuple(replace(one, base_url=url) for one in choice.accounts)
        yield replace(choice, accounts=accounts)


def _report(database: Database, question: Question) -> None:
    """Print daily usage, burn rate and exhaustion, as the reports of these names do."""
    _title(f"Daily usage, the last {_DAYS_SHOWN} days")
    _table("daily", rows_of(daily_usage(database, replace(question, last_days=_DAYS_SHOWN)), daily.COLUMNS))
    _title("Burn rate")
    _table("burn", rows_of(burn(database, question), burn_rate.COLUMNS))
    _title("Exhaustion")
    _table("exhaustion", rows_of(exhaustion_dates(database, question), exhaustion.TOLD))


def _table(name: str, rows: Sequence[Row]) -> None:
    print_report(name, rows, "table", output_stream())


def _title(text: str) -> None:
    _say(f"\n{text}")


def _say_what_next(choice: Choice) -> None:
    program = _program(choice)
    steps = [
        (f"{program} status", "where every meter stands"),
        (f"{program} report daily", "usage per day; also: report burn, report exhaustion, report requests"),
        ("make run", "the same once more; the history goes on"),
    ]
    if choice.simulated:
        steps.append(("make simulate", "in another terminal: keeps the simulated APIs answering"))
    steps.append((f"{program} run", f"keep collecting{' from them' if choice.simulated else ''}, until Ctrl-C"))
    if choice.simulated:
        steps.append(("NELLIE_API_KEY=… make run", "collect from the real API; NECTED_API_KEY=… likewise"))
    _title("What to type next")
    width = max(len(command) for command, _ in steps)
    for command, meaning in steps:
        _say(f"  {command:<{width}}  {meaning}")


def _program(choice: Choice) -> str:
    """Return how this installation's ``collector`` is called from here for these settings."""
    beside, here, path = Path(sys.executable).with_name("collector"), Path.cwd(), choice.settings.path.name
    program = str(beside.relative_to(here)) if beside.is_relative_to(here) and beside.exists() else "collector"
    return program if path == FILE_NAME else f"{program} --config {path}"


def _say(text: str) -> None:
    typer.echo(text)


def main() -> None:
    """Do the main job in the current folder; the exit code says what kind of failure it was."""
    try:
        sys.exit(first_run(Path.cwd(), os.environ, SystemClock()))
    except CollectorError as error:
        typer.echo(f"collector: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("collector: stopped", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
