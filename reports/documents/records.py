"""The reports' own rows as typed tables: one column for each of their CSV's, in its order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reports import burn_rate, daily, exhaustion, request_gaps, requests
from reports.document import Column, Kind, Table
from reports.rendering import Row

_TITLES = {
    "request_id": "Request",
    "usage": "Used",
    "lower": "At least",
    "upper": "At most",
    "coverage": "Observed",
    "held": "Falls held",
    "partial": "Part of the day",
    "window_start": "From",
    "window_end": "Until",
    "per_day": "Per day",
    "period_start": "Period from",
    "period_end": "Period until",
    "exhausts_on": "Runs out on",
    "latest": "At the latest",
    "earliest": "At the earliest",
    "projected_usage": "Expected by the period's end",
    "created_at": "Created",
    "completed_at": "Completed",
    "credits_used": "Credits",
    "first_seen_at": "First seen",
    "last_seen_at": "Last seen",
    "polled_at": "Poll",
    "missed_requests": "Missed",
    "missed_after": "Made after",
    "missed_before": "Made before",
    "unexplained": "Credits unexplained",
}
_KINDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.QUANTITY: (
        "usage", "lower", "upper", "quota", "used", "remaining", "projected_usage", "credits_used", "unexplained",
    ),
    Kind.COUNT: (
        "snapshots", "resets", "corrections", "held", "missed_requests", "new_requests", "listed_requests",
    ),
    Kind.SHARE: ("coverage", "probability"),
    Kind.NUMBER: ("per_day",),
    Kind.DAY: ("day", "exhausts_on", "earliest", "latest"),
    Kind.INSTANT: (
        "window_start", "window_end", "period_start", "period_end", "created_at", "completed_at", "first_seen_at",
        "last_seen_at", "polled_at", "missed_after", "missed_before",
    ),
    Kind.FLAG: ("partial",),
}  # fmt: skip
_KIND_OF = {key: kind for kind, keys in _KINDS.items() for key in keys}
_COLUMNS = {
    "daily": daily.COLUMNS,
    "burn": burn_rate.COLUMNS,
    "exhaustion": exhaustion.COLUMNS,
    "requests": requests.COLUMNS,
    "gaps": request_gaps.COLUMNS,
}


def column(key: str) -> Column:
    """Return the column of a report's key: what people read above it, and what its cells are."""
    return Column(key, _TITLES.get(key) or key.replace("_", " ").capitalize(), _KIND_OF.get(key, Kind.TEXT))


def columns(*keys: str) -> tuple[Column, ...]:
    """Return the columns of several keys, in order."""
    return tuple(map(column, keys))


def records(report: str, rows: Iterable[Row], title: str, note: str = "") -> Table:
    """Return the rows of ``report`` (``daily``, ``burn``, ``exhaustion``, ``requests``, ``gaps``) as its records."""
    return Table(report, title, columns(*_COLUMNS[report]), rows, note)
