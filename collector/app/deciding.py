"""Carries out an operator's decision about a fall of a counter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from collector.app.wiring import agreements, open_database
from collector.config import Settings
from collector.domain.accounts import Agreement
from collector.domain.falls import FallKind, Pin
from collector.domain.instants import micros_of, parse_instant
from collector.errors import UsageError
from collector.polling.one_poll import falling_terms
from collector.store.decisions import DecisionRow, decide, listed, snapshot_from
from collector.store.reading import MeterRow, meters


@dataclass(frozen=True, slots=True)
class Fall:
    """Which fall is meant: by the key of a decision, or by account, meter and instant."""

    key: str | None
    account: str | None
    meter: str | None
    at: str | None


def decide_fall(settings: Settings, fall: Fall, verdict: str, operator: str, reason: str) -> list[DecisionRow]:
    """Overrule what ``fall`` was taken for and return the decisions then in force for its meter.

    Raises:
        UsageError: No such fall, or more than one meter could be meant.
    """
    database = open_database(settings)
    try:
        with database.write() as connection:
            row, at = _found(connection, fall)
            known = agreements(settings).get(row.account) or Agreement(ZoneInfo(row.timezone))
            pin = Pin(FallKind(verdict), f"operator:{operator}", reason)
            decide(connection, row.id, at, pin, falling_terms(known, row.name), datetime.now(UTC))
        with database.read() as connection:
            return listed(connection, [row.account], [row.name])
    finally:
        database.close()


def _found(connection: Connection, fall: Fall) -> tuple[MeterRow, int]:
    """Return the meter and the instant of the snapshot that is meant."""
    if fall.key is not None:
        named = next((one for one in listed(connection, superseded=True) if one.key == fall.key), None)
        if named is None:
            raise UsageError(f"there is no fall {fall.key!r}; `collector resets list --all` shows them")
        if named.superseded_by is not None:
            raise UsageError(f"{fall.key} was replaced by {named.superseded_by}; decide that one")
        row = _meter(connection, named.account, named.meter)
        at = micros_of(named.at)
    else:
        row = _meter(connection, str(fall.account), fall.meter)
        at = _instant(str(fall.at))
    observed_at = snapshot_from(connection, row.id, at)
    if observed_at is None:
        raise UsageError(f"{row.account}/{row.name} has no snapshot at or after that instant")
    return row, observed_at


def _meter(connection: Connection, account: str, meter: str | None) -> MeterRow:
    found = meters(connection, [account], None if meter is None else [meter])
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"there is no history of {account}{'' if meter is None else '/' + meter}")
    raise UsageError(
        f"account {account} has several meters; say which with --meter: {', '.join(x.name for x in found)}"
    )


def _instant(text: str) -> int:
    try:
        return micros_of(parse_instant(text))
    except ValueError:
        raise UsageError(f"--at takes an instant such as 2026-01-31T23:59:59Z, not {text!r}") from None
