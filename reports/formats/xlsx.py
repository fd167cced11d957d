"""XLSX: a summary, then one sheet for each table, with native charts of days and periods; nothing in it is a formula.

Rows go to the file as they come, so a long report never has to fit into memory; more rows than a sheet holds go on in
the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from itertools import chain
from typing import BinaryIO

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from reports.document import Chart, Document, Fact, Section, Table, Tone
from reports.formats.cells import words
from reports.formats.wording import MADE, NOTHING, TONES
from reports.formats.xlsx_cells import Cells, header, sheet_text
from reports.formats.xlsx_charts import add_chart
from reports.formats.xlsx_names import LONGEST, SheetNames
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
        for one in _tables(document):
            writer.table(one)
        writer.index(document)


@dataclass(frozen=True, slots=True)
class _Part:
    """A table in its part of the document; ``of`` names its sheet where the table's title alone would not."""

    table: Table
    chart: Chart | None = None
    part: str = ""
    of: str = ""


def _tables(document: Document) -> Iterator[_Part]:
    """Yield the records, then what the sections hold; a table that stands in several places comes once."""
    seen, part = {id(document.records)}, ""
    titles = Counter([document.records.title, *(table.title for _, table, _ in _blocks(document))])
    yield _Part(document.records)
    for section, table, chart in _blocks(document):
        part = section.title if section.level == 2 else part
        if id(table) not in seen:
            seen.add(id(table))
            alone = titles[table.title] == 1 and len(table.title) <= LONGEST
            yield _Part(table, chart, part, "" if alone else part)


def _blocks(document: Document) -> Iterator[tuple[Section, Table, Chart | None]]:
    for section in document.sections:
        for block in section.blocks:
            yield (section, block.table, block) if isinstance(block, Chart) else (section, block, None)


class _Book:
    def __init__(self, book: Workbook, most_rows: int) -> None:
        self._book, self._most = book, most_rows
        self._cells, self._names = Cells(book), SheetNames()
        self._made: list[tuple[str, _Part]] = []

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
        self._summary, self._row = sheet, row

    def index(self, document: Document) -> None:
        """End the summary: the sheets with links to them, and how the report was made."""
        sheet, row = self._summary, self._row
        sheet.write_string(row, 0, "Sheets", self._cells.bold)
        for name, one in self._made:
            row += 1
            # Within the book, and ours: a name of a sheet holds no quote and no exclamation that would end it.
            sheet.write_url(row, 0, f"internal:'{name}'!A1", string=name)
            sheet.write_string(row, 1, sheet_text(" – ".join(filter(None, (one.part, one.table.title)))))
        row += 1
        for line in (*document.footer, MADE.format(moment(document.made_at))):
            row += 1
            sheet.write_string(row, 0, sheet_text(line))
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

    def table(self, part: _Part) -> None:
        """Write a table, in as many sheets as it needs."""
        table, chart = part.table, part.chart
        rows = iter(table.rows)
        first = next(rows, None)
        left = iter(()) if first is None else chain([first], rows)
        while True:
            name = self._names.name(table.title, part.of)
            sheet = self._book.add_worksheet(name)
            self._made.append((name, part))
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
