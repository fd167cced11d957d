"""Request records as report rows, one at a time: a long history never has to fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from collector.domain.calendar import start_of_day
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


def request_rows(database: Database, question: Question) -> Iterator[Row]:
    """Yield the rows of the report ``requests``: records created within the asked local dates, oldest first.

    Columns as in ``COLUMNS``; instants are aware UTC, ``credits_used`` int or None. By account, then by time.
    """
    for account, zone_name in sorted(recorded_zones(database).items()):
        if question.accounts is not None and account not in question.accounts:
            continue
        start, end = _span(question, question.agreement_of(account, zone_name).zone)
        with database.read() as connection:
            for record in request_records(connection, [account], start, end):
                yield {column: getattr(record, column) for column in COLUMNS}


def _span(question: Question, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    first, last = question.dates(zone)
    return (
        None if first is None else start_of_day(first, zone),
        None if last is None else start_of_day(last, zone),
    )
