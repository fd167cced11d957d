"""What a trend says in sentences: the same words in the terminal and on a page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import cast

from collector.domain.money import rounded
from reports.rendering import Row, Value
from reports.tables import number
from reports.trend.hours import busiest
from reports.trend.report import TrendReport

_COMPARED = {"last_7_days": "last 7 days", "last_28_days": "last 28 days"}


def compared_name(row: Mapping[str, Value]) -> str:
    """Return what a comparison is of: ``October``, or ``first 30 days of October`` where it is cut to be equally long.

    One that begins later, because the history does, is named by its days: ``2–19 November, a year ago``.

    Args:
        row: One of the report's ``comparisons``.
    """
    name = str(row["name"])
    if name in _COMPARED:
        return _COMPARED[name]
    first, end = (date.fromisoformat(str(row[key])) for key in ("start", "end"))
    days = cast("int", row["days"])
    ago = ", a year ago" if name.endswith("year_ago") else ""
    if name == "year_to_date":
        return "year so far" if first.day == first.month == 1 else f"since {first.day} {first:%B}, and a year ago"
    if first.day > 1:
        return f"{first.day}–{(end - timedelta(days=1)).day} {first:%B}{ago}"
    cut = f"first {days} days of " if days > 1 else "first day of "
    return f"{'' if end.day == 1 else cut}{first:%B}{ago}"


def percent(share: float) -> str:
    """Return a change with its sign, such as ``+12 %``; one under ten percent has a decimal place."""
    value = share * 100
    return f"{value:+,.0f} %" if abs(value) >= 10 else f"{value:+.1f} %"


def per_day(value: float) -> str:
    """Return a computed amount of units to three digits or, above a hundred, to whole units."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


def money(amount: Value, currency: Value) -> str:
    """Return an unrounded amount as money, rounded to the currency's minor unit; a dash where it is not known."""
    if not isinstance(amount, Decimal) or not isinstance(currency, str):
        return "–"
    return f"{rounded(amount, currency):,f} {currency}"


def learned_words(report: TrendReport) -> str:
    """Return from where on a report learned that reaches back before its range; empty for one that does not."""
    start, learned, recent = (str(report.facts[key]) for key in ("start", "learned_from", "recent_from"))
    if learned == start:
        return ""
    usual_ = f"what is usual and changes of level are learned from {learned} on"
    return usual_ if recent == learned else f"{usual_}, growth and rhythm from {recent} on"


def total_words(report: TrendReport) -> str:
    """Return what was used in the range, and what it cost."""
    facts = report.facts
    days = [cast("Row", row) for row in report.rows("days")]
    used = sum((cast("int", row["usage"]) for row in days), 0)
    cost = cast("Mapping[str, Value]", facts["cost"])
    priced = "" if cost["total"] is None else f", {money(cost['total'], cost['currency'])}"
    return f"{number(used)} {facts['unit']} in {len(days):,} day{'' if len(days) == 1 else 's'}{priced}"


def growth_words(report: TrendReport) -> str:
    """Return by how much a day's usage changes in four weeks, with its interval, or what is missing to tell."""
    found = report.facts["growth"]
    if found is None:
        return missing(report, "growth")
    row = cast("Row", found)
    slope = 28 * cast("float", row["slope"])
    verdict = {"steady": "no certain growth", "rising": "rising", "falling": "falling"}[str(row["verdict"])]
    share = "" if row["share_28_days"] is None else f", {percent(cast('float', row['share_28_days']))}"
    if row["low"] is None or row["high"] is None:
        between = "too few days to bound it"
    else:
        low, high = 28 * cast("float", row["low"]), 28 * cast("float", row["high"])
        between = f"95 %: {_signed(low)} to {_signed(high)}"
    return f"{verdict}: a day uses {_signed(slope)} compared with four weeks earlier ({between}{share})"


def _signed(value: float) -> str:
    text = per_day(value)
    return f"+{text}" if value > 0 and text != "0" else text


def comparison_words(row: Mapping[str, Value]) -> str:
    """Return a comparison in words: both stretches by their dates, equally long, and the change."""
    now, before = _span(row, ""), _span(row, "before_")
    if row["usage"] is None or row["before_usage"] is None:
        return str(row["reason"])
    change = "" if row["change"] is None else f" ({percent(cast('float', row['change']))})"
    used, earlier = number(cast("int", row["usage"])), number(cast("int", row["before_usage"]))
    return f"{used} on {now} against {earlier} on {before}{change}"


def _span(row: Mapping[str, Value], which: str) -> str:
    first = date.fromisoformat(str(row[f"{which}start"]))
    last = date.fromisoformat(str(row[f"{which}end"])) - timedelta(days=1)
    return f"{first}" if first == last else f"{first}…{last:%m-%d}" if first.year == last.year else f"{first}…{last}"


def hours_words(report: TrendReport) -> str:
    """Return when in the day most is used and how that is known, or what is missing to tell."""
    found = busiest(report.found.hours)
    if found is None:
        return report.found.hours.note
    hour, share = found
    zone = report.facts["timezone"]
    return (
        f"most between {hour:02}:00 and {(hour + 1) % 24:02}:00 {zone}, {share * 100:.0f} % of a day "
        f"(known from {report.found.hours.note})"
    )


def weekdays_words(report: TrendReport) -> str:
    """Return the weekdays with the highest and the lowest median, or what is missing to tell."""
    rows = [cast("Row", row) for row in report.rows("weekdays")]
    told = [(cast("float", row["median"]), str(row["name"])) for row in rows if row["median"] is not None]
    if not told:
        return missing(report, "weekdays")
    (most, busy), (least, quiet) = max(told, key=lambda one: one[0]), min(told, key=lambda one: one[0])
    return f"most on {busy} (median {per_day(most)}), least on {quiet} (median {per_day(least)})"


def missing(report: TrendReport, part: str) -> str:
    """Return what a part needs that the history does not have; empty where it has it."""
    return str(cast("Mapping[str, str]", report.facts["too_little"]).get(part, ""))
