"""Exhaustion: the day a quota ends, with an interval, or an honest ``lasts``, ``exhausted`` or ``unknown``.

    ──[ period ──────── seen ╌╌╌ now ╌╌╌╌╌ exhausts_on ╌╌╌╌╌╌ )──      ── observed   ╌╌ expected
                        └ used     earliest ┘     └ latest

What is used is known up to the last good value; usage from there on is expected, also what lies between it and now.
``exhausts_on`` is the median day, ``earliest`` and ``latest`` bound the 80 % interval; a bound that falls behind the
period's end is empty. ``probability`` is that of running out before the period ends. ``reason`` says why the outlook is
unknown, and whatever else a reader must know to judge it.

What the forecast says is decided in ``reports.forecasting.verdict``; here it meets the quotas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import pandas as pd

from collector.domain.calendar import day_of
from collector.domain.instants import instant_of
from collector.errors import CollectorError
from reports.forecasting.history import LEAST_IDLE
from reports.forecasting.prospect import MOST_AHEAD, Prospect
from reports.forecasting.verdict import STALE, Stake, verdict
from reports.forecasting.words import UNSEEN, length
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
TOLD = (*COLUMNS, "projected_lower", "projected_upper", "warn_on", "reset_on", "soon", "since")
"""What words and pictures need beside the columns of the contract."""
SCHEMA = {
    **dict.fromkeys(TOLD, "str"),
    **dict.fromkeys(("quota", "used", "remaining", "projected_usage", "projected_lower", "projected_upper"), "Int64"),
    **dict.fromkeys(("period_start", "period_end"), INSTANT),
    **dict.fromkeys(("probability", "per_day"), "float64"),
    "scale": "int64",
}
_LARGEST = 2**63

_Fields = dict[str, object]


def days_needed(standing: QuotaStanding) -> Sequence[Window]:
    """Return the local days on one of which a used-up quota ended, back to where its window began; else none."""
    if standing.allowance is None or standing.used is None or not standing.exhausted:
        return ()
    period = standing.allowance.period
    first = None if period is None else day_of(period.start, standing.zone)
    return local_days(standing.row, standing.zone, first, None)


def ends_at(standing: QuotaStanding) -> datetime:
    """Return until when a quota is to be foretold: its period's end, or as far as forecasts look."""
    period = None if standing.allowance is None else standing.allowance.period
    return standing.seen_at + timedelta(days=MOST_AHEAD) if period is None else period.end


def exhaustion(
    standings: Sequence[QuotaStanding],
    prospects: Mapping[int, Prospect | str],
    days: Mapping[tuple[str, str], pd.DataFrame],
    now: datetime,
) -> pd.DataFrame:
    """Return the report ``exhaustion``.

    Args:
        standings: Where the quotas stand, in the order of the report.
        prospects: By meter id what is to come until ``ends_at``, or why nobody can say; a meter may be missing.
        days: By account and meter the daily deltas of ``days_needed``, as ``reports.daily.daily_deltas`` returns them;
            a meter may be missing.
        now: The instant of the question.

    Returns:
        One row per standing, index 0…n-1. ``account, meter, unit`` str; ``quota, used, remaining`` Int64 in the meter's
        smallest unit (NA without a quota, the last two also before the first value of the period); ``period_start,
        period_end`` datetime64[us, UTC] (NaT for a lifetime quota); ``status`` str, one of ``exhausted, exhausts,
        lasts, unknown``; ``exhausts_on, earliest, latest`` str dates or missing, in this order of time: earliest,
        exhausts_on, latest; ``probability`` float64 0..1 or NaN, which it is for a lifetime quota that is not used up;
        ``per_day`` float64 whole units expected of an average day of the next 28; ``projected_usage`` Int64 in the
        smallest unit at the period's end, NA for a lifetime quota; neither is told of a meter that is idle; ``method``,
        ``reason`` str or missing. Beyond the contract: ``projected_lower, projected_upper`` Int64, the 80 % interval of
        the projection; ``warn_on`` str, the day to plan for, at the 25 % quantile; ``reset_on`` str, the local day on
        which the next period begins; ``soon`` str, when it runs out in words where that is less than three days ahead;
        ``since`` str, the day on which it was probably used up already since the last value; ``scale`` int64. No rows
        for no standings.

    Raises:
        CollectorError: An amount beyond 64 bits, which no frame can hold exactly.
    """
    rows = [
        _row(
            one,
            prospects.get(one.row.id, "nothing was observed yet"),
            days.get((one.row.account, one.row.name)),
            now,
        )
        for one in standings
    ]
    return frame_of({name: [row.get(name) for row in rows] for name in SCHEMA}, SCHEMA)


