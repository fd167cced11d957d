"""Request records whose credits are exactly what an invoice is off by: one of them, or two together.

Only records near the period are looked at, one walk through them. Records of equal credits explain equally well, so
they are counted and a few are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.store.engine import Database
from collector.store.records import RecordRow, request_records

_NEAR = timedelta(days=1)
_MOST_NAMED = 3
# Two of more different sizes than these are not searched: something always fits.
_MOST_SIZES = 2000


@dataclass(frozen=True, slots=True)
class Candidates:
    """Records that explain a difference: ``total`` of them, of which a few are here.

    Attributes:
        inside: Their credits fell into the period.
    """

    records: tuple[RecordRow, ...]
    total: int
    inside: bool


@dataclass(frozen=True, slots=True)
class Matches:
    """What explains a difference of credits.

    Attributes:
        singles: Records that have just so many credits.
        pair: Two records of the period that have them together, where no single one has.
    """

    singles: tuple[Candidates, ...]
    pair: tuple[RecordRow, RecordRow] | None


def record_matches(database: Database, account: str, span: tuple[datetime, datetime], credits: int) -> Matches:
    """Return the records of ``account`` near ``span`` whose credits are ``credits``, above 0."""
    start, end = span
    inside: list[RecordRow] = []
    outside: list[RecordRow] = []
    counts = [0, 0]
    sizes: dict[int, list[RecordRow]] = {}
    with database.read() as connection:
        for record in request_records(connection, [account], start - _NEAR, end + _NEAR):
            within = start <= settled_at(record) < end
            if record.credits_used == credits:
                counts[within] += 1
                _keep(inside if within else outside, record)
            if within and record.credits_used:
                _keep(sizes.setdefault(record.credits_used, []), record)
    singles = tuple(
        Candidates(tuple(records), count, within)
        for records, count, within in ((inside, counts[1], True), (outside, counts[0], False))
        if count
    )
    return Matches(singles, None if inside else _pair(sizes, credits))


def settled_at(record: RecordRow) -> datetime:
    """Return when a record's credits count: when it was completed, else when it was made or first seen."""
    return record.completed_at or record.created_at or record.first_seen_at


def _keep(kept: list[RecordRow], record: RecordRow) -> None:
    if len(kept) < _MOST_NAMED:
        kept.append(record)


def _pair(sizes: dict[int, list[RecordRow]], credits: int) -> tuple[RecordRow, RecordRow] | None:
    if len(sizes) > _MOST_SIZES:
        return None
    for first, second in _parts(sorted(sizes), credits):
        if first != second and second in sizes:
            return sizes[first][0], sizes[second][0]
        if first == second and len(sizes[first]) > 1:
            return sizes[first][0], sizes[first][1]
    return None


def _parts(sizes: Iterable[int], whole: int) -> Iterator[tuple[int, int]]:
    return ((one, whole - one) for one in sizes if 2 * one <= whole)
