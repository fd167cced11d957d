"""Keeps the terms by which falls were decided with the facts, and decides again where the settings changed them.

A changed zone, billing period or declaration of resets is no fact: it is another reading of all facts. So everything
that was decided is derived again, from the first snapshot on, and every report follows at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select, update

from collector.domain.accounts import Agreement, Resets
from collector.domain.terms import FallTerms, fall_terms, parse_fall_terms
from collector.store import schema
from collector.store.engine import Database
from collector.store.refolding import BEGINNING, MeterKey, refold
from collector.store.rows import any_text_of

_account = schema.account


def kept_terms(connection: Connection, account: int) -> FallTerms:
    """Return the terms kept with an account's facts."""
    row = connection.execute(select(_account.c.terms, _account.c.timezone).where(_account.c.id == account)).one()
    return parse_fall_terms(row.terms) if row.terms else FallTerms(ZoneInfo(row.timezone))


def bring_terms(database: Database, agreements: Mapping[str, Agreement], now: datetime) -> list[str]:
    """Bring the kept terms of recorded accounts to what is agreed, and decide again what they change.

    Where nothing changed, which is the usual, one look-up is all it costs; accounts that are not named are left alone.

    Args:
        database: Where the facts are.
        agreements: What is configured, by account.
        now: When new decisions are taken.

    Returns:
        The names of the accounts whose terms changed, in order.
    """
    wanted = {name: fall_terms(agreement) for name, agreement in agreements.items()}
    with database.read() as connection:
        changed = _changed(connection, wanted)
    if not changed:
        return []
    with database.write() as connection:
        for name, account in sorted(changed.items(), key=lambda one: one[1]):  # one order for all: by row id
            # Held by an update: who locks the table to record accounts must not meet us halfway.
            connection.execute(update(_account).where(_account.c.id == account).values(timezone=_account.c.timezone))
            _bring(connection, account, wanted[name], now)
    return sorted(changed)


def _changed(connection: Connection, wanted: Mapping[str, FallTerms]) -> dict[str, int]:
    rows = connection.execute(
        select(_account.c.id, _account.c.name, _account.c.terms).where(
            any_text_of(connection, _account.c.name, list(wanted))
        )
    )
    return {row.name: row.id for row in rows if row.terms != wanted[row.name].text}


def _bring(connection: Connection, account: int, wanted: FallTerms, now: datetime) -> None:
    kept = kept_terms(connection, account)
    connection.execute(
        update(_account).where(_account.c.id == account).values(timezone=wanted.zone.key, terms=wanted.text)
    )
    meters = connection.execute(select(schema.meter.c.id, schema.meter.c.name).where(schema.meter.c.account == account))
    for meter, name in meters.all():
        if _decides_otherwise(kept, wanted, name):
            refold(connection, MeterKey(account, meter), wanted.of_meter(name), BEGINNING, now)


def _decides_otherwise(kept: FallTerms, wanted: FallTerms, meter: str) -> bool:
    """Tell whether a meter's falls can be decided otherwise: boundaries matter only where they reset it."""
    before, after = kept.resets.get(meter, Resets.UNKNOWN), wanted.resets.get(meter, Resets.UNKNOWN)
    if before is not after:
        return True
    boundaries = (kept.zone.key, kept.billing) != (wanted.zone.key, wanted.billing)
    return after is Resets.PERIOD and boundaries
