"""The questions that commands and pages ask the ledger: dates, zones and names, read from text and refused in words.

Nothing heavy is imported before it is used: ``--help`` must stay quick.

Public: ``question_of``, ``parse_date``, ``parse_days``, ``parse_zone``, ``require_known``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from collector.errors import UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from collector.config import Settings
    from collector.store.engine import Database
    from reports.question import Question

# Beyond these lie no history, and instants that a date's midnight in some zone could not be told in.
_FIRST_DATE, _LAST_DATE = date(1900, 1, 1), date(9000, 1, 1)
_LAST = re.compile(r"([1-9]\d{0,4})([dw])", re.ASCII)


def parse_date(text: str | None, option: str) -> date | None:
    """Read a local date.

    Raises:
        UsageError: The text is no date.
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} takes a date such as 2026-01-31, not {text!r}") from None


def _within_reason(day: date | None) -> date | None:
    return None if day is None else min(max(day, _FIRST_DATE), _LAST_DATE)


def parse_days(text: str | None) -> int | None:
    """Read ``30d`` or ``4w`` as a number of days.

    Raises:
        UsageError: The text is neither.
    """
    if text is None:
        return None
    match = _LAST.fullmatch(text)
    if match is None:
        raise UsageError(f"--last takes days or weeks such as 30d or 4w, not {text!r}")
    return int(match[1]) * (7 if match[2] == "w" else 1)


def parse_zone(name: str | None) -> ZoneInfo | None:
    """Read a time zone.

    Raises:
        UsageError: There is no such zone.
    """
    from zoneinfo import ZoneInfo

    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(f"--tz: there is no time zone {name!r}; names look like Europe/Berlin or UTC") from None


def question_of(
    settings: Settings,
    now: datetime,
    *,
    names: tuple[list[str] | None, list[str] | None],
    span: tuple[str | None, str | None, str | None] = (None, None, None),
    zone: str | None = None,
) -> Question:
    """Return the question that a reading command asks.

    Args:
        settings: What is configured.
        now: The instant of the question.
        names: ``--account`` and ``--meter``.
        span: ``--from``, ``--to`` and ``--last``.
        zone: ``--tz``.

    Raises:
        UsageError: A date, a zone or a range is wrong.
    """
    from collector.app.wiring import agreements
    from reports.question import Question

    accounts, meters = names
    start, end, last = parse_date(span[0], "--from"), parse_date(span[1], "--to"), parse_days(span[2])
    if last is not None and (start is not None or end is not None):
        raise UsageError("--last counts back from today; give it alone, or --from and --to")
    if start is not None and end is not None and end <= start:
        raise UsageError(f"the range from {start} to {end} holds no day; --to is the day to stop before")
    return Question(
        now=now,
        agreements=agreements(settings),
        accounts=tuple(accounts) if accounts else None,
        meters=tuple(meters) if meters else None,
        start=_within_reason(start),
        end=_within_reason(end),
        last_days=last,
        zone=parse_zone(zone),
    )


def require_known(
    settings: Settings, database: Database, accounts: Sequence[str] | None, meters: Sequence[str] | None
) -> None:
    """Refuse names that neither the settings nor the history know: an empty answer would look like no usage.

    Raises:
        UsageError: An account or a meter is unknown.
    """
    from collector.app.wiring import configured_meters
    from collector.store.accounts import recorded

    known = recorded(database)
    _require_among("account", accounts, {*known, *(one.name for one in settings.accounts)})
    _require_among("meter", meters, {*configured_meters(settings), *(name for each in known.values() for name in each)})


def _require_among(what: str, names: Sequence[str] | None, known: set[str]) -> None:
    for name in names or ():
        if name not in known:
            raise UsageError(f"no {what} is called {name!r} (known: {', '.join(sorted(known)) or 'none'})")
