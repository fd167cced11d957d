"""Tells a person who waits at a terminal how far a long report is; everywhere else it is silent.

Nothing is shown before a second has passed, and never on stdout: a pipe gets the report alone. Where the report itself
goes to a terminal, the telling ends before its first line.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from rich.progress import Progress

    from reports.document import Block, Document, Section, Table
    from reports.rendering import Row

_PATIENCE = 1.0  # seconds


class Watch:
    """Counts what passes, and tells of it until ``end``.

    Attributes:
        count: How many rows of a document were read, or how many lines of text were written.
        what: Which of them.
    """

    def __init__(self) -> None:
        self.count = 0
        self.what = "rows"
        self._ended = threading.Event()
        self._teller: threading.Thread | None = None

    def begin(self) -> None:
        """Begin to tell on stderr."""
        self._teller = threading.Thread(target=self._tell, daemon=True)
        self._teller.start()

    def end(self) -> None:
        """Take away what was told; a second time nothing is left to do."""
        self._ended.set()
        if self._teller is not None:
            self._teller.join()
            self._teller = None

    def document(self, document: Document) -> Document:
        """Return ``document`` with its streams counted; what is in memory already passes in no time."""
        known: dict[int, Table] = {}

        def table(one: Table) -> Table:
            if isinstance(one.rows, Sequence):
                return one
            return known.setdefault(id(one), replace(one, rows=_Counted(one.rows, self)))

        def block(one: Block) -> Block:
            from reports.document import Table

            return table(one) if isinstance(one, Table) else one

        def section(one: Section) -> Section:
            return replace(one, blocks=tuple(map(block, one.blocks)))

        return replace(document, records=table(document.records), sections=tuple(map(section, document.sections)))

    def text(self, out: TextIO) -> TextIO:
        """Return a stream that passes text on to ``out`` and counts its lines; where nobody is told, ``out`` itself."""
        if self._teller is None:
            return out
        self.what = "lines"
        return cast("TextIO", _Written(out, self))

    def _tell(self) -> None:
        if self._ended.wait(_PATIENCE):
            return
        with _progress() as progress:
            task = progress.add_task("making the report", total=None, count="")
            while not self._ended.wait(0.1):
                progress.update(task, count=f"{self.count:,} {self.what}" if self.count else "")


class _Counted:
    """Rows that are counted each time they are read, as often as they can be."""

    def __init__(self, rows: Iterable[Row], watch: Watch) -> None:
        self._rows, self._watch = rows, watch

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self._watch.count += 1
            yield row


class _Written(io.TextIOBase):
    """Text that is counted by lines on its way to another stream."""

    encoding = "utf-8"

    def __init__(self, out: TextIO, watch: Watch) -> None:
        self._out, self._watch = out, watch
        self.encoding = out.encoding

    def write(self, text: str, /) -> int:
        if self._out.isatty():
            self._watch.end()
        self._watch.count += text.count("\n")
        return self._out.write(text)

    def flush(self) -> None:
        self._out.flush()

    def isatty(self) -> bool:
        return self._out.isatty()

    def fileno(self) -> int:
        return self._out.fileno()


@contextmanager
def watched() -> Iterator[Watch]:
    """Give a ``Watch``; what it counts is shown on stderr while the body runs, if that is a terminal."""
    watch = Watch()
    if sys.stderr.isatty():
        watch.begin()
    try:
        yield watch
    finally:
        watch.end()


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.fields[count]}"), TimeElapsedColumn()
    # Left alone, rich would send stdout through this console, and with it the report to stderr.
    return Progress(*columns, console=Console(file=sys.stderr), transient=True, redirect_stdout=False)
