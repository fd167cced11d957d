"""The charts of the month report, each with its table, and the table of the periods that one of them draws.

Days that are still to come are no days without usage: they are not drawn.

Public: ``day_chart``, ``quota_chart``, ``earlier_chart``, ``earlier_table``, ``status_chart``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate, dropwhile

from collector.domain.calendar import day_of
from reports.charts.quota import Ahead, cumulative
from reports.charts.requests import by_status
from reports.charts.usage import daily_usage, period_usage
from reports.document import Chart, Column, Kind, Table
from reports.documents.fan import marks_of
from reports.documents.month_evidence import SilenceKind
from reports.documents.month_meters import MeterMonth
from reports.documents.month_requests import AccountRequests
from reports.documents.month_words import units
from reports.rendering import Row


def _seen_days(one: MeterMonth) -> Sequence[Row]:
    """Return the days up to the last observation: those to come are no days without usage."""
    last = one.evidence.seen_until.astimezone(one.zone).date().isoformat()
    return [day for day in one.view.days if str(day["day"]) <= last]


def day_chart(one: MeterMonth) -> Chart | None:
    """Return usage by day with its bounds; None where no day was reached."""
    days = _seen_days(one)
    if not days:
        return None
    rows = [{"account": one.view.account, "meter": one.view.meter, "unit": one.view.unit, **day} for day in days]
    return daily_usage(
        rows, name=f"{one.prefix}_by_day", title=f"{one.view.unit.capitalize()} by day", unit=one.view.unit
    )


def quota_chart(one: MeterMonth) -> Chart | None:
    """Return cumulative usage against the quota, of a running period with what is expected; None where dull."""
    days = list(dropwhile(_is_before, _seen_days(one)))
    ahead = _ahead(one)
    quota = one.quota_amount
    if not days or (quota is None and not ahead.fan):
        return None
    totals = accumulate(units(day["usage"]) for day in days)
    rows: list[Row] = [
        {"day": day["day"], "used": total if one.scale else int(total), "unseen": _is_unseen(day)}
        for day, total in zip(days, totals, strict=True)
    ]
    title = "Used since the beginning of the period"
    return cumulative(
        rows,
        name=f"{one.prefix}_cumulative",
        title=title if quota is None else f"{title}, and the quota",
        unit=one.view.unit,
        quota=None if quota is None else (quota if one.scale else int(quota)),
        ahead=ahead,
    )


def _is_before(day: Row) -> bool:
    """Return True for a day before the history, or one that tells as little."""
    return _is_unseen(day) and not day["usage"]


def _is_unseen(day: Row) -> bool:
    return day.get("coverage") == 0 and not day.get("snapshots")


def _ahead(one: MeterMonth) -> Ahead:
    """Return what is drawn beside the usage: of a period that runs, what is to come as the quota's outlook tells it."""
    zone, outlook = one.zone, one.outlook
    starts, ends = day_of(one.view.start, zone), day_of(one.view.end, zone) - timedelta(days=1)
    common = Ahead(begins=0, starts=starts, ends=ends)
    if outlook is None or outlook.period.start != one.view.start:
        return common
    seen = outlook.seen_at.astimezone(zone)
    common = replace(common, seen_at=seen, now=one.now.astimezone(zone), fan=outlook.fan)
    standing, prospect = one.standing, outlook.prospect
    if standing is None or prospect is None or one.quota_amount is None or standing["status"] == "exhausted":
        return common
    remaining = int(units(standing["remaining"]).scaleb(one.scale))
    probability = standing["probability"]
    told = replace(common, probability=probability if isinstance(probability, float) else None)
    return replace(told, **marks_of(prospect, remaining, standing, one.now))  # type: ignore[arg-type]  # all are instants


def _periods(one: MeterMonth) -> list[Row]:
    figures = one.view.figures
    rows: list[Row] = [
        {
            "period": each.name,
            "usage": each.usage,
            "lower": each.lower,
            "upper": each.upper,
            "per_day": None if each.per_day is None else round(each.per_day, 6),
            "first_days": each.first_days,
            "coverage": each.coverage,
            "amount": each.amount,
            "cost": each.amount,
            "currency": each.currency,
            "partial": not each.whole,
        }
        for each in one.earlier
    ]
    rows.append(
        {
            "period": one.view.period,
            "usage": figures["usage"],
            "lower": figures["lower"],
            "upper": figures["upper"],
            "per_day": None if one.per_day is None else round(one.per_day, 6),
            "first_days": None,
            "coverage": figures["coverage"],
            "amount": figures["amount"],
            "cost": figures["amount"],
            "currency": figures["currency"],
            "partial": one.evidence.seen_until < one.view.end or _begins_late(one),
        }
    )
    return rows


def _begins_late(one: MeterMonth) -> bool:
    return any(each.kind is SilenceKind.BEFORE for each in one.evidence.silences)


def earlier_chart(one: MeterMonth) -> Chart | None:
    """Return this period and the ones before it as bars; None where there are none."""
    if not one.earlier:
        return None
    return period_usage(
        _periods(one),
        name=f"{one.prefix}_periods",
        title=f"{one.view.unit.capitalize()} by billing period",
        unit=one.view.unit,
    )


def earlier_table(one: MeterMonth) -> Table:
    """Return this period and the ones before it, the oldest first."""
    priced = any(row["amount"] is not None for row in _periods(one))
    money = (Column("amount", "Amount", Kind.MONEY), Column("currency", "Currency")) if priced else ()
    columns = (
        Column("period", "Period"), Column("usage", "Used", Kind.QUANTITY), Column("per_day", "A day", Kind.NUMBER),
        *money, Column("coverage", "Observed", Kind.SHARE), Column("partial", "Only a part", Kind.FLAG),
    )  # fmt: skip
    return Table(
        f"{one.prefix}_earlier", "This period and earlier ones", columns, tuple(_periods(one)),
        "A day: usage of an average day that was over and seen whole; amounts are at the prices declared today.",
    )  # fmt: skip


def status_chart(requests: AccountRequests, prefix: str) -> Chart | None:
    """Return the requests by status; None where there are none."""
    rows: list[Row] = [{"status": status, "requests": count} for status, count in requests.statuses.items()]
    return by_status(rows, name=f"{prefix}_by_status", title="Requests by status") if rows else None
