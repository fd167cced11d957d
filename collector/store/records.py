"""Reads request records, a few thousand at once, so that a long history never has to fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from collector.domain.requests import FINAL_STATUSES
from collector.store import schema
from collector.store.rows import any_text_of

_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One request record as it stands.

    Attributes:
        status: As the provider gave it.
        last_seen_at: The last poll that listed it; for a record still listed, the account's last good poll.
        unresolved: True if it left the list before its end, so that nobody knows how it ended.
    """

    account: str
    request_id: str
    status: str
    created_at: datetime | None
    completed_at: datetime | None
    credits_used: int | None
    first_seen_at: datetime
    last_seen_at: datetime
    unresolved: bool = False


def request_records(
    connection: Connection,
    accounts: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Iterator[RecordRow]:
    """Yield the records created in ``[start, end)`` by account, time of creation and id.

    A record without a time of creation counts from when it was first seen.
    """
    for owner, name, latest in _owners(connection, accounts):
        rows = connection.execute(_records_of(connection, owner, start, end), execution_options={"yield_per": _CHUNK})
        for row in rows:
            yield RecordRow(
                name,
                row.request_id,
                row.status,
                row.created_at,
                row.completed_at,
                row.credits_used,
                row.first_seen_at,
                row.last_seen_at or latest or row.first_seen_at,
                _is_unresolved(row.status, row.last_seen_at, latest),
            )


def _is_unresolved(status: str, last_seen_at: datetime | None, latest: datetime | None) -> bool:
    """Tell whether a later list no longer showed a record that was not final: derived, for it may come back."""
    if status in FINAL_STATUSES or last_seen_at is None or latest is None:
        return False
    return latest > last_seen_at


def _owners(connection: Connection, accounts: Sequence[str] | None) -> list[tuple[int, str, datetime | None]]:
    """Return the accounts by name, each with the instant of its last good poll, if there is one."""
    account, poll = schema.account, schema.poll
    latest = (
        select(poll.c.finished_at)
        .where(poll.c.account == account.c.id, poll.c.kind == "poll", poll.c.outcome == "ok")
        .order_by(poll.c.id.desc())
        .limit(1)
        .correlate(account)
        .scalar_subquery()
    )
    statement = select(account.c.id, account.c.name, latest.label("latest"))
    if accounts is not None:
        statement = statement.where(any_text_of(connection, account.c.name, accounts))
    found = [(row.id, row.name, row.latest) for row in connection.execute(statement)]
    return sorted(found, key=lambda one: one[1])


def _records_of(connection: Connection, owner: int, start: datetime | None, end: datetime | None) -> Select[Any]:
    request = schema.usage_request
    happened = func.coalesce(request.c.created_at, request.c.first_seen_at)
    # One order on every engine, whatever the database's own collation.
    identity: ColumnElement[str] = request.c.request_id
    if connection.dialect.name != "sqlite":
        identity = identity.collate("C")
    statement = select(request).where(request.c.account == owner)
    if start is not None:
        statement = statement.where(happened >= start)
    if end is not None:
        statement = statement.where(happened < end)
    return statement.order_by(happened, identity)
