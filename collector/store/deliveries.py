"""The outbox: what is to be sent to whom, each once, and how that went.

    pending ──► sending (leased) ──► sent      everybody was reached
       ▲             │          ├──► partly    some can never be reached
       └── put off ◄─┘          └──► failed    nobody ever can

A delivery is marked ``sending`` before anything leaves, and finished after; so it happens at least once. It happens
twice, with the same message id, only where nobody can know how the first time went: the process died or the connection
was lost in between, or the database took no record until the lease ended and another process claimed the delivery. A
lease that ends makes it due again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, literal, or_, select, true, update

from collector.errors import LeaseLostError
from collector.store import schema
from collector.store.engine import Database
from collector.store.outbox_leases import claim_first
from collector.store.report_runs import is_due, is_free, is_held
from collector.store.rows import any_text_of
from collector.store.types import Instant

_delivery = schema.delivery


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    PARTLY = "partly"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery that this collector may make until its lease ends.

    Attributes:
        attempts: How many were made before.
        reached: Fingerprints of the recipients who have it already.
        tried_since: When it was claimed first, since it was recorded or opened again.
    """

    report: str
    period: str
    target: str
    message_id: str
    attempts: int
    reached: frozenset[str]
    tried_since: datetime
    owner: str
    until: datetime


@dataclass(frozen=True, slots=True)
class RecordedDelivery:
    """A delivery as recorded; ``finished_at`` is None while it is still to be made."""

    report: str
    period: str
    target: str
    state: DeliveryState
    attempts: int
    not_before: datetime
    finished_at: datetime | None
    error: str | None


def claim_delivery(
    database: Database, reports: Sequence[str], owner: str, now: datetime, until: datetime, period: str | None = None
) -> ClaimedDelivery | None:
    """Take the lease of the delivery that is due longest, of ``reports`` and of one ``period`` if given, or None."""

    def due(connection: Connection) -> list[ColumnElement[bool]]:
        return [
            any_text_of(connection, _delivery.c.report, list(reports)),
            _delivery.c.finished_at.is_(None),
            is_due(_delivery, now) if period is None else _delivery.c.period == period,
            is_free(_delivery, now),
        ]

    order = _delivery.c.not_before, *_delivery.primary_key.columns
    lease = {
        "state": DeliveryState.SENDING.value,
        "lease_owner": owner,
        "lease_until": until,
        "tried_since": func.coalesce(_delivery.c.tried_since, literal(now, Instant)),
    }
    row = claim_first(database, _delivery, due, order, lease)
    if row is None:
        return None
    reached = frozenset(json.loads(row.reached))
    return ClaimedDelivery(
        row.report, row.period, row.target, row.message_id, row.attempts, reached, row.tried_since, owner, until
    )


def finish_delivery(
    database: Database,
    delivery: ClaimedDelivery,
    result: tuple[DeliveryState, str | None],
    now: datetime,
    reached: frozenset[str],
) -> None:
    """Record that a delivery is over.

    Args:
        database: Where it is recorded.
        delivery: What was claimed.
        result: How it ended, and why somebody was not reached.
        now: When.
        reached: Fingerprints of those who have it.

    Raises:
        LeaseLostError: Another collector took the delivery over.
    """
    state, error = result
    values = {
        "state": state.value,
        "finished_at": now,
        "reached": json.dumps(sorted(reached)),
        "error": error,
        "attempts": delivery.attempts + 1,
    }
    _record(database, delivery, values)


def reopen(database: Database, report: str, period: str, now: datetime) -> int:
    """Let deliveries that were given up be tried again, to those who lack them; return how many."""
    unsent = _delivery.c.state.in_([DeliveryState.FAILED.value, DeliveryState.PARTLY.value])
    with database.write() as connection:
        again = connection.execute(
            update(_delivery)
            .where(_delivery.c.report == report, _delivery.c.period == period, unsent)
            .values(state=DeliveryState.PENDING.value, finished_at=None, not_before=now, attempts=0, tried_since=None)
            .returning(_delivery.c.target)
        ).all()
    return len(again)


def put_off_delivery(
    database: Database, delivery: ClaimedDelivery, not_before: datetime, reached: frozenset[str], error: str
) -> None:
    """Record that a delivery failed and is tried again at ``not_before``, and who has it already.

    Raises:
        LeaseLostError: Another collector took the delivery over.
    """
    values = {
        "state": DeliveryState.PENDING.value,
        "not_before": not_before,
        "reached": json.dumps(sorted(reached)),
        "error": error,
        "attempts": delivery.attempts + 1,
    }
    _record(database, delivery, values)


def give_back_delivery(database: Database, delivery: ClaimedDelivery, not_before: datetime) -> None:
    """Give a lease back without an attempt: the delivery is due again at ``not_before``.

    Raises:
        LeaseLostError: Another collector took the delivery over.
    """
    _record(database, delivery, {"state": DeliveryState.PENDING.value, "not_before": not_before})


def recorded_deliveries(
    connection: Connection, reports: Sequence[str], period: str | None = None
) -> list[RecordedDelivery]:
    """Return every delivery of ``reports``, or those of one ``period``, by report, period and target."""
    statement = (
        select(_delivery)
        .where(
            any_text_of(connection, _delivery.c.report, list(reports)),
            true() if period is None else _delivery.c.period == period,
        )
        .order_by(_delivery.c.report, _delivery.c.period, _delivery.c.target)
    )
    return [_recorded(row) for row in connection.execute(statement)]


def deliveries_to_tell(
    connection: Connection, reports: Sequence[str], periods: Sequence[str]
) -> list[RecordedDelivery]:
    """Return the deliveries of ``reports`` about any of ``periods``, and of others what was not sent to everybody."""
    statement = (
        select(_delivery)
        .where(
            any_text_of(connection, _delivery.c.report, list(reports)),
            or_(
                _delivery.c.finished_at.is_(None),
                _delivery.c.error.is_not(None),
                any_text_of(connection, _delivery.c.period, list(periods)),
            ),
        )
        .order_by(_delivery.c.report, _delivery.c.period, _delivery.c.target)
    )
    return [_recorded(row) for row in connection.execute(statement)]


def unfinished_deliveries(connection: Connection) -> list[RecordedDelivery]:
    """Return what is still to be sent of any report, by report, period and target."""
    statement = (
        select(_delivery)
        .where(_delivery.c.finished_at.is_(None))
        .order_by(_delivery.c.report, _delivery.c.period, _delivery.c.target)
    )
    return [_recorded(row) for row in connection.execute(statement)]


def _recorded(row: Row[Any]) -> RecordedDelivery:
    return RecordedDelivery(
        report=row.report,
        period=row.period,
        target=row.target,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        not_before=row.not_before,
        finished_at=row.finished_at,
        error=row.error,
    )


def _record(database: Database, delivery: ClaimedDelivery, values: Mapping[str, object]) -> None:
    changes = {"lease_owner": None, "lease_until": None, **values}
    with database.write() as connection:
        done = connection.execute(
            update(_delivery)
            .where(
                _delivery.c.report == delivery.report,
                _delivery.c.period == delivery.period,
                _delivery.c.target == delivery.target,
                is_held(_delivery, delivery.owner, delivery.until),
            )
            .values(**changes)
            .returning(_delivery.c.report)
        ).one_or_none()
    if done is None:
        raise LeaseLostError(
            f"the delivery of {delivery.report} {delivery.period} to {delivery.target} was taken over by another "
            "collector"
        )
