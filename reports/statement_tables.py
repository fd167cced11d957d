"""Statements for people: a page for each meter of the report ``month``, and the table of the report ``reconcile``.

A page reads from top to bottom like a bill: what stood on the counter, what was used, what it costs, then by day. Where
figures of two kinds stand side by side, their difference stands beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from reports.month import MonthRow
from reports.rendering import Cell, Row
from reports.statement_views import CorrectionLine, StatementView
from reports.tables import Sheet, bounds, meter_name, named_sheet, notes_of, number, plain, plain_table, share

_FALLS = (("resets", "reset", "resets"), ("corrections", "correction", "corrections"), ("held", "held", "held"))


def month_pages(rows: Iterable[MonthRow]) -> Group:
    """Return a page for each meter, blank lines between them."""
    parts: list[RenderableType] = []
    for row in rows:
        if parts:
            parts.append(Text())
        parts += _page(row)
    return Group(*parts)


def _page(row: MonthRow) -> Iterator[RenderableType]:
    view = row.shown
    yield Text(f"{plain(view.account)} · {plain(view.meter)} · {view.period}", style="bold")
    yield Text(
        f"{local(view.start, view.timezone)} until {local(view.end, view.timezone)}, {view.timezone}", style="dim"
    )
    if row.statement is not None:
        closing = row.statement.closing
        yield Text(f"closed on {closing.closed_at:%Y-%m-%d %H:%M:%SZ} by {plain(closing.closed_by)}")
        yield Text(f"digest {row.statement.digest.hex()}", style="dim")
        if row.now is not None:
            yield Text("what is now known is priced as it was closed", style="dim")
    known = "as now known, " if row.now is not None and row.closed is not None else ""
    for reason in view.incomplete:
        yield Text(f"{known}not complete: {reason}")
    yield Text()
    yield _figures(row)
    which = ", as now known" if row.now is not None and row.closed is not None else ""
    if view.price_lines:
        yield Text()
        yield _prices(view, which)
    if row.corrects or row.corrected:
        yield Text()
        yield _corrections(row)
    yield Text()
    yield _days(view, which)


def local(at: datetime, zone: str) -> str:
    """Return an instant on the clock of ``zone``, to the minute."""
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def _figures(row: MonthRow) -> Sheet:
    """Return the statement's figures line by line, with those as closed beside them where both are asked for."""
    both = row.now is not None and row.closed is not None
    columns = ("", "now", "as closed", "difference") if both else ("", "", "")
    right = ("now", "as closed", "difference") if both else ()
    table = plain_table(columns, right)
    table.show_header = both
    if not both:
        table.columns[1].justify = "right"
    for (name, cell, remark), closed in _pairs(row):
        if both:
            table.add_row(name, cell, "" if closed is None else closed[1], _difference(name, row))
            if name == "used":
                _add_bounds(table, row)
        else:
            table.add_row(name, cell, remark)
    return named_sheet(table, ("now", "as closed", "difference"))


def _add_bounds(table: Table, row: MonthRow) -> None:
    """Add what the usage can have been, now and as closed, where that is more than one figure."""
    now, closed = ("" if one is None else bounds(one.figures) for one in (row.now, row.closed))
    if now or closed:
        table.add_row("  between", now, closed, "")


def _pairs(row: MonthRow) -> Iterator[tuple[tuple[str, str, str], tuple[str, str, str] | None]]:
    other = {line[0]: line for line in _lines(row.closed)} if row.now is not None and row.closed is not None else {}
    for line in _lines(row.shown):
        yield line, other.get(line[0])


_KEYS = {
    "opening": "opening", "used": "usage", "closing": "closing", "observed": "coverage", "costs": "amount",
    "credits of requests": "request_credits", "not explained by requests": "unexplained",
    "requests in no list": "missing_requests",
}  # fmt: skip


def _difference(name: str, row: MonthRow) -> str:
    """Return now less as closed, for figures that can be subtracted; nothing where they are equal."""
    key = _KEYS.get(name)
    if key in {None, "coverage"} or row.now is None or row.closed is None:
        return ""
    now, closed = row.now.figures[key or ""], row.closed.figures[key or ""]
    if not isinstance(now, int | Decimal) or not isinstance(closed, int | Decimal) or now == closed:
        return ""
    return f"{now - closed:+,}"


def _lines(view: StatementView | None) -> Iterator[tuple[str, str, str]]:
    """Yield name, figure and remark of each line; lines that have nothing to say are left out."""
    if view is None:
        return
    figures = view.figures
    between = bounds(figures)
    yield "opening", number(figures["opening"]), ""
    words = f"between {between.replace('…', ' and ')}" if "…" in between else between.replace("≥", "at least")
    yield "used", number(figures["usage"]), words
    yield "closing", number(figures["closing"]), ""
    exact = figures["coverage"] != 1 and _is_exact(figures)
    yield "observed", share(figures["coverage"]), "not all, but the total is exact all the same" if exact else ""
    yield "falls of the counter", _falls(figures), ""
    if view.requests is not None:
        total = sum(view.requests.values())
        yield (
            "requests made",
            number(total),
            ", ".join(f"{count:,} {plain(name)}" for name, count in view.requests.items()),
        )
    for name in ("credits of requests", "not explained by requests", "requests in no list"):
        if figures[_KEYS[name]] is not None:
            yield name, number(figures[_KEYS[name]]), ""
    if figures["amount"] is not None:
        yield "costs", number(figures["amount"]), str(figures["currency"])
    if figures.get("unpriced"):
        yield "used without a price", number(figures["unpriced"]), "not in the costs"


