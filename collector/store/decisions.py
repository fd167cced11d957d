"""Reads and overrules the decisions about falls; nothing is forgotten and no fact is touched.

An operator's decision is pinned to a snapshot, and everything is derived again from the last undisputed snapshot before
it. Decisions that no longer follow are superseded by the operator's one and stay in the record. Because a decision
carries only the increment of an offset, every report changes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from collector.domain.falls import Decision, FallKind, Pin, Terms
from collector.domain.instants import format_instant, instant_of
from collector.errors import UsageError
from collector.store import schema
from collector.store.refolding import Refolded, hold_account, key_of, refold
from collector.store.rows import any_of, any_text_of

_snapshot = schema.snapshot
_decision = schema.decision


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision as listed.

    Attributes:
        key: What an operator types to name it: ``METER-NUMBER`` of the rows.
        superseded_at: When it ceased to be in force, or None.
        superseded_by: The key of the decision that replaced it, or None where none did.
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
    superseded_at: datetime | None
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
        statement = statement.where(_decision.c.superseded_at.is_(None))
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
        superseded_at=row.superseded_at,
        superseded_by=None if row.superseded_by is None else f"{row.meter}-{row.superseded_by}",
    )


def snapshot_from(connection: Connection, meter: int, at: int) -> int | None:
    """Return ``observed_at`` of the meter's first snapshot at or after ``at``, or None."""
    found = connection.scalar(
        select(func.min(_snapshot.c.observed_at)).where(_snapshot.c.meter == meter, _snapshot.c.observed_at >= at)
    )
    return None if found is None else int(found)


def decide(
    connection: Connection, meter: int, observed_at: int, pin: Pin, terms: Terms, decided_at: datetime
) -> list[Decision]:
    """Overrule what the snapshot observed at ``observed_at`` means, and refold what follows from it.

    Returns:
        The decisions that are new, the operator's own first in time order among them.

    Raises:
        UsageError: There is no such snapshot, or it is the opening balance, which no decision can change; or a fall
            is to be growth.
    """
    key = key_of(connection, meter)
    hold_account(connection, key.account)
    if not _has_history_before(connection, meter, observed_at):
        raise UsageError(
            f"the meter has no snapshot before {format_instant(instant_of(observed_at))} to compare with; "
            "`collector resets list` names what can be decided"
        )
    pin = replace(pin, until=_seen_until(connection, meter, observed_at))
    done = refold(connection, key, terms, observed_at, decided_at, (observed_at, pin))
    _require_growth(done, observed_at)
    _name_successor(connection, meter, done, observed_at)
    return [one for _, one in done.fresh]


def _require_growth(done: Refolded, observed_at: int) -> None:
    """Refuse to call a fall growth: nothing would be known of it then."""
    for _, one in done.fresh:
        if one.at == observed_at and one.kind is FallKind.GROWTH and one.after < one.before:
            raise UsageError(
                f"the value fell there, from {one.before} to {one.after}: that is no growth; it is a reset, a "
                "correction, a glitch or another unit"
            )


def _has_history_before(connection: Connection, meter: int, at: int) -> bool:
    earlier = select(_snapshot.c.observed_at).where(_snapshot.c.meter == meter, _snapshot.c.observed_at < at)
    return connection.execute(earlier.limit(1)).first() is not None


def _seen_until(connection: Connection, meter: int, observed_at: int) -> int:
    """Return until when the value of a snapshot was seen: an operator decides about all of it."""
    confirmed = func.coalesce(_snapshot.c.confirmed_at, _snapshot.c.observed_at)
    seen = select(confirmed).where(_snapshot.c.meter == meter, _snapshot.c.observed_at == observed_at)
    return int(connection.execute(seen).scalar_one())


def _name_successor(connection: Connection, meter: int, done: Refolded, pinned_at: int) -> None:
    """Say of the decisions that no longer follow that the operator's one replaced them."""
    operators = next((identity for identity, one in done.fresh if one.at == pinned_at), None)
    if done.gone and operators is not None:
        connection.execute(
            update(_decision)
            .where(_decision.c.meter == meter, any_of(connection, _decision.c.id, done.gone))
            .values(superseded_by=operators)
        )
