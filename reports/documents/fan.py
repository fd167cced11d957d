"""What the charts of a quota show of what is to come, from the forecast that the report's row was made of.

Public: ``fan_rows``, ``marks_of``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from collector.domain.calendar import day_of, start_of_day
from reports.forecasting.prospect import Prospect
from reports.forecasting.verdict import LEVELS
from reports.rendering import Row
from reports.rows import scaled

_QUANTILES = {"low": 0.1, "low_half": 0.25, "middle": 0.5, "high_half": 0.75, "high": 0.9}
_INTERVAL = ("low", "high")
_MARKS = {"earliest": "earliest", "warn_on": "warning", "exhausts_on": "exhausts", "latest": "latest"}
_DAY = timedelta(days=1)


def fan_rows(prospect: Prospect, used: int, scale: int, until: datetime) -> Iterator[Row]:
    """Yield what will have been used at the end of each day from the last observation on.

    Args:
        prospect: What is to come.
        used: What was used at the end of its history, in the meter's smallest unit.
        scale: How many decimal places a unit has.
        until: Where the last day ends, such as the billing period; on another zone's clock it may cut that day.

    Yields:
        In units ``day, low, low_half, middle, high_half, high``; of a history that is too short for a date only the
        outer two.
    """
    zone = prospect.history.zone
    names = _INTERVAL if prospect.interval_only else tuple(_QUANTILES)
    day = day_of(prospect.history.end, zone)
    while start_of_day(day, zone) < until:
        days = prospect.days_until(min(start_of_day(day + _DAY, zone), until))
        more = {name: round(prospect.curves.quantile(_QUANTILES[name], days)) for name in names}
        yield {"day": day.isoformat(), **{name: scaled(used + each, scale) for name, each in more.items()}}
        day += _DAY


def marks_of(prospect: Prospect, remaining: int, row: Row, now: datetime) -> Mapping[str, datetime]:
    """Return when the quota is used up, by the fields of ``Ahead``, as far as the report's ``row`` tells it ``now``."""
    found: dict[str, datetime] = {}
    passed = () if row.get("since") is None else ("warn_on", "exhausts_on")
    for name, level in LEVELS.items():
        told = row.get(name) is not None and name not in passed
        at = prospect.used_up_at(remaining, level) if told else None
        if at is not None:
            found[_MARKS[name]] = prospect.told(at, now)
    return found
