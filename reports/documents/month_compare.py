"""How the month compares with earlier ones, and what lies ahead of a running one, in sentences with figures.

Public: ``compare_sentences``, ``compare_shortly``, ``ahead_sentences``, ``ahead_shortly``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from statistics import median

from reports.documents.month_ahead import Projection
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
from reports.forecasting.words import outlook as outlook_words
from reports.rendering import Cell
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


def _projected(one: MeterMonth, outlook: Projection) -> str:
    period, unit = outlook.period, one.view.unit
    name = period_words(period.start, period.end, one.zone)
    so_far = f"{counted(outlook.used, unit)}{_costing(outlook.amount, outlook.currency)}"
    until = when(outlook.seen_at, one.zone)
    runs = "" if period.start == one.view.start else ", which runs now,"
    if outlook.reason:
        return sentence(f"{name}{runs} holds {so_far} until {until}; nothing is projected: {outlook.reason}")
    text = f"{name}{runs} is expected to come to {_usage(one, outlook)}{_amount(outlook)}"
    return sentence(f"{text}; {so_far} of it were used until {until}")


def _usage(one: MeterMonth, outlook: Projection) -> str:
    """Return what is expected by the end: the median and its interval; an interval alone of a short history."""
    unit, low, high = one.view.unit, number(_round(outlook.low, one)), _round(outlook.high, one)
    if outlook.projected is None:
        little = "" if outlook.prospect is None else outlook.prospect.little
        return f"between {low} and {counted(high, unit)} by its end (80 %, with {little})"
    return f"{counted(_round(outlook.projected, one), unit)} by its end (80 %: {low} to {number(high)})"


def _amount(outlook: Projection) -> str:
    """Return what that costs; nothing without a price."""
    known = [one for one in (outlook.low_amount, outlook.high_amount) if one is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    if outlook.projected_amount is None:
        least = "" if low == high else f"{number(low)} to "
        return f", which cost {least}{money(high, outlook.currency)}"
    interval = "" if low == high else f" (80 %: {number(low)} to {number(high)})"
    return f", which cost {money(outlook.projected_amount, outlook.currency)}{interval}"


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
    if standing["status"] == "unknown":
        yield f"{left}; whether they last is not known: {standing['reason']}."
    else:
        yield f"{left}; {outlook_words(standing, _day)}."


def _day(value: str) -> str:
    return day_text(date.fromisoformat(value))
