"""Checks of single values: text, numbers, durations, time zones, currencies, exact decimals, dates.

Each returns the value in its type or raises ValueError with a text that completes "SETTING …". Values that may hold a
secret are checked by ``unshown_text``; all others are shown as they were found.

Public: ``checked_text``, ``unshown_text``, ``variable_name``, ``matching``, ``whole``, ``number_of_text``,
``member_of``, ``checked_duration``, ``duration_between``, ``checked_zone``, ``checked_currency``, ``exact_decimal``,
``checked_date``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from collector.config.durations import format_duration, parse_duration
from collector.config.wording import found, nearest, one_of
from collector.domain.money import CURRENCIES
from collector.errors import ConfigError

# Kept in some systems' zone folders, but not places: leap-second clocks, copies and whatever this machine is set to.
_NO_PLACES = re.compile(r"(posix|right)/.*|localtime|posixrules|Factory", re.DOTALL)

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,18})?")


def checked_text(value: object) -> str:
    """Return ``value`` if it is text."""
    if not isinstance(value, str):
        raise ValueError(f"must be text in quotes; found {found(value)}")
    return value


def unshown_text(value: object) -> str:
    """Return ``value`` if it is text and not empty; it may be a secret, so a refusal does not show it."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("must be text in quotes, not empty")
    return value


def variable_name(value: object) -> str:
    """Return ``value`` if it can be a variable's name; it may be the key itself, so a refusal does not show it."""
    if not isinstance(value, str) or _VARIABLE_NAME.fullmatch(value) is None:
        raise ValueError(
            "must be the name of an environment variable, such as NELLIE_API_KEY (what was found is not "
            "shown: it may be the key itself)"
        )
    return value


def matching(pattern: re.Pattern[str], allowed: str) -> Callable[[object], str]:
    """Return the check for text that matches ``pattern`` as a whole; ``allowed`` says so in words."""

    def check(value: object) -> str:
        text = checked_text(value)
        if pattern.fullmatch(text) is None:
            raise ValueError(f"must be {allowed}; found {found(text)}")
        return text

    return check


def whole(lowest: int, highest: int, allowed: str | None = None) -> Callable[[object], int]:
    """Return the check for a whole number from ``lowest`` to ``highest``, both included."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"must be {allowed or f'a whole number from {lowest} to {highest}'}; found {found(value)}")
        return value

    return check


def number_of_text(value: object) -> object:
    """Return the number that text of up to nine digits is, and anything else as it is."""
    # Environment variables are text; these are the digits that a number can be written with there.
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value) else value


def member_of(kind: type[StrEnum]) -> Callable[[object], StrEnum]:
    """Return the check for one of the words of ``kind``."""

    def check(value: object) -> StrEnum:
        text = checked_text(value)
        if text not in list(kind):
            raise ValueError(one_of(text, kind))
        return kind(text)

    return check


def checked_duration(value: object) -> timedelta:
    """Return the duration that text such as ``30s`` names."""
    if not isinstance(value, str):
        raise ValueError(f'must be a duration in quotes such as "30s" or "5m"; found {found(value)}')
    try:
        return parse_duration(value)
    except ConfigError as error:
        raise ValueError(str(error)) from None


def duration_between(lowest: timedelta, highest: timedelta) -> Callable[[object], timedelta]:
    """Return the check for a duration from ``lowest`` to ``highest``, both included."""

    def check(value: object) -> timedelta:
        duration = checked_duration(value)
        if not lowest <= duration <= highest:
            allowed = f"{format_duration(lowest)} to {format_duration(highest)}"
            raise ValueError(f"must be from {allowed}; found {found(value)}")
        return duration

    return check


def checked_zone(value: object) -> ZoneInfo:
    """Return the time zone of a place, or UTC."""
    name = checked_text(value)
    try:
        if _NO_PLACES.fullmatch(name) is None:
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        pass
    close = nearest(name, _zone_names())
    hint = f"; did you mean {close}?" if close else ""
    raise ValueError(f'must be the name of a time zone such as "UTC" or "Europe/Berlin"; found {found(name)}{hint}')


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def checked_currency(value: object) -> str:
    """Return the code of a currency of ISO 4217."""
    code = checked_text(value)
    if code not in CURRENCIES:
        # The first two letters are the country's: among its own currencies no likeness decides.
        country = [known for known in sorted(CURRENCIES) if known[:2] == code.upper()[:2]]
        close = " or ".join(country) or nearest(code.upper(), CURRENCIES)
        hint = f"; did you mean {close}?" if close else ""
        raise ValueError(f'must be a currency of ISO 4217 such as "EUR"; found {found(code)}{hint}')
    return code


def exact_decimal(example: str, highest: Decimal | None = None) -> Callable[[object], Decimal]:
    """Return the check for a decimal in quotes, at least 0 and at most ``highest``; it is kept to the digit."""

    def check(value: object) -> Decimal:
        if not isinstance(value, str) or _DECIMAL.fullmatch(value) is None:
            raise ValueError(f'must be an exact decimal in quotes such as "{example}"; found {found(value)}')
        if highest is not None and Decimal(value) > highest:
            raise ValueError(f"must be from 0 to {highest}; found {found(value)}")
        return Decimal(value)

    return check


def quantity(value: object) -> Decimal:
    """Return a positive number of units: a whole number, or an exact decimal in quotes."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return Decimal(value)
    if isinstance(value, str) and _DECIMAL.fullmatch(value) is not None and Decimal(value) > 0:
        return Decimal(value)
    raise ValueError(
        f'must be a whole number above 0, or an exact decimal in quotes such as "2.5"; found {found(value)}'
    )


def checked_date(value: object) -> date:
    """Return the date that TOML read, or that text such as ``2026-07-01`` names."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        # Python reads 20260701 and 2026-W27-3 too; one spelling is enough.
        if isinstance(value, str) and _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError(f"must be a date such as 2026-07-01; found {found(value)}")
