"""Derives again what is stored of a meter: after an import, an operator's decision or a change of terms.

What is stored is a pure function of the observations, the terms, the cadence and the operators' decisions (see
``collector.domain.folding``), so only those are asked. Everything from the last undisputed snapshot on is replaced, in
the caller's transaction; a decision that no longer follows stays in the record as superseded. A long history streams;
only its gaps and decisions are held at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    SmallInteger,
    Table,
    delete,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.schema import CreateTable

from collector.domain.edges import Gap
from collector.domain.falls import Decision, FallKind, Pin, Status, Terms
from collector.domain.folding import Cadence, Folding, Snapshot
from collector.store import schema
from collector.store.observations import observations
from collector.store.rows import any_of, insert_rows
from collector.store.snapshots import SnapshotRow, add_decision, decision_of

_snapshot = schema.snapshot
_decision = schema.decision
_gap = schema.gap
BEGINNING = -(2**63)
"""Before every instant, in microseconds since 1970 UTC."""
_OPERATOR = "operator:"
_CHUNK = 5000
_HAS_A_SAY = 2 * 86_400_000_000
"""For how long, in microseconds, a decision can have a say in the next one; longer than ``falls`` needs."""
_SURELY = 600_000_000
"""How long a silence may last, in microseconds, where no poll ever said: twice the usual interval."""

_folded = Table(
    "folded",
    MetaData(),
    Column("observed_at", BigInteger),
    Column("confirmed_at", BigInteger),
    Column("value", BigInteger),
    Column("number", BigInteger),
    Column("status", SmallInteger),
    prefixes=["TEMPORARY"],
)


@dataclass(frozen=True, slots=True)
class MeterKey:
    """A meter's row and that of its account."""

    account: int
    meter: int


@dataclass(frozen=True, slots=True)
class Refolded:
    """What folding again changed.

    Attributes:
        fresh: Decisions that are new, in order of time, with their numbers.
        gone: Numbers of the decisions that no longer follow.
    """

    fresh: tuple[tuple[int, Decision], ...]
    gone: tuple[int, ...]


def hold_account(connection: Connection, account: int) -> None:
    """Keep polls of the account out until the transaction ends; SQLite's writers queue anyway."""
    connection.execute(select(schema.account.c.id).where(schema.account.c.id == account).with_for_update())


def key_of(connection: Connection, meter: int) -> MeterKey:
    """Return the key of a meter by its row id."""
    return MeterKey(
        connection.execute(select(schema.meter.c.account).where(schema.meter.c.id == meter)).scalar_one(), meter
    )


def cadence_of(connection: Connection, account: int) -> Cadence:
    """Return how long a silence of the account may last before it is a gap."""
    table = schema.cadence
    rows = connection.execute(
        select(table.c.since, table.c.gap_after).where(table.c.account == account).order_by(table.c.since)
    )
    return Cadence([(row.since, row.gap_after) for row in rows] or [(0, _SURELY)])


def pins_of(connection: Connection, meter: int) -> dict[int, tuple[Pin, datetime]]:
    """Return the operators' decisions in force with the instant each was taken, by the instant it is about."""
    rows = connection.execute(
        select(_decision).where(
            _decision.c.meter == meter,
            _decision.c.superseded_at.is_(None),
            _decision.c.decided_by.startswith(_OPERATOR),
        )
    )
    return {row.at: (Pin(FallKind(row.kind), row.decided_by, row.reason, row.until), row.decided_at) for row in rows}


def refold(
    connection: Connection,
    key: MeterKey,
    terms: Terms,
    from_at: int,
    decided_at: datetime,
    pin: tuple[int, Pin] | None = None,
) -> Refolded:
    """Derive again everything that an observation at ``from_at`` or later can change.

    Args:
        connection: A writing transaction that holds the account.
        key: Whose.
        terms: How the meter may fall.
        from_at: Microseconds since 1970 UTC; ``BEGINNING`` for everything.
        decided_at: When decisions that are new are taken.
        pin: A new decision of an operator, by the instant of the observation it is about.
    """
    start = _undisputed_before(connection, key.meter, from_at)
    since = BEGINNING if start is None else start.observed_at
    pins = pins_of(connection, key.meter)
    if pin is not None:
        pins[pin[0]] = pin[1], decided_at
    folding = Folding(terms, cadence_of(connection, key.account), {at: one for at, (one, _) in pins.items()})
    _fold_into_table(connection, key, folding, since, 0 if start is None else start.number - 1)
    _replace_snapshots(connection, key.meter, since)
    _replace_gaps(connection, key.meter, since, folding.gaps)
    taken_at = {at: instant for at, (_, instant) in pins.items()}
    return _replace_decisions(connection, key.meter, start, folding.decisions, decided_at, taken_at)


