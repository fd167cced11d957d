"""Reads and overrules the decisions about falls; nothing is forgotten and no fact is touched.

An operator's decision is pinned to a snapshot, and the course of the meter is folded again from the last undisputed
snapshot before it until it meets the stored course. Decisions that no longer follow are superseded by the operator's
one and stay in the record. Because a decision carries only the increment of an offset, every report changes at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from collector.domain.falls import Course, Decision, FallKind, Observation, Pin, Status, Step, Terms, step
from collector.domain.instants import format_instant, instant_of
from collector.errors import UsageError
from collector.store import schema
from collector.store.rows import any_of, any_text_of
from collector.store.snapshots import SnapshotRow, add_decision, decision_of, settle

_snapshot = schema.snapshot
_decision = schema.decision
_OPERATOR = "operator:"
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision as listed.

    Attributes:
        key: What an operator types to name it: ``METER-NUMBER`` of the rows.
        superseded_by: The key of the decision that replaced it, or None while it is in force.
    """

    key: str
    meter_id: int
    account: str
    meter: str
    at: datetime
    since: datetime
    kind: str
    before: int
    after: int
    offset: int
    decided_at: datetime
    decided_by: str
    reason: str
    superseded_by: str | None


def listed(
    connection: Connection,
    accounts: Sequence[str] | None = None,
    meters: Sequence[str] | None = None,
    *,
    superseded: bool = False,
) -> list[DecisionRow]:
    """Return decisions by account, meter and time; with ``superseded`` also those no longer in force."""
    statement = (
        select(_decision, schema.meter.c.name.label("meter_name"), schema.account.c.name.label("account_name"))
        .join(schema.meter, schema.meter.c.id == _decision.c.meter)
        .join(schema.account, schema.account.c.id == schema.meter.c.account)
    )
    if not superseded:
        statement = statement.where(_decision.c.superseded_by.is_(None))
    if accounts is not None:
        statement = statement.where(any_text_of(connection, schema.account.c.name, accounts))
    if meters is not None:
        statement = statement.where(any_text_of(connection, schema.meter.c.name, meters))
    found = [_row(row) for row in connection.execute(statement)]
    return sorted(found, key=lambda one: (one.account, one.meter, one.at, int(one.key.partition("-")[2])))


def _row(row: Row[Any]) -> DecisionRow:
    return DecisionRow(
        key=f"{row.meter}-{row.id}",
        meter_id=row.meter,
        account=row.account_name,
        meter=row.meter_name,
        at=instant_of(row.at),
        since=instant_of(row.since),
        kind=row.kind,
        before=row.before,
        after=row.after,
        offset=row.offset,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        reason=row.reason,
        superseded_by=None if row.superseded_by is None else f"{row.meter}-{row.superseded_by}",
    )


def snapshot_from(connection: Connection, meter: int, at: int) -> int | None:
    """Return ``observed_at`` of the meter's first snapshot at or after ``at``, or None."""
    found = connection.scalar(
        select(func.min(_snapshot.c.observed_at)).where(_snapshot.c.meter == meter, _snapshot.c.observed_at >= at)
    )
    return None if found is None else int(found)


@dataclass(slots=True)
class _Refolded:
    """What folding again gives: statuses that change, and the decisions then in force."""

    statuses: dict[int, Status] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)

    def take(self, done: Step) -> None:
        self.statuses.update(done.statuses)
        for one in done.decisions:
            if self.decisions and self.decisions[-1].kind is FallKind.HELD:
                self.decisions.pop()
            self.decisions.append(one)


def decide(
    connection: Connection, meter: int, observed_at: int, pin: Pin, terms: Terms, decided_at: datetime
) -> list[Decision]:
    """Overrule what the snapshot observed at ``observed_at`` means, and refold what follows from it.

    Returns:
        The decisions that are new, the operator's own first in time order among them.

    Raises:
        UsageError: There is no such snapshot, or it is the opening balance, which no decision can change.
    """
    _hold_account_of(connection, meter)
    start = _undisputed_before(connection, meter, observed_at)
    if start is None:
        raise UsageError(
            f"the meter has no snapshot before {format_instant(instant_of(observed_at))} to compare with; "
            "`collector resets list` names what can be decided"
        )
    pins = {**_pins_after(connection, meter, start.observed_at), observed_at: pin}
    course = Course(Observation(start.confirmed_at, start.value))
    old = _in_force_after(connection, meter, start.observed_at)
    refolded = _Refolded()
    end = start.observed_at
    for row in _rows_after(connection, meter, start.observed_at):
        course = _fold_row(course, row, terms, pins.get(row.observed_at), refolded)
        end = row.observed_at
        settled = row.status == Status.GOOD and row.observed_at not in {one.at for one in old.values()}
        if row.observed_at > observed_at and settled and not course.held and course.good is not None:
            break
    settle(connection, meter, refolded.statuses)
    touched = {identity: one for identity, one in old.items() if one.at <= end}
    return _replace(connection, meter, touched, refolded.decisions, observed_at, decided_at)


