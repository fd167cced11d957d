"""Writes imported snapshots: what is new of them, in one transaction, as polls of kind ``import``.

The ledger is a function of the set of its observations, so an import adds those that are new to ``imported`` and folds
each meter again from the first of them on: in whatever order and pieces the same facts arrive, the same is stored. All
of a file is compared before anything is written; one contradiction, and nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, column, select, text

from collector.domain.digest import RowsDigest
from collector.domain.instants import format_instant, instant_of
from collector.domain.quantities import quantity_text
from collector.errors import UsageError
from collector.store import schema
from collector.store.import_polls import ImportAccount, Owner, add_import, hold_accounts, keep_cadence, next_number
from collector.store.refolding import MeterKey, refold
from collector.store.staging import sift
from collector.store.terms import kept_terms

_CHUNK = 5000
NOTHING = "nothing was imported"

# What the ledger already knows of the wanted instants: imported; else at an end of a snapshot, or seen by a poll.
_MEET_IMPORTED = text("""
    INSERT INTO met_snapshot (at, value)
    SELECT wanted.at, imported.value
      FROM wanted_snapshot AS wanted
      JOIN imported ON imported.meter = :meter AND imported.observed_at = wanted.at
     WHERE wanted.series = :series
""")
_MEET_POLLED = text("""
    INSERT INTO met_snapshot (at, value)
    SELECT wanted.at, ends.value
      FROM wanted_snapshot AS wanted
      JOIN snapshot AS ends ON ends.meter = :meter AND ends.observed_at =
           (SELECT max(s.observed_at) FROM snapshot AS s WHERE s.meter = :meter AND s.observed_at <= wanted.at)
     WHERE wanted.series = :series AND (ends.observed_at = wanted.at OR ends.confirmed_at = wanted.at)
     UNION SELECT wanted.at, seen.value
      FROM poll
      JOIN wanted_snapshot AS wanted ON wanted.series = :series AND wanted.at = poll.finished_at
      JOIN snapshot AS seen ON seen.meter = :meter AND seen.observed_at =
           (SELECT max(s.observed_at) FROM snapshot AS s WHERE s.meter = :meter AND s.observed_at <= poll.finished_at)
     WHERE poll.account = :account AND poll.kind = 'poll' AND poll.outcome = 'ok'
       AND coalesce(seen.confirmed_at, seen.observed_at) >= poll.finished_at
""")
_CONTRADICTION = text("""
    SELECT wanted.line AS line, wanted.series AS series, wanted.at AS at, wanted.value AS value,
           met_snapshot.value AS known
      FROM wanted_snapshot AS wanted JOIN met_snapshot ON met_snapshot.at = wanted.at
     WHERE wanted.series = :series AND wanted.value <> met_snapshot.value
     ORDER BY wanted.line LIMIT 1
""")
_LEAVE_OUT = text("DELETE FROM wanted_snapshot WHERE series = :series AND at IN (SELECT at FROM met_snapshot)")
_FORGET = text("DELETE FROM met_snapshot")
_FRESH = text("SELECT count(*) AS rows_left, min(at) AS first FROM wanted_snapshot WHERE series = :series")
_ADD = text("""
    INSERT INTO imported (meter, observed_at, value, poll)
    SELECT :meter, at, value, :poll FROM wanted_snapshot WHERE series = :series ORDER BY at
