"""The summary of the report ``requests``: how many, how they ended, what they cost, how long they took, when.

Figures come from the database as counts, whatever the number of records; nothing here holds a list of them.
Credits are those of completed requests; durations, in whole seconds, are from creation to completion of all requests
that have both. The failure rate is of finished requests, those that completed or failed.

Public: ``request_summaries``, ``RequestSummary``, ``flat_row``, ``FLAT_COLUMNS``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from collector.domain.instants import instant_of
from collector.domain.requests import UNRESOLVED
from collector.store.accounts import recorded_zones
from collector.store.engine import Database
from collector.store.request_figures import (
    Quarter,
    ShownRequest,
    by_quarter,
    credit_counts,
    duration_counts,
    has_list,
    longest_requests,
    request_span,
    running_requests,
    status_counts,
    unresolved_requests,
)
from reports.distributions import RANKS, distribution, duration_bins
from reports.question import Question
from reports.rendering import Cell, Row, Value
from reports.requests import spans_of

SHOWN = 5
FLAT_COLUMNS = (
    "account",
    "timezone",
    "start",
    "end",
    "requests",
    "completed",
    "failed",
    "processing",
    "unresolved",
    "other",
    "failure_rate",
    "credits",
    "credits_p50",
    "credits_p90",
    "credits_p99",
    "credits_max",
    "seconds_p50",
    "seconds_p90",
    "seconds_p99",
    "seconds_max",
    "busiest_hour",
    "busiest_hour_requests",
)


@dataclass(frozen=True, slots=True)
class RequestSummary:
    """The summary of one account.

    Attributes:
        facts: The object that JSON shows, with the keys ``account, timezone, start, end, requests, statuses,
            finished, failure_rate, credits, durations, longest, running, unresolved, busiest_hours, hours``.
        week: Requests by hour of the week: ``weekday`` (Monday 0), ``hour``, ``requests``; every hour, also empty ones.
        bins: The histogram of durations: ``from_seconds, to_seconds, requests``; from the first to the last one used.
    """

    facts: Mapping[str, Value]
    week: tuple[Row, ...]
    bins: tuple[Row, ...]

    def row(self, part: str) -> Row:
        """Return a part that is one row, such as ``credits``."""
        return cast("Row", self.facts[part])

    def rows(self, part: str) -> Sequence[Row]:
        """Return the rows of a part, such as ``longest``."""
        return cast("Sequence[Row]", self.facts[part])


def request_summaries(database: Database, question: Question) -> Iterator[RequestSummary]:
    """Yield the summary of each asked account that ever had a request record, by name.

    Records are those made within the asked local dates; one without a time of creation counts from when it was first
    seen, but tells nothing of hours. An account whose records are all from other days has a summary of noughts.
    """
    zones = recorded_zones(database)
    for accounts, start, end in spans_of(database, question):
        for account in accounts:
            zone = question.agreement_of(account, zones[account]).zone
            found = _summary(database, (account, zone), (start, end), question.now)
            if found is not None:
                yield found


def _summary(
    database: Database, account: tuple[str, ZoneInfo], span: tuple[datetime | None, datetime | None], now: datetime
) -> RequestSummary | None:
    """Return the summary of one account's records made in ``span``; None for one that never had any."""
    name, zone = account
    with database.read() as connection:
        made = request_span(connection, name, *span)
        if made is None or not has_list(connection, made):
            return None
        statuses = _statuses(status_counts(connection, made))
        used = distribution(lambda: credit_counts(connection, made))
        took = distribution(lambda: duration_counts(connection, made))
        bins = tuple(duration_bins(duration_counts(connection, made)))
        hours, week = _hours(by_quarter(connection, made), zone)
        longest, running = longest_requests(connection, made, SHOWN), running_requests(connection, made, SHOWN)
        unresolved = unresolved_requests(connection, made, SHOWN)
    finished = statuses.get("completed", 0) + statuses.get("failed", 0)
    facts: dict[str, Value] = {
        "account": name,
        "timezone": zone.key,
        "start": made.start,
        "end": made.end,
        "requests": sum(statuses.values()),
        "statuses": statuses,
        "finished": finished,
        "failure_rate": round(statuses.get("failed", 0) / finished, 6) if finished else None,
        "credits": {
            "requests": used.count,
            "total": used.total,
            **{f"p{rank}": used.ranks[rank] for rank in RANKS},
            "max": used.greatest,
        },
        "durations": {
            "requests": took.count,
            **{f"p{rank}_seconds": took.ranks[rank] for rank in RANKS},
            "max_seconds": took.greatest,
        },
        "longest": [_shown(one, now) for one in longest],
        "running": [_shown(one, now) for one in running],
        "unresolved": [_shown(one, now) for one in unresolved],
        "busiest_hours": _busiest(hours),
        "hours": hours,
    }
    return RequestSummary(facts, week, bins)


