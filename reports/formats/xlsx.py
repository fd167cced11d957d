"""XLSX: a summary, then one sheet for each table, with native charts of days and periods; nothing in it is a formula.

Rows go to the file as they come, so a long report never has to fit into memory; more rows than a sheet holds go on in
the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from itertools import chain
from typing import BinaryIO

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from reports.document import Chart, Document, Fact, Table, Tone
from reports.formats.cells import words
from reports.formats.wording import MADE, NOTHING, TONES
from reports.formats.xlsx_cells import Cells, header, sheet_text
from reports.formats.xlsx_charts import add_chart
from reports.formats.xlsx_names import SheetNames
from reports.rendering import Row
from reports.tables import moment

MOST_ROWS = 1_048_576
"""Rows of a sheet, the header among them. Source: Excel specifications and limits."""
_WIDEST, _NARROWEST = 60, 9
_MEASURED = 200


def write_xlsx(document: Document, out: BinaryIO, most_rows: int = MOST_ROWS) -> None:
    """Write ``document`` as a workbook: summary, records, then every other table once.

    Args:
        document: Any; its streams are read to their end.
        out: Where the bytes go.
        most_rows: How many rows a sheet takes, its header among them.
    """
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }
    with Workbook(out, options) as book:
        book.set_properties(
            {
                "title": sheet_text(document.title)[:255],
                "subject": sheet_text(document.subtitle)[:255],
                "created": document.made_at.astimezone(UTC).replace(tzinfo=None),
            }
        )
        writer = _Book(book, most_rows)
        writer.summary(document)
        for table, chart in _tables(document):
            writer.table(table, chart)


def _tables(document: Document) -> Iterator[tuple[Table, Chart | None]]:
    """Yield the records, then what the sections hold; a table that stands in several places comes once."""
    seen = {id(document.records)}
    yield document.records, None
    for block in (one for section in document.sections for one in section.blocks):
        table, chart = (block.table, block) if isinstance(block, Chart) else (block, None)
        if id(table) not in seen:
            seen.add(id(table))
            yield table, chart


class _Book:
    def __init__(self, book: Workbook, most_rows: int) -> None:
        self._book, self._most = book, most_rows
        self._cells, self._names = Cells(book), SheetNames()

    def summary(self, document: Document) -> None:
        sheet = self._book.add_worksheet(self._names.name("Summary"))
        sheet.set_column(0, 0, 32)
        sheet.set_column(1, 1, 26)
        sheet.set_column(2, 2, 80)
        sheet.hide_gridlines(2)
        sheet.write_string(0, 0, sheet_text(document.title), self._cells.title)
        sheet.write_string(1, 0, sheet_text(document.subtitle))
        row = self._lines(sheet, 3, document.facts, (*filter(None, [document.empty]), *document.paragraphs))
        for section in document.sections:
            if section.facts or section.paragraphs:
                sheet.write_string(row, 0, sheet_text(section.title), self._cells.bold)
                row = self._lines(sheet, row + 1, section.facts, section.paragraphs)
        for line in (*document.footer, MADE.format(moment(document.made_at))):
            sheet.write_string(row, 0, sheet_text(line))
            row += 1
        _fit_to_paper(sheet)

    def _lines(self, sheet: Worksheet, row: int, facts: tuple[Fact, ...], sentences: tuple[str, ...]) -> int:
        """Write facts and sentences from ``row`` on; return the row after them and a blank one."""
        cells = self._cells
        for one in facts:
            tone = "" if one.tone is Tone.PLAIN else f"{TONES[one.tone].word}: "
            sheet.write_string(row, 0, sheet_text(one.label), cells.bold)
            sheet.write_string(row, 1, sheet_text(one.value), cells.wrapped)
            sheet.write_string(row, 2, sheet_text(tone + one.note).removesuffix(": "), cells.muted)
            row += 1
        for sentence in sentences:
            sheet.write_string(row, 0, sheet_text(sentence))
            row += 1
        return row + 1

    def table(self, table: Table, chart: Chart | None) -> None:
        rows = iter(table.rows)
        first = next(rows, None)
        left = iter(()) if first is None else chain([first], rows)
        while True:
            sheet = self._book.add_worksheet(self._names.name(table.title))
            written, following = self._rows(sheet, table, left)
            if chart is not None and written:
                add_chart(self._book, sheet, chart, written)
            if following is None:
                return
            left = chain([following], left)

    def _rows(self, sheet: Worksheet, table: Table, rows: Iterator[Row]) -> tuple[int, Row | None]:
        """Fill one sheet; return how many rows it took, and the row that it had no room for."""
        columns = [(place, one.key, one.kind) for place, one in enumerate(table.columns)]
        widths = [len(header(one)) + 3 for one in table.columns]
        for place, one in enumerate(table.columns):
            sheet.write_string(0, place, header(one), self._cells.head_of(one))
        sheet.freeze_panes(1, 0)
        written, following = 0, None
        for row in rows:
            if written + 1 == self._most:
                following = row
                break
            written += 1
            for place, key, kind in columns:
                self._cells.write(sheet, written, place, row.get(key), kind)
            if written <= _MEASURED:
                widths = [
                    max(old, len(words(row.get(key), kind)) + 2)
                    for old, (_, key, kind) in zip(widths, columns, strict=True)
                ]
        if not written:
            sheet.write_string(1, 0, NOTHING)
        for place, width in enumerate(widths):
            sheet.set_column(place, place, min(max(width, _NARROWEST), _WIDEST))
        sheet.autofilter(0, 0, max(written, 1), max(len(columns) - 1, 0))
        sheet.repeat_rows(0)
        _fit_to_paper(sheet)
        return written, following


def _fit_to_paper(sheet: Worksheet) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
