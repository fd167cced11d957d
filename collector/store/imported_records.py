"""Writes imported request records: each id once, moving only forward, every change kept with the import that made it.

A record that a poll listed keeps when it was first and last seen: what left the provider's list at which poll is told
by that. Of a record known from imports alone the earliest and the latest instant stand. The records of a file are
walked in order of their ids, so that memory does not grow with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, text

from collector.domain.digest import ChangeFact, RowsDigest
from collector.domain.imported_records import SeenRecord, together
from collector.domain.instants import instant_of, micros_of
from collector.domain.requests import UNRESOLVED, ChangeKind, RequestRecord
from collector.errors import UsageError
from collector.store.import_polls import Owner, add_import, hold_accounts, next_number
from collector.store.importing import NOTHING, Series
from collector.store.rows import insert_rows
from collector.store.staging import merged_record

_CHUNK = 2000

# Only polls leave ``first_seen_at`` of a change empty.
_AGAINST_KNOWN = """
    SELECT staged.line, staged.request_id, staged.status, staged.created_at, staged.completed_at, staged.credits_used,
           staged.first_seen_at, staged.last_seen_at,
           known.status AS known_status, known.created_at AS known_created, known.completed_at AS known_completed,
           known.credits_used AS known_credits, known.first_seen_at AS known_first, known.last_seen_at AS known_last,
           EXISTS (SELECT 1 FROM usage_request_change AS change
                    WHERE change.account = :account AND change.request_id = staged.request_id
                      AND change.first_seen_at IS NULL) AS polled
      FROM staged_record AS staged
      LEFT JOIN usage_request AS known ON known.account = :account AND known.request_id = staged.request_id
     WHERE staged.series = :series ORDER BY staged.request_id {collation}, staged.line
"""
_FORGET = text("DELETE FROM merged_record")
_ADD = text("""
    INSERT INTO usage_request (account, request_id, status, created_at, completed_at, credits_used,
                               first_seen_at, last_seen_at)
    SELECT account, request_id, status, created_at, completed_at, credits_used, first_seen_at, last_seen_at
      FROM merged_record WHERE kind = 'new'
""")
_CHANGE = text("""
    UPDATE usage_request SET status = merged.status, created_at = merged.created_at,
           completed_at = merged.completed_at, credits_used = merged.credits_used,
           first_seen_at = CASE merged.keeps_seen WHEN 1 THEN usage_request.first_seen_at ELSE merged.first_seen_at END,
           last_seen_at = CASE merged.keeps_seen WHEN 1 THEN usage_request.last_seen_at ELSE merged.last_seen_at END
      FROM merged_record AS merged
     WHERE merged.kind = 'update' AND usage_request.account = merged.account
       AND usage_request.request_id = merged.request_id
""")
_REMEMBER = text("""
    INSERT INTO usage_request_change (account, poll, request_id, kind, status, created_at, completed_at, credits_used,
                                      first_seen_at, last_seen_at)
    SELECT account, :poll, request_id, kind, status, created_at, completed_at, credits_used, first_seen_at, last_seen_at
      FROM merged_record
