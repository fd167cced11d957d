"""Tables for people: what matters first, thousands separated, notes in words.

A table may leave columns out that a person does not read; JSON and CSV have them all. Text from providers is made
harmless for a terminal before it is shown. Figures stay whole while the terminal has room for them: words give way
first, and where nothing helps a figure is folded, never cut.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from reports.forecasting.words import outlook
from reports.rendering import Cell, Row

_SHOWN = 200
_UNKNOWN = "–"
_GAP = 2
_LEAST_WIDTH = 8
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table that knows which of its columns must not be broken.

    Attributes:
        figures: Indices of those columns.
        caption: A line below the table; may be empty.
    """

    table: Table
    figures: frozenset[int]
    caption: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the table with its figures unbroken if they leave every other column a readable width."""
        columns = self.table.columns
        needed = sum(
            max(Text(str(cell)).cell_len for cell in (column.header, *column.cells))
            if index in self.figures
            else _LEAST_WIDTH
            for index, column in enumerate(columns)
        )
        whole = needed + _GAP * len(columns) <= options.max_width
        for index in self.figures:
            columns[index].no_wrap = whole
        yield self.table
        if self.caption:
            yield Text(self.caption, style="dim")


def plain(value: object) -> Text:
    """Return text that cannot move the cursor, break or turn the line around, or carry markup; 200 characters of it."""
    text = str(value)
    shown = "".join(one if _is_harmless(one) else one.encode("unicode_escape").decode("ascii") for one in text[:_SHOWN])
    return Text(shown if len(text) <= _SHOWN else f"{shown}…")


def _is_harmless(one: str) -> bool:
    return one.isprintable() and (one.isascii() or unicodedata.bidirectional(one) not in _RIGHT_TO_LEFT)


def number(value: Cell) -> str:
    """Return a quantity with separated thousands, or a dash where it is not known."""
    match value:
        case None:
            return _UNKNOWN
        case int() | Decimal():
            return f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
        case float():
            return f"{value:,.1f}" if abs(value) >= 1 else f"{value:,.3g}"
        case _:
            return str(value)


def share(value: Cell) -> str:
    """Return a share as a percentage; only a full one is shown as 100 %, only an empty one as 0 %."""
    if not isinstance(value, int | float):
        return _UNKNOWN
    percent = value * 100
    if 0 < value < 1:
        percent = min(max(percent, 0.1), 99.9)
    return f"{percent:.1f} %"


def moment(value: Cell) -> str:
    """Return an instant to the second, in UTC."""
    return value.strftime("%Y-%m-%d %H:%M:%SZ") if isinstance(value, datetime) else _UNKNOWN


def plain_table(columns: Sequence[str], right: Iterable[str] = ()) -> Table:
    """Return an empty table without lines; the columns in ``right`` are aligned there."""
    right = frozenset(right)
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def named_sheet(table: Table, figures: Iterable[str], caption: str = "") -> Sheet:
    """Return the table with its figures' columns by name, and a line below it."""
    wanted = frozenset(figures)
    return Sheet(table, frozenset(i for i, one in enumerate(table.columns) if one.header in wanted), caption)


def meter_name(row: Row) -> Text:
    """Return the meter's name, and its unit where that is another word."""
    meter, unit = row["meter"], row["unit"]
    return plain(meter if unit in {None, meter} else f"{meter} ({unit})")


def _names(rows: Iterable[Row]) -> Iterator[tuple[Text, Text, Row]]:
    """Yield account, meter and row; the names are bright only where a new meter begins."""
    before: tuple[Cell, Cell] | None = None
    for row in rows:
        account, meter = plain(row["account"]), meter_name(row)
        if (row["account"], row["meter"]) == before:
            account.stylize("dim")
            meter.stylize("dim")
        before = row["account"], row["meter"]
        yield account, meter, row


def daily_table(rows: Iterable[Row]) -> Sheet:
    """Return the report ``daily``: bounds where they are wider than the figure, notes, and a total for each meter."""
    table = plain_table(("account", "meter", "day", "usage", "between", "notes"), ("usage", "between"))
    for _, group in groupby(rows, key=lambda row: (row["account"], row["meter"])):
        usages: list[int | Decimal] = []
        for account, meter, row in _names(group):
            usage, notes = row["usage"], Text(", ".join(notes_of(row)))
            table.add_row(account, meter, plain(row["day"]), number(usage), bounds(row), notes)
            usages += [usage] if isinstance(usage, int | Decimal) else []
        if len(usages) > 1:
            table.add_row(account, meter, Text("total", style="bold"), Text(number(sum(usages)), style="bold"))
    return named_sheet(table, ("day", "usage", "between"))


