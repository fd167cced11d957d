"""Tells a person who waits at a terminal how far a long report is; everywhere else it is silent.

Nothing is shown before a second has passed, and never on stdout: a pipe gets the report alone.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from reports.document import Block, Document, Section, Table
    from reports.rendering import Row

_PATIENCE = 1.0  # seconds


class Watch:
    """Counts the rows that pass.

    Attributes:
        rows: How many have passed.
    """

    def __init__(self) -> None:
        self.rows = 0

    def counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Pass ``rows`` on, counting them."""
        for row in rows:
            self.rows += 1
            yield row

    def document(self, document: Document) -> Document:
        """Return ``document`` with its streams counted; what is in memory already passes in no time."""
        known: dict[int, Table] = {}

        def table(one: Table) -> Table:
            if not isinstance(one.rows, Iterator):
                return one
            return known.setdefault(id(one), replace(one, rows=self.counted(one.rows)))

        def block(one: Block) -> Block:
            from reports.document import Table

            return table(one) if isinstance(one, Table) else one

        def section(one: Section) -> Section:
            return replace(one, blocks=tuple(map(block, one.blocks)))

        return replace(document, records=table(document.records), sections=tuple(map(section, document.sections)))


@contextmanager
def watched() -> Iterator[Watch]:
    """Give a ``Watch``; what it counts is shown on stderr while the body runs, if that is a terminal."""
    watch = Watch()
    if not sys.stderr.isatty():
        yield watch
        return
    ended = threading.Event()
    teller = threading.Thread(target=_tell, args=(watch, ended), daemon=True)
    teller.start()
    try:
        yield watch
    finally:
        ended.set()
        teller.join()


def _tell(watch: Watch, ended: threading.Event) -> None:
    if ended.wait(_PATIENCE):
        return
    with _progress() as progress:
        task = progress.add_task("making the report", total=None, rows="")
        while not ended.wait(0.1):
            progress.update(task, rows=f"{watch.rows:,} rows" if watch.rows else "")


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.fields[rows]}"), TimeElapsedColumn()
    return Progress(*columns, console=Console(file=sys.stderr), transient=True)
