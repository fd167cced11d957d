"""Counts polls by how they ended, from where the last count stopped.

Public: ``PollCounts``.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, Row, and_, func, or_, select

from collector.store import schema

_poll = schema.poll
# What a first count reads at the most, so that no history is too long for it.
_FIRST = 100_000
# SQLite bounds how many conditions one statement may have.
_TOGETHER = 200


class PollCounts:
    """How many polls there were by outcome, since the first of those counted; only ever growing."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._counted: dict[int, int] | None = None
        self._lock = threading.Lock()

    def upto_now(self, connection: Connection) -> Mapping[str, int]:
        """Return the counts by outcome; of ``schema:PATH`` and its like only what stands before the colon."""
        with self._lock:
            newest = _newest(connection)
            before = self._counted
            if before is None:
                before = {account: last - _FIRST // len(newest) for account, last in newest.items()}
            found = Counter(self._counts)
            for row in _counted(connection, before, newest):
                found[row.outcome.partition(":")[0]] += row.polls
            # Only now: a reading that was cut off half-way is made again as a whole.
            self._counts, self._counted = found, newest
            return dict(found)


def _newest(connection: Connection) -> dict[int, int]:
    """Return the number of the last poll of each account; each account's polls are numbered by themselves."""
    last = select(func.max(_poll.c.id)).where(_poll.c.account == schema.account.c.id).scalar_subquery()
    rows = connection.execute(select(schema.account.c.id, last.label("last")))
    return {row.id: row.last for row in rows if row.last is not None}


def _counted(
    connection: Connection, before: Mapping[int, int], newest: Mapping[int, int]
) -> Iterable[Row[tuple[str, int]]]:
    """Yield how many polls ended how, of those that came after ``before``."""
    grown = [(account, before.get(account, 0), last) for account, last in newest.items()]
    grown = [one for one in grown if one[2] > one[1]]
    for start in range(0, len(grown), _TOGETHER):
        spans = [
            and_(_poll.c.account == account, _poll.c.id > first, _poll.c.id <= last)
            for account, first, last in grown[start : start + _TOGETHER]
        ]
        statement = select(_poll.c.outcome, func.count().label("polls")).where(_poll.c.kind == "poll", or_(*spans))
        yield from connection.execute(statement.group_by(_poll.c.outcome))
