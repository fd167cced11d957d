"""Imports facts into a database as the program does, without a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from collector.domain.accounts import Account, Meter
from collector.store import schema
from collector.store.engine import Database
from collector.store.import_polls import Owner
from collector.store.imported_records import RecordCounts, enter_records
from collector.store.importing import Series, compare_within, enter_snapshots
from collector.store.staging import StagedRecord, StagedSnapshot, make_tables, stage_records, stage_snapshots

LATER = datetime(2026, 6, 1, tzinfo=UTC)

Fact = tuple[str, int, int]
"""Meter, instant in microseconds, value."""


def silent(done: int, total: int) -> None:
    assert done <= total


def owner_of(account: Account, meters: Sequence[Meter], gap_after: timedelta = timedelta(minutes=10)) -> Owner:
    return Owner(account.name, account.provider, account.agreement, tuple(meters), gap_after)


def import_facts(database: Database, owner: Owner, facts: Iterable[Fact], *, keep: bool = True) -> int:
    """Import snapshots of one account, in the order of ``facts``; the first is line 2."""
    names = {one.name: number for number, one in enumerate(owner.meters)}
    series = [Series(owner.name, one.name, one.scale) for one in owner.meters]
    rows: list[StagedSnapshot] = [(line, names[meter], at, value) for line, (meter, at, value) in enumerate(facts, 2)]
    with database.bench() as bench:
        with bench.aside() as connection:
            make_tables(connection)
            if rows:
                stage_snapshots(connection, rows)
            compare_within(connection, series)
        with bench.write(keep=keep) as connection:
            return enter_snapshots(connection, series, {owner.name: owner}, LATER, silent)


def import_records(database: Database, owner: Owner, rows: Iterable[StagedRecord]) -> RecordCounts:
    """Import request records of one account."""
    with database.bench() as bench:
        with bench.aside() as connection:
            make_tables(connection)
            stage_records(connection, list(rows))
        with bench.write() as connection:
            return enter_records(connection, [Series(owner.name, "")], {owner.name: owner}, LATER, silent)


def ledger_of(database: Database, account: str) -> dict[str, list[tuple[object, ...]]]:
    """Return what is stored of an account's meters apart from numbers that only tell rows apart."""
    found: dict[str, list[tuple[object, ...]]] = {}
    decisions = [schema.decision.c[name] for name in ("at", "since", "kind", "before", "after", "offset", "until")]
    decisions += [schema.decision.c.decided_by, schema.decision.c.reason]
    with database.read() as connection:
        owner = connection.execute(select(schema.account.c.id).where(schema.account.c.name == account)).scalar_one()
        meters = connection.execute(
            select(schema.meter.c.id, schema.meter.c.name).where(schema.meter.c.account == owner)
        )
        for meter, name in sorted(meters, key=lambda one: str(one.name)):
            snapshots = select(*schema.snapshot_columns[1:]).where(schema.snapshot.c.meter == meter)
            gaps = select(schema.gap.c.started_at, schema.gap.c.ended_at).where(schema.gap.c.meter == meter)
            in_force = select(*decisions).where(
                schema.decision.c.meter == meter, schema.decision.c.superseded_at.is_(None)
            )
            for what, statement in (("snapshots", snapshots), ("gaps", gaps), ("decisions", in_force)):
                found[f"{name} {what}"] = sorted(map(tuple, connection.execute(statement)))
    return found
