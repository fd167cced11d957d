"""Markdown as GitHub reads it: headings, sentences and tables; text never becomes markup, HTML or a link."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import BinaryIO

from reports.document import Block, Chart, Column, Document, Fact, Kind, Section, Table, Tone
from reports.formats.cells import is_figure, words
from reports.formats.inert import PROSE, visible
from reports.formats.wording import MADE, NOTHING, TONES
from reports.tables import moment

_MARKUP = re.compile(r"([\\`*_\[\]|<>~&$])")
# What GitHub makes a link or a picture of all by itself; inside of a code span it does not.
_LINKED = re.compile(r"://|www\.|@|\b(?:mailto|xmpp|javascript|data):|:[\w+-]*[a-z][\w+-]*:", re.IGNORECASE)
# At the start of a line these begin a list, a quotation, a rule or a heading.
_BEGINNING = re.compile(r"^(?:(\d+)(?=[.)](?:\s|$))|(?=[-+=#]))")


def write_markdown(document: Document, out: BinaryIO) -> None:
    """Write ``document`` as Markdown in UTF-8; charts are told by their summaries, their figures stand in tables."""
    text = io.TextIOWrapper(out, encoding="utf-8", newline="\n", errors="backslashreplace", write_through=True)
    try:
        _write(document, text)
        text.flush()
    finally:
        text.detach()


def _write(document: Document, out: io.TextIOWrapper) -> None:
    out.write(f"# {inert(document.title)}\n\n{inert(document.subtitle)}\n\n")
    if document.empty:
        out.write(f"**{inert(document.empty)}**\n\n")
    _facts(document.facts, out)
    _sentences(document.paragraphs, out)
    for section in document.sections:
        _section(section, out)
    out.write("---\n\n")
    _sentences(document.footer, out)
    out.write(f"{inert(MADE.format(moment(document.made_at)))}\n")


def _section(section: Section, out: io.TextIOWrapper) -> None:
    out.write(f"{'#' * section.level} {inert(section.title)}\n\n")
    _facts(section.facts, out)
    _sentences(section.paragraphs, out)
    for block in section.blocks:
        _block(block, section.level + 1, out)


def _block(block: Block, level: int, out: io.TextIOWrapper) -> None:
    out.write(f"{'#' * level} {inert(block.title)}\n\n")
    if isinstance(block, Chart):
        _sentences((block.summary,), out)
        _table(block.table, out)
    else:
        _table(block, out)


def _facts(facts: Iterable[Fact], out: io.TextIOWrapper) -> None:
    lines = [_fact(one) for one in facts]
    if lines:
        out.write("\n".join(lines) + "\n\n")


def _fact(one: Fact) -> str:
    tone = "" if one.tone is Tone.PLAIN else f" ({TONES[one.tone].word})"
    note = f" – {inert(one.note)}" if one.note else ""
    return f"- **{inert(one.label)}:** {inert(one.value)}{tone}{note}"


def _sentences(sentences: Iterable[str], out: io.TextIOWrapper) -> None:
    out.writelines(f"{inert(one)}\n\n" for one in sentences)


def _table(table: Table, out: io.TextIOWrapper) -> None:
    columns, empty = table.columns, True
    for row in table.rows:
        if empty:
            empty = False
            _line((inert(one.title) for one in columns), out)
            _line(("---:" if is_figure(one) else ":---" for one in columns), out)
        _line((_cell(row.get(one.key), one) for one in columns), out)
    out.write(f"{NOTHING}\n\n" if empty else "\n")
    if table.note:
        _sentences((table.note,), out)


def _cell(value: object, column: Column) -> str:
    shown = words(value, column.kind)  # type: ignore[arg-type]  # a row holds cells
    return inert(shown) if column.kind is Kind.TEXT or isinstance(value, str) else shown


def _line(cells: Iterable[str], out: io.TextIOWrapper) -> None:
    out.write(f"| {' | '.join(cells)} |\n")


def inert(text: str) -> str:
    """Return ``text`` on one line, escaped so that Markdown shows it as it is.

    A word that would become a link is put into a code span; the others stay words.
    """
    words = visible(text, PROSE).split(" ")
    shown = " ".join(_code(one) if _LINKED.search(one) else _MARKUP.sub(r"\\\1", one) for one in words).strip()
    return _BEGINNING.sub(r"\1\\", shown)


def _code(text: str) -> str:
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    inside = text.replace("|", "\\|")
    return f"{fence} {inside} {fence}"
