"""How a command that reads the ledger opens it, asks, and writes: the same for reports, statements and exports.

Nothing heavy is imported before it is used: ``--help`` must stay quick.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

from collector.app.questions import question_of, require_known

if TYPE_CHECKING:
    from collector.config import Settings
    from collector.store.engine import Database
    from reports.question import Question

Names: TypeAlias = tuple[list[str] | None, list[str] | None]
"""``--account`` and ``--meter``."""
Span: TypeAlias = tuple[str | None, str | None, str | None]
"""``--from``, ``--to`` and ``--last``."""

ALL_DAYS: Span = (None, None, None)


@contextmanager
def asked_ledger(
    settings: Settings, names: Names, span: Span = ALL_DAYS, zone: str | None = None
) -> Iterator[tuple[Database, Question]]:
    """Open the database and give it with the question that a command asks.

    Raises:
        UsageError: A date, a zone, a range or a name is wrong.
    """
    from collector.app.clock import SystemClock
    from collector.app.wiring import open_database

    question = question_of(settings, SystemClock().now(), names=names, span=span, zone=zone)
    database = open_database(settings)
    try:
        require_known(settings, database, question.accounts, question.meters)
        yield database, question
    finally:
        database.close()


@contextmanager
def written(output: Path | None) -> Iterator[TextIO]:
    """Give the stream to write to: the screen, or a file that appears whole."""
    from collector.app.printing import output_stream
    from reports.rendering import whole_file

    with nullcontext(output_stream()) if output is None else whole_file(output) as out:
        yield out
