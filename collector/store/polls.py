"""Reads how polling goes: the last poll of each account, since when it fails, and who holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from collector.store import schema
from collector.store.rows import any_text_of

# An hour of polls at the shortest interval.
_LATELY = 400


@dataclass(frozen=True, slots=True)
class PollingState:
    """Where the polling of one account stands.

    Attributes:
        last_at, outcome, error: Of the last poll; None before the first.
        flags: Of the last poll.
    """

    account: str
    provider: str
    next_poll_at: datetime | None
    not_before: datetime | None
    failures: int
    paused_reason: str | None
    last_at: datetime | None
    outcome: str | None
    error: str | None
    flags: tuple[str, ...]


def polling_states(connection: Connection, accounts: Sequence[str] | None = None) -> list[PollingState]:
    """Return where the polling of each recorded account stands, by name."""
    account, poll = schema.account, schema.poll
    inner = poll.alias()
    newest = (
        select(inner.c.id)
        .where(inner.c.account == account.c.id, inner.c.kind == "poll")
        .order_by(inner.c.id.desc())
        .limit(1)
        .correlate(account)
        .scalar_subquery()
    )
    state = (account.c.next_poll_at, account.c.not_before, account.c.failures, account.c.paused_reason)
    statement = select(
        account.c.name, account.c.provider, *state, poll.c.finished_at, poll.c.outcome, poll.c.error, poll.c.flags
    ).select_from(account.outerjoin(poll, (poll.c.account == account.c.id) & (poll.c.id == newest)))
    if accounts is not None:
        statement = statement.where(any_text_of(connection, account.c.name, accounts))
    found = [
        PollingState(
            account=row.name,
            provider=row.provider,
            next_poll_at=row.next_poll_at,
            not_before=row.not_before,
            failures=row.failures,
            paused_reason=row.paused_reason,
            last_at=row.finished_at,
            outcome=row.outcome,
            error=row.error,
            flags=() if row.flags is None else tuple(json.loads(row.flags)),
        )
        for row in connection.execute(statement)
    ]
    return sorted(found, key=lambda one: one.account)


def overdue(connection: Connection, due_before: Mapping[str, datetime]) -> list[str]:
    """Return the accounts, by name, whose poll was due before their own instant and has not been made."""
    account = schema.account
    statement = select(account.c.name, account.c.next_poll_at).where(
        any_text_of(connection, account.c.name, list(due_before)), account.c.paused_reason.is_(None)
    )
    return sorted(
        row.name
        for row in connection.execute(statement)
        if row.next_poll_at is not None and row.next_poll_at < due_before[row.name]
    )


def polls_before(connection: Connection, account: str, before: datetime) -> list[tuple[datetime, str]]:
    """Return when the last polls of an account that ended before an instant did so, and how; the newest first."""
    poll = schema.poll
    statement = (
        select(poll.c.finished_at, poll.c.outcome)
        .join(schema.account, schema.account.c.id == poll.c.account)
        .where(schema.account.c.name == account, poll.c.kind == "poll", poll.c.finished_at < before)
        .order_by(poll.c.id.desc())
        .limit(_LATELY)
    )
    return [(row.finished_at, row.outcome) for row in connection.execute(statement)]
