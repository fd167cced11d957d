"""Writes what a poll's list says of request records: each id once, moving only forward, every change kept.

``last_seen_at`` stays empty while the provider still lists a record: an unchanged list writes nothing. When it leaves
the list it is set to the instant of the account's last good poll (of kind ``poll``) before the one that no longer lists
it. When it comes back, that instant is kept on a change row and ``last_seen_at`` is empty again. So what left at a poll
can always be told: the records whose ``last_seen_at``, as it stands or as kept on a later change row of a poll,
equals the ``finished_at`` of the good poll before.
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
    """One change of a record: what was seen, and the record as it then stands.

    Attributes:
        known: The record as it stood before; None for a new one.
        listed_until: Of a record that had left the list and is back, until when it had been listed; else None.
    """

    kind: ChangeKind
    seen: RequestRecord
    stands: RequestRecord
    known: RequestRecord | None = None
    listed_until: datetime | None = None

    @property
    def changed(self) -> bool:
        """True if the record stands otherwise than before; one that is merely back does not."""
        return self.stands != self.known

    def credits(self, *, first_listed: bool) -> int:
        """Return by how many credits the change moved what the records add up to."""
        before = None if self.known is None or first_listed else self.known.credits_used
        return (self.stands.credits_used or 0) - (before or 0)


@dataclass(frozen=True, slots=True)
class Listing:
    """A poll's list against what is known.

    Attributes:
        changes: In order of request id.
        left: Ids that are no longer listed, in order.
        listed: How many records were listed.
        overlap: True if a record is listed that was listed before.
        newest_before: When the newest record listed before was made; None where no time is known.
        first_listed: Ids that were known from an import only, and no list had shown.
    """

    changes: tuple[Change, ...]
    left: tuple[str, ...]
    listed: int
    overlap: bool
    newest_before: datetime | None
    first_listed: frozenset[str] = frozenset()

    @property
    def new(self) -> int:
        """How many records are new to us."""
        return sum(one.kind is ChangeKind.NEW for one in self.changes)

    @property
    def updated(self) -> int:
        """How many known records stand otherwise than before."""
        return sum(one.kind is ChangeKind.UPDATE and one.changed for one in self.changes)

    @property
    def oldest_new(self) -> datetime | None:
        """When the oldest record that is new was made; None where no time is known."""
        new = (one.seen.created_at for one in self.changes if one.kind is ChangeKind.NEW)
        return min((made for made in new if made is not None), default=None)

    @property
    def credits(self) -> int:
        """By how much the credits of the listed records grew."""
        return sum(one.credits(first_listed=one.seen.request_id in self.first_listed) for one in self.changes)

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
                last_seen_at=_micros(one.listed_until),
            )
            for one in self.changes
        )


def _micros(instant: datetime | None) -> int | None:
    return None if instant is None else micros_of(instant)


def compare(connection: Connection, account: int, seen: Sequence[RequestRecord]) -> Listing:
    """Return what ``seen``, each id once, changes in the account's records."""
    by_id = {record.request_id: record for record in seen}
    wanted = list({*by_id, *_listed_by(connection, account)})
    rows = connection.execute(
        select(_request).where(_request.c.account == account, any_text_of(connection, _request.c.request_id, wanted))
    ).all()
    known = {row.request_id: _record(row) for row in rows}
    until = {row.request_id: row.last_seen_at for row in rows if row.last_seen_at is not None}
    found = [_change_by(known.get(record.request_id), record, until.get(record.request_id)) for record in seen]
    changes = [one for one in found if one is not None]
    told = _already_told(connection, account, [one for one in changes if one.kind in _KEPT_OUT])
    before = {row.request_id for row in rows if row.last_seen_at is None}
    times = [made for one in before if (made := known[one].created_at) is not None]
    return Listing(
        tuple(
            sorted(
                (one for one in changes if one.seen not in told or one.listed_until is not None),
                key=lambda one: one.seen.request_id,
            )
        ),
        tuple(sorted(before - by_id.keys())),
        len(by_id),
        not before.isdisjoint(by_id),
        max(times, default=None),
        _never_polled(connection, account, [one for one in until if one in by_id]),
    )


def _never_polled(connection: Connection, account: int, returned: Sequence[str]) -> frozenset[str]:
    """Return which of ``returned`` no poll ever listed: they are known from an import."""
    if not returned:
        return frozenset()
    poll = schema.poll
    polled = connection.scalars(
        select(_change.c.request_id)
        .join(poll, (poll.c.account == _change.c.account) & (poll.c.id == _change.c.poll))
        .where(
            _change.c.account == account,
            any_text_of(connection, _change.c.request_id, returned),
            poll.c.kind == "poll",
        )
    )
    return frozenset(returned) - frozenset(polled)


def newest_made_at(connection: Connection, account: int) -> datetime | None:
    """Return when the newest record of the account was made, listed or not; None where no time is known."""
    found: datetime | None = connection.scalar(
        select(_request.c.created_at)
        .where(_request.c.account == account, _request.c.created_at.is_not(None))
        .order_by(_request.c.created_at.desc())
        .limit(1)
    )
    return found


def _listed_by(connection: Connection, account: int) -> Sequence[str]:
    """Return the ids the provider listed last time."""
    statement = _LISTED_SQLITE if connection.dialect.name == "sqlite" else _LISTED_POSTGRESQL
    return connection.scalars(statement, {"account": account}).all()


_KEPT_OUT = frozenset({ChangeKind.REGRESSION, ChangeKind.CONFLICT})


def _change_by(known: RequestRecord | None, seen: RequestRecord, until: datetime | None) -> Change | None:
    """Return what ``seen`` changes; ``until`` is set where the record had left the list."""
    if known is None:
        return Change(ChangeKind.NEW, seen, seen)
    stands, kind = merged(known, seen)
    if kind is None and until is None:
        return None
    return Change(kind or ChangeKind.UPDATE, seen, stands, known, until)


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
    """Store the changes of one poll; records that left were last seen at ``before``, the good poll before."""
    _insert_new(connection, account, listing, seen_at)
    _update_changed(connection, account, listing)
    if listing.changes:
        connection.execute(
            insert(_change),
            [
                {
                    "account": account,
                    "poll": poll,
                    "kind": one.kind.value,
                    "last_seen_at": one.listed_until,
                    **_columns(one.seen),
                }
                for one in listing.changes
            ],
        )
    returned = [one.seen.request_id for one in listing.changes if one.listed_until is not None]
    _mark_listed(connection, account, {**dict.fromkeys(listing.left, before), **dict.fromkeys(returned)})


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
        {"key": one.seen.request_id, **_columns(one.stands)}
        for one in listing.changes
        if one.kind is ChangeKind.UPDATE and one.changed
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
