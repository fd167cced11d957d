"""Tables for people: what matters first, thousands separated, notes in words.

A table may leave columns out that a person does not read; JSON and CSV have them all. Text from providers is made
harmless for a terminal before it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from rich.table import Table
from rich.text import Text

from reports.rendering import Cell, Row

_SHOWN = 60


def plain(value: object) -> Text:
    """Return text that cannot move the cursor, break the line or carry markup."""
    text = str(value)
    shown = "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)
    return Text(shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…")


def number(value: Cell) -> str:
    """Return a quantity with separated thousands, or a dash where it is not known."""
    match value:
        case None:
            return "–"  # noqa: RUF001 - a dash for people
        case int() | Decimal():
            return f"{value:,}"
        case float():
            return f"{value:,.1f}" if abs(value) >= 1 else f"{value:,.3g}"
        case _:
            return str(value)


def share(value: Cell) -> str:
    """Return a share as a percentage; only a full one is shown as 100 %."""
    if not isinstance(value, int | float):
        return "–"  # noqa: RUF001 - a dash for people
    percent = value * 100
    return f"{min(percent, 99.9):.1f} %" if 0 < value < 1 and percent >= 99.95 else f"{percent:.1f} %"


def moment(value: Cell) -> str:
    """Return an instant to the second, in UTC."""
    return value.strftime("%Y-%m-%d %H:%M:%SZ") if isinstance(value, datetime) else "–"  # noqa: RUF001


def _table(columns: Sequence[str], right: Sequence[str] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def daily_table(rows: Iterable[Row]) -> Table:
    """Return the report ``daily``: the range is shown only where it is wider than the figure."""
    table = _table(
        ("account", "meter", "day", "usage", "between", "observed", "notes"), ("usage", "between", "observed")
    )
    for row in rows:
        table.add_row(
            plain(row["account"]),
            plain(row["meter"]),
            plain(row["day"]),
            number(row["usage"]),
            _between(row),
            share(row["coverage"]),
            ", ".join(_notes(row)),
        )
    return table


def _between(row: Row) -> str:
    lower, upper = row["lower"], row["upper"]
    if lower == upper:
        return ""
    return f"{number(lower)}…{'?' if upper is None else number(upper)}"


def _notes(row: Row) -> Iterable[str]:
    for name, many in (("resets", "resets"), ("corrections", "corrections"), ("held", "falls held")):
        count = row[name]
        if count:
            yield f"{count} {many}" if count != 1 else f"1 {many.replace('falls', 'fall').removesuffix('s')}"
    if row["partial"]:
        yield "part of the day"


def burn_table(rows: Iterable[Row]) -> Table:
    """Return the report ``burn``."""
    table = _table(("account", "meter", "window", "usage", "per day", "observed"), ("usage", "per day", "observed"))
    for row in rows:
        table.add_row(
            plain(row["account"]),
            plain(row["meter"]),
            plain(row["window"]),
            number(row["usage"]),
            number(row["per_day"]),
            share(row["coverage"]),
        )
    return table


def exhaustion_table(rows: Iterable[Row]) -> Table:
    """Return the report ``exhaustion``: the outlook in words."""
    table = _table(("account", "meter", "quota", "used", "remaining", "outlook"), ("quota", "used", "remaining"))
    for row in rows:
        table.add_row(
            plain(row["account"]),
            plain(row["meter"]),
            number(row["quota"]),
            number(row["used"]),
            number(row["remaining"]),
            outlook(row),
        )
    return table


def outlook(row: Row) -> str:
    """Return what the report ``exhaustion`` says of one meter, in words."""
    match row["status"]:
        case "exhausted":
            day = "" if row["exhausts_on"] is None else f" since {row['exhausts_on']}"
            return f"used up{day}"
        case "exhausts":
            interval = f"{row['earliest']} to {row['latest'] or 'after the period'}"
            return f"runs out on {row['exhausts_on']} (80 %: {interval})"
        case "lasts" if row["period_end"] is None:
            return str(row["reason"])
        case "lasts":
            return f"lasts until the period ends ({_percent(row['probability'])} risk of running out)"
        case _:
            return f"unknown: {row['reason']}"


def _percent(value: Cell) -> str:
    if not isinstance(value, float):
        return "–"  # noqa: RUF001 - a dash for people
    return "under 1 %" if value < 0.01 else f"{value * 100:.0f} %"


def requests_table(rows: Iterable[Row]) -> Table:
    """Return the report ``requests``."""
    table = _table(("account", "request", "status", "created", "completed", "credits"), ("credits",))
    for row in rows:
        table.add_row(
            plain(row["account"]),
            plain(row["request_id"]),
            plain(row["status"]),
            moment(row["created_at"]),
            moment(row["completed_at"]),
            number(row["credits_used"]),
        )
    return table


TABLES: dict[str, Callable[[Iterable[Row]], Table]] = {
    "daily": daily_table,
    "burn": burn_table,
    "exhaustion": exhaustion_table,
    "requests": requests_table,
}
