"""XLSX, read back with another library: typed, whole, inert, split and never dropped."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from datetime import datetime

import pytest
from openpyxl import Workbook, load_workbook

from reports.document import Column, Document, Kind, Table
from reports.formats.xlsx import write_xlsx
from reports.formats.xlsx_names import SheetNames
from tests.reports.formats.samples import (
    EXACT,
    HOSTILE,
    LONG,
    MADE_AT,
    day_rows,
    empty,
    sample,
    several_meters,
    stream,
    streamed,
)


def written(document: Document, most_rows: int = 1_048_576) -> bytes:
    out = io.BytesIO()
    write_xlsx(document, out, most_rows)
    return out.getvalue()


def read(raw: bytes) -> Workbook:
    return load_workbook(io.BytesIO(raw))


@pytest.fixture(scope="module")
def raw() -> bytes:
    return written(sample())


@pytest.fixture(scope="module")
def book(raw: bytes) -> Workbook:
    return read(raw)


def test_first_sheet_tells_the_answer(book: Workbook) -> None:
    sheet = book.worksheets[0]
    assert sheet.title == "Summary"
    assert [cell.value for cell in sheet[4]][:3] == ["Used", "46,095 credits", "30 days"]


def test_each_table_has_one_sheet(book: Workbook) -> None:
    assert [sheet.title for sheet in book.worksheets][:2] == ["Summary", "Usage by day"]
    assert len(book.worksheets) == 5


def test_cells_are_typed(book: Workbook) -> None:
    rows = list(book["Usage by day"].iter_rows(min_row=2, values_only=True))
    expected = [
        (one["account"], datetime.fromisoformat(str(one["day"])), one["usage"], one["lower"], one["upper"],
         one["coverage"], one["partial"])
        for one in day_rows()
    ]  # fmt: skip
    assert rows == expected


def test_header_is_frozen_and_filtered(book: Workbook) -> None:
    sheet = book["Usage by day"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:G31")


def test_numbers_beyond_a_double_stay_whole(book: Workbook) -> None:
    cells = [row[1] for row in book.worksheets[3].iter_rows(min_row=2 + len(HOSTILE), values_only=True)]
    assert [int(str(cell)) for cell in cells] == EXACT
    assert [type(cell) for cell in cells] == [int, str, str, int, int, int]


def test_amounts_beyond_15_digits_stay_whole(book: Workbook) -> None:
    cells = [row[2] for row in book.worksheets[3].iter_rows(min_row=2 + len(HOSTILE), values_only=True)]
    assert cells[:3] == [18.42, "1234567890123456.78", "1234567890123456.78"]


def test_instants_are_told_to_be_utc(book: Workbook) -> None:
    sheet = book.worksheets[3]
    assert sheet["D1"].value == "At (UTC)"
    assert sheet.cell(2 + len(HOSTILE), 4).value == MADE_AT.replace(tzinfo=None)


def test_nothing_is_a_formula_or_a_link_to_elsewhere(raw: bytes, book: Workbook) -> None:
    kinds = {cell.data_type for sheet in book.worksheets for row in sheet.iter_rows() for cell in row}
    assert kinds <= {"s", "n", "d", "b", "inlineStr"}
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        sheets = [archive.read(name) for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
        links = [name for name in archive.namelist() if name.endswith(".rels") and b'"External"' in archive.read(name)]
    assert [one for one in sheets if b"<f>" in one or b"r:id" in one.replace(b"drawing r:id", b"")] == []
    assert all(
        re.fullmatch(rb'<hyperlink ref="A\d+" location="[^"]+" display="[^"]+"/>', one) for one in _links(sheets)
    )
    assert links == []


def _links(sheets: Iterable[bytes]) -> list[bytes]:
    return [one for sheet in sheets for one in re.findall(rb"<hyperlink [^>]*>", sheet)]


def test_summary_leads_to_every_sheet(book: Workbook) -> None:
    found = [(row[0].value, row[0].hyperlink.location) for row in book["Summary"].iter_rows() if row[0].hyperlink]
    assert found == [(sheet.title, f"'{sheet.title}'!A1") for sheet in book.worksheets[1:]]


def test_sheets_of_several_meters_can_be_told_apart() -> None:
    book = read(written(several_meters()))
    assert book.sheetnames == [
        "Summary", "Usage by day",
        "nellie-pr credits Used each day", "nellie-prod credits By day",
        "nellie-p requests Used each day", "nellie-prod requests By day",
        "nected-staging Used each day", "nected-staging By day",
    ]  # fmt: skip


def test_long_text_is_cut_at_what_a_cell_holds_and_says_so(book: Workbook) -> None:
    cell = str(book.worksheets[3].cell(1 + len(HOSTILE), 1).value)
    assert len(cell) == 32_767
    assert cell.endswith(f"… ({len(LONG):,} characters)")


def test_days_have_a_native_chart_with_its_figures(raw: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        charts = [archive.read(name).decode() for name in archive.namelist() if name.startswith("xl/charts/chart")]
    assert len(charts) == 1
    assert "<c:barChart>" in charts[0]
    assert "<c:errBars>" in charts[0]
    assert "<c:v>1037</c:v>" in charts[0]


def test_more_rows_than_a_sheet_holds_go_on_in_the_next() -> None:
    book = read(written(streamed(stream(25)), most_rows=11))
    assert [sheet.title for sheet in book.worksheets[1:]] == ["Requests", "Requests (2)", "Requests (3)"]
    ids = [row[1] for sheet in book.worksheets[1:] for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert ids == [f"request-{number:08}" for number in range(25)]


def test_as_many_rows_as_a_sheet_holds_need_no_second() -> None:
    assert len(read(written(streamed(stream(10)), most_rows=11)).worksheets) == 2


def test_same_document_gives_the_same_bytes(raw: bytes) -> None:
    assert written(sample()) == raw


def test_scaled_quantities_show_their_places() -> None:
    from decimal import Decimal

    rows = [{"used": Decimal("12.50")}]
    document = Document("x", "X", "", MADE_AT, Table("x", "X", (Column("used", "Used", Kind.QUANTITY),), rows))
    cell = read(written(document)).worksheets[1]["A2"]
    assert (cell.value, cell.number_format) == (12.5, "#,##0.00")


def test_empty_history_has_its_sheets_and_says_so() -> None:
    book = read(written(empty()))
    assert "Nothing was recorded in this range." in [row[0] for row in book["Summary"].iter_rows(values_only=True)]
    assert [cell.value for cell in book["Usage by day"][1]][:2] == ["Account", "Day"]


def test_names_of_sheets_are_short_unique_and_allowed() -> None:
    names = SheetNames()
    given = [names.name(one) for one in ("a/b:c", "A/B:C", "x" * 50, "x" * 50, "", "History", "'q'", *HOSTILE[:4])]
    assert given[:5] == ["a b c", "A B C (2)", "x" * 31, "x" * 27 + " (2)", "Table"]
    assert len({one.lower() for one in given}) == len(given)
    assert all(0 < len(one) <= 31 and not set(one) & set("[]:*?/\\'") for one in given)
    assert "history" not in {one.lower() for one in given}
