"""Reads the times a server writes into headers: ``Retry-After`` and HTTP dates.

The text is the server's, so it may be anything: what cannot be read is None, never an error and never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST_WAIT = timedelta(hours=1)

# More digits than any sensible wait has; int() of an unbounded text is refused by Python and slow without that.
_SECONDS = re.compile(r"[0-9]{1,200}", re.ASCII)
_LONGEST_DATE = 64
_DATE_START = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? ", re.ASCII)


def parse_retry_after(values: Sequence[str], now: datetime) -> timedelta | None:
    """Return how long the ``Retry-After`` headers ask us to wait from ``now``, at most one hour.

    None if there is no header, more than one, or one that is unreadable, negative or a date that has passed: then
    the usual backoff applies.

    Source: RFC 9110, section 10.2.3 (seconds, or an HTTP date).
    """
    if len(values) != 1:
        return None
    text = values[0].strip(" \t")
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=min(int(text), int(LONGEST_WAIT.total_seconds())))
    at = parse_http_date(text)
    if at is None or at < now:
        return None
    return min(at - now, LONGEST_WAIT)


def parse_http_date(text: str) -> datetime | None:
    """Return the UTC instant of an HTTP date in any of its three forms, or None if it is none of them.

    Source: RFC 9110, section 5.6.7. A date without a zone is UTC, as HTTP dates always are.
    """
    if len(text) > _LONGEST_DATE or not _DATE_START.match(text):
        return None
    try:
        at = parsedate_to_datetime(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
