"""Brings a poll's transaction to its end: under its lease, after the poll it must follow, once and not twice.

A transaction that the server gave up for another one is repeated as it is, a few times; one whose connection broke
once, having looked first whether it was stored after all. A poll is known by its account and both its instants.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import Connection, select, update

from collector.errors import ConflictError, DisconnectedError, LeaseLostError, LostTailError
from collector.store import schema
from collector.store.accounts import is_held
from collector.store.engine import Database
from collector.store.entries import Entry, PollHead, Stored

# A clock this far behind what is stored is not late but wrong.
CLOCK_IS_WRONG = timedelta(days=1)
SET_THE_CLOCK = (
    "set the clock; should it be right, those values were stored by a clock that was ahead: restore a backup from "
    "before (`collector db restore FILE`)"
)
_REPEATS = 5
_LOOKED_AT = 200

_Result = TypeVar("_Result")


def insistently(database: Database, entry: Entry, store: Callable[[Connection], _Result]) -> _Result | Stored:
    """Run a transaction, and again where that is what its fault calls for."""
    conflicts, broke = 0, False
    while True:
        try:
            with database.write() as connection:
                known = stored_before(connection, entry) if broke else None
                return store(connection) if known is None else known
        except ConflictError:
            conflicts += 1
            if conflicts > _REPEATS:
                raise
        except DisconnectedError:
            if broke:
                raise
            broke = True


def hold_under_lease(connection: Connection, entry: Entry) -> None:
    """Keep others out of the account until the transaction ends.

    Raises:
        LeaseLostError: Another collector took it over.
    """
    held = connection.execute(select(schema.account.c.id).where(is_held(entry.lease)).with_for_update()).first()
    if held is None:
        raise _lease_lost(entry)


def _lease_lost(entry: Entry) -> LeaseLostError:
    return LeaseLostError(
        f"account {entry.account.name}: another collector took it over during the poll; nothing was stored"
    )


def stored_before(connection: Connection, entry: Entry) -> Stored | None:
    """Return what was stored of this very poll, or None; the newest polls are looked at, back to a day before it."""
    poll = schema.poll
    columns = (poll.c.id, poll.c.started_at, poll.c.finished_at, poll.c.outcome, poll.c.error, poll.c.digest)
    newest_first = select(*columns).where(poll.c.account == entry.account.id).order_by(poll.c.id.desc())
    rows = connection.execute(newest_first.limit(_LOOKED_AT)).all()
    while rows:
        for row in rows:
            if (row.started_at, row.finished_at) == (entry.started_at, entry.finished_at):
                growth = {name: (value, None) for name, value in entry.counters.items()}
                return Stored(row.outcome, row.error, growth, head=PollHead(row.id, row.digest))
        if rows[-1].finished_at < entry.started_at - CLOCK_IS_WRONG:
            return None
        rows = connection.execute(newest_first.where(poll.c.id < rows[-1].id).limit(_LOOKED_AT)).all()
    return None


def require_still_there(connection: Connection, entry: Entry) -> None:
    """Make sure that the database still has the poll that it acknowledged last."""
    if entry.follows is not None and not has_poll(connection, entry.account.id, entry.follows):
        raise LostTailError(
            f"account {entry.account.name}: poll {entry.follows.number} was stored here and is not there any more: the "
            "database is an older copy or lost its end (a restored backup, a replica that lagged); nothing was stored: "
            "bring the right database back, or accept the loss with `collector verify --accept-loss`"
        )


def has_poll(connection: Connection, account: int, head: PollHead) -> bool:
    """Tell whether the account's chain holds a poll."""
    poll = schema.poll
    found = connection.scalar(select(poll.c.digest).where(poll.c.account == account, poll.c.id == head.number))
    return found is not None and bytes(found) == head.digest


def give_lease_back(connection: Connection, entry: Entry) -> str:
    """Give the lease back and return the text of the terms that are kept with the facts."""
    return _planned(connection, entry, lease_owner=None, lease_until=None)


def keep_lease(connection: Connection, entry: Entry) -> str:
    """Write down when to ask next, keep the lease, and return the text of the terms that are kept with the facts."""
    return _planned(connection, entry)


def _planned(connection: Connection, entry: Entry, **lease: None) -> str:
    kept = connection.execute(
        update(schema.account)
        .where(is_held(entry.lease))
        .values(
            next_poll_at=entry.plan.next_poll_at,
            failures=entry.plan.failures,
            not_before=entry.plan.not_before,
            **lease,
        )
        .returning(schema.account.c.terms)
    ).all()
    if len(kept) != 1:
        raise _lease_lost(entry)
    return str(kept[0].terms)
