"""Walks every observation of every meter, for a file from which the same ledger can be made again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from collector.store import schema
from collector.store.observations import Seen, observations
from collector.store.rows import any_text_of


@dataclass(frozen=True, slots=True)
class ExportMeter:
    """A recorded meter with the names that a file needs."""

    id: int
    account_id: int
    account: str
    timezone: str
    name: str
    scale: int


def export_meters(
    connection: Connection, accounts: Sequence[str] | None, names: Sequence[str] | None
) -> list[ExportMeter]:
    """Return the recorded meters of the named accounts and of these names, by account and name."""
    account, meter = schema.account, schema.meter
    statement = select(
        meter.c.id, account.c.id, account.c.name, account.c.timezone, meter.c.name, meter.c.scale
    ).join_from(meter, account, account.c.id == meter.c.account)
    if accounts is not None:
        statement = statement.where(any_text_of(connection, account.c.name, accounts))
    if names is not None:
        statement = statement.where(any_text_of(connection, meter.c.name, names))
    found = [ExportMeter(*row) for row in connection.execute(statement)]
    return sorted(found, key=lambda one: (one.account, one.name))


def observed_between(connection: Connection, meter: ExportMeter, start: int | None, end: int | None) -> Iterator[Seen]:
    """Yield the observations of a meter in ``[start, end)``, microseconds since 1970 UTC, in order of time."""
    for one in observations(connection, meter.account_id, meter.id, start or 0):
        if end is not None and one.at >= end:
            return
        yield one
