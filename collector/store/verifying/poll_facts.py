"""Puts together what each poll stated, from what is stored: its row, the runs that cover it, changes, what left.

    poll 6     ok ─── good ──┐                     a record last seen by poll 6
    poll 7     http_503      │ the good poll before 8
    poll 8     ok ───────────┘                     left the list with poll 8

Several streams in order of the poll's number are merged, so memory does not grow with the history. A covering run is
looked up for each poll by itself: one changed instant must not displace what all later polls are judged by.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select, union

from collector.domain.digest import ChangeFact, ListFacts, PollFacts, RowsDigest
from collector.store import schema
from collector.store.verifying.accounts import Ledger
from collector.store.verifying.grouped import Grouped
from collector.store.verifying.raw import bytewise, maybe_text, raw, streamed, text_of

_poll = schema.poll
_change = schema.usage_request_change
_imported = schema.imported
OK = "ok"
IMPORT = "import"


class Run(NamedTuple):
    """A snapshot that begins at or before a poll; it covers the poll if it is confirmed until then."""

    observed: int
    confirmed: int
    value: int


@dataclass(frozen=True, slots=True)
class StoredPoll:
    """One poll as stored.

    Attributes:
        runs: By meter, the last snapshot that begins not after the poll; empty unless the poll was good.
    """

    number: int
    digest: bytes
    facts: PollFacts
    runs: dict[str, Run]


class _PollRow(NamedTuple):
    """A row of the table, column by column, as it is stored."""

    account: int
    id: int
    kind: bytes | str
    started_at: int
    finished_at: int
    outcome: bytes | str
    http_status: int | None
    error: bytes | str | None
    flags: bytes | str
    format: int
    listed_requests: int | None
    new_requests: int | None
    unmatched_requests: int | None
    missed_requests: int | None
    missed_after: int | None
    missed_before: int | None
    unexplained: int | None
    rejected_requests: int | None
    rejections: bytes | str | None
    body: bytes | None
    digest: bytes


@dataclass(slots=True)
class Strays:
    """Rows that belong to no poll that could have brought them; a few of each.

    Attributes:
        changes: Changes of request records, by poll and request id.
        imported: Imported values: the poll they name, a meter's name and an instant.
    """

    changes: list[tuple[int, str]] = field(default_factory=list)
    imported: list[tuple[int, str, int]] = field(default_factory=list)


class PollFactsOf:
    """Yields what the polls of one account stated, in order of their numbers.

    Args:
        connection: A reading transaction.
        ledger: Whose.

    Attributes:
        strays: Known once every poll was taken.
        changes, imported: How many of these rows belong to polls.
    """

    def __init__(self, connection: Connection, ledger: Ledger) -> None:
        self.strays = Strays()
        self.changes = 0
        self.imported = 0
        self._connection = connection
        self._ledger = ledger
        self._digests, self._firsts = _digests_of(connection, ledger)
        self._change_rows = Grouped(_change_rows(connection, ledger.id), self._stray_change)
        self._left_rows = Grouped(_left_rows(connection, ledger.id), lambda _: None)
        self._good: int | None = None

    def __iter__(self) -> Iterator[StoredPoll]:
        for row in streamed(self._connection, _poll_rows(self._connection, self._ledger)):
            yield self._stored(row)
        self._change_rows.skip()
        self.strays.imported += [(poll, *first) for poll, first in self._firsts.items() if poll in self._digests]

    def _stored(self, row: Row[Any]) -> StoredPoll:
        one = _PollRow._make(tuple(row)[: len(_PollRow._fields)])  # by place: a name costs a look-up in every row
        kind, outcome = text_of(one.kind), text_of(one.outcome)
        is_good = kind != IMPORT and outcome == OK
        left = tuple(sorted(text_of(each.request_id) for each in self._left(is_good)))
        changes, imported = self._changes_of(one.id, kind)
        runs = dict(self._runs(row)) if is_good else {}
        if is_good:
            self._good = one.id
        facts = PollFacts(
            account=self._ledger.name,
            kind=kind,
            started_at=one.started_at,
            finished_at=one.finished_at,
            outcome=outcome,
            http_status=one.http_status,
            error=maybe_text(one.error),
            flags=_flags(text_of(one.flags)),
            values={name: run.value for name, run in runs.items() if run.confirmed >= one.finished_at},
            changes=changes,
            rejections=maybe_text(one.rejections),
            body=one.body,
            listing=_listing(one, left),
            imported=imported,
            format=one.format,
        )
        return StoredPoll(one.id, one.digest, facts, runs)

    def _left(self, is_good: bool) -> Iterable[Row[Any]]:
        return self._left_rows.take(self._good) if is_good and self._good is not None else ()

    def _changes_of(self, poll: int, kind: str) -> tuple[tuple[ChangeFact, ...], bytes | None]:
        found = (_fact(row) for row in self._counted(self._change_rows.take(poll)))
        if kind != IMPORT:
            return tuple(sorted(found, key=lambda one: one.request_id)), None
        digest = self._digests.pop(poll, None) or RowsDigest()
        for one in found:
            digest.record(one)
        return (), digest.digest()

    def _counted(self, rows: Iterable[Row[Any]]) -> Iterator[Row[Any]]:
        for row in rows:
            self.changes += 1
            yield row

    def _runs(self, row: Row[Any]) -> Iterator[tuple[str, Run]]:
        values = tuple(row)[-3 * len(self._ledger.meters) :] if self._ledger.meters else ()
        for index, meter in enumerate(self._ledger.meters):
            observed, confirmed, value = values[3 * index : 3 * index + 3]
            if observed is not None:
                yield meter.name, Run(observed, confirmed, value)

    def _stray_change(self, row: Row[Any]) -> None:
        self.strays.changes.append((row.poll, text_of(row.request_id)))


def _flags(text: str) -> tuple[str, ...]:
    if text == "[]":
        return ()
    try:
        found = json.loads(text)
    except ValueError:
        return (text,)
    return tuple(found) if isinstance(found, list) and all(isinstance(one, str) for one in found) else (text,)


def _listing(row: _PollRow, left: tuple[str, ...]) -> ListFacts:
    return ListFacts(
        listed=row.listed_requests,
        new=row.new_requests,
        rejected=row.rejected_requests,
        unmatched=row.unmatched_requests,
        missed=row.missed_requests,
        missed_after=row.missed_after,
        missed_before=row.missed_before,
        unexplained=row.unexplained,
        left=left,
    )


def _fact(row: Row[Any]) -> ChangeFact:
    return ChangeFact(
        text_of(row.request_id),
        text_of(row.kind),
        text_of(row.status),
        row.created_at,
        row.completed_at,
        row.credits_used,
        row.first_seen_at,
        row.last_seen_at,
    )


def _poll_rows(connection: Connection, ledger: Ledger) -> Any:
    columns = [raw(connection, _poll.c[name]) for name in _PollRow._fields]
    source: Any = _poll
    for meter in ledger.meters:
        seen, before = schema.snapshot.alias(), schema.snapshot.alias()
        newest = select(func.max(before.c.observed_at)).where(
            before.c.meter == meter.id, before.c.observed_at <= _poll.c.finished_at
        )
        source = source.outerjoin(
            seen, (seen.c.meter == meter.id) & (seen.c.observed_at == newest.correlate(_poll).scalar_subquery())
        )
        confirmed = func.coalesce(seen.c.confirmed_at, seen.c.observed_at)
        columns += [
            one.label(f"{name}_{meter.id}")
            for name, one in (("observed", seen.c.observed_at), ("confirmed", confirmed), ("value", seen.c.value))
        ]
    return select(*columns).select_from(source).where(_poll.c.account == ledger.id).order_by(_poll.c.id)


def _change_rows(connection: Connection, account: int) -> Iterator[Row[Any]]:
    columns = [raw(connection, one) for one in _change.columns]
    order = (_change.c.poll, bytewise(connection, _change.c.request_id))
    return streamed(connection, select(*columns).where(_change.c.account == account).order_by(*order))


def _left_rows(connection: Connection, account: int) -> Iterator[Row[Any]]:
    """Yield which requests were last seen by which good poll, in order of the poll's number."""
    request, brought, seen_by = schema.usage_request, _poll.alias(), _poll.alias()

    def last_seen(column: Any) -> Any:
        good = (seen_by.c.kind != IMPORT) & (seen_by.c.outcome == OK)
        return (seen_by.c.account == account) & good & (seen_by.c.finished_at == column)

    standing = (
        select(seen_by.c.id.label("poll"), raw(connection, request.c.request_id))
        .select_from(request)
        .join(seen_by, last_seen(request.c.last_seen_at))
        .where(request.c.account == account)
    )
    returned = (
        select(seen_by.c.id.label("poll"), raw(connection, _change.c.request_id))
        .select_from(_change)
        .join(brought, (brought.c.account == _change.c.account) & (brought.c.id == _change.c.poll))
        .join(seen_by, last_seen(_change.c.last_seen_at))
        .where(_change.c.account == account, brought.c.kind != IMPORT)
    )
    both = union(standing, returned).subquery()
    return streamed(connection, select(both).order_by(both.c.poll))


def _digests_of(connection: Connection, ledger: Ledger) -> tuple[dict[int, RowsDigest], dict[int, tuple[str, int]]]:
    """Return by poll the digest of its imported values, and the first of them: one pass over all imports."""
    digests: dict[int, RowsDigest] = {}
    firsts: dict[int, tuple[str, int]] = {}
    for meter in ledger.meters:
        rows = select(_imported.c.poll, _imported.c.observed_at, _imported.c.value).where(_imported.c.meter == meter.id)
        for row in streamed(connection, rows.order_by(_imported.c.observed_at)):
            poll, observed_at, value = tuple(row)
            if poll not in digests:
                digests[poll], firsts[poll] = RowsDigest(), (meter.name, observed_at)
            digests[poll].snapshot(meter.name, observed_at, value)
    return digests, firsts
