"""PDF, read back: pages, numbers, text, tags, and nothing that runs or loads."""

from __future__ import annotations

import io
import re

import pypdfium2 as pdfium
import pytest

from reports.formats.pages import TableView, page_of
from reports.formats.pdf import MOST_ROWS, write_pdf
from tests.reports.formats.samples import day_rows, empty, sample, wide


@pytest.fixture(scope="module")
def raw() -> bytes:
    out = io.BytesIO()
    write_pdf(sample(), out)
    return out.getvalue()


@pytest.fixture(scope="module")
def pages(raw: bytes) -> list[str]:
    document = pdfium.PdfDocument(raw)
    return [page.get_textpage().get_text_range() for page in document]


def test_pages_are_numbered(pages: list[str]) -> None:
    assert len(pages) > 1
    assert [re.search(r"(\d+) / (\d+)", page)[0] for page in pages] == [  # type: ignore[index]  # None would fail too
        f"{number} / {len(pages)}" for number in range(1, len(pages) + 1)
    ]


def test_figures_are_those_of_the_rows(pages: list[str]) -> None:
    text = "\n".join(pages)
    for row in day_rows():
        assert re.search(rf"{row['day']}\s+{row['usage']:,}\s+{row['lower']:,}\s", text)


def test_figures_of_a_chart_stand_once(pages: list[str]) -> None:
    assert not any("The figures of the charts" in page for page in pages)
    assert "\n".join(pages).count("2026-10-07") == 1


@pytest.fixture(scope="module")
def widest() -> pdfium.PdfDocument:
    out = io.BytesIO()
    write_pdf(wide(), out)
    return pdfium.PdfDocument(out.getvalue())


def test_nothing_runs_off_a_page(widest: pdfium.PdfDocument) -> None:
    outside = []
    for page in widest:
        width, height = page.get_size()
        text = page.get_textpage()
        seen = [text.get_rect(place) for place in range(text.count_rects())]
        outside += [one for one in seen if min(one) < 0 or one[2] > width or one[3] > height]
    assert outside == []


def test_wide_table_lies_across_and_others_stand(widest: pdfium.PdfDocument) -> None:
    across = [width > height for width, height in (page.get_size() for page in widest)]
    assert (across[0], across[-1]) == (True, False)


def test_no_column_is_lost(widest: pdfium.PdfDocument) -> None:
    text = re.sub(r"\s", "", "".join(page.get_textpage().get_text_range() for page in widest))
    assert text.count(str(f"{2**63 - 23:,}")) == 5
    assert "Account:nellie-prod" in text
    assert "Emptyineveryrowshown–Nothing." in text


def test_long_table_and_long_figures_are_cut_and_say_so() -> None:
    found = page_of(wide(450), most_rows=MOST_ROWS, on_paper=True)
    (table,) = found.sections[0].blocks
    assert isinstance(table, TableView)
    assert table.more.startswith("The first 400 of 450 rows; 50 more are not shown here.")
    assert found.left_out.startswith("The figures of one chart, which has more than 60 rows, are left out here")


def test_first_page_is_not_blank(raw: bytes) -> None:
    image = pdfium.PdfDocument(raw)[0].render(scale=0.5).to_pil().convert("L")
    assert sum(image.histogram()[:128]) > 500


def test_file_is_tagged_titled_and_says_its_language(raw: bytes) -> None:
    document = pdfium.PdfDocument(raw)
    assert document.get_metadata_value("Title").startswith("Usage in October 2026")
    assert document.is_tagged()
    assert b"pdfuaid" in raw or b"/Metadata" in raw


@pytest.mark.parametrize("word", [b"/JavaScript", b"/Launch", b"/URI", b"/EmbeddedFile"])
def test_nothing_runs_or_loads(word: bytes, raw: bytes) -> None:
    assert word not in raw


def test_same_document_gives_the_same_bytes(raw: bytes) -> None:
    out = io.BytesIO()
    write_pdf(sample(), out)
    assert out.getvalue() == raw


def test_empty_history_says_so() -> None:
    out = io.BytesIO()
    write_pdf(empty(), out)
    assert "Nothing was recorded" in pdfium.PdfDocument(out.getvalue())[0].get_textpage().get_text_range()
