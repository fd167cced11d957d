"""The verb ``export``: the ledger for other programs, and for finance as FOCUS rows and a beancount ledger."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from collector.app.cli.ledger import Names, Span, asked_ledger, written
from collector.app.cli.options import (
    Accounts,
    Config,
    From,
    Last,
    Meters,
    Output,
    To,
    Zone,
    settings_of,
)
from collector.errors import UsageError

if TYPE_CHECKING:
    from collector.store.engine import Database
    from reports.charges import MeterCharges
    from reports.question import Question

export = typer.Typer(help="The ledger for other programs.", no_args_is_help=True)

_NAMED = 5  # meters that a note lists by name

_Writing = Callable[["Database", "Iterable[MeterCharges]", TextIO], None]

_FocusVersion = Annotated[
    str, typer.Option("--focus-version", help="Columns of which FOCUS version: 1.2 or 1.0.", metavar="VERSION")
]


class FactsFormat(StrEnum):
    """How facts are written."""

    CSV = "csv"
    JSONL = "jsonl"


_FactsFormat = Annotated[FactsFormat, typer.Option("--format", help="How to write the rows.")]
_FactsOutput = Annotated[
    Path | None,
    typer.Option("--output", help="Write to this file instead; packed if it ends in .gz.", metavar="FILE"),
]


@export.command("snapshots")
def snapshots(
    context: typer.Context,
    accounts: Accounts = None,
    meters: Meters = None,
    start: From = None,
    end: To = None,
    last: Last = None,
    zone: Zone = None,
    format_: _FactsFormat = FactsFormat.CSV,
    output: _FactsOutput = None,
    config: Config = None,
) -> None:
    """Write every observation of every meter; `import` makes the same ledger of it."""

    def write(database: Database, question: Question, out: TextIO) -> None:
        from collector.app.exporting_facts import export_snapshots

        export_snapshots(database, question, out, as_csv=format_ is FactsFormat.CSV)

    _export_facts(context, config, ((accounts, meters), (start, end, last), zone), output, write)


@export.command("requests")
def requests(
    context: typer.Context,
    accounts: Accounts = None,
    start: From = None,
    end: To = None,
    last: Last = None,
    zone: Zone = None,
    format_: _FactsFormat = FactsFormat.CSV,
    output: _FactsOutput = None,
    config: Config = None,
) -> None:
    """Write every request record; `import` makes the same records of it."""

    def write(database: Database, question: Question, out: TextIO) -> None:
        from collector.app.exporting_facts import export_requests

        export_requests(database, question, out, as_csv=format_ is FactsFormat.CSV)

    _export_facts(context, config, ((accounts, None), (start, end, last), zone), output, write)


def _export_facts(
    context: typer.Context,
    config: Path | None,
    asked: tuple[Names, Span, str | None],
    output: Path | None,
    write: Callable[[Database, Question, TextIO], None],
) -> None:
    """Write the facts asked for to the screen or to a file."""
    from collector.app.exporting_facts import export_stream

    names, span, zone = asked
    with (
        asked_ledger(settings_of(context, config), names, span, zone) as (database, question),
        export_stream(output) as out,
    ):
        write(database, question, out)


@export.command("focus")
def focus(
    context: typer.Context,
    version: _FocusVersion = "1.2",
    accounts: Accounts = None,
    meters: Meters = None,
    start: From = None,
    end: To = None,
    last: Last = None,
    output: Output = None,
    config: Config = None,
) -> None:
    """Write what every local day used and cost as FOCUS rows (CSV), for cost tools."""

    def write(database: Database, charged: Iterable[MeterCharges], out: TextIO) -> None:
        from reports.focus import COLUMNS, FocusVersion, focus_rows
        from reports.rendering import write_csv

        chosen = FocusVersion(version)
        rows = (row for one in charged for row in focus_rows(one, chosen, _title(one.row.provider)))
        write_csv(rows, COLUMNS[chosen], out)

    if version not in {"1.2", "1.0"}:
        raise UsageError(f"--focus-version is 1.2 or 1.0, not {version!r}")
    _export(context, config, (accounts, meters), (start, end, last), output, write)


@export.command("beancount")
def beancount(
    context: typer.Context,
    accounts: Accounts = None,
    meters: Meters = None,
    start: From = None,
    end: To = None,
    last: Last = None,
    output: Output = None,
    config: Config = None,
) -> None:
    """Write usage and costs as a beancount ledger that asserts every billing period's balance."""

    def write(database: Database, charged: Iterable[MeterCharges], out: TextIO) -> None:
        from reports.beancount import journal

        for piece in journal(database, charged):
            out.write(piece)

    _export(context, config, (accounts, meters), (start, end, last), output, write)


def _title(provider: str) -> str:
    """Return what people call a provider; the recorded name where this version does not know it."""
    from collector.providers import PROVIDERS

    known = PROVIDERS.get(provider)
    return provider if known is None else known.title


def _export(
    context: typer.Context, config: Path | None, names: Names, span: Span, output: Path | None, write: _Writing
) -> None:
    """Write the charges asked for to the screen or to a file, and say what was left without a price."""
    from reports.charges import charges_asked

    notes = _Notes()
    with asked_ledger(settings_of(context, config), names, span) as (database, question):
        with written(output) as out:
            write(database, notes.taken_of(charges_asked(database, question)), out)
        sys.stderr.writelines(f"note: {line}\n" for line in notes.lines())


class _Notes:
    """What whoever reads an export should know of it, gathered while it is written."""

    def __init__(self) -> None:
        self._unpriced: list[str] = []
        self._empty = True

    def taken_of(self, charged: Iterable[MeterCharges]) -> Iterator[MeterCharges]:
        """Pass every meter on, looking at it."""
        for one in charged:
            self._empty = False
            if any(day.usage and day.charge.amount is None for day in one.asked_days()):
                self._unpriced.append(f"{one.row.name} of {one.row.account}")
            yield one

    def lines(self) -> Iterator[str]:
        """Yield a sentence for each thing worth knowing."""
        if self._empty:
            yield "nothing was recorded in this range; `collector poll` records, `collector status` tells more"
        if self._unpriced:
            named, more = self._unpriced[:_NAMED], len(self._unpriced) - _NAMED
            whom = ", ".join(named) + (f" and {more} more" if more > 0 else "")
            yield (
                f"there is usage without a price in force ({whom}); it is exported at no cost, "
                "accounts.meters.NAME.price with accounts.billing.currency declares one"
            )
