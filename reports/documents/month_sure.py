"""How sure the month is, in sentences with figures: coverage, gaps, falls of the counter, bounds, requests missed.

Public: ``sure_sentences``, ``sure_shortly``, ``closed_shortly``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from reports.documents.month_evidence import Fall, Silence, SilenceKind
from reports.documents.month_gaps import gap_sentences, gaps_of, read_apart
from reports.documents.month_meters import MeterMonth
from reports.documents.month_words import (
    between,
    counted,
    day_text,
    lasting,
    money,
    period_words,
    sentence,
    span,
    units,
    when,
)
from reports.rendering import Row
from reports.tables import number, share

_MOST_FALLS = 5


def sure_sentences(one: MeterMonth) -> tuple[str, ...]:
    """Return how sure a meter's month is, the whole first, then what makes it less than sure."""
    return (
        *_total(one),
        *_coverage(one),
        *_falls(one),
        *_flagged(one),
        *_missed(one),
        *_unpriced(one),
        *_closed(one),
    )


def sure_shortly(one: MeterMonth) -> str:
    """Return how sure a meter's month is, in one sentence."""
    figures = one.view.figures
    apart = f" ({words})" if (words := read_apart(one)) else ""
    seen = f"{_observed(one)} of {_so_far(one)} was observed{apart}"
    if any(silence.kind is SilenceKind.BEFORE for silence in one.evidence.silences):
        return sentence(f"{seen}: what was used before {when(_first(one), one.zone)} is not in the total")
    if figures["upper"] is None:
        return sentence(f"{seen}; the total is {between(figures['lower'], None, one.view.unit)}")
    if figures["lower"] == figures["upper"]:
        exact = "and the total is exact" if one.evidence.observed == 1 else "and the total is exact all the same"
        return sentence(f"{seen}, {exact}")
    return sentence(
        f"{seen}; the total is {between(figures['lower'], figures['upper'], one.view.unit)}{_in_money(one)}"
    )


def _observed(one: MeterMonth) -> str:
    return "all" if one.evidence.observed == 1 else share(one.evidence.observed)


def _so_far(one: MeterMonth) -> str:
    """Return the period's name, or that only what is behind is meant."""
    name = period_words(one.view.start, one.view.end, one.zone)
    return name if one.evidence.seen_until >= one.view.end else f"{name} up to the last observation"


def _first(one: MeterMonth) -> datetime:
    return next(silence.end for silence in one.evidence.silences if silence.kind is SilenceKind.BEFORE)


def _total(one: MeterMonth) -> Iterator[str]:
    figures, unit = one.view.figures, one.view.unit
    used = counted(figures["usage"], unit)
    if figures["lower"] == figures["upper"]:
        both = "both ends of the period" if one.is_over and not _is_cut(one) else "both ends of what was observed"
        yield f"The total, {used}, is exact: the counter is known at {both}."
        return
    if figures["upper"] is None:
        yield (
            f"The total, {used}, is the least that can be shown: at least {number(figures['lower'])}, and no upper "
            "limit is known, because the counter began anew or fell in the period."
        )
        return
    bounds = f"{between(figures['lower'], figures['upper'], unit)}{_in_money(one)}"
    yield (
        f"The total, {used}, is known within bounds: {bounds}. The counter was not read at an end of the period, so "
        "usage around it may belong to the neighbour."
    )


def _is_cut(one: MeterMonth) -> bool:
    return any(silence.kind is not SilenceKind.GAP for silence in one.evidence.silences)


def _in_money(one: MeterMonth) -> str:
    if one.amounts is None or one.amounts[0] == one.amounts[1]:
        return ""
    least, most = one.amounts
    currency = one.view.figures["currency"]
    if most is None:
        return f", which cost at least {money(least, currency)}"
    return f", which cost between {number(least)} and {money(most, currency)}"


def _coverage(one: MeterMonth) -> Iterator[str]:
    silences, gaps = one.evidence.silences, gaps_of(one)
    if not gaps and not _is_cut(one):
        yield f"All of {period_words(one.view.start, one.view.end, one.zone)} was observed, without a gap."
    else:
        without = "" if gaps else ", without a gap"
        yield sentence(f"{_observed(one)} of {_so_far(one)} was observed{without}")
    for silence in silences:
        if silence.kind is not SilenceKind.GAP:
            yield _edge(one, silence)
    yield from gap_sentences(one)


def _edge(one: MeterMonth, silence: Silence) -> str:
    length = lasting(silence.end - silence.start)
    if silence.kind is SilenceKind.BEFORE:
        return (
            f"Nothing was observed before {when(silence.end, one.zone)}: what was used in the first {length} of the "
            "period is in no figure here."
        )
    if one.is_over:
        return (
            f"Nothing was observed after {when(silence.start, one.zone)}: what was used in the last {length} of the "
            "period is in no figure here, and comes with the next observation."
        )
    return f"The period goes on until {when(silence.end, one.zone)}, {length} after the last observation."


def _flagged(one: MeterMonth) -> Iterator[str]:
    if one.evidence.flags:
        yield f"Polls of the period deserve a review; they were flagged {one.evidence.flags}."


def _falls(one: MeterMonth) -> Iterator[str]:
    falls = one.evidence.falls
    for fall in falls[:_MOST_FALLS]:
        yield _fall(one, fall)
    if len(falls) > _MOST_FALLS:
        yield f"{len(falls) - _MOST_FALLS:,} more falls of the counter stand in the table of falls."


