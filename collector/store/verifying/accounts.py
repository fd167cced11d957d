"""Whose ledger is proved: the accounts and meters as recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from collector.store import schema
from collector.store.verifying.findings import Place
from collector.store.verifying.raw import raw, text_of


@dataclass(frozen=True, slots=True)
class MeterOf:
    """One meter, by its row."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """One account with its meters, by name."""

    id: int
    name: str
    meters: tuple[MeterOf, ...]

    def place(self, table: str, **key: int | str) -> Place:
        """Return a row of a table that leads with the account."""
        return Place(table, {"account": self.id, **key}, self.name)

    def of_meter(self, meter: MeterOf, table: str, **key: int | str) -> Place:
        """Return a row of a table that leads with a meter."""
        return Place(table, {"meter": meter.id, **key}, f"{self.name}/{meter.name}")


def ledgers(connection: Connection, names: Sequence[str] | None) -> list[Ledger]:
    """Return the accounts called ``names``, or all, by name."""
    account, meter = schema.account, schema.meter
    meters: dict[int, list[MeterOf]] = {}
    for row in connection.execute(select(meter.c.id, meter.c.account, raw(connection, meter.c.name))):
        meters.setdefault(row.account, []).append(MeterOf(row.id, text_of(row.name)))
    found = []
    for owner in connection.execute(select(account.c.id, raw(connection, account.c.name))):
        own = sorted(meters.get(owner.id, ()), key=lambda one: (one.name, one.id))
        found.append(Ledger(owner.id, text_of(owner.name), tuple(own)))
    return sorted((one for one in found if names is None or one.name in names), key=lambda one: (one.name, one.id))
