"""Carries out an operator's decision about a fall of a counter."""

from __future__ import annotations

from datetime import UTC, datetime

from collector.app.wiring import open_database
from collector.config import Settings
from collector.domain.falls import FallKind, Pin
from collector.store.decisions import DecisionRow, decide, listed
from collector.store.locating import Fall, locate
from collector.store.refolding import hold_account
from collector.store.terms import kept_terms


def decide_fall(settings: Settings, fall: Fall, verdict: str, operator: str, reason: str) -> list[DecisionRow]:
    """Overrule what ``fall`` was taken for and return the decisions then in force for its meter.

    Raises:
        UsageError: No such fall, or more than one meter could be meant.
    """
    database = open_database(settings)
    try:
        with database.write() as connection:
            hold_account(connection, locate(connection, fall)[0].account_id)
            row, at = locate(connection, fall)  # as it stands now that nobody else can change it
            pin = Pin(FallKind(verdict), f"operator:{operator}", reason)
            decide(
                connection,
                row.id,
                at,
                pin,
                kept_terms(connection, row.account_id).of_meter(row.name),
                datetime.now(UTC),
            )
        with database.read() as connection:
            return listed(connection, [row.account], [row.name])
    finally:
        database.close()
