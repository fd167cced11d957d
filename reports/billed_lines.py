"""Which lines of an invoice bill the period asked for: for each meter one, added up where several belong together.

    charge   [ 1 Oct ──────────────────── 1 Nov )   3,807      a charge and a credit of one period
    credit   [ 1 Oct ──────────────────── 1 Nov )     -50      of the whole of it or of some days
    parts    [ 1 Oct ── 16 Oct )[ 16 Oct ─ 1 Nov )             lines that follow each other and are the period together

Rule for editors: a line that cannot be placed is named, never silently left out, and two charges of one period are
refused, never chosen from.

Public: ``MatchedLines``, ``matched_lines``, ``notes_on``, ``overlap``, ``parts_of``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from itertools import pairwise
from zoneinfo import ZoneInfo

from collector.domain.accounts import Agreement
from collector.domain.calendar import start_of_day
from collector.domain.named_periods import span_of
from collector.domain.periods import Period
from collector.errors import UsageError
from reports.billed_periods import Billed, Relation, billed, relation_of
from reports.invoices import Invoice, InvoiceLine, require_new
from reports.question import Question
from reports.tables import number

_MOST_PARTS = 6
_MOST_NAMED = 3
_MOST_NOTES = 20
_DIGITS = 200  # the sum of numbers of 60 characters is exact
_PLACED = frozenset({Relation.SAME, Relation.SHIFTED})


@dataclass(slots=True)
class MatchedLines:
    """An invoice's lines sorted by what they bill.

    Attributes:
        lines: What bills the period, by account and meter.
        overlapping: What bills another period that overlaps it, by account and meter.
        others: What bills other periods.
        unasked: How many lines bill other accounts or meters than were asked for.
    """

    lines: dict[tuple[str, str], Billed] = field(default_factory=dict)
    overlapping: dict[tuple[str, str], list[Billed]] = field(default_factory=dict)
    others: list[Billed] = field(default_factory=list)
    unasked: int = 0


def matched_lines(
    lines: Iterable[InvoiceLine], question: Question, periods: Mapping[str, tuple[Agreement, Period]], text: str
) -> MatchedLines:
    """Sort ``lines`` by how they lie to the accounts' ``periods``, which ``text`` names.

    Raises:
        UsageError: Lines bill the same twice, or cannot be added up.
    """
    matched = MatchedLines()
    whole: dict[tuple[str, str], list[Billed]] = {}
    for line in lines:
        key = line.account, line.meter
        if not _is_asked(line, question):
            matched.unasked += 1
            continue
        one = _placed(line, question, periods, text)
        if one.relation in _PLACED:
            whole.setdefault(key, []).append(one)
        elif one.relation is Relation.OVERLAPPING:
            matched.overlapping.setdefault(key, []).append(one)
        else:
            matched.others.append(one)
    matched.lines = {key: _with_those_within(_added_up(each), matched, key) for key, each in whole.items()}
    for key in [key for key in matched.overlapping if key not in whole]:
        together = _tiled(matched.overlapping[key], periods[key[0]][1])
        if together is not None:
            matched.lines[key] = together
            del matched.overlapping[key]
    return matched


def _is_asked(line: InvoiceLine, question: Question) -> bool:
    return (question.accounts is None or line.account in question.accounts) and (
        question.meters is None or line.meter in question.meters
    )


def _placed(
    line: InvoiceLine, question: Question, periods: Mapping[str, tuple[Agreement, Period]], text: str
) -> Billed:
    if line.account in periods:
        agreement, period = periods[line.account]
        return billed(line, period, agreement.zone)
    return _of_stranger(line, text, known=line.account in question.agreements)


def _of_stranger(line: InvoiceLine, text: str, *, known: bool) -> Billed:
    """Return a line of an account that has no such period here: it counts if it begins in what ``text`` names."""
    span = span_of(text)
    utc = ZoneInfo("UTC")
    whole = Period(span.first, span.end, start_of_day(span.first, utc), start_of_day(span.end, utc))
    found = billed(line, whole, utc)
    inside = whole.start <= found.start < whole.end and not known
    return Billed(line, found.start, found.end, Relation.SAME if inside else Relation.OTHER)


def _added_up(each: Sequence[Billed]) -> Billed:
    """Return the lines of one period as one; what two lines by another clock bill is the same period as well."""
    for place, one in enumerate(each):
        same = [other.line for other in each[:place] if _is_same(one, other)]
        require_new(one.line, same)
    if len(each) == 1:
        return each[0]
    spans = [one for one in each if not one.line.is_credit] or list(each)
    first, last = min(spans, key=lambda one: one.start), max(spans, key=lambda one: one.end)
    return Billed(_sum(each, first.line, last.line), first.start, last.end, first.relation)


def _with_those_within(whole: Billed, matched: MatchedLines, key: tuple[str, str]) -> Billed:
    """Return the line of the whole period with what else is charged or credited for a part of it."""
    each = matched.overlapping.pop(key, [])
    within = [one for one in each if whole.start <= one.start and one.end <= whole.end]
    beyond = [one for one in each if one not in within]
    if beyond:
        matched.overlapping[key] = beyond
    if not within:
        return whole
    for place, one in enumerate(within):
        require_new(one.line, [other.line for other in within[:place] if _is_same(one, other)])
    return Billed(_sum([whole, *within], whole.line, whole.line), whole.start, whole.end, whole.relation)


def _is_same(one: Billed, other: Billed) -> bool:
    return (one.start, one.end) == (other.start, other.end) or Relation.SHIFTED in {one.relation, other.relation}


def _tiled(each: Sequence[Billed], period: Period) -> Billed | None:
    """Return the lines as one if they follow each other without gap or overlap and are the period together."""
    spans: dict[tuple[datetime, datetime], list[Billed]] = {}
    for one in each:
        spans.setdefault((one.start, one.end), []).append(one)
    course = sorted(spans)
    start, end = course[0][0], course[-1][1]
    if len(course) < 2 or any(before[1] != after[0] for before, after in pairwise(course)):
        return None
    by_instant = all(isinstance(one.line.period_start, datetime) for one in each)
    relation = relation_of(start, end, period, by_instant=by_instant)
    if relation not in _PLACED:
        return None
    parts = [_added_up(spans[span]) for span in course]
    return Billed(_sum(parts, parts[0].line, parts[-1].line), start, end, relation)


def _sum(each: Sequence[Billed], first: InvoiceLine, last: InvoiceLine) -> InvoiceLine:
    lines = [part for one in each for part in (one.line.parts or (one.line,))]
    places = f"{lines[0].place} and {len(lines) - 1} more"
    currencies = sorted({line.currency for line in lines if line.currency is not None})
    if len(currencies) > 1:
        raise UsageError(f"{places}: bill one period in {' and '.join(currencies)}, which cannot be added up")
    quantity, amount = (_total([(getattr(line, key), line.is_credit) for line in lines]) for key in _FIGURES)
    if quantity is None and amount is None:
        raise UsageError(f"{places}: cannot be added up: one has no quantity, and another has no amount")
    return InvoiceLine(
        places, first.account, first.meter, first.period_start, last.period_end, quantity, amount,
        currencies[0] if currencies else None, tuple(lines),
    )  # fmt: skip


_FIGURES = ("quantity", "amount")


def _total(figures: Sequence[tuple[Decimal | None, bool]]) -> Decimal | None:
    """Return the sum; None where a charge lacks the figure. A credit may be of units or of money alone."""
    if any(value is None and not is_credit for value, is_credit in figures):
        return None
    with localcontext() as context:
        context.prec = _DIGITS
        known = [value for value, _ in figures if value is not None]
        return sum(known, Decimal(0)) if known else None


def parts_of(line: InvoiceLine) -> str:
    """Return in words what a line was added up from."""
    shown = [f"{_figure(one)} ({one.place})" for one in line.parts[:_MOST_PARTS]]
    more = len(line.parts) - len(shown)
    kind = "charges and credits" if any(one.is_credit for one in line.parts) else "all of the period"
    return (
        f"{len(line.parts)} lines of the invoice were added up, {kind}: {', '.join(shown)}"
        + (f" and {more:,} more" if more else "")
    )  # fmt: skip


def _figure(line: InvoiceLine) -> str:
    money = "" if line.amount is None else f"{number(line.amount)} {line.currency or ''}".rstrip()
    return " for ".join(one for one in ("" if line.quantity is None else number(line.quantity), money) if one)


def overlap(one: Billed) -> str:
    """Return in words which other period a line bills."""
    return f"from {one.line.period_start} until {_last(one.line.period_end)}"


def _last(end: date | datetime) -> date | datetime:
    return end if isinstance(end, datetime) else end - timedelta(days=1)


def notes_on(invoice: Invoice, matched: MatchedLines) -> list[str]:
    """Return what must be said of the lines and columns of an invoice that were left out."""
    notes = []
    if invoice.ignored_columns:
        notes.append(f"columns of the invoice that were not read: {', '.join(invoice.ignored_columns)}")
    left = [one for each in matched.overlapping.values() for one in each]
    notes.extend(
        f"{one.line.place}: left out: it bills {one.line.account}/{one.line.meter} {overlap(one)}, which is not the "
        "period asked for but overlaps it; accounts.billing says when periods begin"
        for one in left[:_MOST_NOTES]
    )
    if len(left) > _MOST_NOTES:
        notes.append(f"{_lines(len(left) - _MOST_NOTES)} more that only overlap left out")
    if matched.others:
        spans = list(dict.fromkeys(overlap(one) for one in matched.others))
        more = f" and {len(spans) - _MOST_NAMED:,} more" if len(spans) > _MOST_NAMED else ""
        notes.append(f"{_lines(len(matched.others))} of other periods left out: {', '.join(spans[:_MOST_NAMED])}{more}")
    if matched.unasked:
        notes.append(f"{_lines(matched.unasked)} of other accounts or meters left out")
    return notes


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count:,} lines"
