"""What a notebook asks, as a question to the ledger: names, dates and zones as people write them, or a refusal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TypedDict
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from collector.errors import UsageError
from reports.question import Question

OF_PERIODS = frozenset({"period", "invoice", "which"})
"""What only the reports on a billing period take."""


class Asked(TypedDict, total=False):
    """What every report can be asked.

    Attributes:
        accounts, meters: A name or several; all without.
        start, end: Local dates, half-open, as dates or such as ``2026-10-01``.
        last_days: The last so many local days including today.
        zone: Whose midnights make a day, instead of the accounts' own.
    """

    accounts: str | Sequence[str]
    meters: str | Sequence[str]
    start: date | str
    end: date | str
    last_days: int
    zone: str | ZoneInfo


class AskedOfPeriod(Asked, total=False):
    """What ``month`` and ``reconcile`` can be asked as well.

    Attributes:
        invoice: The provider's invoice, a CSV or JSON file.
        which: ``now``, ``closed`` or ``both`` figures; only for ``month``.
    """

    invoice: str | Path
    which: str


class AskedOfAny(AskedOfPeriod, total=False):
    """What the report of any name can be asked.

    Attributes:
        period: A billing period such as ``2026-10``; for ``month`` and ``reconcile``, which need one.
    """

    period: str


def question_of(base: Question, asked: AskedOfAny, known: Mapping[str, Sequence[str]]) -> Question:
    """Return the question that ``asked`` makes of ``base``.

    Args:
        base: When it is asked, what is agreed, and the zone where ``asked`` names none.
        asked: As a notebook writes it.
        known: The recorded meters by account.

    Raises:
        UsageError: A key, a name, a date, a zone or a range is wrong.
    """
    strange = sorted(set(asked).difference(AskedOfAny.__annotations__))
    if strange:
        raise UsageError(f"a report takes no {strange[0]} (it takes {', '.join(sorted(AskedOfAny.__annotations__))})")
    accounts, meters = _names(asked.get("accounts")), _names(asked.get("meters"))
    _require("account", accounts, {*known, *base.agreements})
    _require("meter", meters, {name for found in known.values() for name in found})
    start, end, last_days = _day(asked.get("start")), _day(asked.get("end")), asked.get("last_days")
    if last_days is not None and last_days < 1:
        raise UsageError(f"last_days is at least 1, not {last_days}")
    if start is not None and end is not None and end <= start:
        raise UsageError(f"the range from {start} to {end} is empty; end is not included")
    zone = zone_of(asked.get("zone", base.zone))
    return replace(base, accounts=accounts, meters=meters, start=start, end=end, last_days=last_days, zone=zone)


def zone_of(value: str | ZoneInfo | None) -> ZoneInfo | None:
    """Return the time zone called ``value``; None for None.

    Raises:
        UsageError: There is no such zone.
    """
    if not isinstance(value, str):
        return value
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"no time zone is called {value!r}; write one such as Europe/Berlin") from None


def _names(names: str | Sequence[str] | None) -> tuple[str, ...] | None:
    return None if names is None else (names,) if isinstance(names, str) else tuple(names)


def _require(what: str, names: Sequence[str] | None, known: set[str]) -> None:
    for name in names or ():
        if name not in known:
            raise UsageError(f"no {what} is called {name!r} (known: {', '.join(sorted(known)) or 'none'})")


def _day(value: date | str | None) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise UsageError(f"a date is written 2026-10-31, not {value!r}") from None
