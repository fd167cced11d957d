"""Carries out an operator's decision about a fall of a counter."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from collector.app.wiring import agreements, open_database
from collector.config import Settings
from collector.domain.accounts import Agreement
from collector.domain.falls import FallKind, Pin
from collector.polling.one_poll import falling_terms
from collector.store.decisions import DecisionRow, decide, listed
from collector.store.locating import Fall, locate


def decide_fall(settings: Settings, fall: Fall, verdict: str, operator: str, reason: str) -> list[DecisionRow]:
    """Overrule what ``fall`` was taken for and return the decisions then in force for its meter.

    Raises:
        UsageError: No such fall, or more than one meter could be meant.
    """
    database = open_database(settings)
    try:
        with database.write() as connection:
            row, at = locate(connection, fall)
            known = agreements(settings).get(row.account) or Agreement(ZoneInfo(row.timezone))
            pin = Pin(FallKind(verdict), f"operator:{operator}", reason)
            decide(connection, row.id, at, pin, falling_terms(known, row.name), datetime.now(UTC))
        with database.read() as connection:
            return listed(connection, [row.account], [row.name])
    finally:
        database.close()
