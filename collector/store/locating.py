"""Finds the fall of a counter that an operator means."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection

from collector.domain.instants import micros_of, parse_instant
from collector.errors import UsageError
from collector.store.decisions import listed, snapshot_from
from collector.store.reading import MeterRow, meters
from collector.store.spikes import listed_spikes

_KEY_OF_SPIKE = re.compile(r"[0-9]+-p[0-9]+")


@dataclass(frozen=True, slots=True)
class Fall:
    """Which fall is meant: by the key of a decision or of a spike, or by account, meter and instant."""

    key: str | None
    account: str | None
    meter: str | None
    at: str | None


def locate(connection: Connection, fall: Fall) -> tuple[MeterRow, int]:
    """Return the meter and the instant, in microseconds since 1970 UTC, of the snapshot that is meant.

    Raises:
        UsageError: No such fall, one that was replaced, or more than one meter could be meant.
    """
    if fall.key is not None and _KEY_OF_SPIKE.fullmatch(fall.key):
        row, at = _spike(connection, fall.key)
    elif fall.key is not None:
        named = next((one for one in listed(connection, superseded=True) if one.key == fall.key), None)
        if named is None:
            raise UsageError(f"there is no fall {fall.key!r}; `collector resets list --all` shows them")
        if named.superseded_by is not None:
            raise UsageError(f"{fall.key} was replaced by {named.superseded_by}; decide that one")
        if named.superseded_at is not None:
            raise UsageError(f"{fall.key} no longer follows from the facts; `collector resets list` shows what does")
        row = _meter(connection, named.account, named.meter)
        at = micros_of(named.at)
    else:
        row = _meter(connection, str(fall.account), fall.meter)
        at = _instant(str(fall.at))
    observed_at = snapshot_from(connection, row.id, at)
    if observed_at is None:
        raise UsageError(f"{row.account}/{row.name} has no snapshot at or after that instant")
    return row, observed_at


def _spike(connection: Connection, key: str) -> tuple[MeterRow, int]:
    found = next((one for one in listed_spikes(connection) if one.key == key), None)
    if found is None:
        raise UsageError(f"there is no undecided spike {key!r}; `collector resets list` shows them")
    return _meter(connection, found.account, found.meter), micros_of(found.at)


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
