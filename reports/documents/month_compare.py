"""How the month compares with earlier ones, and what lies ahead of a running one, in sentences with figures.

Public: ``compare_sentences``, ``compare_shortly``, ``ahead_sentences``, ``ahead_shortly``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from statistics import median

from reports.documents.month_ahead import Outlook
from reports.documents.month_before import Earlier
from reports.documents.month_meters import MeterMonth
from reports.documents.month_words import (
    counted,
    day_text,
    money,
    percent_more,
    period_words,
    rate_text,
    sentence,
    units,
    when,
)
from reports.rendering import Cell, Row
from reports.tables import number


def compare_shortly(one: MeterMonth) -> str:
    """Return the one comparison that tells most: with the period before, on equal numbers of days."""
    return next(iter(compare_sentences(one)))


def compare_sentences(one: MeterMonth) -> tuple[str, ...]:
    """Return how the month compares with the ones before it; why not where it cannot be compared."""
    whole = [each for each in one.earlier if each.whole]
    if not whole:
        return ("There is no earlier period that was observed from its beginning, so nothing to compare it with.",)
    if not one.is_over or one.evidence.seen_until < one.view.end:
        return tuple(_so_far(one, whole))
    return tuple(_over(one, whole))


def _so_far(one: MeterMonth, whole: list[Earlier]) -> Iterator[str]:
    days = one.compared
    used = _first_days(one)
    if not days:
        yield "No whole day of it is over yet, so nothing is compared."
        return
    last = whole[-1]
    name = _name(one, last)
    begin = "its first day" if days == 1 else f"its first {days} days"
    same = "the first day" if days == 1 else f"the first {days} days"
    if last.first_days is None:
        yield f"On {begin} {counted(used, one.view.unit)} were used; {name} had fewer days."
    elif not units(last.first_days):
        yield f"On {begin} {counted(used, one.view.unit)} were used; on {same} of {name} nothing was."
    else:
        more = percent_more(float(units(used)), float(units(last.first_days)))
        beside = f"{more} on {same} of {name} ({number(last.first_days)})"
        yield f"On {begin} {counted(used, one.view.unit)} were used, {beside}."
    known = [float(units(each.first_days)) for each in whole if each.first_days is not None]
    if len(known) > 2 and median(known):
        more = percent_more(float(units(used)), median(known))
        yield f"That is {more} the median of {same} of the {len(known)} earlier periods ({rate_text(median(known))})."


def _first_days(one: MeterMonth) -> Cell:
    found = [units(day["usage"]) for day in one.view.days[: one.compared]]
    total = sum(found, units(0))
    return total if one.scale else int(total)


def _over(one: MeterMonth, whole: list[Earlier]) -> Iterator[str]:
    view = one.view
    per_day = _per_day(one)
    last = whole[-1]
    used = f"{counted(view.figures['usage'], view.unit)} in {_days(one.whole_days)}, {rate_text(per_day)} a day"
    if last.per_day:
        more = percent_more(per_day, last.per_day).removesuffix(" than").removesuffix(" as")
        than = "as" if more.startswith("as ") else "than"
        before = f"{number(last.usage)} in {_days(last.days)}, {rate_text(last.per_day)} a day"
        yield f"{used}: {more} a day {than} in {_name(one, last)} ({before})."
    else:
        yield f"{used}; in {_name(one, last)} nothing was used."
    rates = [_rate(each) for each in whole]
    if len(rates) > 2 and median(rates):
        more = percent_more(per_day, median(rates))
        yield f"That is {more} the median of the {len(rates)} earlier periods ({rate_text(median(rates))} a day)."
    yield from _extremes(one, whole)
    cost = _cost(one, last)
    if cost:
        yield cost


def _extremes(one: MeterMonth, whole: list[Earlier]) -> Iterator[str]:
    if len(whole) < 2:
        return
    most, least = max(whole, key=_rate), min(whole, key=_rate)
    per_day = _per_day(one)
    if per_day > _rate(most):
        before = f"{_name(one, most)} with {rate_text(_rate(most))}"
        yield f"No earlier period used more a day; the most before was {before}."
    elif per_day < _rate(least):
        before = f"{_name(one, least)} with {rate_text(_rate(least))}"
        yield f"No earlier period used less a day; the least before was {before}."
    else:
        yield (
            f"The most was used in {_name(one, most)} ({rate_text(_rate(most))} a day), the least in "
            f"{_name(one, least)} ({rate_text(_rate(least))})."
        )


def _cost(one: MeterMonth, last: Earlier) -> str:
    figures = one.view.figures
    if figures["amount"] is None or last.amount is None or figures["currency"] != last.currency:
        return ""
    change = units(figures["amount"]) - last.amount
    if not change:
        return f"It costs as much as {_name(one, last)}: {money(last.amount, last.currency)}."
    more = "more" if change > 0 else "less"
    return (
        f"It costs {money(figures['amount'], figures['currency'])}, {money(abs(change), last.currency)} {more} than "
        f"{_name(one, last)} at the prices declared for it ({money(last.amount, last.currency)})."
    )


def _per_day(one: MeterMonth) -> float:
    return one.per_day or 0.0


def _rate(each: Earlier) -> float:
    return each.per_day or 0.0


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _name(one: MeterMonth, each: Earlier) -> str:
    return period_words(each.period.start, each.period.end, one.zone)


def ahead_shortly(one: MeterMonth) -> str:
    """Return what lies ahead in one sentence; empty where nothing does."""
    return next(iter(ahead_sentences(one)), "")


def ahead_sentences(one: MeterMonth) -> tuple[str, ...]:
    """Return what the running period comes to, and how its quota stands; nothing where none of it was observed."""
    outlook = one.outlook
    told = [] if outlook is None else [_projected(one, outlook)]
    return (*told, *_quota(one))


def _projected(one: MeterMonth, outlook: Outlook) -> str:
    period, unit = outlook.period, one.view.unit
    name = period_words(period.start, period.end, one.zone)
    so_far = f"{counted(outlook.used, unit)}{_costing(outlook.amount, outlook.currency)}"
    until = when(outlook.seen_at, one.zone)
    runs = "" if period.start == one.view.start else ", which runs now,"
    if outlook.reason:
        return sentence(f"{name}{runs} holds {so_far} until {until}; nothing is projected: {outlook.reason}")
    expected = f"{counted(_round(outlook.projected, one), unit)}"
    text = (
        f"{name}{runs} is expected to come to {expected} by its end "
        f"(80 %: {number(_round(outlook.low, one))} to {number(_round(outlook.high, one))})"
    )
    if outlook.projected_amount is not None:
        text += f", which cost {money(outlook.projected_amount, outlook.currency)}"
        if outlook.low_amount != outlook.high_amount:
            low, high = sorted(each for each in (outlook.low_amount, outlook.high_amount) if each is not None)
            text += f" (80 %: {number(low)} to {number(high)})"
    return sentence(f"{text}; {so_far} of it were used until {until}")


def _round(value: Cell, one: MeterMonth) -> Cell:
    """Return an expected quantity without places that nobody can expect."""
    return int(round(units(value), 0)) if one.scale and abs(units(value)) >= 100 else value


def _costing(amount: Cell, currency: Cell) -> str:
    return "" if amount is None else f" ({money(amount, currency)})"


def _quota(one: MeterMonth) -> Iterator[str]:
    standing = one.standing
    if standing is None:
        return
    lifetime = standing["period_end"] is None
    quota = f"{'lifetime ' if lifetime else ''}quota of {counted(standing['quota'], one.view.unit)}"
    if standing["used"] is None:
        yield f"Nothing was observed yet of the running period's {quota}."
        return
    left = f"{number(standing['used'])} of the {quota} are used, {number(standing['remaining'])} are left"
    yield f"{left}; {_outlook(standing)}."


def _outlook(row: Row) -> str:
    reason = f" ({row['reason']})" if row["reason"] else ""
    match row["status"]:
        case "exhausted":
            since = row["exhausts_on"]
            return f"it is used up{'' if since is None else f' since {_day(since)}'}{reason}"
        case "exhausts":
            return f"at this rate it runs out on {_day(row['exhausts_on'])}{_interval(row)}{reason}"
        case "lasts":
            return f"it lasts{_risk(row['probability'])}{reason}"
        case _:
            return f"whether it lasts is not known{reason}"


def _interval(row: Row) -> str:
    if row["earliest"] is None or row["earliest"] == row["latest"]:
        return ""
    latest = "later" if row["latest"] is None else _day(row["latest"])
    return f" (80 %: between {_day(row['earliest'])} and {latest})"


def _risk(probability: Cell) -> str:
    if not isinstance(probability, float):
        return ""
    return f" (risk of running out: {'under 1' if probability < 0.01 else f'{probability * 100:.0f}'} %)"


def _day(value: Cell) -> str:
    return day_text(date.fromisoformat(str(value)))
