"""Puts a poll that had to wait between newer ones: another collector went on asking while this one could not store.

The ledger is a function of the set of its observations, so its values go the way of an import: one row of kind
``import``, with the instants the poll had and the flag of the spool, and each meter is folded again from there on. A
record that contradicts what newer polls found of a finished request is left out, and the row says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import Connection, insert, select, union_all

from collector.domain.digest import PollFacts, RowsDigest
from collector.domain.instants import micros_of
from collector.store import schema
from collector.store.committing import hold_under_lease, require_still_there, stored_before
from collector.store.engine import Database
from collector.store.entries import Entry, PollHead, Stored
from collector.store.import_polls import KIND, next_number
from collector.store.imported_records import merge_staged, write_merged
from collector.store.poll_rows import add_poll_row, kept_rejections
from collector.store.refolding import MeterKey, refold
from collector.store.staging import StagedRecord, make_tables, stage_records
from collector.store.terms import kept_terms


def record_between(database: Database, entry: Entry) -> Stored:
    """Store a good poll that is older than the newest, under its lease, which is kept.

    Raises:
        LeaseLostError: Another collector took the account over; nothing was stored.
        LostTailError: The poll that this one must follow is not stored any more; nothing was stored.
        StorageError: The database could not be written.
    """
    with database.bench() as bench:
        with bench.aside() as connection:
            make_tables(connection)
            if entry.requests:
                stage_records(connection, list(_staged(entry)))
        with bench.write() as connection:
            hold_under_lease(connection, entry)
            before = stored_before(connection, entry)
            if before is not None:
                return before
            require_still_there(connection, entry)
            return _store(connection, entry)


def _staged(entry: Entry) -> Iterator[StagedRecord]:
    at = micros_of(entry.finished_at)
    for line, one in enumerate(entry.requests, 1):
        created, completed = (None if each is None else micros_of(each) for each in (one.created_at, one.completed_at))
        yield line, 0, one.request_id, one.status, created, completed, one.credits_used, at, at


def _store(connection: Connection, entry: Entry) -> Stored:
    number, digest = next_number(connection, entry.account.id), RowsDigest()
    at = micros_of(entry.finished_at)
    fresh = sorted(name for name in entry.counters if not _is_known(connection, entry.account.meters[name], at))
    for name in fresh:
        value, meter = entry.counters[name], entry.account.meters[name]
        connection.execute(insert(schema.imported).values(meter=meter, observed_at=at, value=value, poll=number))
        digest.snapshot(name, at, value)
    left_out = merge_staged(connection, entry.account.id, digest)
    if left_out:
        entry = replace(entry, error=f"{entry.error}; {left_out} records contradict newer ones and were left out")
    head = _add_row(connection, entry, number, digest.digest())
    write_merged(connection, number)
    for name in fresh:
        meter = entry.account.meters[name]
        terms = kept_terms(connection, entry.account.id).of_meter(name)
        refold(connection, MeterKey(entry.account.id, meter), terms, at, entry.finished_at)
    return Stored(entry.outcome, entry.error, {name: (entry.counters[name], None) for name in fresh}, head=head)


def _is_known(connection: Connection, meter: int, at: int) -> bool:
    """Tell whether the meter was observed at this very instant."""
    imported, snapshot = schema.imported, schema.snapshot
    found = union_all(
        select(imported.c.meter).where(imported.c.meter == meter, imported.c.observed_at == at),
        select(snapshot.c.meter).where(snapshot.c.meter == meter, snapshot.c.observed_at == at),
        select(snapshot.c.meter).where(snapshot.c.meter == meter, snapshot.c.confirmed_at == at),
    )
    return connection.execute(found).first() is not None


def _add_row(connection: Connection, entry: Entry, number: int, rows_digest: bytes) -> PollHead:
    poll = schema.poll
    previous = connection.scalar(
        select(poll.c.digest).where(poll.c.account == entry.account.id, poll.c.id == number - 1)
    )
    facts = PollFacts(
        entry.account.name,
        KIND,
        micros_of(entry.started_at),
        micros_of(entry.finished_at),
        entry.outcome,
        entry.http_status,
        entry.error,
        entry.flags,
        {},
        rejections=kept_rejections(entry.rejections),
        imported=rows_digest,
    )
    return add_poll_row(connection, entry.account.id, number, previous, facts)
