"""Native charts of a workbook, from the cells of their own sheet: days and periods as columns or lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from reports.charts.palette import LIGHT
from reports.document import Chart, Column, Kind
from reports.formats.xlsx_cells import header, sheet_text
from reports.rendering import Cell, Row

_DRAWN = frozenset({Kind.QUANTITY, Kind.COUNT, Kind.MONEY, Kind.NUMBER})
_BOUNDS = frozenset({"lower", "upper"})
_WIDTH, _HEIGHT = 960, 420  # pixels
_EPOCH = date(1899, 12, 30)  # day 0 of a workbook


@dataclass(frozen=True, slots=True)
class _Place:
    """A column of a sheet with its cells."""

    index: int
    column: Column
    cells: Sequence[Cell]


def add_chart(book: Workbook, sheet: Worksheet, chart: Chart, rows: int) -> None:
    """Put a native chart beside the first ``rows`` rows of its table, where those are of days or of named periods.

    One figure for each day is drawn as columns, with its bounds as whiskers where the table has them; several as lines.
    Other charts stay tables.
    """
    shown = list(chart.table.rows)[:rows]
    places = [_Place(index, one, [row.get(one.key) for row in shown]) for index, one in enumerate(chart.table.columns)]
    if not places or places[0].column.kind not in {Kind.DAY, Kind.TEXT}:
        return
    drawn = [one for one in places[1:] if one.column.kind in _DRAWN and one.column.key not in _BOUNDS]
    if not drawn or len(places[0].cells) != len(set(places[0].cells)):
        return
    lines = len(drawn) > 1
    made = book.add_chart({"type": "line" if lines else "column"})
    if made is None:
        return
    for number, one in enumerate(drawn):
        made.add_series(_series(sheet, places[0], one, LIGHT.series[number % len(LIGHT.series)], lines, shown))
    made.set_title({"name": sheet_text(chart.title)[:255], "name_font": {"size": 12, "bold": True}, "overlay": False})
    made.set_legend({"position": "bottom"} if lines else {"none": True})
    axis = {"date_axis": True, "num_format": "d mmm yyyy"} if places[0].column.kind is Kind.DAY else {}
    made.set_x_axis({**axis, "line": {"color": LIGHT.line}, "num_font": {"color": LIGHT.muted}})
    made.set_y_axis(
        {
            "name": "" if lines else header(drawn[0].column),
            "major_gridlines": {"visible": True, "line": {"color": LIGHT.line, "width": 0.5}},
            "line": {"none": True},
            "num_font": {"color": LIGHT.muted},
        }
    )
    made.set_size({"width": _WIDTH, "height": _HEIGHT})
    sheet.insert_chart(1, len(places) + 1, made, {"description": sheet_text(chart.summary)[:2000]})


def _series(
    sheet: Worksheet, names: _Place, values: _Place, colour: str, lines: bool, rows: Sequence[Row]
) -> dict[str, object]:
    last = len(values.cells)
    found: dict[str, object] = {
        "name": [sheet.get_name(), 0, values.index],
        "categories": [sheet.get_name(), 1, names.index, last, names.index],
        "values": [sheet.get_name(), 1, values.index, last, values.index],
        "categories_data": [_number(one) for one in names.cells],
        "values_data": [_number(one) for one in values.cells],
    }
    if lines:
        return {**found, "line": {"color": colour, "width": 1.75}}
    bounds = {"y_error_bars": _whiskers(values, rows)} if rows and "lower" in rows[0] and "upper" in rows[0] else {}
    return {**found, **bounds, "fill": {"color": colour}, "gap": 40}


def _whiskers(values: _Place, rows: Sequence[Row]) -> dict[str, object]:
    """Return error bars from the bounds; an open one reaches no further than the figure."""
    up, down = [], []
    for row, value in zip(rows, values.cells, strict=True):
        lower, upper = row.get("lower"), row.get("upper")
        up.append(_distance(value, upper))
        down.append(_distance(lower, value))
    return {"type": "custom", "plus_values": up, "minus_values": down, "line": {"color": LIGHT.muted}}


def _distance(low: Cell, high: Cell) -> float:
    if not isinstance(low, int | float | Decimal) or not isinstance(high, int | float | Decimal):
        return 0.0
    return max(0.0, float(high) - float(low))


def _number(cell: Cell) -> Cell:
    """Return a cell as a chart remembers it: days as the number of the day."""
    if isinstance(cell, str):
        try:
            return (date.fromisoformat(cell) - _EPOCH).days
        except ValueError:
            return sheet_text(cell)
    return float(cell) if isinstance(cell, Decimal) else cell
