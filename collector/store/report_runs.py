"""Runs of scheduled reports: planned once for each period, made under a lease, recorded together with their deliveries.

    plan ──► report_run ──► claim_run ──► (files) ──► finish_run: made, and one delivery for each target
                  ▲              │
                  └─ put_off ◄───┘   the data are not in yet, or it failed

A lease is one statement, as an account's is: two collectors on one database never make the same report, and one that
was taken over may not record. Nothing here knows a calendar.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, delete, func, or_, select, update

from collector.errors import LeaseLostError
from collector.store import schema
from collector.store.engine import Database
from collector.store.forecasts import Foretold, keep_forecasts
from collector.store.outbox_leases import claim_first
from collector.store.rows import any_text_of, insert_new

_run = schema.report_run
_report = schema.scheduled_report
_delivery = schema.delivery
# Leases last minutes and nothing is put off for longer than an hour.
PLAUSIBLE = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run that is due: the period's name and bounds, and when."""

    period: str
    start: datetime
    end: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run that this collector may make until its lease ends."""

    report: str
    planned: PlannedRun
    attempts: int
    owner: str
    until: datetime


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """What is to be sent to one target, under a message id that every attempt has."""

    target: str
    message_id: str


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run as recorded; ``made_at`` is None while it is still to be made."""

    report: str
    period: str
    due_at: datetime
    not_before: datetime
    made_at: datetime | None
    attempts: int
    error: str | None
    missing: tuple[str, ...]
    files: tuple[str, ...]


def planned_until(database: Database, report: str, now: datetime) -> datetime:
    """Return until when the runs of a report are planned; a report that was never seen begins now."""
    statement = select(_report.c.planned_until).where(_report.c.report == report)
    with database.read() as connection:
        known: datetime | None = connection.scalar(statement)
    if known is not None:
        return known
    with database.write() as connection:
        insert_new(connection, _report, [{"report": report, "since": now, "planned_until": now}])
        found: datetime = connection.execute(statement).scalar_one()
    return found


def plan(database: Database, report: str, runs: Sequence[PlannedRun], until: datetime) -> None:
    """Record the runs whose period has none yet, and that everything due until ``until`` is planned."""
    rows: list[dict[str, object]] = [
        {
            "report": report,
            "period": one.period,
            "period_start": one.start,
            "period_end": one.end,
            "due_at": one.due_at,
            "not_before": one.due_at,
        }
        for one in runs
    ]
    with database.write() as connection:
        insert_new(connection, _run, rows)
        connection.execute(update(_report).where(_report.c.report == report).values(planned_until=until))


def drop_future(database: Database, report: str, now: datetime) -> None:
    """Forget the runs of a report that were planned by a clock that ran ahead, and not made; they are planned again."""
    with database.write() as connection:
        connection.execute(
            delete(_run).where(
                _run.c.report == report, _run.c.made_at.is_(None), _run.c.due_at > now, is_free(_run, now)
            )
        )
        connection.execute(update(_report).where(_report.c.report == report).values(planned_until=now))


def claim_run(
    database: Database, reports: Sequence[str], owner: str, now: datetime, until: datetime, period: str | None = None
) -> ClaimedRun | None:
    """Take the lease of the run that is due longest, or of one ``period`` whether it is due or not; None without any.

    A run that was made is not claimed again.
    """

    def due(connection: Connection) -> list[ColumnElement[bool]]:
        return [
            any_text_of(connection, _run.c.report, list(reports)),
            _run.c.made_at.is_(None),
            and_(is_due(_run, now), _run.c.due_at <= now) if period is None else _run.c.period == period,
            is_free(_run, now),
        ]

    lease = {"lease_owner": owner, "lease_until": until}
    row = claim_first(database, _run, due, (_run.c.due_at, _run.c.report), lease)
    if row is None:
        return None
    planned = PlannedRun(row.period, row.period_start, row.period_end, row.due_at)
    return ClaimedRun(row.report, planned, row.attempts, owner, until)


def put_off(database: Database, run: ClaimedRun, not_before: datetime, error: str | None) -> None:
    """Give a lease back: the run is looked at again at ``not_before``; an ``error`` counts as a failure.

    Raises:
        LeaseLostError: Another collector took the run over.
    """
    attempts = 0 if error is None else run.attempts + 1
    with database.write() as connection:
        _record(connection, run, {"not_before": not_before, "error": error, "attempts": attempts})


