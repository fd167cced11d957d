"""What scheduled reports ask the ledger before they are made: who was heard since, and when a history begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from collector.domain.instants import instant_of
from collector.store import schema
from collector.store.reading import meters
from collector.store.rows import any_text_of

_newest = schema.poll.alias("newest")


def heard_since(connection: Connection, ends: Mapping[str, datetime], *, good: bool = True) -> set[str]:
    """Return the accounts whose newest poll, or newest good one, ended at or after their own instant in ``ends``."""
    account, poll = schema.account, schema.poll
    newest = select(func.max(_newest.c.id)).where(_newest.c.account == account.c.id, _newest.c.kind == "poll")
    if good:
        newest = newest.where(_newest.c.outcome == "ok")
    statement = (
        select(account.c.name, poll.c.finished_at)
        .join(poll, poll.c.account == account.c.id)
        .where(any_text_of(connection, account.c.name, list(ends)))
        .where(poll.c.id == newest.correlate(account).scalar_subquery())
    )
    return {row.name for row in connection.execute(statement) if row.finished_at >= ends[row.name]}


def known_since(connection: Connection, ends: Mapping[str, datetime]) -> set[str]:
    """Return the accounts whose meters all have a value, polled or imported, at or after the instant in ``ends``."""
    last: dict[str, int] = {}
    for row in meters(connection, list(ends)):
        last[row.account] = min(row.last_at, last.get(row.account, row.last_at))
    return {name for name, at in last.items() if instant_of(at) >= ends[name]}


def history_begins(connection: Connection, accounts: Sequence[str]) -> datetime | None:
    """Return when the first value of any of ``accounts`` was observed, or None before there is one."""
    account, meter, snapshot = schema.account, schema.meter, schema.snapshot
    # One look-up for each meter; a join would read every snapshot.
    first = select(func.min(snapshot.c.observed_at)).where(snapshot.c.meter == meter.c.id).scalar_subquery()
    statement = (
        select(first)
        .select_from(meter)
        .join(account, account.c.id == meter.c.account)
        .where(any_text_of(connection, account.c.name, list(accounts)))
    )
    found = [at for at in connection.scalars(statement) if at is not None]
    return instant_of(min(found)) if found else None