def _falls(figures: Row) -> str:
    found = [f"{figures[key]} {one if figures[key] == 1 else many}" for key, one, many in _FALLS if figures[key]]
    return ", ".join(found) or "none"


def _prices(view: StatementView, which: str) -> Sheet:
    table = plain_table((f"price{which}", "from", "units", "each", "amount"), ("units", "each", "amount"))
    for line in view.price_lines:
        table.add_row(
            _price_name(line), plain(line["starts_on"]), number(line["quantity"]), number(line["per_unit"]),
            number(line["amount"]),
        )  # fmt: skip
    return named_sheet(table, ("from", "units", "each", "amount"))


def _price_name(line: Row) -> str:
    match line["kind"]:
        case "included":
            return "included"
        case "unit":
            return "each unit"
        case "minimum":
            return "up to the minimum"
        case _:
            return "last tier" if line["up_to"] is None else f"tier up to {number(line['up_to'])}"


def _corrections(row: MonthRow) -> Sheet:
    table = plain_table(("correction", "period", "used", "amount"), ("used", "amount"))
    for one in row.corrects:
        table.add_row("made with this statement", plain(one.period), _signed(one.usage), _amount(one))
    for later, one in row.corrected:
        name = "not closed yet" if later is None else f"closed with {plain(later)}"
        table.add_row(name, plain(one.period), _signed(one.usage), _amount(one))
    return named_sheet(table, ("period", "used", "amount"))


def _amount(one: CorrectionLine) -> str:
    return "" if one.amount is None else f"{one.amount:+,} {one.currency or ''}".rstrip()


def _signed(value: int | Decimal) -> str:
    return f"{value:+,}"


def _days(view: StatementView, which: str) -> Sheet:
    priced = any(day["amount"] is not None for day in view.days)
    columns = (f"day{which}", "used", "between", *(("amount",) if priced else ()), "notes")
    table = plain_table(columns, ("used", "between", "amount"))
    shown = _with_something(view.days)
    for day in shown:
        amount = [_exact(day["amount"])] if priced else []
        # A silence hides nothing of a day whose bounds are exact all the same.
        notes = Text(", ".join(notes_of({**day, "coverage": 1.0} if _is_exact(day) else day)))
        table.add_row(plain(day["day"]), number(day["usage"]), bounds(day), *amount, notes)
    silent = len(view.days) - len(shown)
    caption = f"{silent} more {'day' if silent == 1 else 'days'} without any observation" if silent else ""
    return named_sheet(table, ("day", "used", "between", "amount"), caption)


def _is_exact(figures: Row) -> bool:
    return figures["upper"] is not None and figures["lower"] == figures["upper"]


def _with_something(days: Sequence[Row]) -> Sequence[Row]:
    """Return the days from the first to the last one that was observed."""
    seen = [place for place, day in enumerate(days) if day["coverage"] or day["usage"] or day["snapshots"]]
    return days[seen[0] : seen[-1] + 1] if seen else ()


def _exact(value: Cell) -> str:
    """Return unrounded money without the noughts at its end, but with two places."""
    if not isinstance(value, Decimal):
        return number(value)
    shown = f"{value:,f}"
    whole, mark, places = shown.partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}" if mark else f"{whole}.00"


def reconcile_table(rows: Sequence[Row]) -> Sheet:
    """Return the report ``reconcile``: what was used, what was invoiced, and how they compare."""
    priced = [row for row in rows if row["amount"] is not None or row["invoiced_amount"] is not None]
    currencies = {row["currency"] for row in priced}
    single = f" {plain(currencies.pop())}" if len(currencies) == 1 else ""
    money = (f"costs{single}", f"billed{single}") if priced else ()
    figures = ("used", "invoiced", "differs", *money)
    table = plain_table(("account", "meter", *figures, "status"), figures)
    for row in rows:
        amounts = [_money(row, "amount", single), _money(row, "invoiced_amount", single)] if money else []
        table.add_row(
            plain(row["account"]),
            meter_name(row),
            number(row["usage"]),
            number(row["invoiced_quantity"]),
            _differs(row["discrepancy"]),
            *amounts,
            plain(str(row["status"]).replace("_", " ")),
        )
    return named_sheet(table, figures, _periods(rows))


def _differs(value: Cell) -> str:
    return f"{value:+,}" if isinstance(value, int | Decimal) and value else number(value)


def _money(row: Row, key: str, single: str) -> str:
    """Return an amount, with its currency where the heading does not have it."""
    amount = row[key]
    return number(amount) if single or amount is None else f"{number(amount)} {row['currency'] or ''}".rstrip()


def _periods(rows: Iterable[Row]) -> str:
    spans = {(row["period_start"], row["period_end"]) for row in rows}
    shown = sorted(
        f"{start:%Y-%m-%d %H:%M}Z to {end:%Y-%m-%d %H:%M}Z"
        for start, end in spans
        if isinstance(start, datetime) and isinstance(end, datetime)
    )
    return f"period {'; '.join(shown)}" if shown else ""
