"""Polls the same accounts a few times in a row, with a pause between and a progress bar on a terminal.

Public: ``poll_rounds``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from collector.app.polling_now import Turn, poll_now
from collector.app.printing import print_turns
from collector.config import AccountSettings, Settings
from collector.store.engine import Database


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to ask, and how many whole seconds to wait between."""

    rounds: int
    pause_seconds: int


def poll_rounds(
    settings: Settings,
    database: Database,
    accounts: Sequence[AccountSettings],
    environ: Mapping[str, str],
    pace: Pace,
    wait: Callable[[float], bool],
) -> list[Turn]:
    """Poll ``accounts`` in rounds, print what each poll brought, and return all that happened.

    An account whose poll fails is not asked again: what can be repaired by asking again was tried within the poll.

    Args:
        settings: What is configured.
        database: Where the facts go.
        accounts: Whom to poll.
        environ: Where keys are read from.
        pace: How often.
        wait: Sleeps for some seconds; it returns True if the program is stopping.
    """
    turns: list[Turn] = []
    steps = pace.rounds + (pace.rounds - 1) * pace.pause_seconds
    with _bar() as bar:
        task = bar.add_task("poll 1", total=steps)
        for number in range(pace.rounds):
            bar.update(task, description=f"poll {number + 1} of {pace.rounds}")
            for _ in range(pace.pause_seconds if number else 0):
                wait(1)
                bar.advance(task)
            latest = poll_now(settings, database, accounts, environ)
            print_turns(latest, as_json=False)
            bar.advance(task)
            turns += latest
            good = {turn.account for turn in latest if turn.polled is not None and turn.polled.ok}
            accounts = [one for one in accounts if one.name in good]
            if not accounts:
                break
    return turns


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn())
    return Progress(*columns, console=Console(file=sys.stdout), transient=True, disable=not sys.stdout.isatty())
