"""The requests of an account's month: how many ended how, which used most, which took longest, which never ended.

Records are read one after another and only the few that are shown are kept, so a million of them cost no memory.

Public: ``AccountRequests``, ``requests_of``, ``took_of``, ``FAILED``.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collector.domain.requests import UNRESOLVED
from collector.store.engine import Database
from collector.store.records import RecordRow, request_records

FAILED = "failed"
MOST = 10
_NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class AccountRequests:
    """The requests made in ``[start, end)``.

    Attributes:
        statuses: How many by status; ``unresolved`` for those that left the list before their end.
        credits: What the ones that tell it used.
        biggest: By credits, the most first.
        longest: By the time from creation to completion, the longest first.
        unresolved: The first ones that were made.
    """

    statuses: Mapping[str, int]
    credits: int
    biggest: tuple[RecordRow, ...]
    longest: tuple[RecordRow, ...]
    unresolved: tuple[RecordRow, ...]

    @property
    def total(self) -> int:
        """How many requests there are."""
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """How many failed."""
        return self.statuses.get(FAILED, 0)


@dataclass(slots=True)
class _Best:
    """The few records with the greatest measure; of equal ones those that came first."""

    kept: list[tuple[float, int, RecordRow]] = field(default_factory=list)
    seen: int = 0

    def offer(self, measure: float, record: RecordRow) -> None:
        self.seen += 1
        item = (measure, -self.seen, record)
        if len(self.kept) < MOST:
            heapq.heappush(self.kept, item)
        elif item > self.kept[0]:
            heapq.heapreplace(self.kept, item)

    def ordered(self) -> tuple[RecordRow, ...]:
        return tuple(record for _, _, record in sorted(self.kept, reverse=True, key=lambda item: item[:2]))


def requests_of(database: Database, account: str, start: datetime, end: datetime) -> AccountRequests:
    """Return what the records of ``account`` made in ``[start, end)`` tell."""
    statuses: dict[str, int] = {}
    biggest, longest = _Best(), _Best()
    unresolved: list[RecordRow] = []
    credits = 0
    with database.read() as connection:
        for record in request_records(connection, [account], start, end):
            status = UNRESOLVED if record.unresolved else record.status
            statuses[status] = statuses.get(status, 0) + 1
            if record.unresolved and len(unresolved) < MOST:
                unresolved.append(record)
            if record.credits_used:
                credits += record.credits_used
                biggest.offer(record.credits_used, record)
            took = took_of(record)
            if took is not None and took > _NONE:
                longest.offer(took.total_seconds(), record)
    return AccountRequests(
        dict(sorted(statuses.items())), credits, biggest.ordered(), longest.ordered(), tuple(unresolved)
    )


def took_of(record: RecordRow) -> timedelta | None:
    """Return the time from creation to completion; None where one of them is not known."""
    if record.created_at is None or record.completed_at is None:
        return None
    return record.completed_at - record.created_at