def finish_run(
    database: Database,
    run: ClaimedRun,
    now: datetime,
    made: tuple[Sequence[str], Sequence[str]],
    deliveries: Sequence[NewDelivery],
    foretold: Sequence[Foretold] = (),
) -> None:
    """Record, in one transaction, that a run was made, what is to be sent, and what it foretold.

    Args:
        database: Where it is recorded.
        run: What was claimed.
        now: When it was made.
        made: The paths of its files, and the accounts whose data did not come in time.
        deliveries: One for each target.
        foretold: The forecasts that it shows.

    Raises:
        LeaseLostError: Another collector took the run over; nothing was recorded.
    """
    files, missing = made
    values = {"made_at": now, "error": None, "files": json.dumps(list(files)), "missing": json.dumps(list(missing))}
    with database.write() as connection:
        _record(connection, run, values)
        _insert_deliveries(connection, (run.report, run.planned.period), now, deliveries)
        keep_forecasts(connection, (run.report, run.planned.period), now, foretold)


def add_deliveries(
    database: Database, report: str, period: str, now: datetime, deliveries: Sequence[NewDelivery]
) -> None:
    """Record those deliveries of a run that was made which are not recorded yet."""
    with database.write() as connection:
        _insert_deliveries(connection, (report, period), now, deliveries)


def _insert_deliveries(
    connection: Connection, run: tuple[str, str], now: datetime, deliveries: Sequence[NewDelivery]
) -> None:
    report, period = run
    rows: list[dict[str, object]] = [
        {
            "report": report,
            "period": period,
            "target": one.target,
            "message_id": one.message_id,
            "state": "pending",
            "not_before": now,
        }
        for one in deliveries
    ]
    insert_new(connection, _delivery, rows)


def recorded_runs(connection: Connection, reports: Sequence[str], latest: int = 1) -> list[RecordedRun]:
    """Return the runs of the latest periods of each report, by name and the newest first."""
    number = func.row_number().over(partition_by=_run.c.report, order_by=_run.c.period_end.desc()).label("number")
    inner = select(*_run.c, number).where(any_text_of(connection, _run.c.report, list(reports))).subquery()
    statement = select(inner).where(inner.c.number <= latest).order_by(inner.c.report, inner.c.number)
    return [_recorded(row) for row in connection.execute(statement)]


def recorded_run(connection: Connection, report: str, period: str) -> RecordedRun | None:
    """Return the run of a report for a period, or None."""
    row = connection.execute(select(_run).where(_run.c.report == report, _run.c.period == period)).one_or_none()
    return None if row is None else _recorded(row)


def _recorded(row: Row[Any]) -> RecordedRun:
    return RecordedRun(
        report=row.report,
        period=row.period,
        due_at=row.due_at,
        not_before=row.not_before,
        made_at=row.made_at,
        attempts=row.attempts,
        error=row.error,
        missing=tuple(json.loads(row.missing)),
        files=tuple(json.loads(row.files)),
    )


def _record(connection: Connection, run: ClaimedRun, values: Mapping[str, object]) -> None:
    done = connection.execute(
        update(_run)
        .where(_run.c.report == run.report, _run.c.period == run.planned.period, is_held(_run, run.owner, run.until))
        .values(lease_owner=None, lease_until=None, **values)
        .returning(_run.c.report)
    ).one_or_none()
    if done is None:
        raise LeaseLostError(f"the report {run.report} for {run.planned.period} was taken over by another collector")


def is_held(table: Table, owner: str, until: datetime) -> ColumnElement[bool]:
    """Return the condition that this very lease is in force."""
    return and_(table.c.lease_owner == owner, table.c.lease_until == until)


def is_free(table: Table, now: datetime) -> ColumnElement[bool]:
    """Return the condition that nobody holds a lease; one that ends in hours was written by a clock that ran ahead."""
    return or_(table.c.lease_until.is_(None), table.c.lease_until <= now, table.c.lease_until > now + PLAUSIBLE)


def is_due(table: Table, now: datetime) -> ColumnElement[bool]:
    """Return the condition that a row is to be looked at now."""
    return or_(table.c.not_before <= now, table.c.not_before > now + PLAUSIBLE)
