"""Instants as the ledger keeps them: aware datetimes outside, integer microseconds since 1970 UTC inside.

Boundary look-ups handle tens of thousands of instants, so the arithmetic of windows works on the integers;
everything a person or a provider sees is an aware datetime. Rule for editors: a naive datetime is refused,
never guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR

_MICROSECOND = timedelta(microseconds=1)

# RFC 3339, section 5.6; the fraction may have any length, the offset is required.
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)


def micros_of(instant: datetime) -> int:
    """Return the microseconds between 1970-01-01 UTC and an aware ``instant``.

    Raises:
        ValueError: The datetime is naive.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return (instant - EPOCH) // _MICROSECOND


def instant_of(micros: int) -> datetime:
    """Return the aware UTC datetime ``micros`` microseconds after 1970-01-01 UTC."""
    return EPOCH + timedelta(microseconds=micros)


def format_instant(instant: datetime) -> str:
    """Return RFC 3339 in UTC: ``2026-01-31T23:59:59Z``, with microseconds only where there are any.

    Raises:
        ValueError: The datetime is naive.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    text = instant.astimezone(UTC).replace(tzinfo=None).isoformat()
    return text + "Z"


def parse_instant(text: str) -> datetime:
    """Read an RFC 3339 timestamp with an offset; digits beyond microseconds are cut off.

    Source: RFC 3339, section 5.6. Leap seconds (``:60``) and ``24:00`` name no instant a datetime can hold and
    are refused.

    Raises:
        ValueError: The text is anything else: naive, a number of seconds, another order of the parts.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 timestamp with an offset")
    year, month, day, hour, minute, second = (int(part) for part in match.group(1, 2, 3, 4, 5, 6))
    micros = int((match[7] or "")[:6].ljust(6, "0"))
    offset = timedelta()
    if match[8]:
        if int(match[9]) > 23 or int(match[10]) > 59:
            raise ValueError("the offset is out of range")
        offset = timedelta(hours=int(match[9]), minutes=int(match[10])) * (1 if match[8] == "+" else -1)
    try:
        return datetime(year, month, day, hour, minute, second, micros, tzinfo=UTC) - offset
    except OverflowError:
        raise ValueError("the timestamp is outside the calendar") from None
