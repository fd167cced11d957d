"""Markdown: tables that GitHub reads, text that stays text."""

from __future__ import annotations

import io

import pytest
from markdown_it import MarkdownIt

from reports.formats.markdown import inert, write_markdown
from tests.reports.formats.samples import LONG, empty, sample


@pytest.fixture(scope="module")
def text() -> str:
    out = io.BytesIO()
    write_markdown(sample(), out)
    return out.getvalue().decode()


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        ("2026-10-01", "2026-10-01"),
        ("18.42 EUR", "18.42 EUR"),
        ("a|b", "a\\|b"),
        ("<b>", "\\<b\\>"),
        ("*x* _y_", "\\*x\\* \\_y\\_"),
        ("[x](y)", "\\[x\\](y)"),
        ("- item", "\\- item"),
        ("# heading", "\\# heading"),
        ("1. item", "1\\. item"),
        ("&lt;", "\\&lt;"),
        ("https://example.com", "` https://example.com `"),
        ("a@example.com ``x", "` a@example.com ` \\`\\`x"),
        ("a@b``x *y*", "``` a@b``x ``` \\*y\\*"),
        ("of 3 requests see https://x.test *now*", "of 3 requests see ` https://x.test ` \\*now\\*"),
        ("www.example.com|x", "` www.example.com\\|x `"),
    ],
)
def test_text_is_escaped(raw: str, escaped: str) -> None:
    assert inert(raw) == escaped


def test_every_row_of_a_table_has_the_cells_of_its_head(text: str) -> None:
    lines = text.splitlines()
    heads = [place for place, line in enumerate(lines) if line.startswith(("| :---", "| ---:"))]
    assert len(heads) == 3
    for head in heads:
        columns = lines[head].count("|")
        body = lines[head + 1 : lines.index("", head)]
        assert body
        assert {line.replace("\\|", "").count("|") for line in body} == {columns}


def test_figures_are_aligned_to_the_right(text: str) -> None:
    assert "| :--- | :--- | ---: | ---: | ---: | ---: | :--- |" in text
    assert "| nellie-prod | 2026-10-01 | 1,000 | 990 | 1,020 | 100.0 % | no |" in text


def test_no_markup_of_somebody_else_is_left(text: str) -> None:
    parsed = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    kinds = {child.type for token in parsed for child in (token, *(token.children or ()))}
    assert {"table_open", "heading_open", "code_inline", "strong_open"} <= kinds
    assert kinds.isdisjoint({"html_inline", "html_block", "link_open", "image", "fence", "code_block", "s_open"})


def test_long_text_is_cut(text: str) -> None:
    assert LONG[:400] not in text
    assert "(1,048,576 characters)" in text


def test_empty_history_says_so() -> None:
    out = io.BytesIO()
    write_markdown(empty(), out)
    assert "**Nothing was recorded in this range.**" in out.getvalue().decode()