def _undisputed_before(connection: Connection, meter: int, at: int) -> SnapshotRow | None:
    """Return the last good snapshot before ``at`` with nothing decided in the days around it.

    A reset of yesterday can still have a say in what is decided today, and a fall of today in what yesterday was.
    """
    shortly_around = (
        select(_decision.c.id)
        .where(
            _decision.c.meter == meter,
            _decision.c.superseded_at.is_(None),
            _decision.c.at < _snapshot.c.observed_at + _HAS_A_SAY,
            _decision.c.at > _snapshot.c.observed_at - _HAS_A_SAY,
        )
        .correlate(_snapshot)
    )
    return connection.execute(
        select(*schema.snapshot_columns)
        .where(
            _snapshot.c.meter == meter,
            _snapshot.c.observed_at < at,
            _snapshot.c.status == Status.GOOD,
            ~shortly_around.exists(),
        )
        .order_by(_snapshot.c.observed_at.desc())
        .limit(1)
    ).first()


def _fold_into_table(connection: Connection, key: MeterKey, folding: Folding, since: int, number: int) -> None:
    """Fold the observations and keep the snapshots aside, while what is stored is still being read."""
    connection.execute(CreateTable(_folded, if_not_exists=True))
    connection.execute(delete(_folded))
    for at, value in observations(connection, key.account, key.meter, since):
        folding.see(at, value)
        if folding.ready >= _CHUNK:
            number = _set_aside(connection, folding.take(), number)
    _set_aside(connection, folding.finish(), number)


def _set_aside(connection: Connection, snapshots: Sequence[Snapshot], number: int) -> int:
    rows = [
        (one.observed, None if one.confirmed == one.observed else one.confirmed, one.value, index, int(one.status))
        for index, one in enumerate(snapshots, number + 1)
    ]
    insert_rows(connection, _folded, rows)
    return number + len(rows)


def _replace_snapshots(connection: Connection, meter: int, since: int) -> None:
    connection.execute(delete(_snapshot).where(_snapshot.c.meter == meter, _snapshot.c.observed_at >= since))
    columns = ["meter", *(one.name for one in _folded.columns)]
    connection.execute(insert(_snapshot).from_select(columns, select(literal(meter), *_folded.columns)))
    connection.execute(delete(_folded))


def _replace_gaps(connection: Connection, meter: int, since: int, gaps: Sequence[Gap]) -> None:
    connection.execute(delete(_gap).where(_gap.c.meter == meter, _gap.c.started_at >= since))
    if gaps:
        connection.execute(
            insert(_gap), [{"meter": meter, "started_at": one.start, "ended_at": one.end} for one in gaps]
        )


def _replace_decisions(
    connection: Connection,
    meter: int,
    start: SnapshotRow | None,
    found: Sequence[Decision],
    decided_at: datetime,
    taken_at: Mapping[int, datetime],
) -> Refolded:
    """Add the decisions that are new, and mark those that no longer follow."""
    old = _in_force_after(connection, meter, start)
    kept, wanted = set(old.values()), set(found)
    gone = tuple(identity for identity, one in old.items() if one not in wanted)
    if gone:
        connection.execute(
            update(_decision)
            .where(_decision.c.meter == meter, any_of(connection, _decision.c.id, gone))
            .values(superseded_at=decided_at)
        )
    fresh = []
    for one in found:
        if one not in kept:
            is_operators = one.decided_by.startswith(_OPERATOR)
            instant = taken_at.get(one.at, decided_at) if is_operators else decided_at
            fresh.append((add_decision(connection, meter, one, instant), one))
    return Refolded(tuple(fresh), gone)


def _in_force_after(connection: Connection, meter: int, start: SnapshotRow | None) -> dict[int, Decision]:
    statement = select(_decision).where(_decision.c.meter == meter, _decision.c.superseded_at.is_(None))
    if start is not None:
        statement = statement.where(_decision.c.at > start.observed_at)
    return {row.id: decision_of(row) for row in connection.execute(statement)}
