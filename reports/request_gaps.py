"""The polls at which requests were missed or credits stayed unexplained, as report rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from collector.store.completeness import overruns
from collector.store.engine import Database
from reports.question import Question
from reports.rendering import Row
from reports.requests import spans_of

COLUMNS = (
    "account",
    "polled_at",
    "missed_requests",
    "missed_after",
    "missed_before",
    "new_requests",
    "listed_requests",
    "unexplained",
)


def gap_rows(database: Database, question: Question) -> Iterator[Row]:
    """Yield the rows of the report ``requests --gaps`` for polls made on the asked local dates, oldest first.

    Columns as in ``COLUMNS``; instants are aware UTC. ``missed_requests`` is None where the list was overrun while the
    counter fell; ``missed_after`` and ``missed_before`` are None where it was not overrun and only credits are
    unexplained. By account, then by time; nothing where every list was complete.
    """
    for accounts, start, end in spans_of(database, question):
        with database.read() as connection:
            for one in overruns(connection, accounts, start, end):
                yield asdict(one)
