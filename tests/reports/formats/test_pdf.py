"""PDF, read back: pages, numbers, text, tags, and nothing that runs or loads."""

from __future__ import annotations

import io
import re

import pypdfium2 as pdfium
import pytest

from reports.formats.pdf import write_pdf
from tests.reports.formats.samples import day_rows, empty, sample


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


def test_charts_have_their_figures_at_the_end(pages: list[str]) -> None:
    assert any("The figures of the charts" in page for page in pages[1:])


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
