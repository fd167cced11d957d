"""How a report is answered: in which format, where to, and everything that can be refused refused before work starts.

Tables, JSON and CSV are written from rows as they come; every other format is a document (``reports.document``).
Nothing heavy is imported before it is used: ``--help`` must stay quick.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO, TypeAlias

import typer

from collector.app.cli.ledger import ALL_DAYS, Names, Span, asked_ledger, written
from collector.app.cli.options import OutputFormat, settings_of
from collector.errors import UsageError

if TYPE_CHECKING:
    from collector.store.engine import Database
    from reports.document import Document
    from reports.question import Question

How: TypeAlias = tuple[bool, OutputFormat | None, Path | None]
"""``--json``, ``--format`` and ``--output``."""
AsText: TypeAlias = Callable[["Database", "Question", str, TextIO], None]
"""Writes the answer as ``table``, ``json`` or ``csv``."""
AsDocument: TypeAlias = Callable[["Database", "Question"], "Document"]

_TEXTS = frozenset({OutputFormat.TABLE, OutputFormat.JSON, OutputFormat.CSV})
_BINARY = frozenset({OutputFormat.XLSX, OutputFormat.PARQUET, OutputFormat.PDF})
_BY_ENDING = {f".{one.value}": one for one in OutputFormat if one is not OutputFormat.TABLE}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report command was asked, before settings and database are opened.

    Attributes:
        config: ``--config``.
        names: ``--account`` and ``--meter``.
        span: ``--from``, ``--to`` and ``--last``.
        zone: ``--tz``.
    """

    context: typer.Context
    config: Path | None
    names: Names
    span: Span = ALL_DAYS
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a report is to be written.

    Attributes:
        form: The format.
        output: The file, or None for the screen or a pipe.
    """

    form: OutputFormat
    output: Path | None

    @property
    def is_text(self) -> bool:
        """True for what is written from rows: a table, JSON, CSV."""
        return self.form in _TEXTS


def wanted(how: How) -> Wanted:
    """Return how to write, having made sure that it can be written.

    Raises:
        UsageError: Two ways were asked for, the terminal would be given binary, or an extra is not installed.
    """
    json_, format_, output = how
    if json_ and format_ not in {None, OutputFormat.JSON}:
        raise UsageError(f"--json and --format {format_} contradict each other")
    form = OutputFormat.JSON if json_ else format_ or _by_ending(output)
    if form in _BINARY and output is None and sys.stdout.isatty():
        raise UsageError(f"{form} is not for a terminal; give --output FILE, or send it into a pipe")
    _note_ending(form, output, told=json_ or format_ is not None)
    if form not in _TEXTS:
        from reports.formats.catalogue import require_installed

        require_installed(form.value)
    return Wanted(form, output)


def _by_ending(output: Path | None) -> OutputFormat:
    return OutputFormat.TABLE if output is None else _BY_ENDING.get(output.suffix.lower(), OutputFormat.TABLE)


def _note_ending(form: OutputFormat, output: Path | None, *, told: bool) -> None:
    """Say on stderr where the ending of a file promises another format than is written to it."""
    ending = "" if output is None else output.suffix.lower()
    meant = _BY_ENDING.get(ending)
    if told and meant not in {None, form}:
        typer.echo(f"note: {output} is written as {form}, whatever its ending says", err=True)
    elif not told and ending not in {"", ".txt", ".table"} and meant is None:
        typer.echo(f"note: no format has the ending {ending}, so a table was written; --format tells which", err=True)


def answer(asked: Asked, how: How, *, text: AsText, document: AsDocument) -> None:
    """Ask the ledger and write the answer, to the screen, into a pipe or to a file.

    The file is opened before the ledger is asked, so that a path that cannot be written costs no time.

    Args:
        asked: The question as the command was given it.
        how: The command's ``--json``, ``--format`` and ``--output``.
        text: Writes the answer as ``table``, ``json`` or ``csv``.
        document: Makes the document for every other format.

    Raises:
        UsageError: What was asked, or how it is to be written, is wrong.
    """
    chosen = wanted(how)
    settings = settings_of(asked.context, asked.config)
    if chosen.is_text:
        with (
            written(chosen.output) as out,
            asked_ledger(settings, asked.names, asked.span, asked.zone) as (database, question),
        ):
            if chosen.form is OutputFormat.TABLE and question.zone is not None:
                out.write(f"days of {question.zone.key}\n")
            _write_text(lambda to: text(database, question, chosen.form.value, to), out)
            _tell_stale(database, question, chosen, out)
        return
    with (
        written_bytes(chosen.output) as binary,
        asked_ledger(settings, asked.names, asked.span, asked.zone) as (database, question),
    ):
        write_document(lambda: _with_stale_notes(document, database, question), chosen, binary)


def _with_stale_notes(document: AsDocument, database: Database, question: Question) -> Document:
    from reports.freshness import with_stale_notes

    return with_stale_notes(document(database, question), database, question)


def _tell_stale(database: Database, question: Question, chosen: Wanted, out: TextIO) -> None:
    """Say whose figures are stale: below a table; on stderr where a program reads the rows."""
    from reports.freshness import stale_notes

    for note in stale_notes(database, question):
        if chosen.form is OutputFormat.TABLE:
            out.write(f"{note}\n")
        else:
            typer.echo(f"note: {note}", err=True)


def _write_text(write: Callable[[TextIO], None], out: TextIO) -> None:
    """Write a table, JSON or CSV, with progress on stderr where a person waits for it."""
    from collector.app.progress import watched

    with watched() as watch:
        write(watch.text(out))


def write_document(make: Callable[[], Document], chosen: Wanted, out: BinaryIO) -> None:
    """Make a document and write it, with progress on stderr where a person waits for it."""
    from collector.app.progress import watched
    from reports.formats.catalogue import write

    with watched() as watch:
        document = watch.document(make())
        if chosen.output is None and sys.stdout.isatty():
            watch.end()
        write(document, chosen.form.value, out)


@contextmanager
def written_bytes(output: Path | None) -> Iterator[BinaryIO]:
    """Give the binary stream to write to: the screen or a pipe, or a file that appears whole."""
    from reports.rendering import whole_binary_file

    with _standard_output() if output is None else whole_binary_file(output) as out:
        yield out


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    """Give the bytes behind stdout; where a program has put text alone in its place, the bytes are read as UTF-8."""
    from collector.app.printing import output_stream

    out = output_stream()
    out.flush()
    if isinstance(out, io.TextIOWrapper):
        yield out.buffer
        out.buffer.flush()
        return
    held = io.BytesIO()
    yield held
    out.write(held.getvalue().decode())
