"""Writes one meter's observation: a new snapshot or a longer confirmation, and what it decides about falls.

Runs inside the poll's transaction, which holds the account, so a meter's course is read and written by one poll at a
time. Facts are only added; a status or a decision is changed by adding the decision that replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from collector.domain import folding
from collector.domain.digest import START, chained_decision
from collector.domain.falls import Course, Decision, FallKind, Observation, Status, Step, Terms, step
from collector.domain.instants import micros_of
from collector.store import schema

_snapshot = schema.snapshot
_decision = schema.decision

SnapshotRow: TypeAlias = "Row[Any, Any, Any, Any, Any, Any]"
"""A row of ``schema.snapshot_columns``."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The newest snapshots of a meter: where its course stands.

    Attributes:
        course: The last good observation and what is held.
        observed, confirmed, value, number, status: Those of the newest snapshot; None before the first.
    """

    course: Course
    observed: int | None = None
    confirmed: int | None = None
    value: int | None = None
    number: int = 0
    status: Status = Status.GOOD


def tail_of(connection: Connection, meter: int, *, declared: bool = False) -> Tail:
    """Return where the meter's course stands; its last reset matters where it is declared to reset."""
    last_good = (
        select(func.max(_snapshot.c.observed_at))
        .where(_snapshot.c.meter == meter, _snapshot.c.status == Status.GOOD)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(*schema.snapshot_columns)
        .where(_snapshot.c.meter == meter, _snapshot.c.observed_at >= last_good)
        .order_by(_snapshot.c.observed_at)
    ).all()
    if not rows:
        return Tail(Course())
    newest = rows[-1]
    course = course_of(rows)
    if declared:
        course = replace(course, reset=_last_reset(connection, meter))
    return Tail(
        course,
        newest.observed_at,
        newest.confirmed_at,
        newest.value,
        newest.number,
        Status(newest.status),
    )


def _last_reset(connection: Connection, meter: int) -> Decision | None:
    row = connection.execute(
        select(_decision)
        .where(
            _decision.c.meter == meter,
            _decision.c.superseded_at.is_(None),
            _decision.c.kind == FallKind.RESET.value,
        )
        .order_by(_decision.c.at.desc())
        .limit(1)
    ).first()
    return None if row is None else decision_of(row)


def course_of(rows: Sequence[SnapshotRow]) -> Course:
    """Return the course after ``rows``: a good snapshot and those that followed it, in order of time."""
    good = rows[0]
    held = tuple(Observation(row.observed_at, row.value) for row in rows[1:] if row.status == Status.HELD)
    return Course(Observation(good.confirmed_at, good.value), held)


@dataclass(frozen=True, slots=True)
class Entered:
    """What entering one observation did.

    Attributes:
        before: The value of the newest snapshot before it, or None for the opening balance.
        decisions: What was decided about falls.
        smooth: True where the growth since ``before`` is simply the difference of the two values.
    """

    before: int | None
    decisions: tuple[Decision, ...]
    smooth: bool


def enter(
    connection: Connection, meter: int, tail: Tail, seen: Observation, terms: Terms, decided_at: datetime
) -> Entered:
    """Store an observation later than the meter's tail, with what it decides."""
    done = step(tail.course, seen, terms)
    if _confirms(tail, seen, done):
        connection.execute(
            update(_snapshot)
            .where(_snapshot.c.meter == meter, _snapshot.c.observed_at == tail.observed)
            .values(confirmed_at=seen.at)
        )
    else:
        connection.execute(
            insert(_snapshot).values(
                meter=meter,
                observed_at=seen.at,
                value=seen.value,
                number=tail.number + 1,
                status=done.statuses[seen.at],
            )
        )
    settle(connection, meter, {at: status for at, status in done.statuses.items() if at != seen.at})
    identity = record_decisions(connection, meter, done.decisions, decided_at)
    if done.withdrawn is not None:
        _withdraw(connection, meter, done.withdrawn, identity, decided_at)
    smooth = tail.status is Status.GOOD and not done.decisions
    return Entered(tail.value, done.decisions, smooth)


def _confirms(tail: Tail, seen: Observation, done: Step) -> bool:
    """Tell whether ``seen`` makes the newest snapshot longer, as folding everything again would."""
    if tail.observed is None or tail.confirmed is None or tail.value is None:
        return False
    return folding.confirms(folding.Snapshot(tail.observed, tail.confirmed, tail.value, tail.status), seen, done)


def settle(connection: Connection, meter: int, statuses: Mapping[int, Status]) -> None:
    """Set the status of earlier snapshots, by their ``observed_at``."""
    for observed_at, status in statuses.items():
        connection.execute(
            update(_snapshot)
            .where(_snapshot.c.meter == meter, _snapshot.c.observed_at == observed_at)
            .values(status=status)
        )


def record_decisions(
    connection: Connection, meter: int, decisions: Sequence[Decision], decided_at: datetime
) -> int | None:
    """Add decisions in order; each replaces the *held* one that waited for it. Return the number of the first."""
    first = None
    for one in decisions:
        identity = add_decision(connection, meter, one, decided_at)
        first = first or identity
        _supersede(connection, meter, _decision.c.kind == FallKind.HELD.value, identity, decided_at)
    return first


def _withdraw(
    connection: Connection, meter: int, decision: Decision, successor: int | None, decided_at: datetime
) -> None:
    """Take a reset back that was thought hidden; the decision numbered ``successor`` tells what it really was."""
    which = (_decision.c.at == decision.at) & (_decision.c.kind == decision.kind.value)
    _supersede(connection, meter, which, successor, decided_at)


def _supersede(
    connection: Connection, meter: int, which: ColumnElement[bool], successor: int | None, decided_at: datetime
) -> None:
    """Mark decisions in force as replaced by a later one."""
    in_force = _decision.c.superseded_at.is_(None)
    connection.execute(
        update(_decision)
        .where(_decision.c.meter == meter, _decision.c.id < successor, in_force, which)
        .values(superseded_by=successor, superseded_at=decided_at)
    )


def decision_of(row: Row[Any]) -> Decision:
    """Return the decision that a row of the table holds."""
    return Decision(
        FallKind(row.kind), row.at, row.since, row.before, row.after, row.offset, row.reason, row.decided_by, row.until
    )


def add_decision(connection: Connection, meter: int, decision: Decision, decided_at: datetime) -> int:
    """Add one decision to the meter's record, chained to the one before it, and return its number there."""
    last = connection.execute(
        select(_decision.c.id, _decision.c.digest)
        .where(_decision.c.meter == meter)
        .order_by(_decision.c.id.desc())
        .limit(1)
    ).first()
    identity = 1 if last is None else last.id + 1
    names = connection.execute(
        select(schema.account.c.name.label("account"), schema.meter.c.name.label("meter"))
        .join(schema.meter, schema.meter.c.account == schema.account.c.id)
        .where(schema.meter.c.id == meter)
    ).one()
    previous = START if last is None else last.digest
    connection.execute(
        insert(_decision).values(
            meter=meter,
            id=identity,
            at=decision.at,
            since=decision.since,
            kind=decision.kind.value,
            before=decision.before,
            after=decision.after,
            offset=decision.offset,
            until=decision.until,
            decided_at=decided_at,
            decided_by=decision.decided_by,
            reason=decision.reason,
            digest=chained_decision(previous, names.account, names.meter, decision, micros_of(decided_at)),
        )
    )
    return identity