def _fall(one: MeterMonth, fall: Fall) -> str:
    at, unit = when(fall.at, one.zone), one.view.unit
    moved = f"from {number(fall.before)} to {number(fall.after)}"
    lost = counted(int(lost) if (lost := units(fall.before) - units(fall.after)) == int(lost) else lost, unit)
    match fall.kind:
        case "reset":
            return (
                f"The counter began anew by {at}, {moved}: everything seen on it before and after counts; what was "
                f"used between its last reading, {when(fall.since, one.zone)}, and the reset cannot be seen."
            )
        case "unit":
            return (
                f"By {at} the counter went on in another unit, {moved}: that step is no usage, and what was used since "
                f"its last reading, {when(fall.since, one.zone)}, cannot be seen."
            )
        case "spike":
            return (
                f"By {at} the counter jumped, {moved}, far above what is plausible: it is in the total, and in no "
                "forecast until it is decided (collector resets list shows it, collector resets decide settles it)."
            )
        case "correction":
            return f"By {at} the provider took {lost} back, {moved} on the counter; the total is less by as much."
        case _:
            return (
                f"The counter fell at {at}, {moved}, and it is not decided what that means; until then the total is "
                "open (collector resets list shows it, collector resets decide settles it)."
            )


def _missed(one: MeterMonth) -> Iterator[str]:
    figures, view = one.view.figures, one.view
    missing, unexplained = figures["missing_requests"], figures["unexplained"]
    if isinstance(missing, int) and missing:
        were = "was" if missing == 1 else "were"
        yield (
            f"{counted(missing, 'requests')} {were} made that no list of the provider showed{_where(one)}; the counter "
            "has what they used, so the total is not touched."
        )
    if isinstance(unexplained, int | Decimal) and unexplained:
        if unexplained > 0:
            yield f"{counted(unexplained, view.unit)} of the total are in no request record."
        else:
            yield _explained_more(one, -unexplained)


def _explained_more(one: MeterMonth, more: int | Decimal) -> str:
    """Return why request records may tell more than the counter grew."""
    told = f"The request records of the period tell {counted(more, one.view.unit)} more than the counter grew"
    if any(fall.kind == "correction" for fall in one.evidence.falls):
        return f"{told}: what the provider took back is in no record."
    return f"{told}: a request is counted when it was completed, and the counter may move before or after."


def _where(one: MeterMonth) -> str:
    """Return between which instants requests were missed, of the first such poll."""
    found = [each for each in one.evidence.overruns if each.missed_after is not None and each.missed_before is not None]
    if not found or found[0].missed_after is None or found[0].missed_before is None:
        return ""
    first = span(found[0].missed_after, found[0].missed_before, one.zone)
    return f" ({first}{f', and {len(found) - 1:,} times more' if len(found) > 1 else ''})"


def _unpriced(one: MeterMonth) -> Iterator[str]:
    unpriced = one.view.figures["unpriced"]
    if unpriced:
        used = counted(unpriced, one.view.unit)
        yield f"{used} were used on days without a declared price: they are not in the amount."


def _closed(one: MeterMonth) -> Iterator[str]:
    statement, unit = one.row.statement, one.view.unit
    if statement is None:
        return
    closing = statement.closing
    yield (
        f"The period was closed on {when(closing.closed_at, one.zone)} by {closing.closed_by}; the digest of its "
        f"statement is {statement.digest.hex()}."
    )
    if one.row.now is not None and one.row.closed is not None:
        yield _beside(one.row.now.figures, one.row.closed.figures, unit)
    for later, line in one.row.corrected:
        amount = "" if line.amount is None else f" ({line.amount:+,} {line.currency or ''})".replace(" )", ")")
        taken = "not yet in any closed statement" if later is None else f"closed with {later}"
        yield f"What became known later changes it by {line.usage:+,} {unit}{amount}, {taken}."
    for line in one.row.corrects:
        yield f"It carries a correction of {line.period}: {line.usage:+,} {unit}."


def closed_shortly(one: MeterMonth) -> str:
    """Return that the period is closed and what became known since, in a sentence; empty where it is not closed."""
    statement = one.row.statement
    if statement is None:
        return ""
    closing = statement.closing
    text = f"on {day_text(closing.closed_at.astimezone(one.zone).date())} by {closing.closed_by}"
    if not one.row.corrected:
        return f"{text}; nothing that changes it became known since."
    usage = sum((units(line.usage) for _, line in one.row.corrected), Decimal(0))
    amounts = [line.amount for _, line in one.row.corrected if line.amount is not None]
    currency = one.view.figures["currency"] or ""
    cost = f" ({sum(amounts, Decimal(0)):+,} {currency})" if amounts else ""
    return f"{text}; {usage:+,} {one.view.unit}{cost} became known since."


def _beside(now: Row, closed: Row, unit: str) -> str:
    difference = units(now["usage"]) - units(closed["usage"])
    if not difference:
        return f"What is now known equals what was closed: {counted(now['usage'], unit)}."
    return (
        f"As closed it was {counted(closed['usage'], unit)}, as now known it is {number(now['usage'])}: "
        f"{difference:+,} became known later."
    )
