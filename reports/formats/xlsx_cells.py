"""Cells of a workbook: typed where a spreadsheet can hold them exactly, as text where it would round them."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeAlias

from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from reports.document import Column, Kind
from reports.formats.cells import is_figure
from reports.formats.inert import visible
from reports.rendering import Cell

_LONGEST = 32_767  # characters of a cell. Source: Excel specifications and limits
_LARGEST = 2**53  # beyond it a double skips integers
_PLACES = 15  # significant digits that a spreadsheet keeps
_FIRST_DAY = date(1900, 3, 1)  # before it Excel counts a day that never was

_Style: TypeAlias = dict[str, object]

_FORMATS = {
    Kind.COUNT: "#,##0",
    Kind.MONEY: "#,##0.00########",
    Kind.NUMBER: "#,##0.0##",
    Kind.SHARE: "0.00%",
    Kind.SECONDS: "#,##0.0##",
    Kind.DAY: "yyyy-mm-dd",
    Kind.INSTANT: "yyyy-mm-dd hh:mm:ss",
}


def header(column: Column) -> str:
    """Return what stands above a column: with the zone of instants and the unit of durations."""
    suffix = {Kind.INSTANT: " (UTC)", Kind.SECONDS: " (s)"}.get(column.kind, "")
    return visible(column.title, 200) + suffix


def sheet_text(text: str) -> str:
    """Return text as a cell can hold it; where it is cut its end says how long it was."""
    shown = visible(text, None)
    if len(shown) <= _LONGEST:
        return shown
    said = f"… ({len(text):,} characters)"
    return shown[: _LONGEST - len(said)] + said


class Cells:
    """Writes cells in the formats of their kinds.

    Args:
        book: The workbook that keeps the formats.
    """

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._made: dict[str, Format] = {}
        self.text = self._style("text", {"align": "left", "num_format": "@"})
        self._exact = self._style("exact", {"align": "right", "num_format": "@"})
        self.head = self._style("head", {"bold": True, "bottom": 1, "valign": "bottom", "text_wrap": True})
        self.figure_head = self._style(
            "figure_head", {"bold": True, "bottom": 1, "valign": "bottom", "text_wrap": True, "align": "right"}
        )
        self.title = self._style("title", {"bold": True, "font_size": 16})
        self.bold = self._style("bold", {"bold": True, "valign": "top"})
        self.wrapped = self._style("wrapped", {"text_wrap": True, "valign": "top"})
        self.muted = self._style("muted", {"text_wrap": True, "valign": "top", "font_color": "#57606A"})

    def _style(self, name: str, style: _Style) -> Format:
        if name not in self._made:
            self._made[name] = self._book.add_format(style)
        return self._made[name]

    def _numbers(self, pattern: str) -> Format:
        return self._style(pattern, {"num_format": pattern})

    def head_of(self, column: Column) -> Format:
        """Return the format of a column's header."""
        return self.figure_head if is_figure(column) else self.head

    def write(self, sheet: Worksheet, row: int, place: int, value: Cell, kind: Kind) -> None:
        """Write one cell; nothing where the value is not known."""
        match value:
            case None:
                return
            case bool():
                sheet.write_boolean(row, place, value)
            case int() | float() | Decimal():
                self._number(sheet, row, place, value, kind)
            case datetime():
                self._instant(sheet, row, place, value)
            case str() if kind is Kind.DAY:
                self._day(sheet, row, place, value)
            case str():
                sheet.write_string(row, place, sheet_text(value), self.text)

    def _number(self, sheet: Worksheet, row: int, place: int, value: float | Decimal, kind: Kind) -> None:
        if isinstance(value, float):
            if math.isfinite(value):
                sheet.write_number(row, place, value, self._numbers(_FORMATS.get(kind, "#,##0.0##")))
        elif not _is_kept(value):
            sheet.write_string(row, place, f"{Decimal(value):f}", self._exact)
        else:
            sheet.write_number(row, place, float(value), self._numbers(_pattern(value, kind)))

    def _day(self, sheet: Worksheet, row: int, place: int, value: str) -> None:
        try:
            day = date.fromisoformat(value)
        except ValueError:
            day = date.min
        if day < _FIRST_DAY:
            sheet.write_string(row, place, sheet_text(value), self.text)
        else:
            style = self._style("day", {"num_format": _FORMATS[Kind.DAY], "align": "left"})
            sheet.write_datetime(row, place, datetime(day.year, day.month, day.day), style)  # noqa: DTZ001 - a date

    def _instant(self, sheet: Worksheet, row: int, place: int, value: datetime) -> None:
        plain = value.astimezone(UTC).replace(tzinfo=None)
        if plain.date() < _FIRST_DAY:
            sheet.write_string(row, place, plain.isoformat(" "), self.text)
        else:
            style = self._style("instant", {"num_format": _FORMATS[Kind.INSTANT], "align": "left"})
            sheet.write_datetime(row, place, plain, style)


def _is_kept(value: int | Decimal) -> bool:
    """Tell whether a spreadsheet keeps every digit of ``value``."""
    if isinstance(value, int):
        return abs(value) <= _LARGEST
    return value.is_finite() and len(value.normalize().as_tuple().digits) <= _PLACES


def _pattern(value: float | Decimal, kind: Kind) -> str:
    """Return the number format: a scaled quantity shows all places it has."""
    if kind in _FORMATS:
        return _FORMATS[kind]
    exponent = value.as_tuple().exponent if isinstance(value, Decimal) else 0
    places = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    return f"#,##0.{'0' * places}" if places else "#,##0"
