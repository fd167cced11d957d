"""Prints statements: pages and tables for people, the same figures as JSON or CSV for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, TextIO

from collector.app.printing import output_stream, print_table
from reports.rendering import Row, write_csv, write_json
from reports.tables import plain

if TYPE_CHECKING:
    from collector.app.closing import Closed
    from reports.documents.month import MonthAnswer
    from reports.month import As, MonthRow

_PIECE = 100
_NOTHING = "nothing was recorded in this period; `collector poll` records, `collector status` tells more\n"


def print_month(
    found: Sequence[MonthRow],
    which: As,
    chosen: str,
    out: TextIO,
    answered: MonthAnswer | None = None,
    notes: Iterable[str] = (),
) -> None:
    """Write the report ``month`` to ``out`` as ``table``, ``json`` or ``csv``.

    With an ``answered`` invoice the sentences of the verdict stand on top of the table, and its figures in the last
    keys of JSON and columns of CSV, which are empty without one. ``notes`` stand below the table.
    """
    from reports.documents.month_invoiced import INVOICED, invoiced_of
    from reports.month import columns_of, object_of, summary_of
    from reports.statement_tables import month_pages

    cells = {} if answered is None else answered.invoiced
    match chosen:
        case "json":
            write_json(({**object_of(row, which), **invoiced_of(row, cells)} for row in found), out)
        case "csv":
            rows = [{**summary_of(row, which), **invoiced_of(row, cells)} for row in found]
            write_csv(rows, (*columns_of(which), *INVOICED), out)
        case _ if not found:
            sys.stderr.write(_NOTHING)
        case _:
            said = () if answered is None else answered.document.paragraphs
            out.writelines([*(f"{_inert(one)}\n" for one in said), "\n"] if said else [])
            print_table(month_pages(found), out)
            out.writelines(f"note: {one}\n" for one in notes)


def _inert(text: str) -> str:
    """Return a whole sentence without anything that could move the cursor: names on an invoice may hold anything."""
    return "".join(plain(text[at : at + _PIECE]).plain for at in range(0, len(text), _PIECE))


def print_reconciliation(
    rows: Sequence[Row], told: Mapping[tuple[str, str], Sequence[str]], chosen: str, out: TextIO
) -> None:
    """Print the report ``reconcile``; what explains a row stands below the table, or on stderr beside JSON and CSV."""
    from reports.reconciliation import COLUMNS
    from reports.statement_tables import reconcile_table

    lines = [f"{account}/{meter}: {line}\n" for (account, meter), each in told.items() for line in each]
    match chosen:
        case "json":
            write_json(rows, out)
        case "csv":
            write_csv(rows, COLUMNS, out)
        case _ if not rows:
            sys.stderr.write(_NOTHING)
        case _:
            print_table(reconcile_table(rows), out)
            for (account, meter), each in told.items():
                out.writelines([f"{account}/{meter}:\n", *(f"  {line}\n" for line in each)] if each else [])
            return
    sys.stderr.writelines(lines)


def print_closed(done: Sequence[Closed], *, as_json: bool) -> None:
    """Print what ``close`` did; why something was refused goes to stderr."""
    if as_json:
        write_json([asdict(one) for one in done], output_stream())
    for one in done:
        if not as_json and one.digest is not None:
            output_stream().write(f"{one.account}: {_done(one)}\n")
        if one.reason is not None:
            about = f"{one.account}: {one.period} was not closed" if one.digest is None else f"note: {one.account}"
            sys.stderr.write(f"{about}: {one.reason}\n")


def _done(one: Closed) -> str:
    corrected = {0: "", 1: " with 1 correction"}.get(one.corrections, f" with {one.corrections:,} corrections")
    said = (
        f"closed{corrected}" if one.status == "closed" else f"is closed already, since {one.closed_at:%Y-%m-%d %H:%M}Z"
    )
    return f"{one.period} {said} by {one.closed_by}, digest {one.digest}"
