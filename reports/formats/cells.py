"""Cells as people read them, by the kind of their column: the same words on a page, in Markdown and in a PDF."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from reports.document import Column, Kind
from reports.formats.inert import CELL, visible
from reports.rendering import Cell
from reports.tables import moment, number, share

UNKNOWN = "–"
FIGURES = frozenset({Kind.QUANTITY, Kind.COUNT, Kind.MONEY, Kind.NUMBER, Kind.SHARE, Kind.SECONDS})
"""Kinds whose cells are aligned to the right."""


def is_figure(column: Column) -> bool:
    """Tell whether the column's cells are aligned to the right."""
    return column.kind in FIGURES


def words(value: Cell, kind: Kind) -> str:
    """Return a cell as people read it: thousands separated, a dash where it is not known, text made inert."""
    if value is None:
        return UNKNOWN
    match kind:
        case Kind.MONEY if isinstance(value, Decimal):
            return money(value)
        case Kind.SHARE:
            return share(value)
        case Kind.FLAG:
            return "yes" if value else "no"
        case Kind.SECONDS if isinstance(value, int | float):
            return duration(value)
        case _:
            return _plain(value)


def _plain(value: Cell) -> str:
    if isinstance(value, str):
        return visible(value, CELL)
    return moment(value) if isinstance(value, datetime) else number(value)


def money(value: Decimal) -> str:
    """Return an amount with all its places but the noughts at their end, and at least two."""
    whole, _, places = f"{value:,f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


def duration(seconds: float) -> str:
    """Return a duration: ``0.35 s``, ``42.0 s``, ``3 min 05 s``, ``2 h 07 min``."""
    sign, length = ("-" if seconds < 0 else ""), abs(seconds)
    if length < 59.95:
        return f"{sign}{length:.2f} s" if length < 1 else f"{sign}{length:.1f} s"
    whole = round(length)
    if whole < 3600:
        return f"{sign}{whole // 60} min {whole % 60:02} s"
    return f"{sign}{whole // 3600:,} h {whole % 3600 // 60:02} min"
