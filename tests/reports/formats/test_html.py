"""HTML, looked at as text; what a browser makes of it is in ``test_browser``."""

from __future__ import annotations

import io
import re

import pytest

from collector.errors import CollectorError
from reports.charts.palette import DARK, LIGHT, Palette
from reports.document import Chart, Column, Document, Section, Table
from reports.formats.html import _as_svg, write_html
from reports.formats.pages import page_of
from tests.reports.formats.samples import LONG, MADE_AT, empty, sample, stream, streamed


def page(document: Document) -> str:
    out = io.BytesIO()
    write_html(document, out)
    return out.getvalue().decode()


@pytest.fixture(scope="module")
def text() -> str:
    return page(sample())


def test_page_forbids_itself_everything_but_its_own_style(text: str) -> None:
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\"" in text


def test_a_figure_stays_on_one_line_with_its_percent_sign(text: str) -> None:
    assert "98.7\u00a0%" in text
    assert not re.search(r"[0-9] %", re.sub(r"<style.*?</style>|<svg.*?</svg>", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("tag", ["<script", "<img", "<link", "<iframe", "<object", "<base", "<form"])
def test_page_holds_nothing_that_loads_or_runs(tag: str, text: str) -> None:
    assert tag not in text.lower()


def test_tones_are_words_as_well(text: str) -> None:
    assert re.findall(r'aria-hidden="true">(.)</span> (\w+)', text) == [
        ("✓", "good"), ("!", "attention"), ("✕", "problem"),
    ]  # fmt: skip


def test_chart_has_its_table_beside_it(text: str) -> None:
    figure = text[text.index("<figure") : text.index("</figure>")]
    assert figure.count("<svg") == 2  # for the desk and for the phone
    assert figure.count("<tr>") == 31


def test_long_text_is_cut(text: str) -> None:
    assert LONG[:400] not in text
    assert "(1,048,576 characters)" in text


def test_what_is_not_shown_is_counted() -> None:
    found = page(streamed(stream(10_007)))
    assert found.count("<tr>") == 10_001
    assert "The first 10,000 of 10,007 rows; 7 more are not shown here." in found


def test_empty_history_says_so() -> None:
    found = page(empty())
    assert "Nothing was recorded in this range." in found
    assert "<table>" not in found


@pytest.mark.parametrize(
    "picture",
    [
        '<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>',
        '<svg xmlns="http://www.w3.org/2000/svg"><a href="https://example.com"/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg"><rect fill="url(https://example.com/x)"/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg"><style>@import "x"</style></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg"><image href="x.png"/></svg>',
    ],
    ids=["script", "handler", "link", "address", "import", "image"],
)
def test_picture_that_does_more_than_show_is_refused(picture: str) -> None:
    with pytest.raises(CollectorError, match="a chart holds"):
        _as_svg(picture)


def test_picture_may_say_anything() -> None:
    said = '<svg xmlns="http://www.w3.org/2000/svg" aria-label="url(https://x)"><text>javascript:1</text></svg>'
    assert _as_svg(said) == said


def test_without_the_extra_the_page_says_so_and_keeps_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.formats.pages.available", lambda: False)
    found = page_of(sample(), most_rows=100, on_paper=False)
    assert found.footer[-1].startswith("The pictures are left out because the extra “charts” is not installed")
    assert [(one.inline, len(one.table.rows)) for one in found.charts] == [("", 30)]


def test_chart_without_figures_is_not_drawn() -> None:
    def draw(_: Palette) -> object:
        raise AssertionError("nothing to draw")

    table = Table("c", "C", (Column("a", "A"),), [])
    chart = Chart("c", "C", "Nothing was used.", draw, table)  # type: ignore[arg-type]  # it must not be called
    document = Document("x", "X", "", MADE_AT, table, sections=(Section("s", "S", blocks=(chart,)),))
    assert "Nothing was used." in page(document)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "muted", "good", "warning", "bad"])
def test_text_stands_out_from_the_page(name: str, palette: Palette) -> None:
    bright, dark = sorted((_luminance(getattr(palette, name)), _luminance(palette.ground)), reverse=True)
    assert (bright + 0.05) / (dark + 0.05) >= 4.5
