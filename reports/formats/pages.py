"""A document as a page's template sees it: every cell in words, tables cut to what a page can carry, charts as SVG.

What is cut is counted and said. A chart is drawn only here; where the extra ``charts`` is missing the page says so once
and keeps the tables.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from reports.charts.pictures import available, svg
from reports.document import Block, Chart, Column, Document, Fact, Section, Table, Tone
from reports.formats.cells import is_figure, words
from reports.formats.inert import PROSE, visible
from reports.formats.paper import APPENDED, Sheet, is_repeated, laid_out
from reports.formats.wording import MADE, NO_PICTURES, TONES, ToneWords, long_figures, more_rows
from reports.tables import moment


@dataclass(frozen=True, slots=True)
class HeadView:
    """The head of a column; figures stand on the right."""

    title: str
    kind: str
    figure: bool


@dataclass(frozen=True, slots=True)
class TableView:
    """A table of a page; ``more`` says what is not shown, ``sheet`` how it lies on paper."""

    anchor: str
    title: str
    heads: tuple[HeadView, ...]
    rows: Sequence[Sequence[str]]
    note: str
    more: str
    sheet: Sheet | None = None

    @property
    def is_across(self) -> bool:
        """Tell whether it needs a page that lies across."""
        return self.sheet is not None and self.sheet.across


@dataclass(frozen=True, slots=True)
class ChartView:
    """A chart of a page: inline SVG for a screen and for a phone, a picture for paper, or none at all."""

    anchor: str
    title: str
    summary: str
    inline: str
    narrow: str
    picture: str
    table: TableView


@dataclass(frozen=True, slots=True)
class FactView:
    """A figure that stands out; ``sign`` is None for a plain one."""

    label: str
    value: str
    note: str
    tone: str
    sign: ToneWords | None


@dataclass(frozen=True, slots=True)
class SectionView:
    """A part of a page; ``blocks`` are in order, from number ``across`` on they lie across the paper."""

    anchor: str
    title: str
    level: int
    facts: tuple[FactView, ...]
    paragraphs: tuple[str, ...]
    blocks: tuple[TableView | ChartView, ...]
    across: int | None = None


@dataclass(frozen=True, slots=True)
class PageView:
    """A whole page; ``made_at`` is RFC 3339, ``made`` the sentence about it, ``appendix`` figures on paper."""

    title: str
    subtitle: str
    empty: str
    facts: tuple[FactView, ...]
    paragraphs: tuple[str, ...]
    sections: tuple[SectionView, ...]
    footer: tuple[str, ...]
    made: str
    made_at: str
    charts: tuple[ChartView, ...]
    appendix: tuple[TableView, ...] = ()
    left_out: str = ""

    @property
    def ends_across(self) -> bool:
        """Tell whether the paper lies across where the footer comes."""
        if self.appendix or self.left_out:
            return bool(self.appendix) and self.appendix[-1].is_across
        return bool(self.sections) and self.sections[-1].across is not None

    @property
    def contents(self) -> tuple[SectionView, ...]:
        """The parts worth a table of contents; none where a glance is enough."""
        parts = tuple(one for one in self.sections if one.level == 2 and one.title)
        return parts if len(parts) > 3 else ()


def page_of(document: Document, *, most_rows: int, on_paper: bool) -> PageView:
    """Return ``document`` as a page.

    Args:
        document: Any; its streams are read to their end.
        most_rows: How many rows of one table are shown.
        on_paper: Charts as pictures in light colours, instead of inline SVG that follows the reader's.
    """
    drawing = _Drawing(most_rows, on_paper, available())
    sections = _turned([drawing.section(one) for one in document.sections])
    charts = tuple(one for section in sections for one in section.blocks if isinstance(one, ChartView))
    said = () if drawing.possible or not charts else (NO_PICTURES,)
    appendix, left_out = _appendix(document, charts) if on_paper and drawing.possible else ((), "")
    return PageView(
        title=_prose(document.title),
        subtitle=_prose(document.subtitle),
        empty=_prose(document.empty),
        facts=_facts(document.facts),
        paragraphs=tuple(map(_prose, document.paragraphs)),
        sections=sections,
        footer=tuple(map(_prose, (*document.footer, *said))),
        made=MADE.format(moment(document.made_at)),
        made_at=document.made_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        charts=charts,
        appendix=appendix,
        left_out=left_out,
    )


def _turned(sections: Sequence[SectionView]) -> tuple[SectionView, ...]:
    """Return the parts with the page turned where a table needs it; a heading goes with what it is over."""
    found: list[SectionView] = []
    for one in reversed(sections):
        first = next((place for place, block in enumerate(one.blocks) if _is_across(block)), None)
        if not one.blocks and found and one.level < found[-1].level:
            first = 0 if found[-1].across == 0 else None
        found.append(replace(one, across=first))
    return tuple(reversed(found))


def _is_across(block: TableView | ChartView) -> bool:
    return isinstance(block, TableView) and block.is_across


def _appendix(document: Document, charts: Sequence[ChartView]) -> tuple[tuple[TableView, ...], str]:
    """Return the figures of the charts that no table of the document has, and the sentence about those too long."""
    blocks = [one for section in document.sections for one in section.blocks]
    repeated = {f"chart-{one.name}" for one in blocks if isinstance(one, Chart) and is_repeated(one, blocks)}
    wanted = [one for one in charts if one.anchor not in repeated and one.picture and one.table.rows]
    found = [one.table for one in wanted if not one.table.more and len(one.table.rows) <= APPENDED]
    short = tuple(sorted(found, key=lambda one: one.is_across))  # one turn of the page is enough
    rest = len(wanted) - len(short)
    return short, long_figures(rest, APPENDED) if rest else ""


def _prose(text: str) -> str:
    return visible(text, PROSE)


def _facts(facts: Sequence[Fact]) -> tuple[FactView, ...]:
    return tuple(
        FactView(
            visible(one.label),
            visible(one.value),
            _prose(one.note),
            one.tone.value,
            None if one.tone is Tone.PLAIN else TONES[one.tone],
        )
        for one in facts
    )


@dataclass(frozen=True, slots=True)
class _Drawing:
    most_rows: int
    on_paper: bool
    possible: bool

    def section(self, section: Section) -> SectionView:
        return SectionView(
            anchor=section.name,
            title=_prose(section.title),
            level=section.level,
            facts=_facts(section.facts),
            paragraphs=tuple(map(_prose, section.paragraphs)),
            blocks=tuple(map(self.block, section.blocks)),
        )

    def block(self, block: Block) -> TableView | ChartView:
        return self.table(block) if isinstance(block, Table) else self.chart(block)

    def table(self, table: Table, prefix: str = "table") -> TableView:
        rows = iter(table.rows)
        keys = [(one.key, one.kind) for one in table.columns]
        shown = [[words(row.get(key), kind) for key, kind in keys] for row in islice(rows, self.most_rows)]
        rest = sum(1 for _ in rows)
        found = TableView(
            anchor=f"{prefix}-{table.name}",
            title=_prose(table.title),
            heads=tuple(HeadView(visible(one.title), one.kind.value, is_figure(one)) for one in table.columns),
            rows=shown,
            note=_prose(table.note),
            more=more_rows(len(shown), len(shown) + rest) if rest else "",
        )
        return _on_paper(found, table.columns) if self.on_paper and shown else found

    def chart(self, chart: Chart) -> ChartView:
        wanted = self.possible and bool(chart.table.rows)
        drawn = svg(chart, themed=not self.on_paper) if wanted else ""
        return ChartView(
            anchor=f"chart-{chart.name}",
            title=_prose(chart.title),
            summary=_prose(chart.summary),
            inline="" if self.on_paper else drawn,
            narrow=svg(chart, themed=True, phone=True) if wanted and not self.on_paper else "",
            picture=_as_data(drawn) if self.on_paper and drawn else "",
            table=self.table(chart.table, f"figures-{chart.name}"),
        )


def _on_paper(found: TableView, columns: Sequence[Column]) -> TableView:
    sheet = laid_out(columns, [one.title for one in found.heads], found.rows)
    return replace(
        found,
        heads=tuple(found.heads[place] for place in sheet.kept),
        rows=[[row[place] for place in sheet.kept] for row in found.rows],
        note=" ".join(one for one in (sheet.same, found.note) if one),
        sheet=sheet,
    )


def _as_data(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
