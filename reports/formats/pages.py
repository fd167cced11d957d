"""A document as a page's template sees it: every cell in words, tables cut to what a page can carry, charts as SVG.

What is cut is counted and said. A chart is drawn only here; where the extra ``charts`` is missing the page says so once
and keeps the tables.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from reports.charts.pictures import available, svg
from reports.document import Block, Chart, Document, Fact, Section, Table, Tone
from reports.formats.cells import is_figure, words
from reports.formats.inert import PROSE, visible
from reports.formats.wording import MADE, NO_PICTURES, TONES, ToneWords, more_rows
from reports.tables import moment


@dataclass(frozen=True, slots=True)
class HeadView:
    """The head of a column; figures stand on the right."""

    title: str
    kind: str
    figure: bool


@dataclass(frozen=True, slots=True)
class TableView:
    """A table of a page; ``more`` says what is not shown."""

    anchor: str
    title: str
    heads: tuple[HeadView, ...]
    rows: Sequence[Sequence[str]]
    note: str
    more: str


@dataclass(frozen=True, slots=True)
class ChartView:
    """A chart of a page: inline SVG for a screen, a picture for paper, neither where none can be drawn."""

    anchor: str
    title: str
    summary: str
    inline: str
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
    """A part of a page; ``blocks`` are in order."""

    anchor: str
    title: str
    level: int
    facts: tuple[FactView, ...]
    paragraphs: tuple[str, ...]
    blocks: tuple[TableView | ChartView, ...]


@dataclass(frozen=True, slots=True)
class PageView:
    """A whole page; ``made_at`` is RFC 3339, ``made`` the sentence about it."""

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
    sections = tuple(drawing.section(one) for one in document.sections)
    charts = tuple(one for section in sections for one in section.blocks if isinstance(one, ChartView))
    said = () if drawing.possible or not charts else (NO_PICTURES,)
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
    )


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
        return TableView(
            anchor=f"{prefix}-{table.name}",
            title=_prose(table.title),
            heads=tuple(HeadView(visible(one.title), one.kind.value, is_figure(one)) for one in table.columns),
            rows=shown,
            note=_prose(table.note),
            more=more_rows(len(shown), len(shown) + rest) if rest else "",
        )

    def chart(self, chart: Chart) -> ChartView:
        drawn = svg(chart, themed=not self.on_paper) if self.possible and chart.table.rows else ""
        return ChartView(
            anchor=f"chart-{chart.name}",
            title=_prose(chart.title),
            summary=_prose(chart.summary),
            inline="" if self.on_paper else drawn,
            picture=_as_data(drawn) if self.on_paper and drawn else "",
            table=self.table(chart.table, f"figures-{chart.name}"),
        )


def _as_data(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
