"""Finds the polls that deserve a review by an index of their own, so that a report shows them where the figure is.

Public: ``Flagged``, ``flagged_polls`` and ``names_for``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, literal_column, select

from collector.domain.instants import instant_of, micros_of
from collector.store import schema
from collector.store.rows import any_of

_poll = schema.poll


class Flagged(NamedTuple):
    """A good poll with flags; ``at`` in microseconds since 1970 UTC."""

    account: int
    number: int
    at: int
    flags: tuple[str, ...]


def flagged_polls(
    connection: Connection, accounts: Iterable[int], since: int | None = None, until: int | None = None
) -> Iterator[Flagged]:
    """Yield the polls with flags of accounts, by their row ids, that ended in ``[since, until)``; None is open."""
    wanted = select(_poll.c.account, _poll.c.id, _poll.c.finished_at, _poll.c.flags).where(
        any_of(connection, _poll.c.account, sorted(set(accounts))),
        _poll.c.flags != literal_column("'[]'"),  # as the partial index says it
    )
    if since is not None:
        wanted = wanted.where(_poll.c.finished_at >= instant_of(since))
    if until is not None:
        wanted = wanted.where(_poll.c.finished_at < instant_of(until))
    for row in connection.execute(wanted.order_by(_poll.c.account, _poll.c.finished_at)):
        yield Flagged(row.account, row.id, micros_of(row.finished_at), tuple(json.loads(row.flags)))


def names_for(meter: str, flags: Sequence[str]) -> list[str]:
    """Return the flags that concern a meter: ``spike:credits`` is that of credits, and of no other meter."""
    named = {one.partition(":")[0] for one in flags if ":" in one}
    plain = [one for one in flags if ":" not in one and one not in named]
    return [*plain, *(one.partition(":")[0] for one in flags if one.partition(":")[2] == meter)]