""")
_ROWS = text("SELECT at, value FROM wanted_snapshot WHERE series = :series ORDER BY at").columns(
    column("at", BigInteger), column("value", BigInteger)
)


@dataclass(frozen=True, slots=True)
class Series:
    """A meter as a file names it."""

    account: str
    meter: str
    scale: int = 0


@dataclass(frozen=True, slots=True)
class _Fresh:
    """What is new of one meter: which series, whose, how many rows and from when on."""

    series: int
    meter: str
    id: int
    rows: int
    first: int


def compare_within(connection: Connection, series: Sequence[Series]) -> None:
    """Bring staged snapshots into order and compare them with each other.

    Raises:
        UsageError: A line contradicts an earlier one.
    """
    found = sift(connection)
    if found is not None:
        one = series[found.series]
        raise UsageError(
            f"{_place(one, found)} here and {quantity_text(found.first_value, one.scale)} in line {found.first_line}; "
            f"{NOTHING}: remove the wrong one"
        )


def _place(one: Series, found: Row[Any]) -> str:
    return (
        f"line {found.line}: {one.meter} of {one.account} at {format_instant(instant_of(found.at))} is "
        f"{quantity_text(found.value, one.scale)}"
    )


def enter_snapshots(
    connection: Connection,
    series: Sequence[Series],
    owners: Mapping[str, Owner],
    now: datetime,
    watch: Callable[[int, int], None],
) -> int:
    """Write what is new of the staged snapshots and return how many they are.

    Args:
        connection: A writing transaction on the connection where they were staged and compared.
        series: Whose they are, by number.
        owners: The configured accounts by name.
        now: When they are imported.
        watch: Told how many meters are done, of how many.

    Raises:
        UsageError: A line contradicts what is recorded.
    """
    wanted: dict[str, dict[str, int]] = {}
    for number, one in enumerate(series):
        wanted.setdefault(one.account, {})[one.meter] = number
    accounts = hold_accounts(connection, wanted, owners)
    _leave_out_known(connection, accounts, wanted, series)
    total, done, count = len(series), 0, 0
    for account in accounts:
        fresh = [one for one in _fresh(connection, account, wanted[account.name]) if one.rows]
        if fresh:
            keep_cadence(connection, [account], owners)
            _add(connection, account, fresh, now)
        for new in fresh:
            _refold(connection, account, new, now)
            count += new.rows
            watch(done := done + 1, total)
    return count


def _leave_out_known(
    connection: Connection,
    accounts: Sequence[ImportAccount],
    wanted: Mapping[str, Mapping[str, int]],
    series: Sequence[Series],
) -> None:
    """Take what is known already out of what is wanted, once nothing was found to contradict it."""
    contradictions: list[Row[Any]] = []
    for account in accounts:
        for meter, number in wanted[account.name].items():
            identity = account.meters[meter]
            if not _has_history(connection, identity):
                continue
            whose = {"series": number, "meter": identity, "account": account.id}
            for meet in (_MEET_IMPORTED, _MEET_POLLED):
                connection.execute(meet, whose)
                contradictions += connection.execute(_CONTRADICTION, {"series": number}).all()
                connection.execute(_LEAVE_OUT, {"series": number})
                connection.execute(_FORGET)
    if contradictions:
        found = min(contradictions, key=lambda one: one.line)
        one = series[found.series]
        raise UsageError(
            f"{_place(one, found)} here, but {quantity_text(found.known, one.scale)} is recorded; {NOTHING}: "
            "a recorded value is never changed, so remove the line if the record is right"
        )


def _has_history(connection: Connection, meter: int) -> bool:
    statement = select(schema.snapshot.c.meter).where(schema.snapshot.c.meter == meter).limit(1)
    return connection.execute(statement).first() is not None


def _fresh(connection: Connection, account: ImportAccount, wanted: Mapping[str, int]) -> list[_Fresh]:
    found = []
    for meter, number in sorted(wanted.items()):
        row = connection.execute(_FRESH, {"series": number}).one()
        found.append(_Fresh(number, meter, account.meters[meter], row.rows_left, row.first or 0))
    return found


def _add(connection: Connection, account: ImportAccount, fresh: Sequence[_Fresh], now: datetime) -> None:
    number = next_number(connection, account.id)
    digest = RowsDigest()
    for one in fresh:
        connection.execute(_ADD, {"meter": one.id, "poll": number, "series": one.series})
        rows = connection.execute(_ROWS, {"series": one.series}, execution_options={"yield_per": _CHUNK})
        for at, value in rows:
            digest.snapshot(one.meter, at, value)
    add_import(connection, account, number, digest.digest(), now)


def _refold(connection: Connection, account: ImportAccount, one: _Fresh, now: datetime) -> None:
    terms = kept_terms(connection, account.id).of_meter(one.meter)
    refold(connection, MeterKey(account.id, one.id), terms, one.first, now)
