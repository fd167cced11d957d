"""A month's gaps in sentences: a few one by one, many as one, and why readings far apart make so many of them.

A table of gaps has the longest ten and counts the others, in every format; how well a day is known stands day by day.

Public: ``MOST_SHOWN``, ``gaps_of``, ``longest``, ``apart``, ``read_apart``, ``together``, ``gap_sentences``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median_low

from reports.documents.month_evidence import Silence, SilenceKind
from reports.documents.month_meters import MeterMonth
from reports.documents.month_words import between, lasting, span, units
from reports.rendering import Cell
from reports.tables import number, share

MOST_SHOWN = 10
"""The most gaps that a table has."""
_MOST_TOLD = 5


def gaps_of(one: MeterMonth) -> list[Silence]:
    """Return the stretches between two observations, in order of time."""
    return [silence for silence in one.evidence.silences if silence.kind is SilenceKind.GAP]


def longest(gaps: Sequence[Silence], most: int) -> list[Silence]:
    """Return the longest of the gaps, in order of time."""
    return sorted(sorted(gaps, key=lambda gap: gap.start - gap.end)[:most], key=lambda gap: gap.start)


def apart(one: MeterMonth) -> timedelta | None:
    """Return how far apart values mostly were read where that alone makes the many gaps, else None.

    It does where most gaps begin at the very reading at which the one before ended: nothing failed in between.
    """
    gaps = gaps_of(one)
    touching = sum(before.end == after.start for before, after in pairwise(gaps))
    if len(gaps) <= MOST_SHOWN or touching * 2 < len(gaps):
        return None
    return median_low([gap.end - gap.start for gap in gaps])


def read_apart(one: MeterMonth) -> str:
    """Return in words that values were read further apart than polls are; empty where that makes no gaps."""
    usual = apart(one)
    return "" if usual is None else f"values were read mostly {lasting(usual)} apart, further than poll_every asks for"


def together(gaps: Sequence[Silence], unit: str) -> str:
    """Return how much usage several gaps hold together."""
    lower = sum((units(gap.lower) for gap in gaps), Decimal(0))
    upper = None
    if all(gap.upper is not None for gap in gaps):
        upper = _quantity(sum((units(gap.upper) for gap in gaps), Decimal(0)))
    return between(_quantity(lower), upper, unit)


def _quantity(value: Decimal) -> Cell:
    return int(value) if value == value.to_integral_value() else value


def gap_sentences(one: MeterMonth) -> Iterator[str]:
    """Yield what the gaps hold: of the longest five each by itself, of readings far apart all together."""
    gaps, unit = gaps_of(one), one.view.unit
    told = [] if apart(one) is not None else longest(gaps, _MOST_TOLD)
    if gaps and not told:
        yield from _far_apart(one, gaps)
    for gap in told:
        yield _gap(one, gap)
    if told and len(gaps) > len(told):
        rest = [gap for gap in gaps if gap not in told]
        noun, holds = ("gap", "holds") if len(rest) == 1 else ("gaps", "hold")
        part = share(sum(gap.share for gap in rest))
        yield f"{len(rest):,} shorter {noun}, {part} of the period, {holds} {together(rest, unit)}."


def _far_apart(one: MeterMonth, gaps: Sequence[Silence]) -> Iterator[str]:
    most = max(gap.end - gap.start for gap in gaps)
    yield (
        f"V{read_apart(one)[1:]}, as those of an imported history often are: the time between two such readings counts "
        f"as a gap, {len(gaps):,} in all, the longest of {lasting(most)}."
    )
    yield (
        f"What the gaps hold is known from the readings at their ends, {together(gaps, one.view.unit)} together; when "
        "between two readings it was used is not."
    )


def _gap(one: MeterMonth, gap: Silence) -> str:
    told = f"The {share(gap.share)} gap on {span(gap.start, gap.end, one.zone)} ({lasting(gap.end - gap.start)})"
    return f"{told} holds {_held(gap, one.view.unit)}."


def _held(gap: Silence, unit: str) -> str:
    """Return how much usage a gap holds, and why that is known so well or so badly."""
    if gap.upper is None:
        return f"{between(gap.lower, None, unit)}: the counter began anew or fell in it"
    if gap.lower == gap.upper:
        if not units(gap.usage):
            return "nothing: the counter stood still"
        return (
            f"{between(gap.lower, gap.upper, unit)}: the counter was read before and after it, so they are all in the "
            "total"
        )
    return (
        f"{between(gap.lower, gap.upper, unit)}: it reaches over an end of the period, and how much of it was used on "
        f"this side is estimated as {number(gap.usage)}"
    )