def _row(standing: QuotaStanding, prospect: Prospect | str, days: pd.DataFrame | None, now: datetime) -> _Fields:
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
        row |= {
            "period_start": allowance.period.start,
            "period_end": allowance.period.end,
            "reset_on": allowance.period.ends_on.isoformat(),
        }
    if used is None or standing.remaining is None:
        reason = "nothing was observed yet in this billing period"
        return {**row, "reason": "; ".join((reason, *_remarks(standing, "", now, ())))}
    if max(abs(used.amount), standing.remaining) >= _LARGEST:
        raise CollectorError(f"what is used of {meter.account}/{meter.name} does not fit into 64 bits")
    row |= {"used": used.amount, "remaining": standing.remaining}
    row |= {"method": None if isinstance(prospect, str) else prospect.method, **_expected(standing, prospect)}
    row |= _exhausted(standing, days) if standing.exhausted else _outlook(standing, prospect, now)
    told = [str(row["reason"])] if row.get("reason") else []
    return {**row, "reason": "; ".join((*told, *_remarks(standing, prospect, now, told))) or None}


def _remarks(standing: QuotaStanding, prospect: Prospect | str, now: datetime, told: Sequence[str]) -> Iterator[str]:
    """Yield what a reader must know to judge the row, whatever it says, beside what is ``told`` already."""
    if standing.used is not None and not standing.used.complete and UNSEEN not in told:
        yield "the history begins within this billing period: what was used before it is not counted"
    if standing.row.latest < standing.row.good_value:
        yield "a fall of the counter is not yet decided"
    age = now - standing.seen_at
    if age > STALE:
        yield f"the last value is {length(age)} old"
    if isinstance(prospect, Prospect):
        if not standing.exhausted and not prospect.is_idle and prospect.history.idle_days >= LEAST_IDLE:
            yield f"now {prospect.idle}"
        for sentence in prospect.history.left_out:
            yield _counted(sentence) if standing.exhausted and " spike" in sentence else sentence


def _counted(sentence: str) -> str:
    """Return what is said of a spike that may be why the quota is used up."""
    return f"{sentence.replace('left out', 'left out of the forecast:', 1)}, but counted as used"


def _expected(standing: QuotaStanding, prospect: Prospect | str) -> _Fields:
    """Return what is expected whatever remains: the pace, and usage at the period's end with its interval.

    Of a meter that is idle nothing is: that it stays idle is not foretold, nor when it is used again.
    """
    if isinstance(prospect, str) or prospect.is_idle:
        return {}
    fields: _Fields = {"per_day": round(prospect.per_day / 10**standing.row.scale, 6)}
    period = None if standing.allowance is None else standing.allowance.period
    if period is None or standing.used is None:
        return fields
    for name, more in zip(
        ("projected_lower", "projected_usage", "projected_upper"), prospect.expected(period.end), strict=True
    ):
        projected = standing.used.amount + round(more)
        fields[name] = projected if abs(projected) < _LARGEST else None
    return fields


def _exhausted(standing: QuotaStanding, days: pd.DataFrame | None) -> _Fields:
    fields: _Fields = {"status": "exhausted", "probability": 1.0}
    crossed_on = _crossed_on(standing, days)
    if standing.allowance is not None and standing.allowance.quota.amount == 0:
        fields["reason"] = "the quota is zero"
    elif crossed_on is None and days is not None:
        fields["reason"] = "used up before the history begins"
    return {**fields, "exhausts_on": crossed_on}


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


def _outlook(standing: QuotaStanding, prospect: Prospect | str, now: datetime) -> _Fields:
    if isinstance(prospect, str) or standing.used is None or standing.remaining is None:
        return {"reason": str(prospect)}
    period = None if standing.allowance is None else standing.allowance.period
    unseen = 0.0
    if period is not None and not standing.used.complete:
        unseen = (instant_of(standing.row.first_at) - period.start) / timedelta(days=1)
    end = None if period is None else period.end
    found = verdict(prospect, Stake(float(standing.remaining), end, unseen), now)
    return {
        "status": found.status,
        "probability": found.probability,
        "reason": found.reason,
        "soon": found.soon,
        "since": None if found.since is None else prospect.told(found.since, prospect.history.end).date().isoformat(),
        **{name: prospect.told(at, now).date().isoformat() for name, at in found.at.items()},
    }
