"""The report ``requests --summary`` in a terminal: a compact page for each account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from rich.console import Group, RenderableType
from rich.text import Text

from reports.rendering import Cell, Row
from reports.request_summary import RequestSummary
from reports.tables import Sheet, moment, named_sheet, number, plain, plain_table, share


def summary_pages(found: Iterable[RequestSummary]) -> Group:
    """Return a page for each account, blank lines between them."""
    parts: list[RenderableType] = []
    for summary in found:
        if parts:
            parts.append(Text())
        parts += _page(summary)
    return Group(*parts)


def _page(summary: RequestSummary) -> Iterator[RenderableType]:
    yield Text(f"{plain(summary.facts['account'])} · requests", style="bold")
    yield Text(span_words(summary), style="dim")
    yield Text()
    table = plain_table(("", ""))
    table.show_header = False
    for name, words in summary_lines(summary):
        table.add_row(name, plain(words))
    yield named_sheet(table, ())
    for part, title in (("longest", "took longest"), ("running", "running longest"), ("unresolved", "unresolved")):
        if summary.rows(part):
            yield Text()
            yield _requests(title, summary.rows(part))


def span_words(summary: RequestSummary) -> str:
    """Return which requests are meant: those made from when until when."""
    start, end = (cast("Cell", summary.facts[key]) for key in ("start", "end"))
    if start is None and end is None:
        return "all requests that were ever listed"
    since, until = ("" if one is None else moment(one) for one in (start, end))
    return " ".join(one for one in ("made", f"from {since}" if since else "", f"until {until}" if until else "") if one)


def summary_lines(summary: RequestSummary) -> Iterator[tuple[str, str]]:
    """Yield the summary's figures in words, each with what it is."""
    facts = summary.facts
    statuses = cast("Row", facts["statuses"])
    ended = ", ".join(f"{number(count)} {plain(status)}" for status, count in statuses.items())
    yield "requests", f"{number(cast('int', facts['requests']))}{f' ({ended})' if ended else ''}"
    rate = cast("float | None", facts["failure_rate"])
    yield (
        "failed",
        "nothing is finished" if rate is None else f"{share(rate)} of {number(_int(facts['finished']))} finished",
    )
    used, took = summary.row("credits"), summary.row("durations")
    if used["requests"]:
        yield "credits", f"{number(used['total'])} by {number(used['requests'])} completed"
        yield "credits of one", _ranks([number(used[key]) for key in ("p50", "p90", "p99", "max")])
    if took["requests"]:
        lengths = [length(took[f"{key}_seconds"]) for key in ("p50", "p90", "p99", "max")]
        yield "took", _ranks(lengths)
    busiest = summary.rows("busiest_hours")
    if busiest:
        hours = ", ".join(f"{hour_words(row['hour'])} ({number(row['requests'])})" for row in busiest)
        yield "busiest hours", f"{hours}, {facts['timezone']}"


def _int(value: object) -> int:
    return cast("int", value)


def _ranks(shown: Sequence[str]) -> str:
    median, most, nearly_all, greatest = shown
    return f"half at most {median}, 90 % at most {most}, 99 % at most {nearly_all}, the greatest {greatest}"


def hour_words(hour: Cell) -> str:
    """Return an hour of the day as a span."""
    first = cast("int", hour)
    return f"{first:02}:00–{(first + 1) % 24:02}:00"


def length(seconds: Cell) -> str:
    """Return a duration in whole seconds as hours, minutes and seconds; a dash where it is not known."""
    if not isinstance(seconds, int):
        return "–"
    minutes, rest = divmod(abs(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{'-' if seconds < 0 else ''}{hours:,}:{minutes:02}:{rest:02}"


def _requests(title: str, rows: Sequence[Row]) -> Sheet:
    table = plain_table((title, "status", "created", "for", "credits"), ("for", "credits"))
    for row in rows:
        table.add_row(
            plain(row["request_id"]),
            plain(row["status"]),
            moment(row["created_at"]),
            length(row["seconds"]),
            number(row["credits_used"]),
        )
    return named_sheet(table, ("created", "for", "credits"))