def _statuses(counts: Sequence[tuple[str, bool, int]]) -> dict[str, int]:
    """Return how many requests ended how; those that left the list before their end are ``unresolved``."""
    found: dict[str, int] = {}
    for status, gone, count in counts:
        shown = UNRESOLVED if gone else status
        found[shown] = found.get(shown, 0) + count
    return dict(sorted(found.items()))


def _shown(one: ShownRequest, now: datetime) -> Row:
    """Return a request as a row; ``seconds`` is how long it took or, while it runs, how long it has been running."""
    created, completed = one.created_at, one.completed_at
    ended = now if completed is None else completed
    return {
        "request_id": one.request_id,
        "status": one.status,
        "created_at": created,
        "completed_at": completed,
        "credits_used": one.credits_used,
        "seconds": None if created is None else (ended - created) // timedelta(seconds=1),
    }


def _hours(quarters: Iterable[Quarter], zone: ZoneInfo) -> tuple[list[Row], tuple[Row, ...]]:
    """Return requests and credits by local hour of the day, and requests by hour of the week."""
    week: dict[tuple[int, int], int] = {}
    used = [0] * 24
    for one in quarters:
        local = instant_of(one.at).astimezone(zone)
        key = local.weekday(), local.hour
        week[key] = week.get(key, 0) + one.requests
        used[local.hour] += one.credits
    hours: list[Row] = [
        {"hour": hour, "requests": sum(week.get((day, hour), 0) for day in range(7)), "credits": used[hour]}
        for hour in range(24)
    ]
    grid: tuple[Row, ...] = tuple(
        {"weekday": day, "hour": hour, "requests": week.get((day, hour), 0)} for day in range(7) for hour in range(24)
    )
    return hours, grid


def _busiest(hours: Sequence[Row]) -> list[Row]:
    """Return the hours of the day in which most requests were made, most first."""
    used = [row for row in hours if row["requests"]]
    return sorted(used, key=lambda row: (-cast("int", row["requests"]), cast("int", row["hour"])))[:3]


def flat_row(summary: RequestSummary) -> Row:
    """Return the summary as one row with the columns of ``FLAT_COLUMNS``; ``other`` counts all other statuses."""
    statuses = cast("Mapping[str, int]", summary.facts["statuses"])
    used, took, busiest = summary.row("credits"), summary.row("durations"), summary.rows("busiest_hours")
    known = {name: statuses.get(name, 0) for name in ("completed", "failed", "processing", UNRESOLVED)}
    first: Mapping[str, Cell] = busiest[0] if busiest else {"hour": None, "requests": None}
    facts = {key: cast("Cell", summary.facts[key]) for key in ("account", "timezone", "start", "end", "requests")}
    return {
        **facts,
        **known,
        "other": sum(statuses.values()) - sum(known.values()),
        "failure_rate": cast("Cell", summary.facts["failure_rate"]),
        "credits": used["total"],
        **{f"credits_{key}": used[key] for key in ("p50", "p90", "p99", "max")},
        **{f"seconds_{key}": took[f"{key}_seconds"] for key in ("p50", "p90", "p99", "max")},
        "busiest_hour": first["hour"],
        "busiest_hour_requests": first["requests"],
    }
