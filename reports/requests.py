"""Request records as report rows, one at a time: a long history never has to fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import groupby
from typing import TypeAlias
from zoneinfo import ZoneInfo

from collector.domain.calendar import start_of_day
from collector.domain.requests import UNRESOLVED
from collector.store.accounts import recorded_zones
from collector.store.engine import Database
from collector.store.records import request_records
from reports.question import Question
from reports.rendering import Row

COLUMNS = (
    "account",
    "request_id",
    "status",
    "created_at",
    "completed_at",
    "credits_used",
    "first_seen_at",
    "last_seen_at",
)
_Span: TypeAlias = tuple[datetime | None, datetime | None]


def request_rows(database: Database, question: Question) -> Iterator[Row]:
    """Yield the rows of the report ``requests``: records created within the asked local dates, oldest first.

    Columns as in ``COLUMNS``; instants are aware UTC, ``credits_used`` int or None. By account, then by time.
    ``status`` is the provider's word, or ``unresolved`` where the record left the list before its end.
    """
    for accounts, start, end in spans_of(database, question):
        with database.read() as connection:
            for record in request_records(connection, accounts, start, end):
                row = {column: getattr(record, column) for column in COLUMNS}
                yield {**row, "status": UNRESOLVED} if record.unresolved else row


def spans_of(database: Database, question: Question) -> Iterator[tuple[list[str], datetime | None, datetime | None]]:
    """Yield the asked accounts by name with the instants ``[start, end)`` between which their asked local dates lie.

    Neighbours with the same midnights come together: a fleet in one zone is one walk.
    """
    spans = [
        (account, _span(question, question.agreement_of(account, zone).zone))
        for account, zone in sorted(recorded_zones(database).items())
        if question.accounts is None or account in question.accounts
    ]
    for (start, end), group in groupby(spans, key=lambda one: one[1]):
        yield [account for account, _ in group], start, end


def _span(question: Question, zone: ZoneInfo) -> _Span:
    first, last = question.dates(zone)
    return None if first is None else _start_of(first, zone), None if last is None else _start_of(last, zone)


def _start_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of ``day``; the calendar's very first day may begin before the calendar does."""
    return datetime.min.replace(tzinfo=UTC) if day == date.min else start_of_day(day, zone)
