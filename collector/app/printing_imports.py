"""Prints how far an import is, to stderr and only on a terminal, and what it did."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from collector.app.printing import output_stream
from collector.domain.instants import format_instant

if TYPE_CHECKING:
    from collector.app.importing import Imported, Watch


@contextmanager
def import_progress() -> Iterator[Watch]:
    """Give what shows a progress bar on a terminal, and nothing in a pipe."""
    if not sys.stderr.isatty():
        yield _silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                words = "reading" if what == "bytes" else f"entering {what}"
                tasks[what] = progress.add_task(words, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield show


def _silent(what: str, done: int, total: int | None) -> None:
    del what, done, total


def print_import(done: Imported, *, as_json: bool) -> None:
    """Print what an import did: one sentence, or one object."""
    if as_json:
        from reports.rendering import write_object

        write_object({**asdict(done), "kind": done.kind.value}, output_stream())
        return
    output_stream().write(f"{_sentence(done)}\n")


def _sentence(done: Imported) -> str:
    what = "snapshots" if done.kind.value == "snapshots" else "request records"
    if not done.rows or done.first_at is None or done.last_at is None:
        return f"the file has no rows of {what}; nothing was imported"
    counts = [f"{done.new:,} new", *([f"{done.changed:,} changed"] if done.changed else []), f"{done.known:,} known"]
    whose = _listed(done.accounts, "accounts")
    if done.meters:
        whose = f"{_listed(done.meters, 'meters')} of {whose}"
    written = " (nothing was written: --dry-run)" if done.dry_run else ""
    return (
        f"{done.rows:,} {what}: {', '.join(counts)}; {whose}, {format_instant(done.first_at)} to "
        f"{format_instant(done.last_at)}{written}"
    )


def _listed(names: tuple[str, ...], what: str) -> str:
    return ", ".join(names) if len(names) <= 5 else f"{len(names)} {what}"
