"""The report ``trend`` in a terminal: a compact page for each meter, what matters first.

The page shows the newest weeks and all months; JSON, CSV and documents have every day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from rich.console import Group, RenderableType
from rich.text import Text

from reports.rendering import Row, Value
from reports.tables import Sheet, bounds, named_sheet, number, plain, plain_table, share
from reports.trend.report import TrendReport
from reports.trend.words import (
    compared_name,
    comparison_words,
    growth_words,
    hours_words,
    learned_words,
    missing,
    money,
    per_day,
    percent,
    total_words,
    weekdays_words,
)

_WEEKS = 8
_MONTHS = 13
_UNUSUAL = 10


def trend_pages(found: Iterable[TrendReport]) -> Group:
    """Return a page for each meter, blank lines between them."""
    parts: list[RenderableType] = []
    for report in found:
        if parts:
            parts.append(Text())
        parts += _page(report)
    return Group(*parts)


def _page(report: TrendReport) -> Iterator[RenderableType]:
    facts = report.facts
    yield Text(f"{plain(facts['account'])} · {plain(facts['meter'])}", style="bold")
    learned = learned_words(report)
    span = f"{facts['start']} until {facts['end']}, {facts['timezone']}"
    yield Text(f"{span}; {learned}" if learned else span, style="dim")
    yield Text()
    yield _summary(report)
    yield Text()
    yield _periods(report, "month", _MONTHS)
    yield Text()
    yield _periods(report, "week", _WEEKS)
    yield Text()
    yield _top(report)


def _summary(report: TrendReport) -> Sheet:
    table = plain_table(("", ""))
    table.show_header = False
    for name, words in _lines(report):
        table.add_row(name, plain(words))
    return named_sheet(table, ())


def _lines(report: TrendReport) -> Iterator[tuple[str, str]]:
    yield "used", total_words(report)
    yield "growth", growth_words(report)
    for row in report.rows("comparisons"):
        yield compared_name(row), comparison_words(row)
    yield "weekdays", weekdays_words(report)
    yield "hours", hours_words(report)
    yield from _told(report, "changes", "changes of level", "none found")
    yield from _told(report, "unusual", "unusual days", "none")
    yield from _told(report, "idle", "idle", "never three whole days in a row")


def _told(report: TrendReport, part: str, name: str, nothing: str) -> Iterator[tuple[str, str]]:
    """Yield a line for each finding, the newest first; or that there is none, or what is missing to tell."""
    rows = report.rows(part)
    if not rows:
        yield name, missing(report, part) or nothing
    for row in list(reversed(rows))[:_UNUSUAL]:
        day = f"{row['day']}: {number(cast('int', row['usage']))}, " if part == "unusual" else ""
        yield name, f"{day}{row['reason']}"
        name = ""
    if len(rows) > _UNUSUAL:
        yield "", f"and {len(rows) - _UNUSUAL:,} before"


def _periods(report: TrendReport, grain: str, most: int) -> Sheet:
    rows = report.rows(f"{grain}s")
    cost = cast("Mapping[str, Value]", report.facts["cost"])
    priced = ("cost",) if cost["total"] is not None else ()
    figures = ("used", "between", "median day", *priced)
    table = plain_table((grain, *figures, "notes"), figures)
    for row in rows[-most:]:
        money_cell = [money(row["cost"], cost["currency"])] if priced else []
        median = row["median"]
        table.add_row(
            plain(row[grain]),
            number(cast("int", row["usage"])),
            bounds(cast("Row", row)),
            "–" if median is None else per_day(cast("float", median)),
            *money_cell,
            Text(", ".join(_notes(row, grain))),
        )
    more = len(rows) - most
    return named_sheet(table, (grain, *figures), f"and {more:,} {grain}s before" if more > 0 else "")


def _notes(row: Mapping[str, Value], grain: str) -> Iterator[str]:
    if row["partial"]:
        yield f"part of the {grain}, {row['days']} day{'' if row['days'] == 1 else 's'}"
    if row["coverage"] != 1:
        yield f"{share(cast('float', row['coverage']))} observed"


def _top(report: TrendReport) -> Sheet:
    table = plain_table(("top day", "used", "of all", "what made it"), ("used", "of all"))
    rows: Sequence[Mapping[str, Value]] = report.rows("top_days")
    for row in rows:
        part = row["share"]
        shown = "–" if part is None else percent(cast("float", part)).removeprefix("+")
        table.add_row(plain(row["day"]), number(cast("int", row["usage"])), shown, plain(row["reason"]))
    return named_sheet(table, ("top day", "used", "of all"), "" if rows else "nothing was used")
