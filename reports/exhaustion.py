"""Exhaustion: the day a quota ends, with an interval, or an honest ``lasts``, ``exhausted`` or ``unknown``.

    ──[ period ──────── seen ╌╌╌ now ╌╌╌╌╌ exhausts_on ╌╌╌╌╌╌ )──      ── observed   ╌╌ expected
                        └ used     earliest ┘     └ latest

What is used is known up to the last good value; usage from there on is expected, also what lies between it and now.
``exhausts_on`` is the median day, ``earliest`` and ``latest`` bound the 80 % interval; a bound that falls behind the
period's end is empty. ``probability`` is that of running out before the period ends. ``reason`` says why the outlook is
unknown, and whatever else a reader must know to judge it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import NormalDist
from types import MappingProxyType

import numpy as np
import pandas as pd

from collector.domain.calendar import day_of
from collector.domain.instants import instant_of
from collector.errors import CollectorError
from reports.forecast import (
    LEAST_DAYS,
    METHOD,
    MOST_DAYS,
    Course,
    Profile,
    course,
    days_ahead,
    observed_days,
    weekday_profile,
)
from reports.frames import INSTANT, frame_of
from reports.standing import QuotaStanding
from reports.windows import Window, local_days

COLUMNS = (
    "account",
    "meter",
    "unit",
    "quota",
    "used",
    "remaining",
    "period_start",
    "period_end",
    "status",
    "exhausts_on",
    "earliest",
    "latest",
    "probability",
    "per_day",
    "projected_usage",
    "method",
    "reason",
)
SCHEMA = {
    **dict.fromkeys(COLUMNS, "str"),
    **dict.fromkeys(("quota", "used", "remaining", "projected_usage"), "Int64"),
    **dict.fromkeys(("period_start", "period_end"), INSTANT),
    **dict.fromkeys(("probability", "per_day"), "float64"),
    "scale": "int64",
}
_DAY = timedelta(days=1)
_LIFETIME_YEARS = 10
_LIFETIME_HORIZON = timedelta(days=365 * _LIFETIME_YEARS)
_STALE = timedelta(days=1)
_TOO_OLD = timedelta(days=MOST_DAYS)
_LARGEST = 2**63
_NORMAL = NormalDist()

_Fields = dict[str, object]


def days_needed(standing: QuotaStanding) -> Sequence[Window]:
    """Return the local days that a row of ``exhaustion`` is computed from: the profile's weeks before the last value.

    Where the quota is used up also the days since its window began, to tell on which of them that happened.
    """
    if standing.allowance is None or standing.used is None:
        return ()
    first = day_of(instant_of(standing.row.last_at), standing.zone) - timedelta(days=MOST_DAYS)
    if standing.exhausted:
        period = standing.allowance.period
        if period is None:
            return local_days(standing.row, standing.zone, None, None)
        first = min(first, day_of(period.start, standing.zone))
    return local_days(standing.row, standing.zone, first, None)


def exhaustion(
    standings: Sequence[QuotaStanding],
    days: Mapping[tuple[str, str], pd.DataFrame],
    now: datetime,
    left_out: Mapping[int, Sequence[str]] = MappingProxyType({}),
) -> pd.DataFrame:
    """Return the report ``exhaustion``.

    Args:
        standings: Where the quotas stand, in the order of the report.
        days: By account and meter the daily deltas of ``days_needed``, as ``reports.daily.daily_deltas`` returns them;
            a meter may be missing. With ``spiked`` of ``reports.spikes.with_spikes`` no forecast learns from
            unconfirmed spikes; what is used holds them all the same.
        now: The instant of the question.
        left_out: By meter id, sentences on what was left out, for ``reason``.

    Returns:
        One row per standing, index 0…n-1. ``account, meter, unit`` str; ``quota, used, remaining`` Int64 in the meter's
        smallest unit (NA without a quota, the last two also before the first value of the period); ``period_start,
        period_end`` datetime64[us, UTC] (NaT for a lifetime quota); ``status`` str, one of ``exhausted, exhausts,
        lasts, unknown``; ``exhausts_on, earliest, latest`` str dates or missing, in this order of time: earliest,
        exhausts_on, latest; ``probability`` float64 0..1 or NaN; ``per_day`` float64 whole units expected of an average
        day; ``projected_usage`` Int64 in the smallest unit at the period's end, NA for a lifetime quota; ``method``,
        ``reason`` str or missing; ``scale`` int64. No rows for no standings. Under seven whole days observed, or with
        no usage in them, ``status`` is ``unknown`` and ``reason`` says so.

    Raises:
        CollectorError: An amount beyond 64 bits, which no frame can hold exactly.
    """
    rows = [
        _row(one, days.get((one.row.account, one.row.name)), now, left_out.get(one.row.id, ())) for one in standings
    ]
    return frame_of({name: [row.get(name) for row in rows] for name in SCHEMA}, SCHEMA)


def _row(standing: QuotaStanding, days: pd.DataFrame | None, now: datetime, left_out: Sequence[str]) -> _Fields:
    allowance, used, meter = standing.allowance, standing.used, standing.row
    row: _Fields = {
        "account": meter.account,
        "meter": meter.name,
        "unit": meter.unit,
        "scale": meter.scale,
        "status": "unknown",
    }
    if allowance is None:
        return {**row, "reason": "no quota is declared for this meter"}
    row["quota"] = allowance.quota.amount
    if allowance.period is not None:
        row |= {"period_start": allowance.period.start, "period_end": allowance.period.end}
    if used is None or standing.remaining is None:
        return {**row, "reason": "nothing was observed yet in this billing period"}
    if max(abs(used.amount), standing.remaining) >= _LARGEST:
        raise CollectorError(f"what is used of {meter.account}/{meter.name} does not fit into 64 bits")
    row |= {"used": used.amount, "remaining": standing.remaining}
    row |= _exhausted(standing, days, now) if standing.exhausted else _outlook(standing, days, now)
    reasons = [*([row["reason"]] if "reason" in row else []), *_remarks(standing, now), *left_out]
    return {**row, "reason": "; ".join(map(str, reasons)) or None}


def _remarks(standing: QuotaStanding, now: datetime) -> Iterator[str]:
    """Yield what a reader must know to judge the row, whatever it says."""
    if standing.used is not None and not standing.used.complete:
        yield "the history begins within this billing period: what was used before it is not counted"
    if standing.row.latest < standing.row.good_value:
        yield "a fall of the counter is not yet decided"
    age = now - standing.seen_at
    if age > _STALE:
        yield f"the last value is {_age(age)} old"


def _age(age: timedelta) -> str:
    return f"{age.days} days" if age >= 2 * _DAY else f"{age // timedelta(hours=1)} hours"


@dataclass(frozen=True, slots=True)
class _Expected:
    """What is expected from the last good value on, until the period (or the horizon of a lifetime) ends."""

    profile: Profile
    course: Course
    fields: _Fields


def _expected(standing: QuotaStanding, days: pd.DataFrame | None, now: datetime) -> _Expected | str:
    """Return what is expected, or why nothing can be."""
    age = now - standing.seen_at
    if age > _TOO_OLD:
        return f"no forecast from values that end more than {MOST_DAYS} days ago"
    profile = None if days is None else weekday_profile(days)
    if profile is None:
        count = 0 if days is None else int(observed_days(days).sum())
        return f"{count} of the {LEAST_DAYS} whole days that a forecast needs were observed"
    period = None if standing.allowance is None else standing.allowance.period
    end = standing.seen_at + _LIFETIME_HORIZON if period is None else period.end
    # A clock that went back may put the last value behind the end of the period.
    start = min(standing.seen_at, end - timedelta(microseconds=1))
    ahead = course(profile, days_ahead(start, end, standing.zone))
    fields: _Fields = {"per_day": round(profile.per_day / 10**standing.row.scale, 6), "method": METHOD}
    if period is not None and standing.used is not None:
        projected = standing.used.amount + round(float(ahead.mean[-1]))
        fields["projected_usage"] = projected if abs(projected) < _LARGEST else None
    return _Expected(profile, ahead, fields)


def _exhausted(standing: QuotaStanding, days: pd.DataFrame | None, now: datetime) -> _Fields:
    expected, crossed_on = _expected(standing, days, now), _crossed_on(standing, days)
    return {
        "status": "exhausted",
        "exhausts_on": crossed_on,
        "probability": 1.0,
        **({} if isinstance(expected, str) else expected.fields),
        **({} if crossed_on or days is None else {"reason": "used up before the history begins"}),
    }


def _crossed_on(standing: QuotaStanding, days: pd.DataFrame | None) -> str | None:
    """Return the last day at whose beginning something was left, or None where that was before the history.

    Days are walked backwards from what is used now, so what was used before them need not be known.
    """
    if days is None or standing.allowance is None or standing.used is None:
        return None
    period = standing.allowance.period
    if period is not None:
        days = days.loc[days["day"] >= period.starts_on.isoformat()]
    since_day_began = days["usage"].astype(object)[::-1].cumsum()[::-1]
    left = standing.used.amount - since_day_began < standing.allowance.quota.amount
    crossed = days.loc[left.astype("bool"), "day"]
    if len(crossed):
        return str(crossed.iloc[-1])
    # Nothing was left even at the beginning of a period that was seen whole.
    return period.starts_on.isoformat() if period is not None and standing.used.complete else None


def _outlook(standing: QuotaStanding, days: pd.DataFrame | None, now: datetime) -> _Fields:
    expected = _expected(standing, days, now)
    if isinstance(expected, str):
        return {"reason": expected}
    if expected.profile.per_day <= 0:
        return {**expected.fields, "reason": f"no usage in the last {MOST_DAYS} whole days to project"}
    remaining = float(standing.remaining or 0)
    dates = _dates(expected.course, remaining)
    if dates["status"] == "lasts":
        dates = _with_unseen(standing, expected, remaining)
    return {**expected.fields, **dates}


def _with_unseen(standing: QuotaStanding, expected: _Expected, remaining: float) -> _Fields:
    """Return the outlook of a quota that lasts as far as was observed, given what was used before the history began."""
    period = None if standing.allowance is None else standing.allowance.period
    if period is None:
        return {
            **_dates(expected.course, remaining),
            "reason": f"at this rate it lasts longer than {_LIFETIME_YEARS} years",
        }
    if standing.used is None or standing.used.complete:
        return _dates(expected.course, remaining)
    unseen = (instant_of(standing.row.first_at) - period.start) / _DAY
    dates = _dates(expected.course, remaining - unseen * expected.profile.per_day)
    if dates["status"] == "lasts":
        return dates
    return {"reason": "whether it lasts depends on what was used earlier in the period"}


def _dates(ahead: Course, remaining: float) -> _Fields:
    """Return status, dates and probability of using ``remaining`` up within the course."""
    short = remaining - ahead.mean
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(ahead.spread > 0, short / ahead.spread, np.where(short <= 0, -np.inf, np.inf))

    def first_day(level: float) -> str | None:
        reached = np.flatnonzero(score <= -_NORMAL.inv_cdf(level))
        return ahead.days[int(reached[0])].isoformat() if len(reached) else None

    median = first_day(0.5)
    return {
        "status": "lasts" if median is None else "exhausts",
        "exhausts_on": median,
        "earliest": first_day(0.1),
        "latest": first_day(0.9),
        "probability": round(_NORMAL.cdf(-float(score.min())), 6),
    }
