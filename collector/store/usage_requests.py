"""Writes what a poll's list says of request records: each id once, moving only forward, every change kept.

``last_seen_at`` stays empty while the provider still lists a record and is set, to the last poll that listed it, when
it leaves the list: an unchanged list writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, text, update

from collector.domain.digest import ChangeFact
from collector.domain.instants import micros_of
from collector.domain.requests import ChangeKind, RequestRecord, merged
from collector.store import schema
from collector.store.rows import any_text_of

_request = schema.usage_request
_change = schema.usage_request_change

# SQLite would read every record the account ever had; the partial index holds only those that are still listed.
_LISTED_SQLITE = text("""
    SELECT request_id FROM usage_request INDEXED BY ix_usage_request_listed
     WHERE account = :account AND last_seen_at IS NULL
""")
_LISTED_POSTGRESQL = text("SELECT request_id FROM usage_request WHERE account = :account AND last_seen_at IS NULL")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a record: what was seen, and the record as it then stands."""

    kind: ChangeKind
    seen: RequestRecord
    stands: RequestRecord


@dataclass(frozen=True, slots=True)
class Listing:
    """A poll's list against what is known.

    Attributes:
        changes: In order of request id.
        returned: Ids that had left the list and are back.
        left: Ids that are no longer listed.
    """

    changes: tuple[Change, ...]
    returned: tuple[str, ...]
    left: tuple[str, ...]

    def count(self, kind: ChangeKind) -> int:
        """Return how many changes are of ``kind``."""
        return sum(one.kind is kind for one in self.changes)

    def facts(self) -> tuple[ChangeFact, ...]:
        """Return the changes as they enter the chain of digests."""
        return tuple(
            ChangeFact(
                one.seen.request_id,
                one.kind.value,
                one.seen.status,
                _micros(one.seen.created_at),
                _micros(one.seen.completed_at),
                one.seen.credits_used,
            )
            for one in self.changes
        )


def _micros(instant: datetime | None) -> int | None:
    return None if instant is None else micros_of(instant)


def compare(connection: Connection, account: int, seen: Sequence[RequestRecord]) -> Listing:
    """Return what ``seen``, each id once, changes in the account's records."""
    by_id = {record.request_id: record for record in seen}
    listed = _listed_by(connection, account)
    wanted = list({*by_id, *listed})
    rows = connection.execute(
        select(_request).where(_request.c.account == account, any_text_of(connection, _request.c.request_id, wanted))
    ).all()
    known = {row.request_id: _record(row) for row in rows}
    changes = [one for record in seen if (one := _change_by(known.get(record.request_id), record)) is not None]
    told = _already_told(connection, account, [one for one in changes if one.kind in _KEPT_OUT])
    return Listing(
        tuple(sorted((one for one in changes if one.seen not in told), key=lambda one: one.seen.request_id)),
        tuple(row.request_id for row in rows if row.last_seen_at is not None),
        tuple(row.request_id for row in rows if row.last_seen_at is None and row.request_id not in by_id),
    )


def _listed_by(connection: Connection, account: int) -> Sequence[str]:
    """Return the ids the provider listed last time."""
    statement = _LISTED_SQLITE if connection.dialect.name == "sqlite" else _LISTED_POSTGRESQL
    return connection.scalars(statement, {"account": account}).all()


_KEPT_OUT = frozenset({ChangeKind.REGRESSION, ChangeKind.CONFLICT})


def _change_by(known: RequestRecord | None, seen: RequestRecord) -> Change | None:
    if known is None:
        return Change(ChangeKind.NEW, seen, seen)
    stands, kind = merged(known, seen)
    return None if kind is None else Change(kind, seen, stands)


def _already_told(connection: Connection, account: int, refused: Iterable[Change]) -> set[RequestRecord]:
    """Return the contradictions that are the last thing already recorded of their request."""
    by_id = {one.seen.request_id: one.seen for one in refused}
    if not by_id:
        return set()
    newest = (
        select(_change.c.request_id, func.max(_change.c.poll).label("poll"))
        .where(_change.c.account == account, any_text_of(connection, _change.c.request_id, list(by_id)))
        .group_by(_change.c.request_id)
        .subquery()
    )
    rows = connection.execute(
        select(_change)
        .join(newest, (_change.c.request_id == newest.c.request_id) & (_change.c.poll == newest.c.poll))
        .where(_change.c.account == account)
    )
    return {record for row in rows if (record := _record(row)) == by_id[record.request_id]}


def _record(row: Row[Any]) -> RequestRecord:
    return RequestRecord(row.request_id, row.status, row.created_at, row.completed_at, row.credits_used)


def write(
    connection: Connection, account: int, poll: int, listing: Listing, seen_at: datetime, before: datetime | None
) -> None:
    """Store the changes of one poll; records that left the list were last seen at ``before``, the poll before it."""
    _insert_new(connection, account, listing, seen_at)
    _update_changed(connection, account, listing)
    if listing.changes:
        connection.execute(
            insert(_change),
            [
                {"account": account, "poll": poll, "kind": one.kind.value, **_columns(one.seen)}
                for one in listing.changes
            ],
        )
    _mark_listed(connection, account, {**dict.fromkeys(listing.left, before), **dict.fromkeys(listing.returned)})


def _columns(record: RequestRecord) -> dict[str, object]:
    return {
        "request_id": record.request_id,
        "status": record.status,
        "created_at": record.created_at,
        "completed_at": record.completed_at,
        "credits_used": record.credits_used,
    }


def _insert_new(connection: Connection, account: int, listing: Listing, seen_at: datetime) -> None:
    rows = [
        {"account": account, "first_seen_at": seen_at, **_columns(one.stands)}
        for one in listing.changes
        if one.kind is ChangeKind.NEW
    ]
    if rows:
        connection.execute(insert(_request), rows)


def _update_changed(connection: Connection, account: int, listing: Listing) -> None:
    rows = [
        {"key": one.seen.request_id, **_columns(one.stands)} for one in listing.changes if one.kind is ChangeKind.UPDATE
    ]
    if rows:
        statement = update(_request).where(_request.c.account == account, _request.c.request_id == bindparam("key"))
        connection.execute(statement, rows)


def _mark_listed(connection: Connection, account: int, last_seen: Mapping[str, datetime | None]) -> None:
    rows = [{"key": key, "seen": instant} for key, instant in last_seen.items()]
    if rows:
        statement = (
            update(_request)
            .where(_request.c.account == account, _request.c.request_id == bindparam("key"))
            .values(last_seen_at=bindparam("seen"))
        )
        connection.execute(statement, rows)
