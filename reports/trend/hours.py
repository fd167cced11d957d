"""At which hours of the week a meter is used: by its requests' times of creation or, without any, from tight polls.

Requests tell it to the second, and the hour is that of creation. Polls tell it where they are so close that an hour's
usage is bounded within half of itself or of the mean hour. An hour of the day of which a fifth or more of the
observed hours are bounded less well is not told: only its idle hours would be counted, and it would look idle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pandas as pd

from collector.domain.accounts import Counts
from collector.domain.calendar import day_of
from collector.domain.instants import instant_of
from collector.store.request_figures import Quarter
from reports.rendering import Row
from reports.windows import Window

LEAST_DAYS = 7
POLLED_DAYS = 84
"""The newest days that polls are looked at; twelve weeks are two thousand hours."""
_HOUR = 3_600_000_000
_TIGHT = 0.5
_LEAST_TIGHT = 0.8
_LEAST_HOURS = 3


@dataclass(frozen=True, slots=True)
class HourProfile:
    """Usage by hour of the day and of the week; nothing where it cannot be told.

    Attributes:
        source: ``requests`` or ``polls``; None where there is no profile.
        hours: ``hour, usage, share`` for each hour 0..23: units per day, and their share of the day.
        week: ``weekday, hour, usage`` for each hour of the week from Monday on: units per such hour; None unknown.
        note: How it was learned, or why it could not be.
    """

    source: str | None
    hours: tuple[Row, ...]
    week: tuple[Row, ...]
    note: str


def nothing_of_hours(note: str) -> HourProfile:
    """Return that there is no profile, and why."""
    return HourProfile(None, (), (), note)


def hours_by_requests(
    quarters: Iterable[Quarter], days: Sequence[date], zone: ZoneInfo, counts: Counts | None
) -> HourProfile:
    """Return the profile from requests made on the given local days.

    Args:
        quarters: What was made in each quarter of an hour, in order.
        days: The whole local days that are looked at; requests of other days do not count.
        zone: Whose hours are meant.
        counts: Whether the meter counts requests or their credits; requests where it is None.
    """
    if len(days) < LEAST_DAYS:
        return nothing_of_hours(f"needs {LEAST_DAYS} whole days, has {len(days)}")
    wanted = frozenset(days)
    sums: dict[tuple[int, int], int] = {}
    for one in quarters:
        at = instant_of(one.at)
        if day_of(at, zone) in wanted:
            key = _hour_of(at, zone)
            sums[key] = sums.get(key, 0) + (one.credits if counts is Counts.CREDITS else one.requests)
    if not sums:
        return nothing_of_hours("no request with a time of creation was listed in these days")
    times = [sum(day.weekday() == weekday for day in days) for weekday in range(7)]
    means = {
        (weekday, hour): sums.get((weekday, hour), 0) / times[weekday] if times[weekday] else None
        for weekday in range(7)
        for hour in range(24)
    }
    per_hour = [sum(sums.get((weekday, hour), 0) for weekday in range(7)) / len(days) for hour in range(24)]
    what = "credits of requests" if counts is Counts.CREDITS else "requests"
    return _profile("requests", per_hour, means, f"{what} by the hour they were made in, over {len(days)} whole days")


def hour_windows(days: Sequence[Window]) -> list[Window]:
    """Return the hours of the newest ``POLLED_DAYS`` of the given local days, each named by its day."""
    return [
        Window(day.name, start, min(start + _HOUR, day.end))
        for day in days[-POLLED_DAYS:]
        for start in range(day.start, day.end, _HOUR)
    ]


def hours_by_polls(windows: pd.DataFrame, zone: ZoneInfo) -> HourProfile:
    """Return the profile from hours that polls bound tightly.

    Args:
        windows: The usage of ``hour_windows`` of one meter, as ``reports.windows.usage_windows`` returns it.
        zone: Whose hours are meant.
    """
    days = windows["window"].nunique()
    if days < LEAST_DAYS:
        return nothing_of_hours(f"needs {LEAST_DAYS} whole days, has {days}")
    frame = _observed_hours(windows, zone)
    told = frame.groupby("hour")["tight"].agg(["mean", "sum"]).reindex(range(24), fill_value=0.0)
    if not ((told["mean"] > _LEAST_TIGHT) & (told["sum"] >= _LEAST_HOURS)).all():
        return nothing_of_hours("needs polls so close that an hour's usage is known within half of it")
    tight = frame[frame["tight"]]
    week = tight.groupby(["weekday", "hour"])["amount"].mean()
    means: dict[tuple[int, int], float | None] = {
        (weekday, hour): float(week.get((weekday, hour), float("nan"))) if (weekday, hour) in week.index else None
        for weekday in range(7)
        for hour in range(24)
    }
    per_hour = [float(one) for one in tight.groupby("hour")["amount"].mean().reindex(range(24)).tolist()]
    note = f"{len(tight):,} of {len(frame):,} hours whose usage polls bound tightly, over {days} whole days"
    return _profile("polls", per_hour, means, note)


def _observed_hours(windows: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    """Return weekday, local hour, amount in units and whether it is tightly bounded, of each observed hour."""
    frame = windows[windows["observed_us"] > 0]
    units = 10.0 ** frame["scale"]
    amount = frame["usage"].astype("Float64").astype("float64") / units
    lower = frame["lower"].astype("Float64").astype("float64") / units
    width = frame["upper"].astype("Float64").astype("float64") / units - lower
    local = [_hour_of(one.to_pydatetime(), zone) for one in frame["start"]]
    return pd.DataFrame(
        {
            "weekday": [weekday for weekday, _ in local],
            "hour": [hour for _, hour in local],
            "amount": amount.to_list(),
            "tight": (width <= _TIGHT * amount.clip(lower=max(0.0, float(amount.mean())))).to_list(),
        }
    )


def _hour_of(at: datetime, zone: ZoneInfo) -> tuple[int, int]:
    local = at.astimezone(zone)
    return local.weekday(), local.hour


def _profile(
    source: str, per_hour: Sequence[float], means: Mapping[tuple[int, int], float | None], note: str
) -> HourProfile:
    whole = sum(per_hour)
    hours = [
        {"hour": hour, "usage": round(usage, 6), "share": round(usage / whole, 6) if whole > 0 else None}
        for hour, usage in enumerate(per_hour)
    ]
    week = [
        {"weekday": weekday, "hour": hour, "usage": None if usage is None else round(usage, 6)}
        for (weekday, hour), usage in means.items()
    ]
    return HourProfile(source, tuple(hours), tuple(week), note)


def busiest(profile: HourProfile) -> tuple[int, float] | None:
    """Return the hour of the day with the greatest share, and that share; None without a profile or usage."""
    shares = [(row["share"], row["hour"]) for row in profile.hours]
    told = [(share, hour) for share, hour in shares if isinstance(share, float) and isinstance(hour, int)]
    if not told:
        return None
    share, hour = max(told, key=lambda one: (one[0], -one[1]))
    return hour, share
