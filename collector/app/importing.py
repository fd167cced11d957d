"""Imports a file of snapshots or request records: everything that is new of it, or nothing.

The file is read and compared with itself beside the database's write lock, so polls go on meanwhile; then one writing
transaction compares it with what is recorded and enters what is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from collector.app.import_cells import Cells, Kind, rows_of
from collector.app.import_files import ImportFile, opened
from collector.app.import_rows import Instants, Names, in_chunks, records, snapshots
from collector.app.wiring import agreements
from collector.config import Settings
from collector.domain.instants import instant_of, micros_of
from collector.providers import provider_named
from collector.store.accounts import recorded_scales
from collector.store.engine import Bench, Database
from collector.store.import_polls import Owner
from collector.store.imported_records import RecordCounts, enter_records
from collector.store.importing import compare_within, enter_snapshots
from collector.store.staging import make_tables, stage_records, stage_snapshots

_AHEAD = timedelta(minutes=5)
"""A row later than this is refused: facts are never deleted, and nothing earlier could be polled until then."""


class Watch(Protocol):
    """Is told how far an import is."""

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Take note that of ``what``, ``done`` of ``total`` are done; None where nobody knows how many they are."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Attributes:
        kind: What the rows are.
        rows: How many the file has.
        new: How many of them are new.
        changed: Of request records, how many known ones they changed.
        known: How many said nothing new.
        accounts, meters: Whose they are, in order of name.
        first_at, last_at: The first and the last instant at which something was seen; None without rows.
        dry_run: True if nothing was written.
    """

    kind: Kind
    rows: int
    new: int
    changed: int
    known: int
    accounts: tuple[str, ...]
    meters: tuple[str, ...]
    first_at: datetime | None
    last_at: datetime | None
    dry_run: bool


def import_file(
    settings: Settings, database: Database, name: str, now: datetime, watch: Watch, *, dry_run: bool = False
) -> Imported:
    """Import a file; ``-`` is stdin.

    Args:
        settings: Whose facts may be imported beside those of recorded accounts.
        database: Where they go.
        name: The file.
        now: When it is imported.
        watch: Is told how far it is.
        dry_run: Do everything and write nothing.

    Raises:
        UsageError: The file cannot be read, or a line of it cannot be meant or contradicts what is known; nothing was
            written.
    """
    owners = _owners(settings)
    names = Names(_known(database, owners))
    with opened(name) as source, database.bench() as bench:
        kind, rows = rows_of(source.lines(), source.name)
        tally = _stage(bench, kind, rows, names, _Reading(source, now, watch))

        def entering(done: int, total: int) -> None:
            watch("accounts" if kind is Kind.REQUESTS else "meters", done, total)

        with bench.write(keep=not dry_run) as connection:
            if kind is Kind.SNAPSHOTS:
                counts = RecordCounts(enter_snapshots(connection, names.series, owners, now, entering))
            else:
                counts = enter_records(connection, names.series, owners, now, entering)
    return Imported(
        kind=kind,
        rows=tally.rows,
        new=counts.new,
        changed=counts.changed,
        known=tally.rows - counts.new - counts.changed,
        accounts=tuple(sorted({one.account for one in names.series})),
        meters=tuple(sorted({one.meter for one in names.series if one.meter})),
        first_at=None if tally.first is None else instant_of(tally.first),
        last_at=None if tally.last is None else instant_of(tally.last),
        dry_run=dry_run,
    )


def _owners(settings: Settings) -> dict[str, Owner]:
    agreed = agreements(settings)
    return {
        one.name: Owner(
            one.name, one.provider, agreed[one.name], provider_named(one.provider).meters, 2 * one.poll_every
        )
        for one in settings.accounts
    }


def _known(database: Database, owners: Mapping[str, Owner]) -> dict[str, dict[str, int]]:
    """Return the scale of every meter that may be named, by account and name: recorded ones and configured ones."""
    known = {name: {meter.name: meter.scale for meter in one.meters} for name, one in owners.items()}
    for account, meters in recorded_scales(database).items():
        known[account] = {**known.get(account, {}), **meters}
    return known


@dataclass(slots=True)
class _Tally:
    rows: int = 0
    first: int | None = None
    last: int | None = None

    def count(self, instants: Iterable[int], rows: int) -> None:
        found = list(instants)
        self.rows += rows
        self.first = min(found) if self.first is None else min(self.first, *found)
        self.last = max(found) if self.last is None else max(self.last, *found)


@dataclass(frozen=True, slots=True)
class _Reading:
    source: ImportFile
    now: datetime
    watch: Watch

    def told(self) -> None:
        self.watch("bytes", self.source.taken, self.source.size)


def _stage(bench: Bench, kind: Kind, rows: Iterator[tuple[int, Cells]], names: Names, reading: _Reading) -> _Tally:
    """Read the rows into temporary tables, and compare them with each other."""
    instants = Instants(micros_of(reading.now + _AHEAD))
    tally = _Tally()
    with bench.aside() as connection:
        make_tables(connection)
        if kind is Kind.SNAPSHOTS:
            for some in in_chunks(snapshots(rows, names, instants)):
                stage_snapshots(connection, some)
                tally.count([one[2] for one in some], len(some))
                reading.told()
            compare_within(connection, names.series)
        else:
            for each in in_chunks(records(rows, names, instants)):
                stage_records(connection, each)
                tally.count((at for one in each for at in one[7:]), len(each))
                reading.told()
    return tally