""")


@dataclass(frozen=True, slots=True)
class _Merged:
    """What a file changes of one record; ``polled`` where the polls say when it was seen."""

    kind: ChangeKind
    seen: SeenRecord
    polled: bool


@dataclass(slots=True)
class RecordCounts:
    """How many records were new, and how many of those known before were changed."""

    new: int = 0
    changed: int = 0


def enter_records(
    connection: Connection,
    series: Sequence[Series],
    owners: Mapping[str, Owner],
    now: datetime,
    watch: Callable[[int, int], None],
) -> RecordCounts:
    """Write what the staged request records change.

    Args:
        connection: A writing transaction on the connection where they were staged.
        series: Whose they are, by number.
        owners: The configured accounts by name.
        now: When they are imported.
        watch: Told how many accounts are done, of how many.

    Raises:
        UsageError: A record says of a finished request something else than what is known.
    """
    numbers = {one.account: number for number, one in enumerate(series)}
    counts = RecordCounts()
    contradictions: list[Row[Any]] = []
    accounts = hold_accounts(connection, dict.fromkeys(numbers, ()), owners)
    for done, account in enumerate(accounts, 1):
        changes = _changes(connection, account.id, numbers[account.name], contradictions)
        digest = RowsDigest()
        if _set_aside(connection, account.id, changes, counts, digest) and not contradictions:
            number = next_number(connection, account.id)
            add_import(connection, account, number, digest.digest(), now)
            write_merged(connection, number)
        watch(done, len(accounts))
    if contradictions:
        found = min(contradictions, key=lambda one: one.line)
        raise UsageError(
            f"line {found.line}: request {found.request_id} is finished, and this says of it something else than "
            f"{'what is recorded' if found.known_status else 'an earlier line'}; {NOTHING}: a finished request never "
            "changes, so remove the line if the record is right"
        )
    return counts


def merge_staged(connection: Connection, account: int, digest: RowsDigest) -> int:
    """Prepare what the staged records of series 0 change, add it to ``digest``, and return how many contradict.

    What contradicts a finished request is left out: the record stands. ``write_merged`` writes the rest.
    """
    contradictions: list[Row[Any]] = []
    changes = _changes(connection, account, 0, contradictions)
    _set_aside(connection, account, changes, RecordCounts(), digest)
    return len(contradictions)


def _changes(connection: Connection, account: int, series: int, contradictions: list[Row[Any]]) -> Iterator[_Merged]:
    """Yield what the staged rows of an account change, in order of request id; what contradicts is put aside."""
    collation = "" if connection.dialect.name == "sqlite" else 'COLLATE "C"'
    rows = connection.execute(
        text(_AGAINST_KNOWN.format(collation=collation)),
        {"account": account, "series": series},
        execution_options={"yield_per": _CHUNK},
    )
    for _, group in groupby(rows, key=lambda row: row.request_id):
        found = _merged(list(group), contradictions)
        if found is not None:
            yield found


def _merged(rows: Sequence[Row[Any]], contradictions: list[Row[Any]]) -> _Merged | None:
    known = _known(rows[0])
    stands, said = known, None
    for row in rows:
        seen = _staged(row)
        if known is not None and row.polled and seen.record.status == UNRESOLVED:
            continue  # our own polls know better when it left the list
        both = seen if stands is None else together(stands, seen)
        if both is None:
            contradictions.append(row)
            return None
        stands = both
        said = seen if said is None else _seen_with(said, seen)
    if stands is None or said is None:
        return None
    if known is None:
        return _Merged(ChangeKind.NEW, stands, polled=False)
    if rows[0].polled:
        stands = SeenRecord(stands.record, said.first_seen_at, said.last_seen_at)
        return None if stands.record == known.record else _Merged(ChangeKind.UPDATE, stands, polled=True)
    return None if stands == known else _Merged(ChangeKind.UPDATE, stands, polled=False)


def _seen_with(one: SeenRecord, other: SeenRecord) -> SeenRecord:
    first = min(one.first_seen_at, other.first_seen_at)
    return SeenRecord(other.record, first, max(one.last_seen_at, other.last_seen_at))


def _known(row: Row[Any]) -> SeenRecord | None:
    if row.known_status is None:
        return None
    record = RequestRecord(
        row.request_id,
        row.known_status,
        _instant(row.known_created),
        _instant(row.known_completed),
        row.known_credits,
    )
    # What is still listed was seen later than anything a file can say.
    last = datetime.max.replace(tzinfo=instant_of(0).tzinfo) if row.known_last is None else instant_of(row.known_last)
    return SeenRecord(record, instant_of(row.known_first), last)


def _staged(row: Row[Any]) -> SeenRecord:
    record = RequestRecord(
        row.request_id, row.status, _instant(row.created_at), _instant(row.completed_at), row.credits_used
    )
    return SeenRecord(record, instant_of(row.first_seen_at), instant_of(row.last_seen_at))


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else instant_of(micros)


def _micros(instant: datetime | None) -> int | None:
    return None if instant is None else micros_of(instant)


def _set_aside(
    connection: Connection, account: int, changes: Iterator[_Merged], counts: RecordCounts, digest: RowsDigest
) -> bool:
    """Keep the changes in a temporary table and add them to their digest; return False where there are none."""
    rows, found = [], False
    for one in changes:
        record, seen, found = one.seen.record, one.seen, True
        facts = ChangeFact(
            record.request_id,
            one.kind.value,
            record.status,
            _micros(record.created_at),
            _micros(record.completed_at),
            record.credits_used,
            micros_of(seen.first_seen_at),
            micros_of(seen.last_seen_at),
        )
        digest.record(facts)
        rows.append((account, *_cells(facts), int(one.polled)))
        counts.new += one.kind is ChangeKind.NEW
        counts.changed += one.kind is ChangeKind.UPDATE
        if len(rows) >= _CHUNK:
            insert_rows(connection, merged_record, rows)
            rows = []
    insert_rows(connection, merged_record, rows)
    return found


def _cells(one: ChangeFact) -> tuple[object, ...]:
    instants = (one.first_seen_at, one.last_seen_at)
    return (one.request_id, one.kind, one.status, one.created_at, one.completed_at, one.credits_used, *instants)


def write_merged(connection: Connection, number: int) -> None:
    """Write what was prepared, as brought by poll ``number``, whose row is there."""
    connection.execute(_ADD)
    connection.execute(_CHANGE)
    connection.execute(_REMEMBER, {"poll": number})
    connection.execute(_FORGET)