def bounds(row: Row) -> str:
    """Return what the usage can have been, where that is more than one figure."""
    lower, upper = row["lower"], row["upper"]
    if lower == upper:
        return ""
    return f"≥ {number(lower)}" if upper is None else f"{number(lower)}…{number(upper)}"


def notes_of(row: Row) -> Iterator[str]:
    """Yield what must be known to judge a day's figures, in words."""
    if row["partial"]:
        yield "part of the day"
    if row["coverage"] != 1:
        yield f"{share(row['coverage'])} observed" if row["coverage"] else "not observed"
    for name, one, many in (
        ("resets", "reset", "resets"),
        ("corrections", "correction", "corrections"),
        ("held", "fall held", "falls held"),
    ):
        if row[name]:
            yield f"{row[name]} {one if row[name] == 1 else many}"
    yield from (f"polls flagged {row['flags']}",) if row.get("flags") else ()


def burn_table(rows: Iterable[Row]) -> Sheet:
    """Return the report ``burn``, and below it the instant at which the windows end."""
    figures = ("usage", "per day", "observed")
    table = plain_table(("account", "meter", "window", *figures), figures)
    ends = set()
    for account, meter, row in _names(rows):
        table.add_row(
            account,
            meter,
            plain(row["window"]),
            number(row["usage"]),
            number(row["per_day"]),
            share(row["coverage"]),
        )
        ends.add(row["window_end"])
    instants = sorted(one for one in ends if isinstance(one, datetime))
    return named_sheet(table, ("window", *figures), _ends(instants))


def _ends(instants: Sequence[datetime]) -> str:
    if not instants:
        return ""
    if instants[0] == instants[-1]:
        return f"windows end at the last observation, {moment(instants[0])}"
    return f"windows end at each meter's last observation, {moment(instants[0])} to {moment(instants[-1])}"


def exhaustion_table(rows: Iterable[Row]) -> Sheet:
    """Return the report ``exhaustion``: the outlook in words."""
    figures = ("used", "quota", "left")
    table = plain_table(("account", "meter", *figures, "outlook"), figures)
    for row in rows:
        table.add_row(
            plain(row["account"]),
            meter_name(row),
            number(row["used"]),
            number(row["quota"]),
            number(row["remaining"]),
            plain(outlook(row)),
        )
    return named_sheet(table, figures)


def requests_table(rows: Iterable[Row]) -> Sheet:
    """Return the report ``requests``: when each was made, to the minute in UTC, and how long it took."""
    table = plain_table(("account", "request", "status", "created", "took", "credits"), ("took", "credits"))
    for row in rows:
        created = row["created_at"]
        table.add_row(
            plain(row["account"]),
            plain(row["request_id"]),
            plain(row["status"]),
            created.strftime("%Y-%m-%d %H:%MZ") if isinstance(created, datetime) else _UNKNOWN,
            _took(created, row["completed_at"]),
            number(row["credits_used"]),
        )
    return named_sheet(table, ("created", "took", "credits"))


def _took(created: Cell, completed: Cell) -> str:
    """Return hours, minutes and seconds; a record that ends before it begins is shown as it is."""
    if not isinstance(created, datetime) or not isinstance(completed, datetime):
        return _UNKNOWN
    sign = "-" if completed < created else ""
    minutes, seconds = divmod(abs(completed - created) // timedelta(seconds=1), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes:02}:{seconds:02}"


def gaps_table(rows: Iterable[Row]) -> Sheet:
    """Return the report ``requests --gaps``: how many requests were missed, when they were made, and at which poll."""
    table = plain_table(("account", "poll", "missed", "made after", "made before", "credits unexplained"), ("missed",))
    for row in rows:
        unknown = "?" if row["missed_before"] is not None and row["missed_requests"] is None else None
        table.add_row(
            plain(row["account"]),
            moment(row["polled_at"]),
            unknown or number(row["missed_requests"]),
            moment(row["missed_after"]),
            moment(row["missed_before"]),
            number(row["unexplained"]),
        )
    return named_sheet(table, ("poll", "missed", "made after", "made before", "credits unexplained"))


TABLES: dict[str, Callable[[Iterable[Row]], Sheet]] = {
    "daily": daily_table,
    "burn": burn_table,
    "exhaustion": exhaustion_table,
    "requests": requests_table,
    "requests --gaps": gaps_table,
}