def _hold_account_of(connection: Connection, meter: int) -> None:
    """Keep polls of the meter's account out until the decision is committed; SQLite's writers queue anyway."""
    owner = select(schema.meter.c.account).where(schema.meter.c.id == meter).scalar_subquery()
    connection.execute(select(schema.account.c.id).where(schema.account.c.id == owner).with_for_update())


def _fold_row(course: Course, row: SnapshotRow, terms: Terms, pin: Pin | None, refolded: _Refolded) -> Course:
    """Fold a stored snapshot: its observation and, if it was confirmed, the confirmation."""
    done = step(course, Observation(row.observed_at, row.value), terms, pin)
    refolded.take(done)
    excluded = done.statuses[row.observed_at] is Status.EXCLUDED
    if row.confirmed_at == row.observed_at or excluded:
        return done.course
    # A confirmation says that nothing changed, so no boundary inside it can hide a reset.
    calm = Terms(terms.resets, lambda _after, _until: None)
    confirmed = step(done.course, Observation(row.confirmed_at, row.value), calm)
    refolded.take(
        Step(
            confirmed.course,
            {at: status for at, status in confirmed.statuses.items() if at != row.confirmed_at},
            confirmed.decisions,
        )
    )
    return confirmed.course


def _undisputed_before(connection: Connection, meter: int, at: int) -> SnapshotRow | None:
    """Return the last good snapshot before ``at`` about which nothing was decided."""
    about = select(_decision.c.at).where(_decision.c.meter == meter, _decision.c.superseded_by.is_(None))
    return connection.execute(
        select(*schema.snapshot_columns)
        .where(
            _snapshot.c.meter == meter,
            _snapshot.c.observed_at < at,
            _snapshot.c.status == Status.GOOD,
            _snapshot.c.observed_at.not_in(about),
        )
        .order_by(_snapshot.c.observed_at.desc())
        .limit(1)
    ).first()


def _pins_after(connection: Connection, meter: int, at: int) -> dict[int, Pin]:
    rows = connection.execute(
        select(_decision).where(
            _decision.c.meter == meter,
            _decision.c.at > at,
            _decision.c.superseded_by.is_(None),
            _decision.c.decided_by.startswith(_OPERATOR),
        )
    )
    return {row.at: Pin(FallKind(row.kind), row.decided_by, row.reason) for row in rows}


def _in_force_after(connection: Connection, meter: int, at: int) -> dict[int, Decision]:
    rows = connection.execute(
        select(_decision).where(
            any_of(connection, _decision.c.meter, [meter]), _decision.c.at > at, _decision.c.superseded_by.is_(None)
        )
    )
    return {row.id: decision_of(row) for row in rows}


def _rows_after(connection: Connection, meter: int, at: int) -> Iterator[SnapshotRow]:
    """Yield the meter's snapshots after ``at`` in order of time, a few hundred at once."""
    while True:
        rows = connection.execute(
            select(*schema.snapshot_columns)
            .where(_snapshot.c.meter == meter, _snapshot.c.observed_at > at)
            .order_by(_snapshot.c.observed_at)
            .limit(_CHUNK)
        ).all()
        yield from rows
        if len(rows) < _CHUNK:
            return
        at = rows[-1].observed_at


def _replace(
    connection: Connection,
    meter: int,
    old: dict[int, Decision],
    new: Sequence[Decision],
    pinned_at: int,
    decided_at: datetime,
) -> list[Decision]:
    """Add the decisions that are new and supersede the old ones that no longer follow, by the operator's one."""
    kept = set(old.values())
    fresh = [one for one in new if one not in kept]
    operator = 0
    for one in fresh:
        identity = add_decision(connection, meter, one, decided_at)
        if one.at == pinned_at:
            operator = identity
    gone = [key for key, one in old.items() if one not in new]
    if gone:
        connection.execute(
            update(_decision)
            .where(_decision.c.meter == meter, any_of(connection, _decision.c.id, gone))
            .values(superseded_by=operator)
        )
    return fresh
