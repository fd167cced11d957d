"""Exhaustion: the day a quota ends, with an interval, or an honest ``lasts``, ``exhausted`` or ``unknown``.

``exhausts_on`` is the median day, ``earliest`` and ``latest`` bound the 80 % interval; a bound that falls behind the
period's end is empty. ``probability`` is that of running out before the period ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from statistics import NormalDist
from zoneinfo import ZoneInfo

import pandas as pd

from collector.domain.calendar import day_of, start_of_day
from collector.domain.quota import Allowance, Used
from reports.forecast import LEAST_DAYS, METHOD, Course, Profile, course, weekday_profile
from reports.standing import QuotaStanding

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
_LIFETIME_HORIZON = 3650
_NORMAL = NormalDist()


def exhaustion(
    standings: Sequence[QuotaStanding], days: Mapping[tuple[str, str], pd.DataFrame], now: datetime
) -> pd.DataFrame:
    """Return the report ``exhaustion``.

    Args:
        standings: Where the quotas stand, in the order of the report.
        days: Daily deltas by account and meter, as ``reports.daily.daily_deltas`` returns them.
        now: The instant of the question.

    Returns:
        One row per standing, index 0…n-1. ``quota, used, remaining`` Int64 in the meter's smallest unit (NA without a
        quota); ``period_start, period_end`` datetime64[us, UTC] (NaT for a lifetime quota); ``status`` one of
        ``exhausted, exhausts, lasts, unknown``; ``exhausts_on, earliest, latest`` str dates or NA; ``probability``
        float64 0..1 or NaN; ``per_day`` float64 units expected of an average day; ``projected_usage`` Int64 in the
        smallest unit at the period's end; ``method``, ``reason`` str or NA; ``scale`` int64.
    """
    rows = [_row(one, days.get((one.row.account, one.row.name)), now) for one in standings]
    frame = pd.DataFrame.from_records(rows, columns=[*COLUMNS, "scale"])
    whole = dict.fromkeys(("quota", "used", "remaining", "projected_usage"), "Int64")
    instants = dict.fromkeys(("period_start", "period_end"), "datetime64[us, UTC]")
    return frame.astype({**whole, **instants, "probability": "float64", "per_day": "float64", "scale": "int64"})


def _row(standing: QuotaStanding, days: pd.DataFrame | None, now: datetime) -> dict[str, object]:
    allowance, used = standing.allowance, standing.used
    row: dict[str, object] = {
        "account": standing.row.account,
        "meter": standing.row.name,
        "unit": standing.row.unit,
        "scale": standing.row.scale,
        "status": "unknown",
    }
    if allowance is None:
        return {**row, "reason": "no quota is declared for this meter"}
    row["quota"] = allowance.quota.amount
    if allowance.period is not None:
        row |= {"period_start": allowance.period.start, "period_end": allowance.period.end}
    if used is None:
        return {**row, "reason": "nothing was observed yet in this billing period"}
    row |= {"used": used.amount, "remaining": standing.remaining}
    if not used.complete:
        row["reason"] = "the history begins within this billing period: what was used before it is not counted"
    if used.amount >= allowance.quota.amount:
        crossed = _crossed_on(allowance, used, days, standing.agreement.zone)
        return {**row, "status": "exhausted", "exhausts_on": crossed, "probability": 1.0}
    return row | _outlook(standing, allowance, used, days, now)


def _crossed_on(allowance: Allowance, used: Used, days: pd.DataFrame | None, zone: ZoneInfo) -> str | None:
    """Return the day on which the quota was used up, going back from what is used now."""
    if days is None or days.empty:
        return None
    period = allowance.period
    first = None if period is None else day_of(period.start, zone).isoformat()
    usage = days if first is None else days.loc[days["day"] >= first]
    at_end_of_day = used.amount - usage["usage"].astype(object)[::-1].cumsum().shift(1, fill_value=0)[::-1]
    crossed = usage.loc[at_end_of_day >= allowance.quota.amount, "day"]
    before = usage.loc[at_end_of_day < allowance.quota.amount, "day"]
    # Without a day that still had something left, the quota was used up before the history began.
    return str(crossed.iloc[0]) if len(crossed) and (len(before) or (used.complete and first is not None)) else None


def _outlook(
    standing: QuotaStanding, allowance: Allowance, used: Used, days: pd.DataFrame | None, now: datetime
) -> dict[str, object]:
    profile = None if days is None else _profile(days, standing.row.scale)
    if profile is None:
        return {"reason": f"fewer than {LEAST_DAYS} whole days of history"}
    if profile.per_day <= 0:
        return {"per_day": 0.0, "method": METHOD, "reason": "no usage in the last days to project"}
    today = day_of(now, standing.agreement.zone)
    horizon = _LIFETIME_HORIZON
    if allowance.period is not None:
        horizon = max(1, (allowance.period.ends_on - today).days)
    ahead = course(profile, today, _rest_of(today, now, standing.agreement.zone), horizon)
    remaining = (allowance.quota.amount - used.amount) / 10**standing.row.scale
    outlook = {"per_day": round(profile.per_day, 6), "method": METHOD, **_dates(ahead, remaining)}
    if allowance.period is not None:
        projected = used.amount + round(float(ahead.mean[-1]) * 10**standing.row.scale)
        outlook["projected_usage"] = projected
    elif outlook["status"] == "lasts":
        outlook["reason"] = f"at this rate it lasts longer than {_LIFETIME_HORIZON // 365} years"
    return outlook


def _profile(days: pd.DataFrame, scale: int) -> Profile | None:
    units = days["usage"].astype("float64") / 10.0**scale
    return weekday_profile(pd.DataFrame({"day": days["day"], "units": units, "partial": days["partial"]}))


def _rest_of(today: date, now: datetime, zone: ZoneInfo) -> float:
    start, end = start_of_day(today, zone), start_of_day(today + timedelta(days=1), zone)
    return (end - now) / (end - start) if end > start else 0.0


def _dates(ahead: Course, remaining: float) -> dict[str, object]:
    """Return status, dates and probability of using ``remaining`` units up within the course."""
    chance = [
        1.0 - _NORMAL.cdf((remaining - mean) / spread) if spread > 0 else float(mean >= remaining)
        for mean, spread in zip(ahead.mean, ahead.spread, strict=True)
    ]
    probability = round(max(chance), 6)

    def first_day(level: float) -> str | None:
        return next((day.isoformat() for day, one in zip(ahead.days, chance, strict=True) if one >= level), None)

    median = first_day(0.5)
    return {
        "status": "lasts" if median is None else "exhausts",
        "exhausts_on": median,
        "earliest": first_day(0.1),
        "latest": first_day(0.9),
        "probability": probability,
    }
