"""Proves request records: each id once, moving only forward, and exactly what its changes replayed in order give.

    changes    new ── update ── regression ── update        in order of the polls that brought them
    record     processing → completed          = completed, as stored

A poll's change says what was listed, an import's what then stands. When a record was last listed must be the instant of
a good poll or, where no poll ever listed it, what an import said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, select

from collector.domain.digest import ChangeFact
from collector.store import schema
from collector.store.verifying.accounts import Ledger
from collector.store.verifying.findings import Advance, Check, plain
from collector.store.verifying.poll_facts import IMPORT, OK
from collector.store.verifying.raw import bytewise, raw, streamed, text_of
from collector.store.verifying.replays import Brought, Stored, faults

_request = schema.usage_request
_change = schema.usage_request_change
_poll = schema.poll
_EVERY = 2000


def prove_requests(
    connection: Connection, ledger: Ledger, broken: Collection[int], check: Check, advance: Advance
) -> None:
    """Replay the changes of every request record of an account.

    Args:
        connection: A reading transaction.
        ledger: Whose.
        broken: Polls of imports whose digests do not fit their rows.
        check: Where to say what was proved and found.
        advance: Is told of progress.
    """
    groups = _Groups(_changes(connection, ledger.id))
    for count, row in enumerate(_records(connection, ledger.id), 1):
        request = text_of(row.request_id)
        for missing in groups.before(request):
            _find(ledger, check, missing, "the row is missing: a change brought it")
        for poll, fault in faults(_stored(request, row), groups.take(request), broken):
            _find(ledger, check, request, fault, poll)
        check.counted["request records"] += 1
        if not count % _EVERY:
            advance(_EVERY)
    for missing in groups.before(None):
        _find(ledger, check, missing, "the row is missing: a change brought it")


def _find(ledger: Ledger, check: Check, request: str, fault: str, poll: int | None = None) -> None:
    if poll is None:
        check.find(ledger.place("usage_request", request_id=plain(request)), fault)
    else:
        check.find(ledger.place("usage_request_change", poll=poll, request_id=plain(request)), fault)


class _Groups:
    """The changes of one request after another, in order of its id."""

    def __init__(self, rows: Iterator[Row[Any]]) -> None:
        self._groups = groupby(rows, key=lambda row: text_of(row.request_id))
        self._id: str | None = None
        self._rows: Sequence[Brought] = ()
        self._advance()

    def before(self, request: str | None) -> Iterator[str]:
        """Yield the ids that come before ``request``; all that are left without one."""
        while self._id is not None and (request is None or _bytes(self._id) < _bytes(request)):
            yield self._id
            self._advance()

    def take(self, request: str) -> Sequence[Brought]:
        """Return the changes of ``request``, none if there are none."""
        if self._id != request:
            return ()
        found = self._rows
        self._advance()
        return found

    def _advance(self) -> None:
        self._id, rows = next(self._groups, (None, ()))
        self._rows = [_brought(row) for row in rows]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _brought(row: Row[Any]) -> Brought:
    return Brought(
        ChangeFact(
            text_of(row.request_id), text_of(row.kind), text_of(row.status), row.created_at, row.completed_at,
            row.credits_used, row.first_seen_at, row.last_seen_at,
        ),
        row.poll,
        row.seen_at,
        row.poll_kind is not None and text_of(row.poll_kind) == IMPORT,
    )  # fmt: skip


def _stored(request: str, row: Row[Any]) -> Stored:
    return Stored(
        request, text_of(row.status), row.created_at, row.completed_at, row.credits_used, row.first_seen_at,
        row.last_seen_at, row.seen_by is not None,
    )  # fmt: skip


def _changes(connection: Connection, account: int) -> Iterator[Row[Any]]:
    columns = [raw(connection, one) for one in _change.columns]
    by = [raw(connection, _poll.c.kind).label("poll_kind"), raw(connection, _poll.c.finished_at).label("seen_at")]
    statement = (
        select(*columns, *by)
        .outerjoin(_poll, (_poll.c.account == _change.c.account) & (_poll.c.id == _change.c.poll))
        .where(_change.c.account == account)
        .order_by(bytewise(connection, _change.c.request_id), _change.c.poll)
    )
    return streamed(connection, statement)


def _records(connection: Connection, account: int) -> Iterator[Row[Any]]:
    """Yield the records with the good poll that last listed them, in order of their ids."""
    good = (
        select(_poll.c.finished_at, _poll.c.id)
        .where(_poll.c.account == account, _poll.c.kind != IMPORT, _poll.c.outcome == OK)
        .subquery()
    )
    statement = (
        select(*(raw(connection, one) for one in _request.columns), good.c.id.label("seen_by"))
        .outerjoin(good, good.c.finished_at == _request.c.last_seen_at)
        .where(_request.c.account == account)
        .order_by(bytewise(connection, _request.c.request_id))
    )
    return streamed(connection, statement)
